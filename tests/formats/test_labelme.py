"""labelme: every shape type by hand, groups, sizes, and what is refused."""

import base64
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from polymask import FormatError, LabelMap, check, read
from polymask.formats import ReadOptions, open_annotations
from tests.support.formats import masks, written
from tests.support.oracles import drawn


def shape(kind: str | None, points: list, label: str = "a", **more: Any) -> dict[str, Any]:
    return {"label": label, "points": points, "shape_type": kind, "group_id": None, "flags": {}} | more


def document(*shapes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    head = {"version": "5.5.0", "flags": {}, "imagePath": "a.jpg", "imageData": None}
    return head | {"imageHeight": 6, "imageWidth": 8, "shapes": list(shapes)} | changes


def mask(tmp_path: Path, *shapes: dict[str, Any], **changes: Any) -> np.ndarray:
    (found,) = masks(written(tmp_path / "a.json", document(*shapes, **changes))).values()
    return found


def png(array: np.ndarray) -> str:
    data = BytesIO()
    Image.fromarray(array).save(data, "PNG")
    return base64.b64encode(data.getvalue()).decode()


@pytest.mark.parametrize(
    "one",
    [
        shape("polygon", [[1, 1], [4, 1], [4, 3], [1, 3]]),
        shape(None, [[1, 1], [4, 1], [4, 3], [1, 3]]),
        shape("rectangle", [[4, 3], [1, 1]]),
        shape("rectangle", [[4, 3], [4, 3], [1, 1]]),
        shape("rectangle", [[1, 1], [4, 1], [4, 3], [1, 3]]),
        shape("rotation", [[1, 1], [4, 1], [4, 3], [1, 3]], direction=0.0),
        shape("oriented_rectangle", [[1, 1], [4, 1], [4, 3], [1, 3]]),
        shape("mask", [[1, 1], [3, 2]], mask=png(np.ones((2, 3), bool))),
        shape("mask", [[1, 1], [3, 2]], mask=png(np.full((2, 3), 255, np.uint8))),
    ],
    ids=lambda one: str(one["shape_type"]),
)
def test_shapes_of_area(tmp_path: Path, one: dict[str, Any]) -> None:
    """Polygons, rectangles with corners in any order, masks from their upper left corner on."""
    expected = drawn("........", ".###....", ".###....", "........", "........", "........")
    assert (mask(tmp_path, one) == expected).all()


def test_a_turned_rectangle_is_its_four_corners(tmp_path: Path) -> None:
    """As X-AnyLabeling writes one, whatever its `direction`: a square on its tip, 4 px from tip to tip.

    Centers on its left sides are in, those on its right sides out.
    """
    turned = shape("rotation", [[4, 1], [6, 3], [4, 5], [2, 3]], direction=0.785)
    expected = drawn("........", "...#....", "..###...", "..###...", "...#....", "........")
    assert (mask(tmp_path, turned) == expected).all()


def test_points_that_are_there_twice_are_counted(tmp_path: Path) -> None:
    """A rectangle of two points, one of them twice, is one; of three points it is none."""
    twice = shape("rectangle", [[1, 1], [4, 3], [4, 3]])
    annotations = open_annotations(written(tmp_path / "a.json", document(twice)))
    assert annotations.notes == ("1 shapes of two points have one of them several times",)
    with pytest.raises(FormatError, match=r"shapes\[0\]\.points: this shape has 2 points, not 3"):
        mask(tmp_path, shape("rectangle", [[1, 1], [4, 3], [4, 1]]))


def test_a_label_that_is_a_number_is_its_text(tmp_path: Path) -> None:
    """It groups with the same text; the note counts it. No label, or a fraction, is refused."""
    ring = [[1, 1], [4, 1], [4, 3]]
    number, text = (shape("polygon", ring, group_id=1) | {"label": label} for label in (0, "0"))
    annotations = open_annotations(written(tmp_path / "a.json", document(number, text)))
    assert (annotations.used, annotations.notes) == (
        {"0": 1},
        ("1 labels are numbers, and were read as text",),
    )
    for label in (None, 1.5, True):
        with pytest.raises(FormatError, match=r"shapes\[0\]\.label"):
            mask(tmp_path, number | {"label": label})


def test_lines_of_base64_may_be_broken(tmp_path: Path) -> None:
    """As MIME breaks them; the picture tells the size all the same."""
    text = png(np.zeros((6, 8), np.uint8))
    broken = "\r\n".join(text[at : at + 76] for at in range(0, len(text), 76)) + "\n"
    bare = document(imageData=broken, imageHeight=None, imageWidth=None)
    assert open_annotations(written(tmp_path / "a.json", bare)).decode(0).frame == (6, 8)


def test_a_circle_is_the_pixels_whose_centers_are_in_it(tmp_path: Path) -> None:
    """Center (4, 3), an edge point 2 px away: corners at distance 2.12 are out."""
    expected = drawn("........", "...##...", "..####..", "..####..", "...##...", "........")
    assert (mask(tmp_path, shape("circle", [[4, 3], [4, 5]])) == expected).all()


def test_a_line_is_ten_pixels_wide(tmp_path: Path) -> None:
    """Centers within 5 px of the line; the ends are square."""
    for kind in ("line", "linestrip"):
        found = mask(tmp_path, shape(kind, [[10, 10], [20, 10]]), imageHeight=20, imageWidth=30)
        assert np.flatnonzero(found[:, 15]).tolist() == list(range(5, 15))
        assert np.flatnonzero(found[9]).tolist() == list(range(10, 20))


def test_a_point_is_a_disk_of_radius_five(tmp_path: Path) -> None:
    """As labelme paints it."""
    found = mask(tmp_path, shape("point", [[10, 10]]), imageHeight=20, imageWidth=20)
    y, x = np.mgrid[:20, :20] + 0.5
    assert (found == ((x - 10) ** 2 + (y - 10) ** 2 <= 25)).all()


def test_a_group_is_one_instance(tmp_path: Path) -> None:
    """Shapes of one label and group; another label of the same group is another instance."""
    parts = [
        shape("rectangle", [[0, 0], [2, 2]], group_id=1),
        shape("rectangle", [[4, 0], [6, 2]], group_id=1),
        shape("rectangle", [[0, 4], [2, 6]], "b", group_id=1),
        shape("rectangle", [[4, 4], [6, 6]], group_id=2),
        shape("circle", [[5, 3], [6, 3]], group_id=2),
    ]
    (record,) = read(written(tmp_path / "a.json", document(*parts)))
    assert [(one.id, one.label) for one in record.instances] == [(1, "a"), (2, "b"), (4, "a")]
    expected = drawn("##..##..", "##..##..", "....##..", "....##..", "22..##..", "22..##..")
    assert (mask(tmp_path, *parts) == expected).all()


def test_ignore_paints_void(tmp_path: Path) -> None:
    """`__ignore__` is labelme's word for it, `_background_` for what is nothing."""
    (found,) = masks(
        written(
            tmp_path / "a.json",
            document(
                shape("rectangle", [[0, 0], [4, 6]]),
                shape("rectangle", [[2, 2], [6, 4]], "__ignore__"),
                shape("rectangle", [[0, 5], [8, 6]], "_background_"),
            ),
        ),
        LabelMap.from_names(["__ignore__", "_background_", "a"]),
    ).values()
    expected = drawn("####....", "####....", "##vvvv..", "##vvvv..", "####....", "........")
    assert (found == expected).all()


def test_the_size_comes_from_the_embedded_picture_where_it_is_not_told(tmp_path: Path) -> None:
    """Else from the picture beside; else the item fails."""
    data = png(np.zeros((6, 8, 3), np.uint8))
    one = shape("rectangle", [[0, 0], [1, 1]])
    changes = {"imageHeight": None, "imageWidth": None}
    assert mask(tmp_path, one, imageData=data, **changes).shape == (6, 8)
    path = written(tmp_path / "a.json", document(one, imagePath="a.png", **changes))
    with pytest.raises(Exception, match=r"a\.png: no such picture"):
        open_annotations(path).decode(0)
    written(tmp_path / "a.png", base64.b64decode(data))
    assert open_annotations(path).decode(0).frame == (6, 8)


def test_names_follow_the_files(tmp_path: Path) -> None:
    """The JSON file's path, the picture's suffix: two files never collide, and none leads out."""
    for name, image in (("x/1", "..\\..\\pics\\1.PNG"), ("y/1", "../../1.jpeg")):
        written(tmp_path / f"{name}.json", document(imagePath=image))
    assert list(open_annotations(tmp_path).names) == ["x/1.PNG", "y/1.jpeg"]


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (shape("polygon", [[0, 0], [1, 1]]), r"\$\.shapes\[0\]\.points: a ring has at least 3"),
        (shape("polygon", [[0, 0], [1, "NaN"], [2, 2]]), r"\$\.shapes\[0\]\.points\[1\]\[1\]"),
        (shape("polygon", [[0, 0], [1, 1, 1], [2, 2]]), r"\$\.shapes\[0\]\.points\[1\]"),
        (shape("circle", [[0, 0]]), r"2 points, not 1"),
        (shape("star", [[0, 0]]), r"\$\.shapes\[0\].*no shape type of labelme: 'star'"),
        (shape("polygon", [[0, 0], [1, 1], [0, 1]], ""), r"\.label: the label is empty"),
        (shape("mask", [[0, 0], [1, 1]], mask="x!"), r"\.mask: not base64"),
        (shape("mask", [[0, 0], [1, 1]], mask="aGVsbG8="), r"\.mask: not a PNG"),
        (shape("mask", [[0, 0], [9, 9]], mask=png(np.ones((2, 2), bool))), r"a mask of \(2, 2\) px in a box"),
    ],
)
def test_malformed_shapes_are_refused_with_their_place(tmp_path: Path, one: dict, message: str) -> None:
    """And left out, listed, when told to."""
    good = shape("rectangle", [[0, 0], [1, 1]])
    path = written(tmp_path / "a.json", document(one, good))
    with pytest.raises(FormatError, match=message):
        open_annotations(path)
    annotations = open_annotations(path, options=ReadOptions(skip_invalid=True))
    assert len(annotations.skipped) == 1
    assert [instance.id for instance in annotations.decode(0).instances] == [1]


