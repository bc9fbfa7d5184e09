"""Supervisely: interiors, bitmaps, the project's classes, what is counted and what is left alone."""

import base64
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from polymask import FormatError
from polymask.formats import ReadOptions, open_annotations
from tests.support.formats import masks, written
from tests.support.oracles import drawn

BOX = [[1, 1], [6, 1], [6, 5], [1, 5]]


def packed(array: np.ndarray) -> str:
    data = BytesIO()
    Image.fromarray(array).save(data, "PNG")
    return base64.b64encode(zlib.compress(data.getvalue())).decode()


def one(kind: str = "polygon", **more: Any) -> dict[str, Any]:
    return {"classTitle": "cat", "geometryType": kind, "tags": []} | more


def document(*objects: dict[str, Any]) -> dict[str, Any]:
    return {"description": "", "tags": [], "size": {"height": 6, "width": 8}, "objects": list(objects)}


def test_interiors_are_holes(tmp_path: Path) -> None:
    """Whichever way round they run."""
    hole = [[2, 2], [2, 4], [4, 4], [4, 2]]
    path = written(tmp_path / "ann/a.png.json", document(one(points={"exterior": BOX, "interior": [hole]})))
    expected = drawn("........", ".#####..", ".#..##..", ".#..##..", ".#####..", "........")
    assert (masks(path)["a.png"] == expected).all()


@pytest.mark.parametrize("mode", ["bool", "gray", "rgba"])
def test_bitmaps_lie_at_their_origin(tmp_path: Path, mode: str) -> None:
    """Gray and one-bit PNGs by value, others by alpha; what lies outside the image is cut off."""
    shape = np.array([[1, 0], [1, 1]], bool)
    rgba = np.zeros((2, 2, 4), np.uint8)
    rgba[shape] = 255
    array = {"bool": shape, "gray": shape.astype(np.uint8), "rgba": rgba}[mode]
    objects = [one("bitmap", bitmap={"data": packed(array), "origin": origin}) for origin in ([2, 1], [7, 5])]
    expected = drawn("........", "..#.....", "..##....", "........", "........", ".......#")
    assert (masks(written(tmp_path / "a.png.json", document(*objects)))["a.png"] == expected).all()


def test_classes_come_from_meta(tmp_path: Path) -> None:
    """In its order and with its ids, from the project's folder, a dataset's, or one file's."""
    classes = [{"title": name, "shape": "polygon", "id": key} for name, key in (("dog", 9), ("cat", 4))]
    written(tmp_path / "meta.json", {"classes": classes, "tags": []})
    path = written(tmp_path / "ds/ann/a.png.json", document(one(points={"exterior": BOX})))
    for source in (tmp_path, tmp_path / "ds", path):
        annotations = open_annotations(source)
        assert annotations.categories == (("dog", 9), ("cat", 4))
        assert annotations.names[0].endswith("a.png")


def test_boxes_are_counted_and_lines_left_alone(tmp_path: Path) -> None:
    """Neither is a segmentation."""
    rest = [one("rectangle", points={"exterior": BOX[::2]}), one("line", points={"exterior": BOX})]
    annotations = open_annotations(written(tmp_path / "a.png.json", document(*rest)))
    assert (annotations.unsegmented, len(annotations.unsupported), annotations.used) == (1, 1, {})


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (one(points={"exterior": BOX[:2]}), r"\$\.objects\[0\]\.points: a ring has at least 3 points, not 2"),
        (one(points={"exterior": BOX, "interior": [BOX[:1]]}), "at least 3 points, not 1"),
        (one("bitmap", bitmap={"data": "AAAA", "origin": [0, 0]}), r"\.bitmap\.data: not zlib"),
        (one("bitmap", bitmap={"data": "?", "origin": [0, 0]}), r"\.bitmap\.data: not base64"),
        (one("cloud"), "no geometry that is read: 'cloud'"),
        ({"geometryType": "polygon"}, "missing required field `classTitle`"),
    ],
)
def test_malformed_objects_are_refused(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    """With file and place; left out when told to."""
    path = written(tmp_path / "a.png.json", document(row))
    with pytest.raises(FormatError, match=message):
        open_annotations(path)
    assert len(open_annotations(path, options=ReadOptions(skip_invalid=True)).skipped) == 1


def test_a_bitmap_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    """A thousand times its size is no mask."""
    data = base64.b64encode(zlib.compress(b"\0" * 50_000_000, 9)).decode()
    path = written(tmp_path / "a.png.json", document(one("bitmap", bitmap={"data": data, "origin": [0, 0]})))
    with pytest.raises(FormatError, match="unpack to more than"):
        open_annotations(path)
