"""Labelbox: rows of a line, polygons, masks that are addresses."""

import json
from pathlib import Path
from typing import Any

import pytest

from polymask import FormatError
from polymask.formats import ReadOptions, open_annotations
from tests.support.formats import masks, written
from tests.support.oracles import drawn

POINTS = [{"x": x, "y": y} for x, y in ((1, 1), (4, 1), (4, 3), (1, 3))]


def row(*objects: dict[str, Any], **data_row: Any) -> dict[str, Any]:
    labels = [{"annotations": {"objects": list(objects), "classifications": []}}]
    return {
        "data_row": {"id": "c1", "external_id": "a.png"} | data_row,
        "media_attributes": {"height": 6, "width": 8},
        "projects": {"p": {"name": "x", "labels": labels}},
    }


def polygon(**more: Any) -> dict[str, Any]:
    return {"feature_id": "f", "name": "cat", "annotation_kind": "ImagePolygon", "polygon": POINTS} | more


def test_polygons_of_every_row(tmp_path: Path) -> None:
    """A line a row, or a JSON list of rows; empty lines are passed over."""
    rows = [row(polygon()), row(external_id="b.png")]
    square = drawn("........", ".###....", ".###....", "........", "........", "........")
    lines = "\n\n".join(map(json.dumps, rows))
    for path in (written(tmp_path / "a.ndjson", lines), written(tmp_path / "a.json", rows)):
        found = masks(path)
        assert list(found) == ["a.png", "b.png"]
        assert (found["a.png"] == square).all()
        assert not found["b.png"].any()


@pytest.mark.parametrize(
    ("data_row", "name"),
    [
        ({}, "a.png"),
        ({"external_id": None, "global_key": "g.png"}, "g.png"),
        ({"external_id": None}, "c1"),
        ({"external_id": "https://host/dir/a%20b.png?x=1"}, "dir/a b.png"),
    ],
)
def test_names(tmp_path: Path, data_row: dict[str, Any], name: str) -> None:
    """The external id, the global key, the id; of an address its path."""
    path = written(tmp_path / "a.ndjson", json.dumps(row(**data_row)))
    assert list(open_annotations(path).names) == [name]


def test_masks_are_addresses_and_left_alone(tmp_path: Path) -> None:
    """Nothing is fetched; boxes are counted."""
    mask = {"name": "cat", "annotation_kind": "ImageSegmentationMask", "mask": {"url": "https://x/y"}}
    line = {"name": "cat", "annotation_kind": "ImagePolyline", "line": POINTS}
    box = {"name": "cat", "annotation_kind": "ImageBoundingBox", "bounding_box": {"top": 1}}
    path = written(tmp_path / "a.ndjson", json.dumps(row(mask, line, box, polygon())))
    annotations = open_annotations(path)
    assert ["address" in one.reason for one in annotations.unsupported] == [True, False]
    assert (annotations.unsegmented, annotations.used) == (1, {"cat": 1})


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (
            polygon(polygon=POINTS[:2]),
            r"line 2: \$\.projects\['p'\]\.labels\[0\].*objects\[0\]\.polygon: a ring",
        ),
        (polygon(polygon=[{"x": 1}]), "missing required field `y`"),
        (polygon(name=""), "without a name"),
    ],
)
def test_malformed_objects_are_refused(tmp_path: Path, one: dict[str, Any], message: str) -> None:
    """With line and place; left out when told to."""
    path = written(tmp_path / "a.ndjson", "\n".join(map(json.dumps, (row(), row(one)))))
    with pytest.raises(FormatError, match=message):
        open_annotations(path)
    assert len(open_annotations(path, options=ReadOptions(skip_invalid=True)).skipped) == 1


def test_a_line_that_is_cut_off_is_named(tmp_path: Path) -> None:
    """The others are read when such are left out."""
    path = written(tmp_path / "a.ndjson", json.dumps(row(polygon())) + '\n{"data_row": ')
    with pytest.raises(FormatError, match="line 2: not JSON"):
        open_annotations(path)
    annotations = open_annotations(path, options=ReadOptions(skip_invalid=True))
    assert (len(annotations.names), annotations.skipped[0].name) == (1, "line 2")
