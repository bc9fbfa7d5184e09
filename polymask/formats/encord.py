"""Encord label rows: polygons with holes, in shares of the picture, and bitmasks.

`polygons` is a list of polygons, each a list of rings: an outline and its holes. Older rows have only
`polygon`. A bitmask holds runs along the rows, in COCO's compressed text. Source: Encord's
documentation, "Export labels: JSON format", and its SDK's description of bitmasks.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec
import numpy as np

from polymask.formats import Annotations, ReadOptions
from polymask.formats.drawing.scaling import in_pixels
from polymask.formats.drawing.shapes import Point, crop_runs, polygon, rectangle
from polymask.formats.reading.content import Content, members
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.notes import Notes, ReadAnnotation, Side
from polymask.formats.reading.records import gather
from polymask.formats.reading.refusals import Malformed, Refusals, decode_json, inside
from polymask.formats.reading.texts.pages import Page, files, listed_pages, rows_at
from polymask.ledger import BOX, EMPTY, Omitted
from polymask.model import Frame, ImageRecord, Instance, Polygon, Shape
from polymask.raster.runs import counts_from_string

MANY = True
RECTANGLE = "bounding_box"
ROTATABLE = "rotatable_bounding_box"
NO_REGION = ("cuboid", "cuboid_2d")
CLASSIFICATION = Omitted("tag", "a classification")
UNDEFINED_ANGLE = "a rotated box: the direction of its angle is not documented"

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
    ignored="Answers, colors, who drew what.",
    rings="A polygon's first ring is its outline, the others are holes. An object's polygons are united.",
    order="File order; later objects are painted over earlier ones.",
    labels="Sorted by name; there are no numeric ids.",
    frame="As the file says; where it says none or 0, that of the picture, in the same folder or below "
    "`--images`.",
    limits=(
        "Lines, points, skeletons and whatever lies on the frames of a video or a volume are left alone and "
        "listed, and the run exits 1.",
        "Boxes and cuboids are no segmentation: they paint nothing, and are counted; `--boxes` paints "
        "`bounding_box`, and `rotatable_bounding_box` unless it is rotated: Encord does not document the "
        "direction of its angle, so rotated ones are then left alone and listed, and the run exits 1.",
        "Classifications paint nothing, and are counted.",
        "Numbers far from 0…1 are refused: they are pixels.",
    ),
    sample="encord/labels.json",
)


_NULL = msgspec.Raw(b"null")


class _XY(msgspec.Struct):
    x: float
    y: float


class _Bitmask(msgspec.Struct):
    top: int
    left: int
    height: int
    width: int
    rleString: str  # noqa: N815 - the format's own word


class _Box(msgspec.Struct):
    x: float
    y: float
    w: float
    h: float
    theta: float = 0


class _Object(msgspec.Struct):
    name: str
    shape: str
    objectHash: str | None = None  # noqa: N815
    polygon: dict[str, _XY] | None = None
    polygons: list[list[list[float]]] | None = None
    bitmask: _Bitmask | None = None
    boundingBox: msgspec.Raw = _NULL  # noqa: N815
    rotatableBoundingBox: msgspec.Raw = _NULL  # noqa: N815


class _Labels(msgspec.Struct):
    objects: msgspec.Raw = msgspec.Raw(b"[]")
    classifications: list[Any] = []


class _FrameLabels(msgspec.Struct):
    objects: list[Any] = []
    classifications: list[Any] = []


class _Title(msgspec.Struct):
    data_title: str = ""


class _Unit(msgspec.Struct):
    data_title: str
    height: Side = None
    width: Side = None
    data_hash: str = ""
    labels: _Labels = msgspec.field(default_factory=_Labels)


class _Row(msgspec.Struct):
    data_units: dict[str, msgspec.Raw]


_row = msgspec.json.Decoder(_Row)
_unit = msgspec.json.Decoder(_Unit)
_box = msgspec.json.Decoder(_Box)
_title = msgspec.json.Decoder(_Title)
_labels_of_frame = msgspec.json.Decoder(_FrameLabels)


def sniff(content: Content) -> bool:
    """Whether the file holds label rows."""
    return "data_units" in content.keys


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each data unit that is a picture."""
    pages = [page for file in files(content, "*.json") for page in _units(Content(file))]
    return gather(content, options, pages, format="encord", parse=_parse, declares=_declared)


def _declared(page: Page) -> int:
    lists = [(*path, name) for path in ((), ("*",)) for name in ("objects", "classifications")]
    return sum(rows_at("labels", *path)(page) for path in lists)


def _units(content: Content) -> Iterator[Page]:
    """A page for each data unit."""
    file = content.place.file(content.name)
    rows = listed_pages(file, content.json) if content.is_list else [Page(file, "$", content.json)]
    refusals = Refusals(file.path, skip=False)
    for row in rows:
        for key, text in refusals.required(row.json, _row, row.where).data_units.items():
            yield Page(file, f"{row.where}.data_units[{key!r}]", text)


