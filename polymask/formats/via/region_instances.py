"""A region of an image → an instance; which attribute holds the labels."""

import math
from collections.abc import Collection
from typing import Any

import msgspec

from polymask.errors import InputError
from polymask.formats import ReadOptions
from polymask.formats.drawing.shapes import ellipse, polygon, rectangle
from polymask.formats.reading.content import Content
from polymask.formats.reading.notes import Notes, ReadAnnotation
from polymask.formats.reading.refusals import Malformed, inside
from polymask.ledger import Omitted
from polymask.model import Frame, Instance, Shape

UNSUPPORTED = ("point", "line", "polyline")
LABEL = "object"
_UNLABELED = "{count} regions have no label, and are '" + LABEL + "'; --default-label names them otherwise"


class ShapeAttributes(msgspec.Struct):
    """A region's shape, its numbers called as VIA 2 calls them."""

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


class Region(msgspec.Struct):
    """A region as VIA 2 has it."""

    shape_attributes: ShapeAttributes
    region_attributes: dict[str, Any] = {}


def attribute_of(content: Content, names: Collection[str], options: ReadOptions) -> str | None:
    """The attribute that holds labels: the chosen one, else the only one; None where there is none.

    Raises `InputError` where several attributes could hold them.
    """
    names = sorted(names)
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


def instance_of(
    key: int | str, row: Region, attribute: str | None, frame: Frame, notes: Notes
) -> ReadAnnotation:
    """The instance of a region, or why it is none."""
    kind = row.shape_attributes.name
    if kind in UNSUPPORTED and not _is_closed(row.shape_attributes):
        return Omitted("unsupported", f"a {kind} encloses nothing", f"region {key}")
    label = _label(row, attribute, notes)
    with inside("$.shape_attributes"):
        return Instance(key, label, _shape(row.shape_attributes, frame))


def _is_closed(shape: ShapeAttributes) -> bool:
    x, y = shape.all_points_x, shape.all_points_y
    return len(x) == len(y) > 3 and (x[0], y[0]) == (x[-1], y[-1])


def _label(row: Region, attribute: str | None, notes: Notes) -> str:
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


def _shape(shape: ShapeAttributes, frame: Frame) -> Shape:
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
