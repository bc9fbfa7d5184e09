"""Encord label rows: polygons as shares of the picture, with holes, and bitmasks.

`polygons` lists polygons, each a list of rings, the first its outline and the others holes; older
rows have `polygon` alone. A bitmask is runs, along the rows, in COCO's compressed text. Source:
Encord's documentation, "Export labels: JSON format", and its SDK's description of bitmasks.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from polymask.formats import Annotations, ReadOptions
from polymask.formats.drawing.scaling import in_pixels
from polymask.formats.drawing.shapes import Point, crop_runs, polygon
from polymask.formats.reading.addresses import image_name
from polymask.formats.reading.content import Content, members
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.records import Notes, Page, files, gather, listed_pages
from polymask.formats.reading.refusals import Malformed, Refusals, inside
from polymask.model import Frame, ImageRecord, Instance, Polygon, Shape, Skipped
from polymask.raster.runs import counts_from_string

MANY = True
NO_REGION = ("bounding_box", "rotatable_bounding_box", "cuboid", "cuboid_2d")

FACTS = Facts(
    title="Encord",
    source="Encord's documentation, “Export labels: JSON format”, and its SDK's description of bitmasks",
    files="The JSON file of an export (a list of label rows), or one label row.",
    sniffed="label rows with `data_units`",
    read=(
        ("data_units.*.data_title", "the image's name"),
        ("data_units.*.height, width", "the frame"),
        ("data_units.*.labels.objects[].name", "the label"),
        (
            "objects[].polygons",
            "polygons of rings, x, y, x, y …, as shares of width and height; later rings are holes",
        ),
        ("objects[].polygon", "where there is no `polygons`: one ring, its points numbered from 0"),
        ("objects[].bitmask", "runs along the rows, as COCO's compressed text, in a box of whole pixels"),
    ),
    ignored="Classifications, answers, colors, who drew what.",
    rings="A polygon's first ring is its outline, the others are holes. An object's polygons are united.",
    order="File order; later objects are painted over earlier ones.",
    labels="Sorted by name; there are no numeric ids.",
    frame="As the file says.",
    limits=(
        "Lines, points, skeletons and whatever lies on the frames of a video or a volume are left alone and "
        "listed, and the run exits 1.",
        "Boxes and cuboids are no segmentation: they paint nothing, and are counted.",
        "Numbers far from 0…1 are refused: they are pixels.",
    ),
    sample="encord/labels.json",
)


class _XY(msgspec.Struct):
    x: float
    y: float


class _Bitmask(msgspec.Struct):
    top: int
    left: int
    height: int
    width: int
    rleString: str  # noqa: N815 - the format's own word


class _Object(msgspec.Struct):
    name: str
    shape: str
    objectHash: str | None = None  # noqa: N815
    polygon: dict[str, _XY] | None = None
    polygons: list[list[list[float]]] | None = None
    bitmask: _Bitmask | None = None


class _Labels(msgspec.Struct):
    objects: msgspec.Raw = msgspec.Raw(b"[]")


class _Unit(msgspec.Struct):
    data_title: str
    height: float
    width: float
    data_hash: str = ""
    labels: _Labels = msgspec.field(default_factory=_Labels)


class _Row(msgspec.Struct):
    data_units: dict[str, msgspec.Raw]


_row = msgspec.json.Decoder(_Row)
_unit = msgspec.json.Decoder(_Unit)


def sniff(content: Content) -> bool:
    """Whether the file is of label rows."""
    return "data_units" in content.keys


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each data unit that is a picture."""
    moving: list[Skipped] = []
    pages = [page for file in files(content, "*.json") for page in _units(Content(file), moving)]
    annotations = gather(content, options, pages, format="encord", parse=_parse)
    return replace(annotations, unsupported=(*moving, *annotations.unsupported))


def _units(content: Content, moving: list[Skipped]) -> Iterator[Page]:
    """A page for each picture; the objects on a video's or a volume's frames are added to `moving`."""
    file = content.place.file(content.name)
    rows = listed_pages(file, content.json) if content.is_list else [Page(file, "$", content.json)]
    refusals = Refusals(file.path, skip=False)
    for row in rows:
        for key, text in refusals.required(row.json, _row, row.where).data_units.items():
            unit = members(text)
            frames = {
                number: part for number, part in members(unit.get("labels", b"")).items() if number.isdigit()
            }
            if frames:
                title = bytes(unit.get("data_title", b"")).decode(errors="replace").strip('"')
                moving += [Skipped(title, reason) for reason in _objects(frames)]
            else:
                yield Page(file, f"{row.where}.data_units[{key!r}]", text)


def _objects(frames: dict[str, msgspec.Raw]) -> Iterator[str]:
    for number, part in frames.items():
        try:
            objects = msgspec.json.decode(members(part).get("objects", b"[]"), type=list[Any])
        except msgspec.DecodeError:
            objects = [None]
        yield from (f"frame {number}: the frames of a video or volume are not read" for _ in objects)


def _parse(page: Page, notes: Notes) -> ImageRecord:
    unit = page.decode(_unit)
    with inside("$.data_title"):
        name = image_name(unit.data_title)
    with inside("$.height"):
        frame = notes.told_frame(unit.height, unit.width)

    def make(index: int, row: _Object) -> Instance | None:
        key = row.objectHash or index
        if row.shape in NO_REGION:
            notes.unsegmented += 1
            return None
        if row.shape not in ("polygon", "bitmask"):
            notes.leave(f"object {key}", f"a {row.shape} (label '{row.name}') encloses nothing")
            return None
        if not row.name:
            raise Malformed("$.name", "the label is empty")
        return Instance(key, row.name, _shape(row, frame))

    instances = notes.each(unit.labels.objects, _Object, "$.labels.objects", make)
    return ImageRecord(unit.data_hash or name, name, frame, instances)


def _shape(row: _Object, frame: Frame) -> Shape:
    if row.shape == "bitmask":
        if row.bitmask is None:
            raise Malformed("$.bitmask", "there is none")
        with inside("$.bitmask"):
            return _pixels(row.bitmask, frame)
    if row.polygons:
        with inside("$.polygons"):
            return tuple(_polygon(rings, frame) for rings in row.polygons)
    with inside("$.polygon"):
        points = sorted((row.polygon or {}).items(), key=lambda item: (len(item[0]), item[0]))
        return (polygon(in_pixels([(point.x, point.y) for _, point in points], frame)),)


def _polygon(rings: list[list[float]], frame: Frame) -> Polygon:
    first, *holes = [in_pixels(_pairs(ring), frame) for ring in rings] or [[]]
    return polygon(first, holes)


def _pairs(numbers: list[float]) -> list[Point]:
    if len(numbers) % 2:
        raise Malformed("$", f"{len(numbers)} numbers are no pairs of x and y")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _pixels(mask: _Bitmask, frame: Frame) -> Shape:
    counts = counts_from_string(mask.rleString)
    size = mask.height * mask.width
    if min(mask.height, mask.width, *counts, 0) < 0 or sum(counts) != size:
        raise Malformed("$.rleString", f"runs of {sum(counts)} px in a box of {mask.height} × {mask.width}")
    if size > frame[0] * frame[1]:
        raise Malformed("$.width", f"a box of {mask.height} × {mask.width} px in an image of {frame}")
    crop = np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(mask.height, mask.width)
    return crop_runs(crop, (mask.left, mask.top), frame)
