"""Supervisely projects: `<dataset>/ann/<picture>.json` and the project's `meta.json`.

A polygon has an exterior and interiors, which are holes; a bitmap is a PNG (zlib, base64) with
its origin. Coordinates are taken as they are, in pixels from the picture's upper left corner.
Source: Supervisely's documentation, "Supervisely format: images".
"""

import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import msgspec

from polymask.formats import Annotations, ReadOptions
from polymask.formats.drawing.shapes import Point, crop_runs, decoded, png_mask, polygon, rectangle
from polymask.formats.reading.content import Content, members
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.records import Categories, Made, Notes, gather
from polymask.formats.reading.refusals import Malformed, Refusals, inside
from polymask.formats.reading.texts.pages import Page, files, rows_at
from polymask.ledger import BOX, Omitted
from polymask.limits import Limits
from polymask.model import Frame, ImageRecord, Instance, Shape
from polymask.storage.source_files import SMALL, File

MANY = True
META, FOLDER = "meta.json", "ann"
_NO_REGION = ("point", "graph", "cuboid")

FACTS = Facts(
    title="Supervisely",
    source="Supervisely's documentation, “Supervisely format: images”",
    files="The project's folder (`meta.json`, `<dataset>/ann/*.json`), a dataset's, or one `ann/*.json`.",
    sniffed="an object with `size` and `objects`, or `meta.json`: `classes` that have a `shape`",
    read=(
        ("size.height, size.width", "the frame"),
        ("objects[].classTitle", "the label"),
        ("objects[].points.exterior, interior", "the ring and its holes, x, y in pixels"),
        ("objects[].bitmap.data, origin", "a PNG (zlib, base64) and the pixel of its upper left corner"),
        ("meta.json: classes[].title, id", "the labels and their ids"),
    ),
    ignored="`tags` of objects, `description`, `labelerLogin`, dates.",
    rings="Interiors are holes in the exterior.",
    order="File order.",
    labels="In the order of `meta.json`, with its ids; without it, sorted by name.",
    frame="As the file says.",
    limits=(
        "Rectangles (but with `--boxes`), points, graphs, cuboids and tags of images are no segmentation: "
        "they paint nothing, and are counted.",
        "Lines are left alone and listed, and the run exits 1.",
    ),
    sample="supervisely/harbor/ann/boat.png.json",
)


class _Size(msgspec.Struct):
    height: float
    width: float


class _File(msgspec.Struct):
    size: _Size
    objects: msgspec.Raw
    tags: list[Any] | None = None


class _Points(msgspec.Struct):
    exterior: list[Point]
    interior: list[list[Point]] = []


class _Bitmap(msgspec.Struct):
    data: str
    origin: tuple[int, int]


class _Object(msgspec.Struct):
    classTitle: str  # noqa: N815 - the format's own words
    geometryType: str | None = None  # noqa: N815
    points: _Points | None = None
    bitmap: _Bitmap | None = None
    id: int | str | None = None


class _Class(msgspec.Struct):
    title: str
    id: int | None = None


class _Meta(msgspec.Struct):
    classes: msgspec.Raw


_file = msgspec.json.Decoder(_File)
_meta = msgspec.json.Decoder(_Meta)


def sniff(content: Content) -> bool:
    """Whether the file is an annotation file, or a project's meta."""
    if "classes" in content.keys and not content.is_list:
        return b'"shape"' in bytes(memoryview(content.top["classes"])) or "projectType" in content.keys
    return {"size", "objects"} <= content.keys and "height" in members(content.top["size"])


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each annotation file."""
    pages = [Page(file) for file in _annotation_files(content)]
    categories = _categories(content)
    return gather(
        content,
        options,
        pages,
        format="supervisely",
        parse=_parse,
        categories=categories,
        declares=lambda page: rows_at("objects")(page) + rows_at("tags")(page),
    )


def _annotation_files(content: Content) -> list[File]:
    found = files(content, "*.json")
    below = [file for file in found if FOLDER in PurePosixPath(file.name).parts[:-1]]
    return below or [file for file in found if PurePosixPath(file.name).name != META or len(found) == 1]


def _categories(content: Content) -> Categories | None:
    for name in (META, f"../{META}", f"../../{META}"):
        if not (content.place.zip and name.startswith("..")) and (file := content.place.find(name)):
            return _classes(file)
    inner = [name for name in content.place.names if PurePosixPath(name).name == META]
    return _classes(content.place.file(inner[0])) if inner else None


def _classes(file: File) -> Categories:
    refusals = Refusals(file.path, skip=False)
    meta = refusals.required(Content(file).json, _meta)
    return [(row.title, row.id) for _, row in refusals.rows(meta.classes, _Class, "$.classes")]


def _parse(page: Page, notes: Notes) -> ImageRecord:
    file = page.decode(_file)
    with inside("$.size"):
        frame = notes.told_frame(file.size.height, file.size.width)

    def make(index: int, row: _Object) -> Made:
        key = index if row.id is None else row.id
        kind = row.geometryType or ("bitmap" if row.bitmap else "polygon")
        if kind == "rectangle" and not notes.options.boxes:
            return BOX
        if kind in _NO_REGION:
            return Omitted("unsegmented", f"a {kind}")
        if kind == "line":
            return Omitted("unsupported", "a line encloses nothing", f"object {key}")
        return Instance(key, row.classTitle, _shape(row, kind, frame, notes.options.limits))

    notes.leave_out(Omitted("tag", "a tag of the whole image"), len(file.tags or ()))
    name = image_name(page.file.name)
    return ImageRecord(
        PurePosixPath(name).stem, name, frame, notes.each(file.objects, _Object, "$.objects", make)
    )


def image_name(name: str) -> str:
    """The name of the picture that an annotation file is about.

    >>> image_name("harbor/ann/boat.png.json")
    'harbor/boat.png'
    """
    path = PurePosixPath(name)
    parts: Iterator[str] = (part for part in path.parent.parts if part != FOLDER)
    return str(PurePosixPath(*parts, path.name.removesuffix(".json")))


def _shape(row: _Object, kind: str, frame: Frame, limits: Limits) -> Shape:
    if kind == "polygon" and row.points:
        with inside("$.points"):
            return (polygon(row.points.exterior, row.points.interior),)
    if kind == "rectangle" and row.points:
        with inside("$.points.exterior"):
            if len(row.points.exterior) != 2:
                raise Malformed("$", f"a rectangle has 2 corners, not {len(row.points.exterior)}")
            return (rectangle(*row.points.exterior),)
    if kind == "bitmap" and row.bitmap:
        with inside("$.bitmap.data"):
            mask = png_mask(_inflated(decoded(row.bitmap.data), limits), limits)
        return crop_runs(mask, row.bitmap.origin, frame)
    raise Malformed("$.geometryType", f"no geometry that is read: '{kind}'")


def _inflated(data: bytes, limits: Limits) -> bytes:
    try:
        inflating = zlib.decompressobj()
        png = inflating.decompress(data, SMALL + limits.max_zip_ratio * len(data))
    except zlib.error as error:
        raise Malformed("$", f"not zlib: {error}") from None
    if inflating.unconsumed_tail:
        raise Malformed("$", f"{len(data)} bytes that unpack to more than {len(png)}")
    return png
