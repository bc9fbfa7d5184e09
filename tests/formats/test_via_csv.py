"""VIA's CSV: rows of one image together, as VIA's JSON."""

import csv
import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polymask import FormatError, InputError, encode_png
from polymask.formats import open_annotations
from tests.support.formats import masks, written
from tests.support.oracles import drawn

COLUMNS = ["filename", "file_size", "region_shape_attributes", "region_attributes"]
POLYGON = {"name": "polygon", "all_points_x": [1, 6, 6, 1], "all_points_y": [1, 1, 5, 5]}


def rows(*regions: tuple[Any, Any], columns: list[str] = COLUMNS, name: str = "a.png") -> str:
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for shape, labels in regions:
        writer.writerow(
            [name, 1, *(cell if isinstance(cell, str) else json.dumps(cell) for cell in (shape, labels))]
        )
    return text.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    written(tmp_path / "a.png", encode_png(np.zeros((6, 8), np.uint8)))
    return tmp_path


@pytest.mark.parametrize("head", ["", "#"])
def test_rows_of_an_image_are_its_regions(folder: Path, head: str) -> None:
    """Older files begin with `#`; a row without a shape is an image alone; long cells are read."""
    far = {"name": "rect", "x": 6, "y": 5, "width": 2, "height": 1}
    fine = POLYGON | {"all_points_x": [1, 6, 6, *[1] * 99_999], "all_points_y": [1, 1, *[5] * 100_000]}
    text = head + rows((fine, {"kind": "cat"}), (far, {"kind": "dog"}), ({}, {}))
    found = masks(written(folder / "via.csv", text))["a.png"]
    assert (found == drawn("........", *[".11111.."] * 4, "......22")).all()


def test_cells_parted_by_semicolons_are_the_same(folder: Path) -> None:
    """As spreadsheets save them where a comma is decimal."""
    text = rows((POLYGON, {"kind": "cat"}))
    buffer = StringIO()
    csv.writer(buffer, delimiter=";").writerows(csv.reader(StringIO(text)))
    plain = masks(written(folder / "a.csv", text))["a.png"]
    (folder / "a.csv").unlink()
    assert (masks(written(folder / "b.csv", buffer.getvalue()))["a.png"] == plain).all()


def test_labels_and_shapes_follow_via(folder: Path) -> None:
    """Several attributes have to be chosen from; points are listed."""
    point = {"name": "point", "cx": 1, "cy": 1}
    path = written(folder / "via.csv", rows((POLYGON, {"kind": "cat"}), (point, {"kind": "dog"})))
    annotations = open_annotations(path)
    assert (annotations.used, len(annotations.unsupported)) == ({"cat": 1}, 1)
    path = written(folder / "via.csv", rows((POLYGON, {"kind": "cat", "size": "big"})))
    with pytest.raises(InputError, match="--label-attribute"):
        open_annotations(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (rows(("{", {})), r"line 2: '\{'"),
        (rows((POLYGON, "[]")), r"line 2: '\[\]'"),
        (rows() + "a.png,1\n", "line 2: fewer cells than columns"),
        (rows() + 'a.png,"1', "not CSV"),
        (rows((POLYGON | {"all_points_x": [1]}, {"kind": "cat"})), "not as many x as y"),
        (
            rows(columns=["filename", "region_attributes", "x_region_shape_attributes"]),
            "no column 'region_sh",
        ),
    ],
)
def test_malformed_rows_are_refused(folder: Path, text: str, message: str) -> None:
    """With the line."""
    with pytest.raises(FormatError, match=message):
        open_annotations(written(folder / "via.csv", text))


HEAD_3 = "# CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,spatial_coordinates,metadata\n"
ATTRIBUTE = '# ATTRIBUTE = {"1":{"aname":"kind","type":4,"options":{"0":"cat","1":"dog"}}}\n'


def row_3(key: str = "m", files: str = "a.png", xy: str = "[2,1,1,5,4]", z: str = "[]", av: str = "0") -> str:
    return f'"{key}","[""{files}""]",0,"{z}","{xy}","{{""1"":""{av}""}}"\n'


def test_version_3_tells_attributes_and_columns_in_comments(folder: Path) -> None:
    """A row's label is an option by its id; the rows of one list of files are one image."""
    text = "# Exported using VGG Image Annotator\n" + ATTRIBUTE + HEAD_3
    path = written(folder / "via.csv", text + row_3() + row_3("n", xy="[7,6,5,8,5,8,6,6,6]", av="1") + "\r\n")
    assert (masks(path)["a.png"] == drawn("........", *[".11111.."] * 4, "......22")).all()
    assert open_annotations(path).used == {"cat": 1, "dog": 1}


def test_version_3_older_comments_tell_only_names(folder: Path) -> None:
    """Of attributes; what is no option's id is the label itself."""
    text = '# ATTRIBUTES = {"1":"kind"}\n' + HEAD_3
    assert open_annotations(written(folder / "via.csv", text + row_3(av="cat"))).used == {"cat": 1}


def test_version_3_videos_and_moments_are_listed(folder: Path) -> None:
    """They are no pictures, and nothing is dropped."""
    text = ATTRIBUTE + HEAD_3 + row_3() + row_3("n", z="[0.5]") + row_3("o", files="a.mp4", z="[1,2]")
    annotations = open_annotations(written(folder / "via.csv", text))
    assert annotations.used == {"cat": 1}
    assert len(annotations.unsupported) == 2
    assert "a video" in annotations.images_left_out[0].reason


@pytest.mark.parametrize(
    ("rows_below", "message"),
    [
        (row_3() + row_3(), "line 4: m is there twice"),
        (row_3(xy="[2,1"), r"line 3: .*"),
        ('"m","[""a.png""]",0\n', "line 3: fewer cells than columns"),
        ('"m","[]",0,"[]","[]","{}"\n', "metadata m: a list of no files"),
        (row_3(xy="[2,1,1,5]"), "a rect has 4 coordinates, not 3"),
        (row_3(xy="[12,1]"), "no shape of VIA 3 has the number 12"),
        ('"m","[""a', "not CSV"),
    ],
)
def test_malformed_rows_of_version_3_are_refused(folder: Path, rows_below: str, message: str) -> None:
    """With the line, or the metadata's id."""
    with pytest.raises(FormatError, match=message):
        open_annotations(written(folder / "via.csv", ATTRIBUTE + HEAD_3 + rows_below))
