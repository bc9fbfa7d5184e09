"""Datumaro: polygons, runs, ellipses, z order, labels by number."""

import json
from pathlib import Path
from typing import Any

import pytest
from pycocotools import mask as pycocotools_mask

from polymask import FormatError
from polymask.formats import ReadOptions, open_annotations
from tests.support.formats import masks, written
from tests.support.oracles import drawn


def one(kind: str = "polygon", **more: Any) -> dict[str, Any]:
    return {"id": 1, "type": kind, "label_id": 0, "group": 0, "attributes": {}, "z_order": 0} | more


def document(*annotations: dict[str, Any], labels: tuple[str, ...] = ("cat", "dog")) -> dict[str, Any]:
    item = {"id": "a", "annotations": list(annotations), "image": {"path": "a.png", "size": [6, 8]}}
    rows = [{"name": name, "parent": ""} for name in labels]
    return {"info": {}, "categories": {"label": {"labels": rows}}, "items": [item]}


SQUARE = drawn("........", ".###....", ".###....", "........", "........", "........")


RUNS = {"counts": [7, 2, 4, 2, 4, 2, 27], "size": [6, 8]}
COMPRESSED = pycocotools_mask.frPyObjects(RUNS, 6, 8)["counts"].decode()


@pytest.mark.parametrize(
    "row",
    [
        one(points=[1, 1, 4, 1, 4, 3, 1, 3]),
        one("mask", rle=RUNS),
        one("mask", rle={"counts": COMPRESSED, "size": [6, 8]}),
    ],
)
def test_polygons_and_masks(tmp_path: Path, row: dict[str, Any]) -> None:
    """Runs are COCO's, as a list or a string."""
    assert (masks(written(tmp_path / "a.json", document(row)))["a.png"] == SQUARE).all()


def test_ellipses_are_told_by_their_box(tmp_path: Path) -> None:
    """Left, top, right, bottom."""
    disk = drawn("........", "...##...", "..####..", "..####..", "...##...", "........")
    path = written(tmp_path / "a.json", document(one("ellipse", points=[2, 1, 6, 5])))
    assert (masks(path)["a.png"] == disk).all()


def test_z_order_decides(tmp_path: Path) -> None:
    """The higher is on top, whatever stands first."""
    above = one(points=[0, 0, 4, 0, 4, 6, 0, 6], z_order=1, label_id=1)
    below = one(points=[2, 0, 8, 0, 8, 6, 2, 6])
    path = written(tmp_path / "a.json", document(above, below))
    assert (masks(path)["a.png"][0] == [2, 2, 2, 2, 1, 1, 1, 1]).all()


def test_subsets_are_files_of_one_folder(tmp_path: Path) -> None:
    """With the same labels; else the later file is refused."""
    for name, found in (("train", "a"), ("val", "b")):
        text = json.dumps(document()).replace('"a.png"', f'"{found}.png"')
        written(tmp_path / f"annotations/{name}.json", text)
    assert list(open_annotations(tmp_path).names) == ["a.png", "b.png"]
    written(tmp_path / "annotations/val.json", document(labels=("dog",)))
    with pytest.raises(FormatError, match=r"val\.json: \$\.categories: other labels"):
        open_annotations(tmp_path)


def test_boxes_are_counted_and_polylines_left_alone(tmp_path: Path) -> None:
    """Neither is a segmentation."""
    rest = one("bbox", bbox=[0, 0, 2, 2]), one("label"), one("polyline", points=[0, 0, 1, 1])
    annotations = open_annotations(written(tmp_path / "a.json", document(*rest)))
    assert (annotations.unsegmented, len(annotations.unsupported), annotations.used) == (2, 1, {})


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (one(points=[0, 0, 1]), r"items\[0\]\.annotations\[0\]\.points: 3 numbers are no 3 or more pairs"),
        (one(points=[0, 0, 1, 1, 2, 0], label_id=2), r"\.label_id: no label has the number 2"),
        (one(points=[0, 0, 1, 1, 2, 0], label_id=None), r"\.label_id: there is none"),
        (one("mask"), r"\.rle: a mask without runs"),
        (one("mask", rle={"counts": [4], "size": [2, 2]}), r"\.rle\.size: runs of \(2, 2\) px"),
        (one("mask", rle={"counts": [4], "size": [6, 8]}), r"\.rle\.counts: run counts sum to 4"),
        (one("ellipse", points=[0, 0, 1]), "an ellipse has 4 numbers"),
    ],
)
def test_malformed_annotations_are_refused(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    """With file and place; left out when told to."""
    path = written(tmp_path / "a.json", document(row))
    with pytest.raises(FormatError, match=message):
        open_annotations(path)
    assert len(open_annotations(path, options=ReadOptions(skip_invalid=True)).skipped) == 1


def test_annotations_without_a_label(tmp_path: Path) -> None:
    """They get the default label, which is one more; a number that no label has is none."""
    points = [1, 1, 4, 1, 4, 3, 1, 3]
    path = written(tmp_path / "a.json", document(one(points=points, label_id=None), one(points=points)))
    with pytest.raises(FormatError, match=r"annotations\[0\]\.label_id: .*--default-label NAME"):
        open_annotations(path)
    annotations = open_annotations(path, options=ReadOptions(default_label="thing"))
    assert annotations.used == {"thing": 1, "cat": 1}
    assert annotations.categories == (("cat", 0), ("dog", 1), ("thing", None))
    annotations = open_annotations(path, options=ReadOptions(default_label="dog"))
    assert annotations.categories == (("cat", 0), ("dog", 1))
    written(path, document(one(points=points, label_id=9)))
    with pytest.raises(FormatError, match="no label has the number 9"):
        open_annotations(path, options=ReadOptions(default_label="thing"))
