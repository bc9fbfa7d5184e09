"""BDD100K: outlines with curves, runs, lanes, older files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polymask import FormatError, encode_png
from polymask.formats import ReadOptions, open_annotations
from tests.support.formats import masks, written
from tests.support.oracles import drawn

BOX = [[1, 1], [6, 1], [6, 5], [1, 5]]
EMPTY = {"counts": [48], "size": [6, 8]}


def poly(vertices: Any = BOX, types: str | None = None, *, closed: bool = True) -> dict[str, Any]:
    return {"vertices": vertices, "types": types or "L" * len(vertices), "closed": closed}


def label(*polys: Any, category: str | None = "car", **more: Any) -> dict[str, Any]:
    return {"id": "1", "category": category} | ({"poly2d": list(polys)} if polys else {}) | more


def frames(*labels: Any) -> list[dict[str, Any]]:
    return [{"name": "a.png", "labels": list(labels), "size": {"width": 8, "height": 6}}]


def test_outlines_of_a_label_are_united(tmp_path: Path) -> None:
    """The format has no holes."""
    inner = poly([[2, 2], [4, 2], [4, 4], [2, 4]])
    found = masks(written(tmp_path / "a.json", frames(label(poly(), inner))))["a.png"]
    assert (found == drawn("........", ".#####..", ".#####..", ".#####..", ".#####..", "........")).all()


def test_curves_end_at_the_vertex_after_their_controls(tmp_path: Path) -> None:
    """Also where that vertex is the first; matplotlib's CURVE4, BDD100K's own way, agrees."""
    path_module = pytest.importorskip("matplotlib.path")
    vertices = [(10, 10), (30, 0), (50, 40), (60, 20), (60, 60), (40, 90), (20, 40)]
    document = frames(label(poly(vertices, "LCCLLCC")))
    document[0]["size"] = {"width": 80, "height": 80}
    found = masks(written(tmp_path / "a.json", document))["a.png"] > 0
    codes = [1, 4, 4, 4, 2, 4, 4, 4]
    outline = path_module.Path([*vertices, vertices[0]], codes)
    row, column = np.mgrid[:80, :80] + 0.5
    inside = outline.contains_points(np.column_stack([column.ravel(), row.ravel()])).reshape(80, 80)
    assert (found != inside).sum() <= 5  # of 6400: matplotlib has corners of its own


def test_what_is_no_closed_outline_is_counted_or_listed(tmp_path: Path) -> None:
    """Boxes and labels without a shape are counted; lanes and graphs are listed; nothing is dropped."""
    lane = label(poly(closed=False))
    mixed = label(poly(), poly(closed=False))
    rest = [label(box2d={"x1": 0}), label(), label(box3d={}), label(graph={"nodes": []}), lane, mixed]
    annotations = open_annotations(written(tmp_path / "a.json", frames(label(poly()), *rest)))
    assert (annotations.used, annotations.unsegmented, len(annotations.unsupported)) == ({"car": 1}, 3, 3)


def test_older_files_have_a_triple_a_vertex(tmp_path: Path) -> None:
    """What is named lane is a line."""
    written(tmp_path / "a.jpg", encode_png(np.zeros((6, 8), np.uint8)))
    triples = [[x, y, "L"] for x, y in BOX]
    objects = [{"category": name, "id": 1, "poly2d": triples} for name in ("area/drivable", "lane/crosswalk")]
    objects.append({"category": "car", "id": 2, "box2d": {}})
    document = {"name": "a.jpg", "frames": [{"timestamp": 1, "objects": objects}]}
    annotations = open_annotations(written(tmp_path / "a.json", document))
    assert annotations.used == {"area/drivable": 1}
    assert (annotations.unsegmented, len(annotations.unsupported)) == (1, 1)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (label(poly(types="LL")), r"labels\[0\]\.poly2d\[0\]\.types: a letter a vertex"),
        (label(poly(types="LLXL")), "a letter a vertex"),
        (label(poly(types="LLLC")), "a curve without two control points"),
        (label(poly([])), r"poly2d\[0\]\.vertices: there are none"),
        (label(poly(BOX[:2])), "a ring has at least 3 points"),
        (label(poly(), category=None), "category: there is none"),
        (label(rle={"counts": [1], "size": [1, 1]}), "runs of 1 × 1 px in an image of 6 × 8"),
        (label(rle=[1]), r"\.rle: not an object"),
    ],
)
def test_malformed_labels_are_refused(tmp_path: Path, row: Any, message: str) -> None:
    """With the place; left out when told to."""
    path = written(tmp_path / "a.json", frames(row))
    with pytest.raises(FormatError, match=message):
        open_annotations(path)
    assert len(open_annotations(path, options=ReadOptions(skip_invalid=True)).skipped) == 1


def test_the_picture_tells_the_size_where_the_file_does_not(tmp_path: Path) -> None:
    """Of runs too."""
    written(tmp_path / "a.png", encode_png(np.zeros((6, 8), np.uint8)))
    path = written(tmp_path / "a.json", [{"name": "a.png", "labels": [label(poly()), label(rle=EMPTY)]}])
    assert masks(path)["a.png"].shape == (6, 8)
