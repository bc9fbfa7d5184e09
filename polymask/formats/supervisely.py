"""Supervisely projects: `<dataset>/ann/<picture>.json` and the project's `meta.json`.

A polygon has an exterior and interiors, which are holes; a bitmap is a PNG (base64, mostly zlib) with
its origin. Coordinates are pixels from the picture's upper left corner, and are not shifted.
Source: Supervisely's documentation, "Supervisely format: images"; its SDK for oriented boxes.
"""

import math
import zlib
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import PurePosixPath
from typing import Any

import msgspec

from polymask.formats import Annotations, ReadOptions
from polymask.formats.drawing.shapes import (
    Point,
    base64_bytes,
    crop_runs,
    png_mask,
    polygon,
    rectangle,
    rotated,
)
from polymask.formats.reading.content import Content
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.ids import WholeId
from polymask.formats.reading.notes import Notes, ReadAnnotation, Side
from polymask.formats.reading.records import gather
from polymask.formats.reading.refusals import Malformed, Refusals, decode_json, inside
from polymask.formats.reading.texts.pages import Page, files, rows_at
from polymask.labels.label_map import Categories
from polymask.ledger import BOX, Omitted
from polymask.limits import SMALL, Limits
from polymask.model import Frame, ImageRecord, Instance, Polygon, Shape
from polymask.storage.source_files import File

MANY = True
META, FOLDER = "meta.json", "ann"
_NO_REGION = {
    "point": "a point",
    "graph": "a graph",
    "cuboid": "a cuboid",
    "cuboid_2d": "a cuboid",
}
_LINES = ("line", "polyline")
_POLYGON, _PARTS, _BITMAPS = "polygon", "multipolygon", ("bitmap", "alpha_mask")
_BOX, _ORIENTED_BOX = "rectangle", "oriented_bbox"
_PNG = b"\x89PNG"
_ALPHA = "{count} alpha masks: every pixel whose alpha is above 0 is painted"

FACTS = Facts(
    title="Supervisely",
    source="Supervisely's documentation, “Supervisely format: images”, and its SDK (oriented boxes)",
    files="The project's folder (`meta.json`, `<dataset>/ann/*.json`), also as the `.tar` that is "
    "downloaded, a dataset's, or one `ann/*.json`.",
    sniffed="an object with `size` and `objects`, or `meta.json`: `classes` that have a `shape`",
    read=(
        ("size.height, size.width", "the frame"),
        ("objects[].classTitle, else classId", "the label; an id is that of a class in meta.json"),
        ("objects[].points.exterior, interior", "the ring and its holes, x, y in pixels"),
        ("objects[].parts[].exterior, interior", "the polygons of a `multipolygon`"),
        (
            "objects[].points, angle",
            "with `--boxes`: two corners; an `oriented_bbox` is rotated about its center, clockwise, by "
            "radians",
        ),
        (
            "objects[].bitmap.data, origin",
            "a PNG (base64, with zlib or without) and the pixel of its upper left corner; of an "
            "`alpha_mask`, every pixel whose alpha is above 0, as a note says",
        ),
        ("meta.json: classes[].title, id", "the labels and their ids"),
    ),
    ignored="`tags` of objects, `description`, `labelerLogin`, dates.",
    rings="Interiors are holes in the exterior. What is drawn in the labeling tool is in pixels from the "
    "picture's upper left corner, as the rule `center` takes it. Polygons that the SDK wrote (whole numbers, "
    "the last at width − 1) name pixels, edges included: `--pixel-rule cv2-trunc` paints them as the SDK "
    "draws them, but for the edges of holes, which the SDK cuts out too.",
    order="File order.",
    labels="In the order of `meta.json`, with its ids; without it, sorted by name.",
    frame="As the file says; where it says none or 0, that of the picture, in the same folder or below "
    "`--images`.",
    limits=(
        "Rectangles and oriented boxes (but with `--boxes`), points, graphs, cuboids and tags of images are "
        "no segmentation: they paint nothing, and are counted.",
        "Lines, and geometries that are not named here, are not painted but listed, and the run exits 1.",
    ),
    sample="supervisely/harbor/ann/boat.png.json",
)