@pytest.mark.parametrize("size", [-1, 1.5])
def test_frames_are_whole_numbers(tmp_path: Path, size: float) -> None:
    """An image of no or of half a pixel is refused."""
    with pytest.raises(FormatError, match="whole number of pixels"):
        open_annotations(written(tmp_path / "a.json", document(imageWidth=size)))


def test_a_quadrilateral_is_a_polygon_and_a_cuboid_is_none(tmp_path: Path) -> None:
    """Of X-AnyLabeling's own shapes, the one is painted, the other listed."""
    expected = drawn("........", ".###....", ".###....", "........", "........", "........")
    corners = [[1, 1], [4, 1], [4, 3], [1, 3]]
    cuboid = shape("cuboid", [*corners, *corners], label="b")
    path = written(tmp_path / "a.json", document(shape("quadrilateral", corners), cuboid))
    assert (masks(path)["a.jpg"] == expected).all()
    assert [skipped.reason for skipped in open_annotations(path).unsupported] == [
        "shape 1: a cuboid is no area of the picture"
    ]


@pytest.mark.parametrize(
    ("left", "top", "column", "row"),
    [(1.4, 1.4, 1, 1), (1.5, 2.5, 2, 2), (0.5, 0.6, 0, 1), (-1.2, 1.0, -1, 1), (6.6, 4.7, 7, 5)],
)
def test_a_mask_that_was_moved_keeps_its_pixels(
    tmp_path: Path, left: float, top: float, column: int, row: int
) -> None:
    """Its origin is rounded, halves to the even pixel; its extent is the mask's, cut off at the frame."""
    pixels = np.array([[1, 0, 1], [1, 1, 1]], bool)
    moved = shape("mask", [[left, top], [left + 2, top + 1]], mask=png(pixels))
    expected = np.zeros((10, 16), bool)
    expected[row + 2 : row + 4, column + 4 : column + 7] = pixels
    assert (mask(tmp_path, moved) == expected[2:8, 4:12]).all()


