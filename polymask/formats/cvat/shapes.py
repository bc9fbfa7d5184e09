"""A shape of an image or of a track's frame → an instance."""

import math
from typing import TYPE_CHECKING

import numpy as np

from polymask.formats.cvat.tracks import GAP
from polymask.formats.drawing.shapes import Point, crop_runs, ellipse, polygon, rectangle, rotated
from polymask.formats.reading.notes import Notes, ReadAnnotation
from polymask.formats.reading.refusals import Malformed, inside
from polymask.ledger import Omitted
from polymask.model import Frame, Instance, Shape

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

UNSUPPORTED = ("polyline", "points", "cuboid", "skeleton")
UNTOLD = "a track whose shape the file does not tell in this frame"
_NOT_SHAPES = ("tag",)


def instance_of(element: "Element", index: int, frame: Frame, notes: Notes) -> ReadAnnotation:
    """The instance of a shape, or why it is none; raises `Malformed`."""
    if element.get("outside") == "1":
        return Omitted("tag", "a mark of where a track leaves the picture")
    if element.tag == GAP:
        return Omitted("unsupported", UNTOLD, f"track {element.get('id')}")
    if element.tag in _NOT_SHAPES:
        return Omitted("tag", f"a {element.tag} of the whole image")
    label = element.get("label")
    if element.tag in UNSUPPORTED:
        return Omitted("unsupported", f"a {element.tag} encloses nothing", f"{element.tag}[{index}]")
    if not label:
        raise Malformed("@label", "a shape without a label")
    with inside(""):
        order = number_of(element, "z_order", 0)
        return Instance(index, label, _shape(element, frame, notes), order=order)


def _shape(element: "Element", frame: Frame, notes: Notes) -> Shape:
    match element.tag:
        case "polygon":
            with inside("@points"):
                return (polygon(_points(element.get("points", ""))),)
        case "box":
            left, top, right, bottom = (number_of(element, side) for side in ("xtl", "ytl", "xbr", "ybr"))
            box = rectangle((left, top), (right, bottom))
            return (
                rotated(box, number_of(element, "rotation", 0), ((left + right) / 2, (top + bottom) / 2)),
            )
        case "ellipse":
            x, y, rx, ry = (number_of(element, name) for name in ("cx", "cy", "rx", "ry"))
            return ellipse((x, y), (rx, ry), frame, degrees=number_of(element, "rotation", 0))
        case "mask":
            return _mask(element, frame, notes)
    raise Malformed("", f"no shape of CVAT: '{element.tag}'")


def _points(text: str) -> list[Point]:
    try:
        return [(float(x), float(y)) for x, y in (pair.split(",") for pair in text.split(";") if pair)]
    except ValueError:
        raise Malformed("", f"not `x,y;x,y;…`: {text[:60]!r}") from None


def number_of(element: "Element", name: str, default: float | None = None) -> float:
    """The number in an attribute; raises `Malformed` for other text, or none without a `default`."""
    text = element.get(name)
    if text is None and default is not None:
        return default
    try:
        number = float(text or "")
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise Malformed(f"@{name}", f"expected a number, got {text!r}")
    return number


def _mask(element: "Element", frame: Frame, notes: Notes) -> Shape:
    left, top, width, height = (int(number_of(element, name)) for name in ("left", "top", "width", "height"))
    try:
        counts = [int(count) for count in element.get("rle", "").split(",")]
    except ValueError:
        raise Malformed("@rle", "expected whole numbers with commas between") from None
    if min(width, height, *counts) < 0 or sum(counts) != width * height:
        raise Malformed(
            "@rle", f"counts sum to {sum(counts)}, but {height} × {width} px are {height * width}"
        )
    if width * height > frame[0] * frame[1]:
        if notes.frame_unknown:  # compared once the picture is open
            return ()
        raise Malformed("@width", f"a mask of {height} × {width} px in an image of {frame[0]} × {frame[1]}")
    crop = np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(height, width)
    return crop_runs(crop, (left, top), frame)
