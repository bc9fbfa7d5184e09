"""A result of an annotation → an instance; its label may be in another result with the same id."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from polymask.formats.drawing.shapes import (
    Point,
    base64_bytes,
    crop_runs,
    ellipse,
    png_mask,
    polygon,
    rectangle,
    rotated,
)
from polymask.formats.labelstudio.brushes import unpacked
from polymask.formats.labelstudio.vectors import Vector, outline
from polymask.formats.reading.content import members
from polymask.formats.reading.notes import MALFORMED, Notes, ReadAnnotation
from polymask.formats.reading.refusals import Malformed, decode_json, inside
from polymask.ledger import Omitted
from polymask.model import Frame, Instance, Shape

LABELS = "labels"  # the type of a result that only labels a region; the suffix of labeled regions' types
PAINTED = ("polygon", "rectangle", "ellipse", "brush", "bitmask", "vector")
NO_RING = "a vector that is open or has branches encloses nothing"
OPEN = "{count} polygons were left open (`closed` is false): they are painted as if they were closed"
UNSUPPORTED = ("keypoint", "keypointlabels", "videorectangle")
# for each key that only one kind of region has, the kind
KIND_BY_KEY = {
    "points": "polygon",
    "vertices": "vector",
    "radiusX": "ellipse",
    "rle": "brush",
    "imageDataURL": "bitmask",
    "width": "rectangle",
}


class Result(msgspec.Struct):
    """A result; its value is decoded when it is painted."""

    type: str = ""
    id: str | None = None
    value: msgspec.Raw = msgspec.Raw(b"{}")
    to_name: str = ""
    item_index: int | None = None
    image_rotation: float = 0

    @property
    def kind(self) -> str:
        """The kind of region; an empty text for results that are not painted."""
        if self.type == LABELS:
            keys = members(self.value)
            return next((kind for key, kind in KIND_BY_KEY.items() if key in keys), "")
        kind = self.type.removesuffix(LABELS)
        return kind if kind in PAINTED else ""

    @property
    def is_region(self) -> bool:
        """Whether the result is a region, and not only a region's label."""
        return self.type != LABELS and (bool(self.kind) or self.type in UNSUPPORTED)


class _Polygon(msgspec.Struct):
    points: list[Point]
    closed: bool | None = None


class _Rectangle(msgspec.Struct):
    x: float
    y: float
    width: float
    height: float
    rotation: float = 0


class _Ellipse(msgspec.Struct):
    x: float
    y: float
    radiusX: float  # noqa: N815 - the format's own words
    radiusY: float  # noqa: N815
    rotation: float = 0


class _Brush(msgspec.Struct):
    rle: list[int]


class _Bitmask(msgspec.Struct):
    imageDataURL: str  # noqa: N815


result_decoder = msgspec.json.Decoder(Result)
_names = msgspec.json.Decoder(list[str])
_values: dict[str, Any] = {
    kind: msgspec.json.Decoder(struct)
    for kind, struct in zip(PAINTED, (_Polygon, _Rectangle, _Ellipse, _Brush, _Bitmask, Vector), strict=True)
}

PlacedResult = tuple[int, str, msgspec.Raw]  # a result's number and place, and its text


