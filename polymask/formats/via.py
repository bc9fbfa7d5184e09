"""VIA (VGG Image Annotator) projects and annotation files, of 1.x (regions in a dict) and 2.x (in a list).

VIA stores no image size, so pictures are required; an image whose picture is missing fails, and the
others are converted. It has no field for labels either: the label is the only region attribute, or that
of `--label-attribute`, or `--default-label`. A closed polyline is painted; open polylines and points
enclose nothing: they are not painted, and listed. Circles and ellipses are runs by the rule of pixel
centers. Source: VIA's documentation and its example projects.
"""

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec

from polymask.errors import InputError
from polymask.formats import Annotations, ReadOptions
from polymask.formats.drawing.shapes import ellipse, polygon, rectangle
from polymask.formats.reading.content import Content, members
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.notes import Notes, ReadAnnotation
from polymask.formats.reading.records import gather
from polymask.formats.reading.refusals import Malformed, Refusals, inside
from polymask.formats.reading.texts.pages import Page, files, rows_at
from polymask.ledger import Omitted
from polymask.model import Frame, ImageRecord, Instance, Shape

MANY = True
PROJECT = "_via_img_metadata"
UNSUPPORTED = ("point", "polyline")

LABEL = "object"
_UNLABELED = "{count} regions have no label, and are '" + LABEL + "'; --default-label names them otherwise"

FACTS = Facts(
    title="VIA",
    source="VIA's documentation and example projects",
    files="A `.json` file: a project (2.x) or exported annotations (1.x, 2.x); the pictures lie beside it, "
    "or below `--images`.",
    sniffed="an object with `_via_img_metadata`, or whose first member has `filename` and `regions`",
    read=(
        ("filename", "the image's name"),
        ("regions[].shape_attributes", "polygon, rect, circle, ellipse; a polyline if it is closed"),
        ("regions[].region_attributes", "the label, by the only attribute or `--label-attribute`"),
    ),
    ignored="`size` (bytes), `file_attributes`, `_via_settings`.",
    rings="A region is one ring.",
    order="File order.",
    labels="Sorted by name. More than one attribute: `--label-attribute NAME`; none: `object`, which a note "
    "tells, or `--default-label NAME`.",
    frame="That of the picture as it is shown (EXIF orientation taken into account).",
    limits=(
        "Points and open polylines are not painted but listed, and the run exits 1.",
        "A checkbox attribute with several options set is refused.",
    ),
    sample="via/via_region_data.json",
)


class _Image(msgspec.Struct):
    filename: str
    regions: msgspec.Raw = msgspec.Raw(b"[]")


class _ShapeAttributes(msgspec.Struct):
    name: str
    all_points_x: list[float] = []
    all_points_y: list[float] = []
    x: float = 0
    y: float = 0
    width: float = 0
    height: float = 0
    cx: float = 0
    cy: float = 0
    r: float = 0
    rx: float = 0
    ry: float = 0
    theta: float = 0


class _Region(msgspec.Struct):
    shape_attributes: _ShapeAttributes
    region_attributes: dict[str, Any] = {}


_image = msgspec.json.Decoder(_Image)
_attributes = msgspec.json.Decoder(dict[str, Any])