class _Size(msgspec.Struct):
    height: Side = None
    width: Side = None


class _File(msgspec.Struct):
    size: _Size
    objects: msgspec.Raw
    tags: list[Any] | None = None


class _Points(msgspec.Struct):
    exterior: list[Point]
    interior: list[list[Point]] | None = None


class _Bitmap(msgspec.Struct):
    data: str
    origin: tuple[float, float]


class _Object(msgspec.Struct):
    classTitle: str = ""  # noqa: N815 - the format's own words
    classId: WholeId | None = None  # noqa: N815
    geometryType: str | None = None  # noqa: N815
    points: msgspec.Raw = msgspec.Raw(b"null")
    angle: msgspec.Raw = msgspec.Raw(b"0")
    parts: msgspec.Raw = msgspec.Raw(b"null")
    bitmap: msgspec.Raw = msgspec.Raw(b"null")
    id: int | str | None = None


class _Class(msgspec.Struct):
    title: str
    id: WholeId | None = None


class _Meta(msgspec.Struct):
    classes: msgspec.Raw


_file = msgspec.json.Decoder(_File)
_rings = msgspec.json.Decoder(_Points)
_corners = msgspec.json.Decoder(list[Point] | _Points)
_radians = msgspec.json.Decoder(float)
_polygons = msgspec.json.Decoder(list[_Points])
_png = msgspec.json.Decoder(_Bitmap)
_meta = msgspec.json.Decoder(_Meta)


def sniff(content: Content) -> bool:
    """Whether the file is an annotation file, or a project's meta."""
    if "classes" in content.keys and not content.is_list:
        return b'"shape"' in bytes(memoryview(content.top["classes"])) or "projectType" in content.keys
    return {"size", "objects"} <= content.keys


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each annotation file."""
    pages = [Page(file) for file in _annotation_files(content)]
    categories = _categories(content)
    titles = {number: title for title, number in categories or () if number is not None}
    return gather(
        content,
        options,
        pages,
        format="supervisely",
        parse=partial(_parse, titles=titles),
        categories=categories,
        declares=lambda page: rows_at("objects")(page) + rows_at("tags")(page),
    )


def _annotation_files(content: Content) -> list[File]:
    json_files = files(content, "*.json")
    in_ann = [file for file in json_files if FOLDER in PurePosixPath(file.name).parts[:-1]]
    return in_ann or [
        file for file in json_files if PurePosixPath(file.name).name != META or len(json_files) == 1
    ]


def _categories(content: Content) -> Categories | None:
    for name in (META, f"../{META}", f"../../{META}"):
        if not (content.place.zip and name.startswith("..")) and (file := content.place.find(name)):
            return _classes(file)
    inner = [name for name in content.place.names if PurePosixPath(name).name == META]
    return _classes(content.place.file(inner[0])) if inner else None


def _classes(file: File) -> Categories:
    refusals = Refusals(file.path, skip=False)
    meta = refusals.required(Content(file).json, _meta)
    return [
        (row.title, None if row.id is None else int(row.id))
        for _, row in refusals.rows(meta.classes, _Class, "$.classes")
    ]


def _parse(page: Page, notes: Notes, *, titles: Mapping[int, str]) -> ImageRecord:
    file = page.decode(_file)
    name = image_name(page.file.name)
    with inside("$.size"):
        frame = notes.declared_frame(file.size.height, file.size.width, name=name)
    notes.leave_out(Omitted("tag", "a tag of the whole image"), len(file.tags or ()))
    make = partial(_instance, frame=frame, notes=notes, titles=titles)
    instances = notes.make_instances(file.objects, _Object, "$.objects", make)
    return ImageRecord(PurePosixPath(name).stem, name, frame, instances)


def image_name(name: str) -> str:
    """The name of the picture that an annotation file describes.

    Examples:
        >>> image_name("harbor/ann/boat.png.json")
        'harbor/boat.png'
    """
    path = PurePosixPath(name)
    parts: Iterator[str] = (part for part in path.parent.parts if part != FOLDER)
    name = path.stem if path.suffix.lower() == ".json" else path.name
    return str(PurePosixPath(*parts, name))


def _instance(
    index: int, row: _Object, *, frame: Frame, notes: Notes, titles: Mapping[int, str]
) -> ReadAnnotation:
    key = index if row.id is None else row.id
    kind = row.geometryType or ("bitmap" if bytes(row.bitmap) != b"null" else _POLYGON)
    if kind in (_BOX, _ORIENTED_BOX) and not notes.options.boxes:
        return BOX
    if kind in _NO_REGION:
        return Omitted("unsegmented", _NO_REGION[kind])
    if kind in _LINES:
        return Omitted("unsupported", "a line encloses nothing", f"object {key}")
    if kind not in (_POLYGON, _PARTS, _BOX, _ORIENTED_BOX, *_BITMAPS):
        return Omitted("unsupported", f"no geometry that is read: '{kind}'", f"object {key}")
    return Instance(key, _label(row, titles), _shape(row, kind, frame, notes))


def _label(row: _Object, titles: Mapping[int, str]) -> str:
    """The title of an object's class, in the object or by its id in meta.json."""
    if row.classTitle:
        return row.classTitle
    if row.classId is None or row.classId not in titles:
        raise Malformed("$.classTitle", "no title, and no `classId` of a class in meta.json")
    return titles[row.classId]


