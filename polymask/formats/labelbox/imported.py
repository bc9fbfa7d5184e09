"""Labelbox's import format: a line per annotation, which names its data row."""

from typing import Any

import msgspec

from polymask.formats.labelbox.objects import NULL, OF_VIDEO, DrawnObject, MaskPicture, outcome_of
from polymask.formats.reading.notes import Notes, ReadAnnotation
from polymask.formats.reading.refusals import Malformed, decode_json, inside
from polymask.formats.reading.texts.grouped import rows_of
from polymask.formats.reading.texts.pages import Page
from polymask.ledger import Omitted
from polymask.model import Frame, ImageRecord

KEYS = frozenset({"dataRow"})
_VIDEO = ("segments", "frames")
_CLASSES = ("answer", "answers")


class _DataRow(msgspec.Struct):
    id: str | None = None
    globalKey: str | None = None  # noqa: N815 - the format's own words

    @property
    def image(self) -> str:
        """The name that identifies the picture."""
        return self.globalKey or self.id or ""


class _Mask(msgspec.Struct):
    instanceURI: str = ""  # noqa: N815
    colorRGB: tuple[int, int, int] | None = None  # noqa: N815
    png: str = ""


class _Line(msgspec.Struct):
    dataRow: _DataRow  # noqa: N815
    name: str = ""
    schemaId: str | None = None  # noqa: N815
    uuid: str | None = None
    polygon: msgspec.Raw = NULL
    bbox: msgspec.Raw = NULL
    mask: _Mask | None = None
    line: msgspec.Raw = NULL
    point: msgspec.Raw = NULL
    answer: Any = None
    answers: Any = None
    segments: Any = None
    frames: Any = None

    def drawing(self, place: str) -> DrawnObject:
        """The annotation in the form that all dialects share."""
        mask, words = self.mask, {"line": self.line, "point": self.point}
        return DrawnObject(
            key=self.uuid or place.partition(":")[0],
            name=self.name,
            kind=next((word for word, text in words.items() if bytes(text) != b"null"), "annotation"),
            polygon=self.polygon,
            box=self.bbox,
            mask=MaskPicture(address=mask.instanceURI, color=mask.colorRGB, png=mask.png) if mask else None,
        )


_line = msgspec.json.Decoder(_Line)


def key_of(text: bytes | msgspec.Raw) -> str:
    """The data row of an annotation; raises `Malformed`."""
    return decode_json(text, _line).dataRow.image


def declared(page: Page) -> int:
    """How many annotations, one a line, a picture has."""
    return len(rows_of(page))


def parse(page: Page, notes: Notes) -> ImageRecord:
    """The record of a picture's lines."""
    rows = rows_of(page)
    with inside(rows[0][0]):
        image = decode_json(rows[0][1], _line).dataRow.image
        name = notes.image_name(image)
    frame = notes.frame(name)
    instances = tuple(
        instance
        for place, text in rows
        for instance in notes.take(place, _instance, place, text, frame, notes)
    )
    return ImageRecord(image, name, frame, instances)


def _instance(place: str, text: msgspec.Raw, frame: Frame, notes: Notes) -> ReadAnnotation:
    row = decode_json(text, _line)
    if any(getattr(row, word) is not None for word in _VIDEO):
        return Omitted("unsupported", OF_VIDEO, f"object {row.uuid or place}")
    if any(getattr(row, word) is not None for word in _CLASSES):
        return Omitted("tag", "a classification")
    if not row.name and row.schemaId:
        raise Malformed(
            "$.name", f"no name, but the id of a feature ({row.schemaId}) that only Labelbox knows"
        )
    return outcome_of(row.drawing(place), frame, notes)
