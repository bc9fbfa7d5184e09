"""labelme JSON: a file per image, its shapes in draw order.

The shapes of one label and one `group_id` are united into one instance, painted in the order of the
last of them. `__ignore__` paints void. A `line` or `linestrip` is 10 px wide and a `point` is a disk of
radius 5 px, as labelme draws them; these, circles and masks are runs by the rule of pixel centers, so
`--pixel-rule` does not affect them. Source: labelme's documentation and the behaviour of its
`shape_to_mask`.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import PurePosixPath
from posixpath import normpath
from typing import Any

import msgspec

from polymask.codecs.pictures import frame_of_bytes
from polymask.formats import Annotations, ReadOptions
from polymask.formats.drawing.shapes import (
    FARTHEST,
    Point,
    base64_bytes,
    crop_runs,
    ellipse,
    png_mask,
    polygon,
    rectangle,
    stroke,
    united,
)
from polymask.formats.reading.content import Content
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.notes import Notes, ReadAnnotation, Side, is_size
from polymask.formats.reading.records import gather
from polymask.formats.reading.refusals import Malformed, inside
from polymask.formats.reading.texts.pages import Page, json_pages, rows_at
from polymask.ledger import Omitted
from polymask.model import Frame, ImageRecord, Instance, Shape
from polymask.storage.image_names import local_name, picture_suffix

MANY = True
LINE_WIDTH, POINT_RADIUS = 10, 5
HOLES = "{count} shapes have `holes` or `inner_points`, which labelme does not know: they are not cut out"
CORNERS = 4
POLYGONS = ("polygon", "oriented_rectangle", "rotation", "quadrilateral")
DRAWN = (*POLYGONS, "rectangle", "circle", "line", "linestrip", "point", "points")
SOLID = ("cuboid", "cuboid2d")
NUMBERS = "{count} labels are numbers, and were read as text"
REPEATED = "{count} shapes of two points have one of them several times"

FACTS = Facts(
    title="labelme",
    source="labelme's documentation; the behaviour of `shape_to_mask`",
    files="A `.json` file per image; a folder is read with all `.json` files below it.",
    sniffed="an object with `shapes` and `imagePath`",
    read=(
        (
            "imageHeight, imageWidth",
            "the frame; if missing, that of `imageData`, else of the picture that `imagePath` names, else of "
            "the picture with the JSON file's name",
        ),
        ("imagePath", "the suffix of the image's name; the name itself is the JSON file's"),
        ("shapes[].label", "the label; `__ignore__` paints void, `_background_` background"),
        (
            "shapes[].shape_type",
            "polygon (default), rectangle, oriented_rectangle, rotation, quadrilateral, circle, line, "
            "linestrip, point, points, mask",
        ),
        (
            "shapes[].points",
            "x, y in pixels; rectangle: two corners, or all four (X-AnyLabeling); circle: center and a point "
            "of the edge; mask: corners of the box, inclusive",
        ),
        (
            "shapes[].mask",
            "a PNG in base64, as large as the box; if the box was moved to a fraction of a pixel, its "
            "corner is rounded (halves to the even pixel), and the PNG gives the size",
        ),
        ("shapes[].group_id", "shapes of one label and group are one instance"),
    ),
    ignored="`version`, `flags`, `description`, colors; `imageData` unless the size is missing.",
    rings="A shape is one ring. The shapes of a group are united.",
    order="File order: later shapes are painted over earlier ones, a group at the place of its last shape.",
    labels="Sorted by name; there are no ids. Give `--labels labels.txt` for another order.",
    frame="As the file says. labelme turns pictures upright by EXIF before people draw on them.",
    limits=(
        "Lines are 10 px wide, with square ends and round corners; points are disks of radius 5 px.",
        "Cuboids (X-AnyLabeling) are not painted but listed, and the run exits 1. `holes` and `inner_points` "
        "are not cut out; a note says so.",
        "Circles, lines, points and masks follow the rule of pixel centers under every `--pixel-rule`.",
    ),
    sample="labelme/boat.json",
)


class _File(msgspec.Struct):
    shapes: msgspec.Raw
    imagePath: str = ""  # noqa: N815 - the format's own word
    imageHeight: Side = None  # noqa: N815
    imageWidth: Side = None  # noqa: N815
    imageData: str | None = None  # noqa: N815


class _Shape(msgspec.Struct):
    label: str | int
    points: list[Point]
    shape_type: str | None = "polygon"
    group_id: int | str | None = None
    mask: str | None = None
    holes: list[Any] | None = None
    inner_points: list[Any] | None = None


_file = msgspec.json.Decoder(_File)


def sniff(content: Content) -> bool:
    """Whether the file has labelme's keys."""
    return {"shapes", "imagePath"} <= content.keys


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each file."""
    pages = json_pages(content)
    return gather(content, options, pages, format="labelme", parse=_parse, declares=rows_at("shapes"))


def _parse(page: Page, notes: Notes) -> ImageRecord:
    file = page.decode(_file)
    path = PurePosixPath(page.file.name)
    name = str(path.with_suffix(picture_suffix(local_name(file.imagePath)) or ".jpg"))
    notes.picture_names = (*_opened_picture(file.imagePath, path.parent), name)
    frame = _frame(file, name, notes)
    groups: dict[int, Any] = {}

    def make(index: int, shape: _Shape) -> ReadAnnotation:
        if shape.label == "":
            raise Malformed("$.label", "the label is empty")
        if isinstance(shape.label, int):
            notes.remarks[NUMBERS] += 1
        label = str(shape.label)
        groups[index] = (label, shape.group_id) if shape.group_id is not None else index
        if shape.shape_type in SOLID:
            return Omitted("unsupported", "a cuboid is no area of the picture", f"shape {index}")
        if shape.holes or shape.inner_points:
            notes.remarks[HOLES] += 1
        return Instance(index, label, _shape_of(shape, frame, notes))

    instances = notes.make_instances(file.shapes, _Shape, "$.shapes", make)
    grouped = _united_groups(instances, groups, frame)
    notes.joined += len(instances) - len(grouped)
    return ImageRecord(path.stem, name, frame, grouped)


def _opened_picture(address: str, folder: PurePosixPath) -> tuple[str, ...]:
    """The picture that labelme opens: `imagePath`, which starts from the JSON file's folder."""
    path = address.replace("\\", "/")
    if not path.startswith("/") and ":" not in path:
        path = normpath(folder / path)
    return (picture,) if (picture := local_name(path)) else ()


