"""What a run does after a deletion, where masks, manifest, backups or journal are gone or damaged."""

import json
import shutil
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from polymask import InputError, Locked, ProofError, convert, restore, verify
from polymask.conversion.dest.deletion_journal import BACKUP, JOURNAL
from polymask.storage.roots.local import Root
from tests.conftest import coco, square, tree

Write = Callable[..., Path]


def add_image(path: Path) -> None:
    """A third image with a cat, after the deletion."""
    document = json.loads(path.read_text())
    document["images"].append({"id": 3, "file_name": "c.jpg", "height": 6, "width": 8})
    cat = {"id": 9, "image_id": 3, "category_id": 3, "segmentation": [square(1, 1, 3)], "iscrowd": 0}
    document["annotations"].append(cat)
    path.write_text(json.dumps(document))


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("damage", [Path.unlink, lambda mask: mask.write_bytes(b"damaged")])
def test_a_mask_that_is_lost_after_the_deletion_is_told(
    coco_file: Write, tmp_path: Path, damage: Callable[[Path], Any], overwrite: bool
) -> None:
    """It is not `there already`: exit 5 and `restore`, which brings it back when it is followed."""
    path, out = coco_file(), tmp_path / "out"
    convert(path, out, delete_source=True)
    mask = (out / "masks/a.png").read_bytes()
    damage(out / "masks/a.png")
    report = convert(path, out, overwrite=overwrite)
    assert (report.exit_code, report.failed) == (5, 1)
    assert f"polymask restore {out}" in report.failures[0].reason
    restore(out)
    assert convert(path, out, overwrite=True).failed == 0
    assert (out / "masks/a.png").read_bytes() == mask


@pytest.mark.parametrize("options", [{}, {"overwrite": True}, {"delete_source": True}])
@pytest.mark.parametrize("kept", [b"", None])
def test_a_manifest_that_is_lost_after_the_deletion_is_told(
    coco_file: Write, tmp_path: Path, options: dict[str, bool], kept: bytes | None
) -> None:
    """The journal beside it proves the deletion: no mask is painted anew of nothing."""
    path, out = coco_file(), tmp_path / "out"
    convert(path, out, delete_source=True)
    (out / "manifest.jsonl").unlink() if kept is None else (out / "manifest.jsonl").write_bytes(kept)
    made = tree(out)
    with pytest.raises(ProofError, match=f"polymask restore {out}"):
        convert(path, out, **options)
    assert tree(out) == made
    restore(out)
    assert convert(path, out, overwrite=True).failed == 0


@pytest.mark.parametrize(
    "lose",
    [lambda out: shutil.rmtree(out / BACKUP), lambda out: (out / JOURNAL).unlink(),
     lambda out: shutil.rmtree(out / ".polymask"),
     lambda out: next((out / BACKUP).iterdir()).write_bytes(b"{}")],
    ids=["backups", "journal", "all", "damaged backup"],
)  # fmt: skip
def test_nothing_more_is_deleted_where_what_was_deleted_could_not_be_put_back(
    coco_file: Write, tmp_path: Path, lose: Callable[[Path], Any]
) -> None:
    """Exit 5 before anything is written; another DEST goes."""
    path, out = coco_file(coco()), tmp_path / "out"
    convert(path, out, delete_source=True)
    add_image(path)
    lose(out)
    made, before = tree(out), path.read_bytes()
    for where in ([], ["c*"]):
        with pytest.raises(ProofError, match=r"(missing|damaged).*choose another DEST"):
            convert(path, out, delete_source=True, where=where)
    assert (tree(out), path.read_bytes()) == (made, before)
    assert convert(path, tmp_path / "other", delete_source=True).deleted == 1


LOSSES: dict[str, Callable[[Path], Any]] = {
    "the journal": lambda out: (out / JOURNAL).unlink(),
    "the journal's text": lambda out: (out / JOURNAL).write_bytes(b"damaged"),
    "a backup": lambda out: [path.unlink() for path in (out / BACKUP).iterdir()],
    "a backup's text": lambda out: [path.write_bytes(b"damaged") for path in (out / BACKUP).iterdir()],
    "all of it": lambda out: shutil.rmtree(out / ".polymask"),
}


@pytest.mark.parametrize("damage", LOSSES)
def test_verify_tells_that_the_way_back_is_lost(coco_file: Write, tmp_path: Path, damage: str) -> None:
    """As convert and restore do; the masks themselves are sound."""
    path, out = coco_file(), tmp_path / "out"
    convert(path, out, delete_source=True)
    assert verify(out).unchanged == 1
    LOSSES[damage](out)
    with pytest.raises(ProofError, match=r"\.polymask") as refusal:
        verify(out)
    assert refusal.value.exit_code == 5


def test_damaged_masks_and_a_lost_way_back_are_told_together(coco_file: Write, tmp_path: Path) -> None:
    path, out = coco_file(), tmp_path / "out"
    convert(path, out, delete_source=True)
    (out / JOURNAL).unlink()
    (out / "masks/a.png").unlink()
    with pytest.raises(ProofError, match=r"(?s)a\.jpg: masks/a\.png: missing.*journal\.jsonl is missing"):
        verify(out)


def test_a_way_back_that_is_no_longer_needed_may_be_lost(coco_file: Write, tmp_path: Path) -> None:
    """The polygons were put back: nothing is asked of backups any more."""
    path, out = coco_file(), tmp_path / "out"
    convert(path, out, delete_source=True)
    restore(out)
    shutil.rmtree(out / BACKUP)
    assert verify(out).unchanged == 1


def test_a_file_in_a_zip_is_not_called_another_format(coco_file: Write, tmp_path: Path) -> None:
    """Unpacked, as the message says, its polygons are deleted."""
    path, archive = coco_file(), tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.write(path, "instances.json")
    with pytest.raises(InputError, match=r"a\.zip.*instances\.json lies in a zip; unpack it") as refusal:
        convert(archive, tmp_path / "out", delete_source=True)
    assert "COCO" not in str(refusal.value)
    assert convert(path, tmp_path / "out", delete_source=True).deleted == 2


@pytest.mark.parametrize("large", [1, 1 << 28])
def test_an_id_that_two_annotations_have_is_noted_once(
    coco_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: int
) -> None:
    """However large the file is, and so in whatever way it is read."""
    monkeypatch.setattr("polymask.formats.reading.content.LARGE", large)
    document = coco()
    document["annotations"][1]["id"] = 1
    report = convert(coco_file(document), tmp_path / "out")
    assert report.notes == ["a.jpg: instance 1: 2 annotations have this id"]


def test_a_journal_that_another_run_is_to_write_is_not_missing(coco_file: Write, tmp_path: Path) -> None:
    """Its backup is there already: whoever holds the folder is waited for, and nothing is told as lost."""
    path, out = coco_file(), tmp_path / "out"
    convert(path, out)
    before = path.read_bytes()
    (out / BACKUP).mkdir(parents=True)
    (out / BACKUP / f"{sha256(b'other').hexdigest()}.json").write_bytes(b"other")
    with Root(out).held(), pytest.raises(Locked):
        convert(path, out, delete_source=True)
    with pytest.raises(ProofError, match=r"journal\.jsonl is missing"):
        convert(path, out, delete_source=True)
    assert path.read_bytes() == before
