"""What lies beside a mask goes with it: instance ids, other encodings, copies of pictures."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from polymask import ProofError, convert, encode_png
from polymask.conversion import delete_source as removal
from tests.conftest import coco, square, tree

Write = Callable[..., Path]
OBJECTS = {"voc": "SegmentationObject/a.png", "index": "instances/a.png"}


@pytest.mark.parametrize("layout", OBJECTS)
def test_instance_ids_go_with_the_mask_they_are_of(coco_file: Write, tmp_path: Path, layout: str) -> None:
    """Written anew without them, none of the earlier polygons stay; a run that changes nothing keeps them."""
    out, objects = tmp_path / "out", OBJECTS[layout]
    path = coco_file()
    convert(path, out, to=layout, instances=True)
    assert (convert(path, out, to=layout).written, objects in tree(out)) == (0, True)
    coco_file(annotations=coco()["annotations"][:1])
    convert(path, out, to=layout, overwrite=True)
    assert objects not in tree(out)
    convert(path, tmp_path / "new", to=layout)
    assert tree(out) == tree(tmp_path / "new")


@pytest.mark.parametrize("layout", OBJECTS)
def test_instance_ids_that_somebody_edited_are_told(coco_file: Write, tmp_path: Path, layout: str) -> None:
    """They are not removed, and nothing of their image is written; moved away, the run goes on."""
    path, out, objects = coco_file(), tmp_path / "out", OBJECTS[layout]
    convert(path, out, to=layout, instances=True)
    (out / objects).write_bytes(b"mine")
    coco_file(annotations=coco()["annotations"][:1])
    mask = {name: data for name, data in tree(out).items() if name.endswith("a.png")}
    assert "move it away" in convert(path, out, to=layout, overwrite=True).failures[0].reason
    assert {name: data for name, data in tree(out).items() if name.endswith("a.png")} == mask
    (out / objects).rename(tmp_path / "mine.png")
    assert convert(path, out, to=layout, overwrite=True).failed == 0


def test_all_of_an_image_moves_to_its_new_split(coco_file: Write, tmp_path: Path) -> None:
    """Train ids, colors, instance ids and the copied picture, not only the mask."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    Image.new("RGB", (8, 6)).save(pictures / "a.jpg")
    options: dict[str, Any] = {"to": "cityscapes", "copy_images": True, "images": pictures}
    for split in ("train", "val"):
        convert(coco_file(), tmp_path / "out", split=split, overwrite=True, **options)
    convert(coco_file(), tmp_path / "new", split="val", **options)
    moved = {name: data for name, data in tree(tmp_path / "out").items() if not name.startswith("splits")}
    new = {name: data for name, data in tree(tmp_path / "new").items() if not name.startswith("splits")}
    assert moved == new


def covered() -> dict[str, Any]:
    """A small cat, and a larger one over it."""
    cats = [(1, square(1, 1, 2)), (2, square(0, 0, 5))]
    return coco(annotations=[
        {"id": number, "image_id": 1, "category_id": 3, "segmentation": [ring], "iscrowd": 0}
        for number, ring in cats
    ])  # fmt: skip


@pytest.mark.parametrize("layout", OBJECTS)
def test_an_instance_that_no_instance_mask_shows_stays(coco_file: Write, tmp_path: Path, layout: str) -> None:
    """Its label is seen, itself is not; without instance ids nothing claims to show it."""
    path = coco_file(covered())
    report = convert(path, tmp_path / "out", to=layout, instances=True, delete_source=True)
    assert (report.deleted, [polygon.name for polygon in report.kept]) == (1, ["a.jpg: instance 1"])
    assert [row["id"] for row in json.loads(path.read_text())["annotations"]] == [1]
    path = coco_file(covered())
    assert convert(path, tmp_path / "plain", to=layout, delete_source=True).deleted == 2


@pytest.mark.parametrize("rule", [{"border": 2}, {"overlap": "void"}])
def test_an_instance_of_which_a_rule_takes_all_pixels_stays(
    coco_file: Write, tmp_path: Path, rule: dict[str, Any]
) -> None:
    """Its neighbor's pixels of the same label are not its own."""
    document = covered()
    document["annotations"].append(
        {"id": 3, "image_id": 1, "category_id": 7, "segmentation": [square(1, 1, 2)], "iscrowd": 0}
    )
    path = coco_file(document)
    convert(path, tmp_path / "out", instances=True, delete_source=True, **rule)
    assert 1 in [row["id"] for row in json.loads(path.read_text())["annotations"]]


def test_instance_ids_that_are_not_the_polygons_delete_nothing(
    coco_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are read back as the mask is."""
    path, out = coco_file(), tmp_path / "out"
    before, honest = path.read_bytes(), removal._proven

    def tampering(*arguments: Any) -> Any:
        (out / "instances/a.png").write_bytes((out / "masks/a.png").read_bytes())
        return honest(*arguments)

    monkeypatch.setattr(removal, "_proven", tampering)
    with pytest.raises(ProofError, match="nothing was deleted"):
        convert(path, out, instances=True, delete_source=True)
    assert path.read_bytes() == before


def copied(coco_file: Write, tmp_path: Path) -> tuple[Path, Path, dict[str, Any]]:
    """An image with a copy of its picture, which is black."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    Image.new("RGB", (8, 6)).save(pictures / "a.jpg")
    options: dict[str, Any] = {"images": pictures, "copy_images": True}
    convert(coco_file(), tmp_path / "out", **options)
    return pictures / "a.jpg", tmp_path / "out/images/a.jpg", options


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ("picture", "its picture changed since polymask wrote it; pass --update to follow it, or pass"),
        ("copy", "it was edited since polymask wrote it; pass --overwrite"),
        ("both", "it was edited and its picture changed since"),
    ],
)
def test_it_is_told_whether_a_picture_or_its_copy_changed(
    coco_file: Write, tmp_path: Path, changed: str, words: str
) -> None:
    """--update follows a picture that changed, unless somebody edited the copy."""
    picture, copy, options = copied(coco_file, tmp_path)
    if changed != "picture":
        Image.new("RGB", (8, 6), "red").save(copy)
    if changed != "copy":
        Image.new("RGB", (8, 6), "blue").save(picture)
    before = copy.read_bytes()
    (failure,) = convert(coco_file(), tmp_path / "out", **options).failures
    assert words in failure.reason
    assert copy.read_bytes() == before
    report = convert(coco_file(), tmp_path / "out", update=True, **options)
    if changed == "picture":
        assert (report.failed, report.written, copy.read_bytes()) == (0, 1, picture.read_bytes())
        assert convert(coco_file(), tmp_path / "out", **options).unchanged == 1
    else:
        assert (report.exit_code, copy.read_bytes()) == (4, before)


def test_it_is_told_whether_a_mask_or_its_source_changed(coco_file: Write, tmp_path: Path) -> None:
    out = tmp_path / "out"
    convert(coco_file(), out)
    path = coco_file(annotations=coco()["annotations"][:1])
    assert "write: its source changed since" in convert(path, out).failures[0].reason
    mask = out / "masks/a.png"
    mask.write_bytes(encode_png(np.zeros((6, 8), np.uint8)))
    assert "it was edited and its source changed since" in convert(path, out).failures[0].reason
    assert "write: it was edited since" in convert(coco_file(), out).failures[0].reason