def _shape(row: _Object, kind: str, frame: Frame, notes: Notes) -> Shape:
    if kind == _PARTS:
        with inside("$.parts"):
            return _multipolygon(decode_json(row.parts, _polygons))
    if kind in _BITMAPS:
        if kind == "alpha_mask":
            notes.remarks[_ALPHA] += 1
        with inside("$.bitmap"):
            return _pixels(decode_json(row.bitmap, _png), frame, notes.options.limits)
    if kind in (_BOX, _ORIENTED_BOX):
        return (_box(row),)
    with inside("$.points"):
        points = decode_json(row.points, _rings)
        return (polygon(points.exterior, points.interior or ()),)


def _multipolygon(parts: list[_Points]) -> Shape:
    if not parts:
        raise Malformed("$", "no part in it")
    polygons = []
    for number, part in enumerate(parts):
        with inside(f"$[{number}]"):
            polygons.append(polygon(part.exterior, part.interior or ()))
    return tuple(polygons)


def _box(row: _Object) -> Polygon:
    """The rectangle of a box; an oriented box is rotated about its center, clockwise by radians."""
    with inside("$.points"):
        points = decode_json(row.points, _corners)
        corners = points.exterior if isinstance(points, _Points) else points
        if len(corners) != 2:
            raise Malformed("$.exterior", f"a rectangle has 2 corners, not {len(corners)}")
    with inside("$.angle"):
        degrees = math.degrees(decode_json(row.angle, _radians))
    (left, top), (right, bottom) = corners
    return rotated(rectangle(*corners), degrees, ((left + right) / 2, (top + bottom) / 2))


def _pixels(bitmap: _Bitmap, frame: Frame, limits: Limits) -> Shape:
    with inside("$.data"):
        mask = png_mask(_inflated(base64_bytes(bitmap.data), limits), limits)
    if not all(map(float.is_integer, bitmap.origin)):
        raise Malformed("$.origin", f"a bitmap lies at whole pixels, not {bitmap.origin}")
    return crop_runs(mask, (int(bitmap.origin[0]), int(bitmap.origin[1])), frame)


def _inflated(data: bytes, limits: Limits) -> bytes:
    """The PNG in the data of a bitmap, which most tools compress with zlib."""
    if data.startswith(_PNG):
        return data
    try:
        inflating = zlib.decompressobj()
        png = inflating.decompress(data, SMALL + limits.max_zip_ratio * len(data))
    except zlib.error as error:
        raise Malformed("$", f"not zlib: {error}") from None
    if inflating.unconsumed_tail:
        raise Malformed("$", f"{len(data)} bytes that unpack to more than {len(png)}")
    return png