class Regions:
    """The results of one annotation on one image; `pages` is the number of the task's pages, if any."""

    def __init__(
        self, rows: Sequence[PlacedResult], number: int, frame: Frame, notes: Notes, *, pages: int = 0
    ) -> None:
        self.rows, self.number, self.frame, self.notes, self.pages = rows, number, frame, notes, pages
        self.became: dict[str | None, ReadAnnotation] = {}
        results = [result for _, _, text in rows if (result := _result(text))]
        self.regions = {row.id for row in results if row.is_region}
        self.names = {row.id: row for row in results if row.type == LABELS and row.id in self.regions}

    def instances(self) -> Iterator[Instance]:
        """Yield the instances, and note the outcome of every other result."""
        naming: list[str | None] = []
        for index, where, text in self.rows:
            row = _result(text)
            if row and row.type == LABELS and row.id in self.regions:
                naming.append(row.id)
            else:
                yield from self.notes.take(where, self._outcome, text, index)
        for key in naming:
            self._join(self.became.get(key, MALFORMED))

    def _join(self, outcome: ReadAnnotation) -> None:
        """Count a result that labels a region in the same way as the region."""
        if isinstance(outcome, Omitted):
            self.notes.leave_out(Omitted(outcome.kind, outcome.text))
        else:
            self.notes.declared, self.notes.joined = self.notes.declared + 1, self.notes.joined + 1

    def _outcome(self, text: msgspec.Raw, index: int) -> ReadAnnotation:
        row = decode_json(text, result_decoder)
        outcome = self._instance(row, row.id or f"{self.number}.{index}")
        if not isinstance(self.became.get(row.id), Instance):
            self.became[row.id] = outcome
        return outcome

    def _instance(self, row: Result, key: str) -> ReadAnnotation:
        if row.type in UNSUPPORTED or (row.kind and row.image_rotation):
            return Omitted("unsupported", _unsupported(row), f"result {key}")
        if self.pages and not 0 <= (row.item_index or 0) < self.pages:
            problem = f"there is no page {row.item_index}; {self.pages} are listed, from 0"
            raise Malformed("$.item_index", problem)
        if not row.kind:
            return Omitted("tag", f"a result of type '{row.type}'")
        with inside("$.value"):
            shape = _shape(row.kind, row.value, self.frame, self.notes)
        if shape is None:
            return Omitted("unsupported", NO_RING, f"result {key}")
        return Instance(key, self._label(row), shape)

    def _label(self, row: Result) -> str:
        labels = _labels(row) or (_labels(self.names[row.id]) if row.id in self.names else [])
        if not labels and self.notes.options.default_label is not None:
            return self.notes.options.default_label
        if len(labels) != 1:
            advice = "" if labels else "; name such regions with --default-label NAME"
            raise Malformed(f"$.value.{row.type}", f"expected one label, got {labels}{advice}")
        return labels[0]


def _unsupported(row: Result) -> str:
    """Why a region is not painted."""
    return "a result on a turned picture" if row.image_rotation else f"{row.type} enclose nothing"


def _result(text: msgspec.Raw) -> Result | None:
    try:
        return decode_json(text, result_decoder)
    except Malformed:
        return None  # reported when the instance is made


def _labels(row: Result) -> list[str]:
    value = members(row.value)
    for key in (row.type, f"{row.kind}{LABELS}", LABELS):
        if key in value:
            with inside(f"$.value.{key}"):
                return decode_json(value[key], _names)
    return []


def _shape(kind: str, text: msgspec.Raw, frame: Frame, notes: Notes) -> Shape | None:
    """The shape of a region; None of a vector that encloses nothing."""
    value, (height, width) = decode_json(text, _values[kind]), frame
    match kind:
        case "polygon":
            if value.closed is False:
                notes.remarks[OPEN] += 1
            return (polygon([(x * width / 100, y * height / 100) for x, y in value.points]),)
        case "vector":
            points = outline(value, frame) if value.closed else None
            return None if points is None else (polygon(points),)
        case "rectangle":
            x, y = value.x * width / 100, value.y * height / 100
            corner = x + value.width * width / 100, y + value.height * height / 100
            return (rotated(rectangle((x, y), corner), value.rotation, (x, y)),)
        case "ellipse":
            center, radii = (value.x, value.y), (value.radiusX, value.radiusY)
            (x, y), (rx, ry) = ((a * width / 100, b * height / 100) for a, b in (center, radii))
            return ellipse((x, y), (rx, ry), frame, degrees=value.rotation)
        case "brush":
            return () if notes.frame_unknown else _brush(value.rle, frame, notes)
    return () if notes.frame_unknown else _bitmask(value.imageDataURL, frame, notes)


def _brush(rle: list[int], frame: Frame, notes: Notes) -> Shape:
    size = frame[0] * frame[1] * 4
    notes.options.limits.check("max_pixels", size, str(notes.page.file.path), "a brush's bytes")
    with inside("$.rle"):
        alpha = unpacked(rle, size).reshape(*frame, 4)[..., 3]
    return crop_runs(alpha > 0, (0, 0), frame)


def _bitmask(url: str, frame: Frame, notes: Notes) -> Shape:
    with inside("$.imageDataURL"):
        mask = png_mask(base64_bytes(url), notes.options.limits)
        if mask.shape != frame:
            raise Malformed("$", f"a mask of {mask.shape[0]} × {mask.shape[1]} px in an image of {frame}")
    return crop_runs(mask, (0, 0), frame)