def _frames(page: Page) -> dict[str, msgspec.Raw]:
    """The labels of a video's or a volume's frames, by frame number; empty for a picture."""
    labels = members(members(page.json).get("labels", b""))
    return {number: part for number, part in labels.items() if number.isdigit()}


def _leave_frames_out(frames: dict[str, msgspec.Raw], page: Page, notes: Notes) -> None:
    notes.image, notes.no_image = page.decode(_title).data_title, True
    for number, text in frames.items():
        with inside(f"$.labels.{number}"):
            labels = decode_json(text, _labels_of_frame)
        for index in range(len(labels.objects)):
            name = f"frame {number}, object {index}"
            notes.leave_out(Omitted("unsupported", "the frames of a video or volume are not read", name))
        notes.leave_out(CLASSIFICATION, len(labels.classifications))


def _parse(page: Page, notes: Notes) -> ImageRecord | None:
    if frames := _frames(page):
        _leave_frames_out(frames, page, notes)
        return None
    unit = page.decode(_unit)
    with inside("$.data_title"):
        name = notes.image_name(unit.data_title)
    with inside("$.height"):
        frame = notes.declared_frame(unit.height, unit.width, name=name)

    make = partial(_instance, frame=frame, notes=notes)
    instances = notes.make_instances(unit.labels.objects, _Object, "$.labels.objects", make)
    notes.leave_out(CLASSIFICATION, len(unit.labels.classifications))
    return ImageRecord(unit.data_hash or name, name, frame, instances)


def _instance(index: int, row: _Object, *, frame: Frame, notes: Notes) -> ReadAnnotation:
    key = row.objectHash or index
    if row.shape == RECTANGLE and not notes.options.boxes:
        return BOX
    if row.shape in NO_REGION or (row.shape == ROTATABLE and not notes.options.boxes):
        return EMPTY
    if row.shape not in ("polygon", "bitmask", RECTANGLE, ROTATABLE):
        return Omitted("unsupported", f"a {row.shape} encloses nothing", f"object {key} (label '{row.name}')")
    if row.shape == ROTATABLE and _box_of(row).theta % 180:
        return Omitted("unsupported", UNDEFINED_ANGLE, f"object {key} (label '{row.name}')")
    if not row.name:
        raise Malformed("$.name", "the label is empty")
    return Instance(key, row.name, _shape(row, frame, notes))


def _shape(row: _Object, frame: Frame, notes: Notes) -> Shape:
    if row.shape in (RECTANGLE, ROTATABLE):
        box = _box_of(row)
        with inside("$.boundingBox"):
            first, second = in_pixels([(box.x, box.y), (box.x + box.w, box.y + box.h)], frame)
            return (rectangle(first, second),)
    if row.shape == "bitmask":
        if row.bitmask is None:
            raise Malformed("$.bitmask", "there is none")
        with inside("$.bitmask"):
            return _pixels(row.bitmask, frame, notes)
    if row.polygons:
        with inside("$.polygons"):
            return tuple(_polygon(rings, frame) for rings in row.polygons)
    with inside("$.polygon"):
        points = sorted((row.polygon or {}).items(), key=lambda item: (len(item[0]), item[0]))
        return (polygon(in_pixels([(point.x, point.y) for _, point in points], frame)),)


def _box_of(row: _Object) -> _Box:
    name, text = ("boundingBox", row.boundingBox)
    if row.shape == ROTATABLE:
        name, text = "rotatableBoundingBox", row.rotatableBoundingBox
    with inside(f"$.{name}"):
        return decode_json(text, _box)


def _polygon(rings: list[list[float]], frame: Frame) -> Polygon:
    exterior, *holes = [in_pixels(_pairs(ring), frame) for ring in rings] or [[]]
    return polygon(exterior, holes)


def _pairs(numbers: list[float]) -> list[Point]:
    if len(numbers) % 2:
        raise Malformed("$", f"{len(numbers)} numbers are no pairs of x and y")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _pixels(mask: _Bitmask, frame: Frame, notes: Notes) -> Shape:
    counts = counts_from_string(mask.rleString)
    size = mask.height * mask.width
    if min(mask.height, mask.width, *counts, 0) < 0 or sum(counts) != size:
        raise Malformed("$.rleString", f"runs of {sum(counts)} px in a box of {mask.height} × {mask.width}")
    if size > frame[0] * frame[1]:
        if notes.frame_unknown:  # compared once the picture is open
            return ()
        raise Malformed("$.width", f"a box of {mask.height} × {mask.width} px in an image of {frame}")
    crop = np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(mask.height, mask.width)
    return crop_runs(crop, (mask.left, mask.top), frame)
