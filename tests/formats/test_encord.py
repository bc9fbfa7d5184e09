"""Encord: polygons with holes, bitmasks, frames of videos."""

from pathlib import Path
from typing import Any

import pytest

from polymask import FormatError
from polymask.formats import ReadOptions, open_annotations
from tests.support.formats import masks, written
from tests.support.oracles import drawn

BOX = [1 / 8, 1 / 6, 6 / 8, 1 / 6, 6 / 8, 5 / 6, 1 / 8, 5 / 6]
HOLE = [2 / 8, 2 / 6, 4 / 8, 2 / 6, 4 / 8, 4 / 6, 2 / 8, 4 / 6]
FAR = [6 / 8, 5 / 6, 1, 5 / 6, 1, 1, 6 / 8, 1]


def row(*objects: Any, **unit: Any) -> list[dict[str, Any]]:
    picture = {"data_hash": "u", "data_title": "a.png", "data_type": "image/png", "width": 8, "height": 6}
    picture |= {"labels": {"objects": list(objects), "classifications": []}} | unit
    return [{"label_hash": "l", "data_units": {"u": picture}}]


def one(shape: str = "polygon", **more: Any) -> dict[str, Any]:
    return {"name": "cat", "shape": shape, "objectHash": "h"} | more


def test_polygons_have_holes_and_parts(tmp_path: Path) -> None:
    """The first ring of each is its outline."""
    found = masks(written(tmp_path / "a.json", row(one(polygons=[[BOX, HOLE], [FAR]]))))["a.png"]
    assert (found == drawn("........", ".#####..", ".#..##..", ".#..##..", ".#####..", "......##")).all()


def test_points_are_ordered_by_number(tmp_path: Path) -> None:
    """In older rows, 10 comes after 9."""
    points = list(zip(BOX[::2], BOX[1::2], strict=True))
    numbered = {str(n): {"x": x, "y": y} for n, (x, y) in enumerate(points, 8)}
    found = masks(written(tmp_path / "a.json", row(one(polygon=dict(sorted(numbered.items()))))))["a.png"]
    assert (found == drawn("........", *[".#####.."] * 4, "........")).all()


def test_bitmasks_run_along_the_rows_of_their_box(tmp_path: Path) -> None:
    """“121” is COCO's text for the counts 1, 2, 1."""
    bitmask = {"top": 1, "left": 2, "width": 2, "height": 2, "rleString": "121"}
    found = masks(written(tmp_path / "a.json", row(one("bitmask", bitmask=bitmask))))["a.png"]
    assert found.sum() == 2
    assert found[1, 3] == found[2, 2] == 1


def test_what_is_no_area_is_counted_or_listed(tmp_path: Path) -> None:
    """Boxes are counted; lines, points, and what lies on the frames of a video are left alone."""
    kinds = ("bounding_box", "rotatable_bounding_box", "polyline", "point", "skeleton")
    video = row(labels={"0": {"objects": [one()]}, "7": {"objects": [one(), one()]}}, data_title="a.mp4")
    document = row(one(polygons=[[BOX]]), *[one(kind) for kind in kinds]) + video
    annotations = open_annotations(written(tmp_path / "a.json", document))
    assert list(annotations.names) == ["a.png"]
    assert (annotations.used, annotations.unsegmented, len(annotations.unsupported)) == ({"cat": 1}, 2, 6)
    assert [one.name for one in annotations.unsupported] == ["a.png"] * 3 + ["a.mp4"] * 3


@pytest.mark.parametrize(
    ("row_object", "message"),
    [
        (one(polygons=[[BOX[:4]]]), r"objects\[0\]\.polygons: a ring has at least 3 points, not 2"),
        (one(polygons=[[BOX[:7]]]), "7 numbers are no pairs"),
        (one(polygons=[[[1, 1, 300, 1, 1, 5]]]), "is it in pixels"),
        (one(polygons=[[]]), "not 0"),
        (one(), r"\.polygon: a ring has at least 3 points, not 0"),
        (one("bitmask"), r"\.bitmask: there is none"),
        (
            one("bitmask", bitmask={"top": 0, "left": 0, "width": 2, "height": 2, "rleString": "1"}),
            "runs of 1 px in a box of 2 × 2",
        ),
        (
            one("bitmask", bitmask={"top": 0, "left": 0, "width": 2, "height": 2, "rleString": "é"}),
            "compressed RLE",
        ),
        (one(name="", polygons=[[BOX]]), "label is empty"),
    ],
)
def test_malformed_objects_are_refused(tmp_path: Path, row_object: Any, message: str) -> None:
    """With the place; left out when told to."""
    path = written(tmp_path / "a.json", row(row_object))
    with pytest.raises(FormatError, match=message):
        open_annotations(path)
    assert len(open_annotations(path, options=ReadOptions(skip_invalid=True)).skipped) == 1
