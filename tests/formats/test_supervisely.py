"""Supervisely: interiors, bitmaps, the project's classes, what is counted and what is left alone."""

import base64
import tarfile
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from polymask import FormatError, LabelMap, check, index_mask
from polymask.formats import ReadOptions, open_annotations
from polymask.formats.supervisely import FACTS
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


def test_no_interior_may_be_null(tmp_path: Path) -> None:
    """As for an empty list."""
    path = written(tmp_path / "ann/a.png.json", document(one(points={"exterior": BOX, "interior": None})))
    expected = drawn("........", ".#####..", ".#####..", ".#####..", ".#####..", "........")
    assert (masks(path)["a.png"] == expected).all()


@pytest.mark.parametrize("mode", ["bool", "gray", "rgba"])
def test_bitmaps_lie_at_their_origin(tmp_path: Path, mode: str) -> None:
    """Gray and one-bit PNGs by value, others by alpha; what lies outside the image is cut off."""
    shape = np.array([[1, 0], [1, 1]], bool)
    rgba = np.zeros((2, 2, 4), np.uint8)
    rgba[shape] = 255
    array = {"bool": shape, "gray": shape.astype(np.uint8), "rgba": rgba}[mode]
    objects = [
        one("bitmap", bitmap={"data": packed(array), "origin": origin}) for origin in ([2.0, 1], [7, 5])
    ]
    expected = drawn("........", "..#.....", "..##....", "........", "........", ".......#")
    assert (masks(written(tmp_path / "a.png.json", document(*objects)))["a.png"] == expected).all()


