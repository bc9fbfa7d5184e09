"""LabelMe XML: polygons, masks, what is deleted, what is a box."""

from pathlib import Path

import numpy as np
import pytest

from polymask import FormatError, encode_png
from polymask.formats import ReadOptions, open_annotations
from tests.support.formats import masks, written
from tests.support.oracles import drawn

SIZE = "<imagesize><nrows>6</nrows><ncols>8</ncols></imagesize>"
BOX = ((1, 1), (6, 1), (6, 5), (1, 5))
SQUARE = drawn("........", *[".#####.."] * 4, "........")


def polygon(points: tuple[tuple[float, float], ...] = BOX) -> str:
    return "<polygon>" + "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in points) + "</polygon>"


def document(*shapes: str, size: str = SIZE) -> str:
    objects = "".join(f"<object><name>cat</name>{shape}</object>" for shape in shapes)
    return f"<annotation><filename>a.jpg\n</filename>{size}{objects}</annotation>"


def test_polygons_and_what_was_deleted(tmp_path: Path) -> None:
    """The image lies in the file's folder; deleted objects are as if they were not there."""
    deleted = "<deleted>1</deleted>" + polygon(((0, 0), (8, 0), (8, 6)))
    written(tmp_path / "d/a.xml", document(polygon(), deleted))
    assert (masks(tmp_path)["d/a.jpg"] == SQUARE).all()


def test_masks_are_found_by_their_names(tmp_path: Path) -> None:
    """As large as the image, or refused."""
    path = written(tmp_path / "a.xml", document("<segm><mask>m.png</mask></segm>"))
    with pytest.raises(FormatError, match=r"object\[0\]/segm/mask: no 'm\.png' beside"):
        open_annotations(path)
    written(tmp_path / "m.png", encode_png(SQUARE.astype(np.uint8)))
    assert (masks(path)["a.jpg"] == SQUARE).all()
    written(tmp_path / "m.png", encode_png(np.ones((2, 2), np.uint8)))
    with pytest.raises(FormatError, match="2 × 2 px, the image"):
        open_annotations(path)


def test_boxes_are_counted(tmp_path: Path) -> None:
    """They are drawn as polygons, and are none."""
    path = written(tmp_path / "a.xml", document(polygon(), "<type>bounding_box</type>" + polygon()))
    annotations = open_annotations(path)
    assert (annotations.used, annotations.unsegmented) == ({"cat": 1}, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (document("<polygon><pt><x>1</x></pt></polygon>"), r"/polygon/pt\[0\]/y: expected a number"),
        (document(""), r"/object\[0\]: neither a polygon nor a segm"),
    ],
)
def test_malformed_objects_are_refused(tmp_path: Path, text: str, message: str) -> None:
    """With the place; left out when told to."""
    path = written(tmp_path / "a.xml", text)
    with pytest.raises(FormatError, match=message):
        open_annotations(path)
    assert len(open_annotations(path, options=ReadOptions(skip_invalid=True)).skipped) == 1


@pytest.mark.parametrize("count", [1, 2])
def test_polygons_of_few_points_are_listed(tmp_path: Path, count: int) -> None:
    """They enclose nothing; the others are painted."""
    path = written(tmp_path / "a.xml", document(polygon(BOX[:count]), polygon()))
    annotations = open_annotations(path)
    assert (masks(path)["a.jpg"] == SQUARE).all()
    assert [skipped.reason for skipped in annotations.unsupported] == [
        f"object 0: a polygon of {count} points encloses nothing"
    ]


def test_a_size_that_no_picture_has_is_refused(tmp_path: Path) -> None:
    """With the place; a size that is missing is taken from the picture."""
    for sides, message in (
        ("<nrows>-6</nrows><ncols>8</ncols>", ": an image"),
        ("<nrows>x</nrows>", "/nrows: "),
    ):
        path = written(tmp_path / "a.xml", document(size=f"<imagesize>{sides}</imagesize>"))
        with pytest.raises(FormatError, match=f"/imagesize{message}"):
            open_annotations(path)