def test_check_lists_a_mask_that_reaches_outside(tmp_path: Path) -> None:
    """Also where it is a part of a group."""
    at = [shape("mask", [[x, 1], [x + 1, 1]], mask=png(np.ones((1, 2), bool)), group_id=1) for x in (2, 7)]
    (finding,) = check(written(tmp_path / "a.json", document(*at)))
    assert (finding.kind, finding.message.partition(": ")[2]) == ("out-of-frame", "1 px are cut off")


def test_a_mask_in_a_box_of_whole_pixels_fits_it(tmp_path: Path) -> None:
    """It was not moved, so that another size is damage; and corners are finite."""
    pixels = png(np.ones((2, 3), bool))
    with pytest.raises(FormatError, match=r"shapes\[0\]\.mask: a mask of \(2, 3\) px in a box of \(3, 3\)"):
        mask(tmp_path, shape("mask", [[1, 1], [3, 3]], mask=pixels))
    with pytest.raises(FormatError, match=r"shapes\[0\]\.points"):
        mask(tmp_path, shape("mask", [[1e300, 1], [3, 3]], mask=pixels))


@pytest.mark.parametrize("key", ["holes", "inner_points"])
def test_holes_of_other_dialects_are_told(tmp_path: Path, key: str) -> None:
    """labelme knows none: a note says that they are not cut out."""
    corners = [[1, 1], [4, 1], [4, 3], [1, 3]]
    path = written(tmp_path / "a.json", document(shape("polygon", corners, **{key: [corners]})))
    assert "1 shapes have `holes` or `inner_points`" in open_annotations(path).notes[0]
    written(path, document(shape("polygon", corners, **{key: []})))
    assert not open_annotations(path).notes


@pytest.mark.parametrize(
    ("kind", "place"), [("star", r"\.shape_type"), ("mask", r"\.mask"), ("circle", r"\.points")]
)
def test_a_refusal_names_the_key(tmp_path: Path, kind: str, place: str) -> None:
    """The type, the mask, the points: whichever is wrong."""
    with pytest.raises(FormatError, match=rf"\$\.shapes\[0\]{place}: "):
        mask(tmp_path, shape(kind, [[1, 1], [2, 2], [3, 1]], mask="x!"))
