"""Playment: polygons as shares of the picture, raster masks with a legend of colors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polymask import FormatError, encode_png
from polymask.codecs.png import encode_color
from polymask.formats import ReadOptions, open_annotations
from polymask.formats.reading.linked_files import LinkedFiles
from tests.support.formats import masks, written
from tests.support.oracles import drawn

SQUARE = {"p1": (0.25, 0.25), "p2": (0.75, 0.25), "p3": (0.75, 0.75), "p4": (0.25, 0.75)}
COLORS = np.array([(0, 0, 0), (1, 2, 3), (4, 5, 6), (7, 8, 9)], np.uint8)


def polygon(points: dict[str, tuple[float, float]] | None = None, label: str = "cat") -> dict[str, Any]:
    return {"label": label, "points": {key: {"x": x, "y": y} for key, (x, y) in (points or SQUARE).items()}}


def job(**response: Any) -> dict[str, Any]:
    return {"image_url": "https://h/a.png", "maker_response": {k: {"data": v} for k, v in response.items()}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    written(tmp_path / "a.png", encode_png(np.zeros((4, 8), np.uint8)))
    return tmp_path


def test_points_are_shares_in_the_order_of_their_numbers(folder: Path) -> None:
    """p10 comes after p9, wherever they stand."""
    points = dict(sorted({f"p{n}": (x, y) for n, (x, y) in enumerate(SQUARE.values(), 8)}.items()))
    found = masks(written(folder / "job.json", job(polygons=[polygon(points)])))
    assert (found["a.png"] == drawn("........", "..####..", "..####..", "........")).all()


def test_what_is_no_polygon_is_counted_or_listed(folder: Path) -> None:
    """Rectangles are counted, lines and landmarks left alone; nothing is dropped."""
    document = job(polygons=[polygon()], rectangles=[{}, {}], cuboids=[{}], lines=[{}], landmarks=[{}])
    annotations = open_annotations(written(folder / "job.json", [document]))
    assert (annotations.used, annotations.unsegmented, len(annotations.unsupported)) == ({"cat": 1}, 3, 2)


def raster(legend: dict[str, str], url: str = "https://h/m/mask.png") -> dict[str, Any]:
    return job(raster={"url": url, "legend": legend})


def test_a_legend_names_instances(tmp_path: Path) -> None:
    """Two colors of one label are two instances; a color without pixels is counted; black is background."""
    written(tmp_path / "mask.png", encode_color(COLORS[[[0, 1, 2], [3, 3, 0]]]))
    legend = {"#010203": "cat # 1", "#040506": "cat # 12", "#070809": "dog", "#0a0b0c": "cow"}
    path = written(tmp_path / "job.json", raster(legend))
    annotations = open_annotations(path)
    assert (annotations.used, annotations.unsegmented) == ({"cat": 2, "dog": 1}, 1)
    assert (masks(path)["a.png"] == drawn(".11", "22.")).all()
    (tmp_path / "mask.png").rename(written(tmp_path / "downloads/m/mask.png", b""))
    with pytest.raises(FormatError, match="or name its folder with --masks DIR"):
        open_annotations(path)
    found = masks(path, masks=LinkedFiles(tmp_path / "downloads"))
    assert (found["a.png"] == drawn(".11", "22.")).all()


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (raster({"#010203": "a"}), r"#040506\) at row 0, column 2 is not in the legend"),
        (raster({"blue": "a"}), r"raster\.data\.legend: a color is #rrggbb"),
        (raster({"#010203": "a", "010203": "b"}), "there twice"),
        (raster({}, "https://h/x.png"), r"raster\.data\.url: .*beside this file, as 'x.png'"),
        (job(polygons=[polygon({"p1": (0, 0), "p2": (1, 1)})]), r"polygons\.data\[0\]\.points: a ring has"),
        (job(polygons=[polygon({"p1": (0, 0), "p2": (340, 1), "p3": (1, 1)})]), "is it in pixels"),
        (job(polygons=[polygon({"a": (0, 0)})]), r"points are p1, p2 …, not 'a'"),
        (job(polygons=[polygon(label="")]), "label is empty"),
        (job(lines={}), r"maker_response\.lines\.data: Expected `array`"),
    ],
)
def test_malformed_answers_are_refused(folder: Path, document: dict[str, Any], message: str) -> None:
    """With the place; polygons can be left out one by one."""
    written(folder / "mask.png", encode_color(COLORS[[[0, 1, 2], [3, 3, 0]]]))
    path = written(folder / "job.json", [job(), document])
    with pytest.raises(FormatError, match=message):
        open_annotations(path)
    assert len(open_annotations(path, options=ReadOptions(skip_invalid=True)).skipped) == 1
