"""Advice about deleted polygons depends on what is there: it works when followed, after a restoration too."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polymask import InputError, ProofError, convert, decode_png, restore, verify
from polymask.conversion.dest.deletion_journal import BACKUP, JOURNAL
from tests.conftest import coco, square

Write = Callable[..., Path]


def edit(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change a document as somebody does who saves it anew."""
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document, indent=1))


def erase(document: dict[str, Any]) -> None:
    """Take the polygons out, as a deletion would."""
    document["annotations"] = []


def move(document: dict[str, Any]) -> None:
    """The cat elsewhere, and no dog."""
    document["annotations"] = [document["annotations"][0] | {"segmentation": [square(5, 0, 2)]}]


def test_a_damaged_mask_is_painted_anew_once_its_polygons_are_back(coco_file: Write, tmp_path: Path) -> None:
    """Before, `verify` says to restore first; after, it no longer does."""
    path, out = coco_file(), tmp_path / "out"
    convert(path, out, delete_source=True)
    (out / "masks/a.png").write_bytes(b"damaged")
    with pytest.raises(ProofError, match=f"`polymask restore {out}`.*then convert again with --overwrite"):
        verify(out)
    restore(out)
    with pytest.raises(ProofError, match="in their file: convert again with --overwrite") as refusal:
        verify(out)
    assert "restore" not in str(refusal.value)
    assert convert(path, out, overwrite=True).failed == 0
    assert verify(out).unchanged == 1


@pytest.mark.parametrize("delete_source", [False, True])
def test_polygons_that_were_put_back_may_be_edited(
    coco_file: Write, tmp_path: Path, delete_source: bool
) -> None:
    """The journal tells that nothing is gone on its account: the mask follows, as it does of any source."""
    path, out = coco_file(), tmp_path / "out"
    convert(path, out, delete_source=True)
    restore(out)
    edit(path, move)
    report = convert(path, out, delete_source=delete_source)
    assert "pass --overwrite" in report.failures[0].reason
    assert "restore" not in report.failures[0].reason
    report = convert(path, out, delete_source=delete_source, overwrite=True)
    assert (report.failures, report.deleted) == ([], int(delete_source))
    mask = decode_png((out / "masks/a.png").read_bytes())
    assert mask[0:2, 5:7].all()
    assert mask.astype(bool).sum() == 4


def test_other_labels_are_no_contradiction_once_polygons_are_back(coco_file: Write, tmp_path: Path) -> None:
    """`--overwrite` paints what was put back and edited under other labels."""
    path, out = coco_file(), tmp_path / "out"
    convert(path, out, delete_source=True)
    edit(path, move_nothing)
    with pytest.raises(InputError, match=f"`polymask restore {out}`"):
        convert(path, out, labels=["dog", "cat"], overwrite=True)
    shutil.copy(next((out / BACKUP).iterdir()), path)
    restore(out)
    edit(path, move)
    assert convert(path, out, labels=["dog", "cat"], overwrite=True).failed == 0


def move_nothing(document: dict[str, Any]) -> None:
    """Only the white space is another."""


def test_more_masks_under_another_label_map_are_not_said_to_be_deleted(
    coco_file: Write, tmp_path: Path
) -> None:
    """Only while the journal knows of a deletion."""
    images = [{"id": n, "file_name": f"{n}.jpg", "height": 6, "width": 8} for n in (1, 2)]
    path, out = coco_file(coco(images=images)), tmp_path / "out"
    convert(path, out, delete_source=True, where=["1*"])
    options: Any = {"labels": ["dog", "cat"], "overwrite": True}
    with pytest.raises(InputError, match=f"`polymask restore {out}`"):
        convert(path, out, where=["2*"], **options)
    restore(out)
    with pytest.raises(InputError, match=r"convert them too, or choose another DEST$"):
        convert(path, out, where=["2*"], **options)
    assert convert(path, out, **options).failed == 0


@pytest.mark.parametrize("lose", [False, True])
def test_what_cannot_be_restored_again_is_put_back_from_the_backup(
    coco_file: Write, tmp_path: Path, lose: bool
) -> None:
    """Erased again after the restoration, or with the journal gone: `restore` has nothing to do."""
    path, out = coco_file(), tmp_path / "out"
    convert(path, out, delete_source=True)
    if lose:
        (out / JOURNAL).unlink()
    else:
        restore(out)
        edit(path, erase)
    with pytest.raises(InputError, match=f"put them back first, by hand, from {out / BACKUP}") as refusal:
        convert(path, out, labels=["dog", "cat"], overwrite=True)
    assert "polymask restore" not in str(refusal.value)
    shutil.copy(next((out / BACKUP).iterdir()), path)
    assert convert(path, out, labels=["dog", "cat"], overwrite=True).failed == 0


def test_without_a_backup_only_a_copy_helps(coco_file: Write, tmp_path: Path) -> None:
    """Neither `restore` nor a backup is named that is not there."""
    path, out = coco_file(), tmp_path / "out"
    before = path.read_bytes()
    convert(path, out, delete_source=True)
    shutil.rmtree(out / ".polymask")
    with pytest.raises(InputError, match="choose another DEST, or put them back first, from a copy"):
        convert(path, out, labels=["dog", "cat"], overwrite=True)
    path.write_bytes(before)
    assert convert(path, out, labels=["dog", "cat"], overwrite=True).failed == 0
