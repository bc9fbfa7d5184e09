"""What a run does after a deletion, where masks, manifest, backups or journal are gone or damaged."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polymask import ProofError, convert, restore
from polymask.conversion.dest.deletion_journal import BACKUP, JOURNAL
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