def sniff(content: Content) -> bool:
    """Whether the file is a project, or an object whose first member is an image with regions."""
    if not content.is_json or content.is_list:
        return False
    first = next(iter(content.top.values()), None)
    return PROJECT in content.top or (first is not None and {"filename", "regions"} <= members(first).keys())


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each image."""
    pages = [page for file in files(content, "*.json") for page in _pages(Content(file))]
    attribute = _attribute(content, pages, options)
    parse = partial(_parse, attribute=attribute)
    return gather(content, options, pages, format="via", parse=parse, declares=rows_at("regions"))


def _pages(content: Content) -> Iterator[Page]:
    text: bytes | msgspec.Raw = content.top.get(PROJECT, content.json)
    where = f"$.{PROJECT}" if PROJECT in content.top else "$"
    refusals = Refusals(content.path, skip=False)
    images = refusals.required(text, msgspec.json.Decoder(dict[str, msgspec.Raw]), where)
    for key, image in images.items():
        yield Page(content.place.file(content.name), f"{where}[{key!r}]", image)


def _attribute(content: Content, pages: list[Page], options: ReadOptions) -> str | None:
    """The attribute that holds labels: the chosen one, else the only one; None where there is none.

    Raises `InputError` where several attributes could hold them.
    """
    names = sorted({name for page in pages for name in _attribute_names(page)})
    if options.label_attribute is not None:
        if options.label_attribute not in names and options.default_label is None:
            known_names = ", ".join(names) or "none"
            raise InputError(
                f"no attribute '{options.label_attribute}'",
                file=content.path,
                advice=f"there are: {known_names}",
            )
        return options.label_attribute
    if len(names) < 2 or options.default_label is not None:
        return names[0] if len(names) == 1 else None
    raise InputError(
        f"its regions have several attributes ({', '.join(names)})",
        file=content.path,
        advice="choose with --label-attribute NAME, or name all regions with --default-label NAME",
    )


def _regions(page: Page) -> list[msgspec.Raw]:
    try:
        return _region_rows(page.decode(_image).regions)
    except (Malformed, msgspec.DecodeError):
        return []  # reported when the page is parsed


def _attribute_names(page: Page) -> Iterator[str]:
    for region in _regions(page):
        try:
            yield from _attributes.decode(members(region).get("region_attributes", b"{}"))
        except msgspec.DecodeError:
            continue


def _region_rows(regions: msgspec.Raw) -> list[msgspec.Raw]:
    """The regions: a list in 2.x, the values of an object in 1.x."""
    if bytes(memoryview(regions)[:1]) == b"{":
        return list(members(regions).values())
    return msgspec.json.decode(regions, type=list[msgspec.Raw])


def _parse(page: Page, notes: Notes, attribute: str | None) -> ImageRecord:
    image = page.decode(_image)
    if not image.filename:
        raise Malformed("$.filename", "the name is empty")
    with inside("$.filename"):
        name = notes.image_name(image.filename)
    frame = notes.frame(name)

    def make(index: int, row: _Region) -> ReadAnnotation:
        kind = row.shape_attributes.name
        if kind in UNSUPPORTED and not _is_closed(row.shape_attributes):
            return Omitted("unsupported", f"a {kind} encloses nothing", f"region {index}")
        label = _label(row, attribute, notes)
        with inside("$.shape_attributes"):
            return Instance(index, label, _shape(row.shape_attributes, frame))

    try:
        regions = msgspec.Raw(msgspec.json.encode(_region_rows(image.regions)))
    except msgspec.DecodeError as error:
        raise Malformed("$.regions", str(error)) from None
    return ImageRecord(image.filename, name, frame, notes.make_instances(regions, _Region, "$.regions", make))


def _is_closed(shape: _ShapeAttributes) -> bool:
    x, y = shape.all_points_x, shape.all_points_y
    return len(x) == len(y) > 3 and (x[0], y[0]) == (x[-1], y[-1])


def _label(row: _Region, attribute: str | None, notes: Notes) -> str:
    """The value of the attribute, else the default label; `object` where no region has an attribute."""
    value, default = row.region_attributes.get(attribute or ""), notes.options.default_label
    if isinstance(value, dict):
        options = [name for name, is_set in value.items() if is_set]
        if len(options) > 1:
            raise Malformed(f"$.region_attributes.{attribute}", f"several are set: {', '.join(options)}")
        value = options[0] if options else None
    if value not in (None, ""):
        return str(value)
    if default is not None:
        return default
    if attribute is not None:
        problem = f"no '{attribute}'; name such regions with --default-label NAME"
        raise Malformed("$.region_attributes", problem)
    notes.remarks[_UNLABELED] += 1
    return LABEL


def _shape(shape: _ShapeAttributes, frame: Frame) -> Shape:
    match shape.name:
        case "polygon" | "polyline":
            if len(shape.all_points_x) != len(shape.all_points_y):
                raise Malformed("$.all_points_x", "not as many x as y")
            return (polygon(list(zip(shape.all_points_x, shape.all_points_y, strict=True))),)
        case "rect":
            return (rectangle((shape.x, shape.y), (shape.x + shape.width, shape.y + shape.height)),)
        case "circle":
            return ellipse((shape.cx, shape.cy), (shape.r, shape.r), frame)
        case "ellipse":
            # theta is in radians, clockwise on the screen
            radii = (shape.rx, shape.ry)
            return ellipse((shape.cx, shape.cy), radii, frame, degrees=math.degrees(shape.theta))
    raise Malformed("$.name", f"no shape of VIA: '{shape.name}'")
