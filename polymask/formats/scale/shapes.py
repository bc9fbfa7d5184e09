"""Polygons, boxes and masks, which Scale's tasks and Nucleus lines share."""

import msgspec

from polymask.formats.drawing.legend import RED_LOW, Codes, codes_of, linked_png
from polymask.formats.drawing.shapes import polygon, rectangle
from polymask.formats.reading.notes import Notes, ReadAnnotation
from polymask.formats.reading.refusals import Malformed, decode_json, inside
from polymask.ledger import BOX, EMPTY, Omitted
from polymask.model import Instance, Polygon

POLYGON, BOXES, CUBOID = "polygon", ("box", "boundingbox"), "cuboid"


class _XY(msgspec.Struct):
    x: float
    y: float


class _Polygon(msgspec.Struct):
    vertices: list[_XY] = []


class _Box(msgspec.Struct):
    """A box: its corner is `left`, `top` in tasks, `x`, `y` in Nucleus; `vertices` if it is rotated."""

    width: float = 0
    height: float = 0
    left: float | None = None
    top: float | None = None
    x: float | None = None
    y: float | None = None
    vertices: list[_XY] = []


_polygon = msgspec.json.Decoder(_Polygon)
_box = msgspec.json.Decoder(_Box)


def outcome_of(
    key: int | str, kind: str, *, label: str, geometry: msgspec.Raw, place: str, notes: Notes
) -> ReadAnnotation:
    """The instance of a polygon, or of a box with `--boxes`; `place` is the geometry's path in its row."""
    if kind in BOXES and not notes.options.boxes:
        return BOX
    if kind == CUBOID:
        return EMPTY
    if kind not in (POLYGON, *BOXES):
        return Omitted("unsupported", f"a {kind} is no polygon", f"annotation {key} (label '{label}')")
    if not label:
        raise Malformed("$.label", "the label is empty")
    with inside(place):
        shape = _ring(decode_json(geometry, _polygon).vertices) if kind == POLYGON else _rectangle(geometry)
        return Instance(key, label, (shape,))


def _ring(vertices: list[_XY]) -> Polygon:
    with inside("$.vertices"):
        return polygon([(point.x, point.y) for point in vertices])


def _rectangle(geometry: msgspec.Raw) -> Polygon:
    box = decode_json(geometry, _box)
    if box.vertices:
        return _ring(box.vertices)
    left, top = (box.x, box.y) if box.left is None else (box.left, box.top)
    if left is None or top is None:
        raise Malformed("$", "a box without a corner: neither left and top, nor x and y")
    return rectangle((left, top), (left + box.width, top + box.height))


def mask_at(address: str, notes: Notes) -> Codes:
    """The (height, width) indices of the mask that an address names."""
    return codes_of(linked_png(address, notes), notes.options.limits, shifts=RED_LOW)