def test_check_lists_a_bitmap_that_reaches_outside(tmp_path: Path) -> None:
    """By the pixels that are cut off; where only its empty pixels lie outside, nothing is lost."""
    shape = np.array([[1, 0], [1, 1]], bool)
    objects = [one("bitmap", bitmap={"data": packed(shape), "origin": at}) for at in ([7, 5], [6, 4], [8, 0])]
    upper = one("bitmap", bitmap={"data": packed(np.array([[1], [0]], bool)), "origin": [0, 5]})
    path = written(tmp_path / "a.png.json", document(*objects, upper))
    lost = [finding.message for finding in check(path) if finding.kind == "out-of-frame"]
    assert lost == [f"its bitmap reaches outside the image: {px} px are cut off" for px in (2, 3)]


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
        (
            one("bitmap", bitmap={"data": packed(np.ones((2, 2), bool)), "origin": [2.5, 1]}),
            "whole pixels, not",
        ),
        (one("bitmap", bitmap={"data": "AAAA", "origin": [0, 0]}), r"\.bitmap\.data: not zlib"),
        (one("bitmap", bitmap={"data": "?", "origin": [0, 0]}), r"\.bitmap\.data: not base64"),
        (one("bitmap"), r"\.bitmap: Expected `object`"),
        (one("multipolygon", parts=[]), r"\.parts: no part in it"),
        (one("multipolygon", parts=[{"exterior": BOX}, {"exterior": BOX[:2]}]), r"\.parts\[1\]: a ring"),
        ({"geometryType": "polygon"}, r"\.classTitle: no title, and no `classId`"),
    ],
)
def test_malformed_objects_are_refused(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    """With file and place; left out when told to."""
    path = written(tmp_path / "a.png.json", document(row))
    with pytest.raises(FormatError, match=message):
        open_annotations(path)
    assert len(open_annotations(path, options=ReadOptions(skip_invalid=True)).skipped) == 1


def test_a_multipolygon_is_one_object(tmp_path: Path) -> None:
    """Its parts are united, each with its own holes."""
    hole = [[2, 2], [2, 4], [4, 4], [4, 2]]
    parts = [{"exterior": BOX, "interior": [hole]}, {"exterior": [[7, 0], [8, 0], [8, 3], [7, 3]]}]
    path = written(tmp_path / "a.png.json", document(one("multipolygon", parts=parts)))
    expected = drawn(".......#", ".#####.#", ".#..##.#", ".#..##..", ".#####..", "........")
    assert (masks(path)["a.png"] == expected).all()
    assert open_annotations(path).used == {"cat": 1}


@pytest.mark.parametrize("mode", ["gray", "rgba"])
def test_an_alpha_mask_paints_whatever_is_not_transparent(tmp_path: Path, mode: str) -> None:
    """Its threshold is told, with how many there are."""
    alpha = np.array([[1, 0], [100, 255]], np.uint8)
    rgba = np.dstack([np.full((2, 2, 3), 9, np.uint8), alpha])
    data = packed(alpha if mode == "gray" else rgba)
    objects = [one("alpha_mask", bitmap={"data": data, "origin": origin}) for origin in ([2, 1], [6, 4])]
    path = written(tmp_path / "a.png.json", document(*objects))
    expected = drawn("........", "..#.....", "..##....", "........", "......#.", "......##")
    assert (masks(path)["a.png"] == expected).all()
    assert open_annotations(path).notes == ("2 alpha masks: every pixel whose alpha is above 0 is painted",)


def test_a_bitmap_may_be_unpacked_already(tmp_path: Path) -> None:
    """As older tools wrote it: the PNG itself, in base64."""
    png = base64.b64encode(zlib.decompress(base64.b64decode(packed(np.ones((2, 1), np.uint8))))).decode()
    path = written(tmp_path / "a.png.json", document(one("bitmap", bitmap={"data": png, "origin": [3, 2]})))
    expected = drawn("........", "........", "...#....", "...#....", "........", "........")
    assert (masks(path)["a.png"] == expected).all()


def test_an_odd_object_never_refuses_a_project(tmp_path: Path) -> None:
    """What is no region is counted, what is not known is listed; the others are painted."""
    turned = one("oriented_bbox", points=[[1, 1], [3, 2]], angle=0.26)
    odd = one("cloud", points=7, bitmap=[], parts={})
    path = written(tmp_path / "a.png.json", document(turned, odd, one(points={"exterior": BOX})))
    annotations = open_annotations(path)
    assert (annotations.unsegmented, annotations.used) == (1, {"cat": 1})
    assert [each.reason for each in annotations.unsupported] == [
        "object 1: no geometry that is read: 'cloud'"
    ]


@pytest.mark.parametrize(
    "points", [[[0, 3], [7, 3], [7, 5], [0, 5]], [[1, 0], [6, 0], [4, 4], [2, 4]], [[3, 3], [3, 1], [7, 2]]]
)
def test_polygons_of_the_sdk_are_painted_as_it_draws_them(tmp_path: Path, points: list[list[int]]) -> None:
    """Its numbers name pixels, which OpenCV fills with their edge; the rule is named on the page."""
    path = written(tmp_path / "a.png.json", document(one(points={"exterior": points})))
    drawing = np.zeros((6, 8), np.uint8)
    cv2.fillPoly(drawing, [np.array(points, np.int32)], 1)
    (record,) = open_annotations(path)
    painted = index_mask(record, LabelMap.from_names(["cat"]), pixel_rule="cv2-trunc")
    assert (painted == drawing).all()
    assert "`--pixel-rule cv2-trunc`" in FACTS.rings


def test_the_archive_that_is_downloaded_is_read(tmp_path: Path) -> None:
    """A tar, with the project's files at its top, pictures among them."""
    project = tmp_path / "project"
    classes = [{"title": name, "shape": "any", "id": key} for name, key in (("dog", 9), ("cat", 4))]
    written(project / "meta.json", {"classes": classes})
    written(project / "ds/ann/a.png.json", document(one(points={"exterior": BOX})))
    (project / "ds/img").mkdir()
    Image.new("RGB", (8, 6)).save(project / "ds/img/a.png")
    with tarfile.open(tmp_path / "12_harbor.tar", "w") as archive:
        archive.add(project, arcname=".")
    annotations = open_annotations(tmp_path / "12_harbor.tar")
    assert (annotations.names, annotations.categories) == (["ds/a.png"], (("dog", 9), ("cat", 4)))
    assert annotations.picture_file(0) is not None
    assert (masks(tmp_path / "12_harbor.tar")["ds/a.png"] == masks(project)["ds/a.png"]).all()
    (tmp_path / "folder").mkdir()
    (tmp_path / "12_harbor.tar").rename(tmp_path / "folder/12_harbor.tar")
    assert open_annotations(tmp_path / "folder").names == ["ds/a.png"]


def test_a_bitmap_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    """A thousand times its size is no mask."""
    data = base64.b64encode(zlib.compress(b"\0" * 50_000_000, 9)).decode()
    path = written(tmp_path / "a.png.json", document(one("bitmap", bitmap={"data": data, "origin": [0, 0]})))
    with pytest.raises(FormatError, match="unpack to more than"):
        open_annotations(path)
