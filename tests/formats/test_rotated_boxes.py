"""Boxes with an angle: painted as rotated rectangles where the format defines the rotation, else listed."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polymask.formats import ReadOptions, open_annotations
from tests.support.formats import masks, written
from tests.support.oracles import drawn

SIZE = {"height": 6, "width": 8}
UPRIGHT = drawn("........", "..##....", "..##....", "..##....", "..##....", "........")
FLAT = drawn("........", "........", ".####...", ".####...", "........", "........")
DIAMOND = drawn("........", "..##....", ".####...", ".####...", "..##....", "........")


def supervisely(path: Path, **box: Any) -> Path:
    row = {"classTitle": "cat", "geometryType": "oriented_bbox", "tags": []} | box
    return written(path / "a.png.json", {"size": SIZE, "objects": [row]})


def cvat(path: Path, corners: tuple[float, ...], rotation: float) -> Path:
    sides = " ".join(
        f'{key}="{value}"' for key, value in zip(("xtl", "ytl", "xbr", "ybr"), corners, strict=True)
    )
    box = f'<box label="cat" {sides} rotation="{rotation}"/>'
    return written(
        path / "a.xml", f'<annotations><image name="a.png" width="8" height="6">{box}</image></annotations>'
    )


def labelstudio(path: Path, corners: tuple[float, ...], rotation: float) -> Path:
    """In percent of a frame of 6 × 8 px."""
    left, top, right, bottom = corners
    value = {
        "x": left / 0.08,
        "y": top / 0.06,
        "width": (right - left) / 0.08,
        "height": (bottom - top) / 0.06,
    }
    value |= {"rotation": rotation, "rectanglelabels": ["cat"]}
    size = {"original_width": 8, "original_height": 6}
    result = {"id": "r", "type": "rectanglelabels", "value": value, **size}
    return written(
        path / "a.json", [{"id": 1, "data": {"image": "a.png"}, "annotations": [{"result": [result]}]}]
    )


def encord(path: Path, theta: float) -> Path:
    box = {"x": 2 / 8, "y": 1 / 6, "w": 2 / 8, "h": 4 / 6, "theta": theta}
    row = {"name": "cat", "shape": "rotatable_bounding_box", "rotatableBoundingBox": box}
    unit = {"data_title": "a.png", **SIZE, "labels": {"objects": [row]}}
    return written(path / "a.json", {"data_units": {"u": unit}})


def dataloop(path: Path, *angle: Any, **more: Any) -> Path:
    corners = [{"x": 2, "y": 1, "z": 0}, {"x": 4, "y": 5, "z": 0}]
    row = {"type": "box", "label": "cat", "coordinates": [*corners, *angle]} | more
    return written(
        path / "a.json", {"filename": "/a.png", "metadata": {"system": SIZE}, "annotations": [row]}
    )


def mask(path: Path) -> np.ndarray:
    (found,) = masks(path, boxes=True).values()
    return found


@pytest.mark.parametrize("points", [[[2, 1], [4, 5]], {"exterior": [[4, 5], [2, 1]], "interior": []}])
def test_supervisely_rotates_about_the_center_by_radians(tmp_path: Path, points: Any) -> None:
    """A quarter turn lays the box flat; corners come as the SDK or as the labeling tool writes them."""
    assert (mask(supervisely(tmp_path, points=points)) == UPRIGHT).all()
    assert (mask(supervisely(tmp_path, points=points, angle=math.pi / 2)) == FLAT).all()


def test_supervisely_rotates_clockwise(tmp_path: Path) -> None:
    """By an eighth of a turn: the upper end leans to the right, as a clock's hand goes."""
    leaning = drawn("........", "....#...", "...#....", "..#.....", ".#......", "........")
    box = {"points": [[2.5, 0], [3.5, 6]], "angle": math.pi / 4}
    assert (mask(supervisely(tmp_path, **box)) == leaning).all()


def test_cvat_rotates_about_the_center_clockwise(tmp_path: Path) -> None:
    """Its boxes are painted with and without `--boxes`."""
    assert (mask(cvat(tmp_path, (2, 1, 4, 5), 90)) == FLAT).all()
    assert (mask(cvat(tmp_path, (2, 1, 4, 5), 180)) == UPRIGHT).all()
    half = 2.5 / math.sqrt(2)  # of a square's side: its corners are 2.5 px from the center
    assert (mask(cvat(tmp_path, (3 - half, 3 - half, 3 + half, 3 + half), 45)) == DIAMOND).all()


def test_label_studio_rotates_about_the_upper_left_corner(tmp_path: Path) -> None:
    """A quarter turn clockwise: what went down from the corner goes left, what went right goes down."""
    assert (mask(labelstudio(tmp_path, (5, 2, 7, 6), 90)) == FLAT).all()
    assert (mask(labelstudio(tmp_path, (2, 1, 4, 5), 0)) == UPRIGHT).all()


def test_boxes_whose_rotation_is_not_defined_are_listed(tmp_path: Path) -> None:
    """Under `--boxes` they are neither painted askew nor dropped; without an angle they are painted."""
    for name, path in (
        ("encord", encord(tmp_path / "encord", 30)),
        ("angle", dataloop(tmp_path / "angle", angle=30)),
        ("third part", dataloop(tmp_path / "third", 30.0)),
    ):
        annotations = open_annotations(path, options=ReadOptions(boxes=True))
        assert not annotations.used, name
        assert "a rotated box: " in annotations.unsupported[0].reason, name
        plain = open_annotations(path)
        assert (plain.unsegmented, plain.unsupported) == (1, ()), name
    assert (mask(encord(tmp_path / "upright", 180)) == UPRIGHT).all()
    assert (mask(dataloop(tmp_path / "plain", angle=0)) == UPRIGHT).all()


def test_without_boxes_they_are_counted(tmp_path: Path) -> None:
    """And the way out is told."""
    annotations = open_annotations(supervisely(tmp_path, points=[[2, 1], [4, 5]], angle=0.2))
    assert (annotations.unsegmented, annotations.used, annotations.unsupported) == (1, {}, ())