def _frame(file: _File, name: str, notes: Notes) -> Frame:
    with inside("$.imageHeight"):
        is_declared = is_size(file.imageHeight, file.imageWidth)
    if file.imageData and not is_declared:
        with inside("$.imageData"):
            return notes.declared_frame(*frame_of_bytes(base64_bytes(file.imageData), notes.page.file.path))
    with inside("$.imageHeight"):
        return notes.declared_frame(file.imageHeight, file.imageWidth, name=name)


def _shape_of(shape: _Shape, frame: Frame, notes: Notes) -> Shape:
    kind = shape.shape_type or "polygon"
    if kind == "mask":
        return _mask(shape, frame, notes)
    if kind not in DRAWN:
        raise Malformed("$.shape_type", f"no shape type of labelme: '{kind}'")
    with inside("$.points"):
        return _drawn(kind, shape.points, frame, notes)


def _drawn(kind: str, points: Sequence[Point], frame: Frame, notes: Notes) -> Shape:
    """The shape of a kind that points alone describe."""
    if kind in POLYGONS or (kind == "rectangle" and len(points) == CORNERS):  # as X-AnyLabeling writes them
        return (polygon(points),)
    if kind == "rectangle":
        return (rectangle(*_two_points(points, notes)),)
    if kind == "circle":
        center, edge = _two_points(points, notes)
        radius = math.dist(center, edge)
        return ellipse(center, (radius, radius), frame)
    if kind in ("line", "linestrip"):
        return stroke(points, LINE_WIDTH / 2, frame)
    return united([ellipse(point, (POINT_RADIUS, POINT_RADIUS), frame) for point in points], frame)


def _two_points(points: Sequence[Point], notes: Notes) -> Sequence[Point]:
    """The two points of a shape; repetitions of a point in a row count once."""
    distinct = [point for point, _ in groupby(points)]
    if len(points) > len(distinct) == 2:
        notes.remarks[REPEATED] += 1
        return distinct
    if len(points) != 2:
        raise Malformed("$", f"this shape has 2 points, not {len(points)}")
    return points


def _mask(shape: _Shape, frame: Frame, notes: Notes) -> Shape:
    with inside("$.mask"):
        mask = png_mask(base64_bytes(shape.mask or ""), notes.options.limits)
    with inside("$.points"):
        (left, top), (right, bottom) = _two_points(shape.points, notes)
        sides = left, top, right, bottom
        if not all(abs(side) <= FARTHEST for side in sides):  # which NaN is not
            raise Malformed("$", "the corners of a mask are finite numbers")
    corner = round(left), round(top)  # halves to the even pixel
    size = round(bottom) - corner[1] + 1, round(right) - corner[0] + 1
    is_moved = not all(float(side).is_integer() for side in sides)  # its corners round by themselves
    if mask.shape != size and not is_moved:
        raise Malformed("$.mask", f"a mask of {mask.shape} px in a box of {size}")
    return crop_runs(mask, corner, frame)


def _united_groups(
    instances: Sequence[Instance], groups: dict[int, Any], frame: Frame
) -> tuple[Instance, ...]:
    """An instance for each group, the union of its shapes, in the place of its last shape."""
    position_of_group = {groups[int(instance.id)]: position for position, instance in enumerate(instances)}
    sorted_instances = sorted(instances, key=lambda instance: position_of_group[groups[int(instance.id)]])
    return tuple(
        replace(shapes[-1], shape=united([shape.shape for shape in shapes], frame))
        for _, group in groupby(
            sorted_instances, key=lambda instance: position_of_group[groups[int(instance.id)]]
        )
        for shapes in [list(group)]
    )
