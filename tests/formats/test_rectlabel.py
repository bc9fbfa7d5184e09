"""RectLabel's XML: polygons, curves, pixels in PNGs, what is counted and what is left alone."""

from pathlib import Path

import numpy as np
import pytest

from polymask import FormatError, encode_png
from polymask.formats import ReadOptions, open_annotations
from tests.support.formats import masks, written
from tests.support.oracles import drawn

SIZE = "<size><width>8</width><height>6</height><depth>3</depth></size>"
SQUARE = ((1, 1), (5, 1), (5, 4), (1, 4))


def polygon(points: tuple[tuple[float, float], ...] = SQUARE) -> str:
    numbered = "".join(f"<x{n}>{x}</x{n}><y{n}>{y}</y{n}>" for n, (x, y) in enumerate(points, 1))
    return f"<polygon>{numbered}</polygon>"


def document(*shapes: str, size: str = SIZE, name: str = "a.jpg") -> str:
    objects = "".join(f"<object><name>cat</name>{shape}</object>" for shape in shapes)
    return f"<annotation><filename>{name}</filename>{size}{objects}</annotation>"


def test_a_polygon_is_one_ring(tmp_path: Path) -> None:
    """The image lies in the file's folder, whatever folder the file names."""
    written(tmp_path / "d/a.xml", document(polygon(), name="/Users/x/a.jpg"))
    expected = drawn("........", ".####...", ".####...", ".####...", "........", "........")
    assert (masks(tmp_path)["d/a.jpg"] == expected).all()


def test_a_curve_is_drawn_with_the_handles_on_and_back(tmp_path: Path) -> None:
    """Four points with handles of 0.5523 of the radius are a circle; with c1 and c2 swapped, a star."""
    k, curves = 0.5523 * 20, {}
    corners = ((40, 20), (60, 40), (40, 60), (20, 40))
    ahead = ((k, 0), (0, k), (-k, 0), (0, -k))
    for first, second in (("c1", "c2"), ("c2", "c1")):
        text = ""
        for number, ((x, y), (dx, dy)) in enumerate(zip(corners, ahead, strict=True), 1):
            for end, sign in (("", 0), (f"_{first}", 1), (f"_{second}", -1)):
                text += f"<x{number}{end}>{x + sign * dx}</x{number}{end}>"
                text += f"<y{number}{end}>{y + sign * dy}</y{number}{end}>"
        curve = f"<cubic_bezier>{text}</cubic_bezier>"
        size = "<size><width>80</width><height>80</height></size>"
        curves[first] = masks(written(tmp_path / f"{first}.xml", document(curve, size=size)))["a.jpg"] == 1
    row, column = np.mgrid[:80, :80] + 0.5
    radius = np.hypot(row - 40, column - 40)
    assert curves["c1"][radius < 19.9].all()
    assert not curves["c1"][radius > 20.1].any()
    assert curves["c2"].sum() < 0.5 * curves["c1"].sum()


def test_pixels_are_in_a_png_beside(tmp_path: Path) -> None:
    """Numbered by the object's id; another size is refused."""
    mask = drawn("........", ".##.....", "........", "......#.", "........", "........") > 0
    path = written(tmp_path / "a.xml", document("<pixels><id>3</id></pixels>"))
    with pytest.raises(FormatError, match=r"/object\[0\]/pixels/id: no 'a_pixels3\.png' beside the file"):
        open_annotations(path)
    written(tmp_path / "a_pixels3.png", encode_png(mask.astype(np.uint8) * 255))
    assert (masks(path)["a.jpg"] == mask).all()
    written(tmp_path / "a_pixels3.png", encode_png(np.zeros((2, 2), np.uint8)))
    with pytest.raises(FormatError, match="2 × 2 px, the image"):
        open_annotations(path)


def test_boxes_are_counted_and_lines_left_alone(tmp_path: Path) -> None:
    """Nothing is dropped."""
    box = "<bndbox><xmin>1</xmin></bndbox>"
    kinds = [f"<{kind}/>" for kind in ("line", "points", "keypoints", "cuboid")]
    annotations = open_annotations(written(tmp_path / "a.xml", document(polygon() + box, box, *kinds)))
    assert (annotations.used, annotations.unsegmented, len(annotations.unsupported)) == ({"cat": 1}, 1, 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (document(polygon(SQUARE[:2])), r"/object\[0\]/polygon: a ring has at least 3 points, not 2"),
        (document("<polygon><x1>1</x1></polygon>"), r"/polygon/y1: expected a number, got None"),
        (document("<polygon><x1>a</x1><y1>1</y1></polygon>"), "/polygon/x1: expected a number, got 'a'"),
        (document("<cubic_bezier><x1>1</x1><y1>1</y1></cubic_bezier>"), "/cubic_bezier/x1_c1: expected"),
        (document("<cloud/>"), "no shape that is read"),
        (document(polygon()).replace("cat", ""), r"/object\[0\]/name: there is none"),
    ],
)
def test_malformed_objects_are_refused(tmp_path: Path, text: str, message: str) -> None:
    """With file and place; left out when told to."""
    path = written(tmp_path / "a.xml", text)
    with pytest.raises(FormatError, match=message):
        open_annotations(path)
    assert len(open_annotations(path, options=ReadOptions(skip_invalid=True)).skipped) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (document(size="<size><width>8</width><height>x</height></size>"), "/size/height: expected a number"),
        (document(size="<size><width>8.5</width><height>2</height></size>"), "/size: an image is a whole"),
        (document(name="https://h/"), "/filename: no image's name"),
        ("<annotation><filename>a</filename><size>", "not XML that can be read"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><annotation><filename>&a;</filename><size/></annotation>', "not XML"),
    ],
)
def test_files_that_tell_no_image_are_refused(tmp_path: Path, text: str, message: str) -> None:
    """With the place; entities are refused unread."""
    with pytest.raises(FormatError, match=message):
        open_annotations(written(tmp_path / "a.xml", text), format="rectlabel")
