"""Labelbox's older exports (v1 and before): a JSON list of labels with `Labeled Data`.

Each row is one person's label, so several rows may belong to one picture. Before v1, the keys of
`Label` were the class names, with rings below them, directly or in `geometry`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from polymask.formats.labelbox.data_rows import Media
from polymask.formats.labelbox.objects import NULL, OF_VIDEO, DrawnObject, MaskPicture, outcome_of
from polymask.formats.reading.content import members
from polymask.formats.reading.notes import Notes, ReadAnnotation
from polymask.formats.reading.refusals import decode_json, inside
from polymask.formats.reading.texts.grouped import rows_of
from polymask.formats.reading.texts.pages import Page
from polymask.ledger import Omitted
from polymask.model import Frame, ImageRecord, Instance

KEYS = frozenset({"Labeled Data", "Label"})
_Y_FROM_TOP = (
    "{count} objects of an old export whose labels are keys: y is counted from the top, as Labelbox has done "
    "since 2019; look at the masks (`polymask preview`), for exports of 2018 may count it from the bottom"
)


class _Row(msgspec.Struct):
    label: msgspec.Raw = msgspec.field(name="Label", default=NULL)
    address: str = msgspec.field(name="Labeled Data", default="")
    external_id: str | None = msgspec.field(name="External ID", default=None)
    data_row: str | None = msgspec.field(name="DataRow ID", default=None)
    id: str | None = msgspec.field(name="ID", default=None)
    media: Media | None = msgspec.field(name="Media Attributes", default=None)
    is_skipped: bool | None = msgspec.field(name="Skipped", default=None)

    @property
    def image(self) -> str:
        """The name that identifies the picture."""
        return self.data_row or self.external_id or self.address or self.id or ""


class _Object(msgspec.Struct):
    title: str = ""
    value: str = ""
    featureId: str | None = None  # noqa: N815 - the format's own words
    polygon: msgspec.Raw = NULL
    bbox: msgspec.Raw = NULL
    point: msgspec.Raw = NULL
    line: msgspec.Raw = NULL
    geometry: msgspec.Raw = NULL
    instanceURI: str = ""  # noqa: N815

    def drawing(self, index: int) -> DrawnObject:
        """The object in the form that all dialects share; it is a mask only if it has no other shape."""
        pointers = {"point": self.point, "line": self.line, "geometry": self.geometry}
        kind = next((word for word, text in pointers.items() if bytes(text) != b"null"), "")
        return DrawnObject(
            key=self.featureId or index,
            name=self.title or self.value,
            kind=kind or "object",
            polygon=self.polygon,
            box=self.bbox,
            mask=MaskPicture(address=self.instanceURI) if self.instanceURI and not kind else None,
            geographic=kind == "geometry",
        )


class _Label(msgspec.Struct):
    objects: msgspec.Raw = msgspec.Raw(b"[]")
    classifications: list[Any] = []
    relationships: list[Any] = []
    frames: msgspec.Raw = NULL


_row = msgspec.json.Decoder(_Row)
_label = msgspec.json.Decoder(_Label)
_ring = msgspec.json.Decoder(list[dict[str, float]])
_list = msgspec.json.Decoder(list[msgspec.Raw])
_LISTS = ("objects", "classifications", "relationships", "frames")


def key_of(text: bytes | msgspec.Raw) -> str:
    """The key that the rows of one picture share; raises `Malformed`."""
    return decode_json(text, _row).image


def declared(page: Page) -> int:
    """How many annotations the rows of a picture have."""
    return sum(_declared(members(members(row).get("Label", NULL))) for _, row in rows_of(page))


def _declared(label: Mapping[str, msgspec.Raw]) -> int:
    lists = [label[name] for name in _LISTS if name in label]
    return sum(_length(text) for text in (lists or label.values()))


def _length(text: msgspec.Raw) -> int:
    return len(_list.decode(text)) if bytes(text).lstrip()[:1] == b"[" else 1


def parse(page: Page, notes: Notes) -> ImageRecord | None:
    """The record of a picture's rows; None where all of them were skipped by their labelers."""
    rows = [(place, decode_json(text, _row)) for place, text in rows_of(page)]
    _, first = rows[0]
    with inside(rows[0][0]):
        notes.image = name = notes.image_name(first.external_id or first.address or first.image)
        labels = [(place, row) for place, row in rows if not _is_skipped(row)]
        if not labels:
            notes.image_left_out = "without a label: skipped, or not labeled yet"
            return None
        frame = (first.media or Media()).frame(name, notes, "$['Media Attributes']")
    instances = tuple(instance for place, row in labels for instance in _instances(place, row, frame, notes))
    return ImageRecord(first.data_row or first.id or name, name, frame, instances)


def _is_skipped(row: _Row) -> bool:
    """Whether a row has no label, or a word such as `"Skip"` in its place."""
    return bool(row.is_skipped) or bytes(row.label).lstrip()[:1] != b"{"


def _instances(place: str, row: _Row, frame: Frame, notes: Notes) -> Iterator[Instance]:
    keys, where = members(row.label), f"{place}.Label"
    if not any(name in keys for name in _LISTS):
        yield from _by_class(where, keys, notes)
        return
    with inside(where):
        label = decode_json(row.label, _label)
    yield from notes.make_instances(
        label.objects,
        _Object,
        f"{where}.objects",
        lambda index, row_object: outcome_of(row_object.drawing(index), frame, notes),
    )
    notes.leave_out(Omitted("tag", "a classification"), len(label.classifications))
    notes.leave_out(Omitted("tag", "a relationship"), len(label.relationships))
    if bytes(label.frames) != b"null":
        for _ in range(_length(label.frames)):
            notes.leave_out(Omitted("unsupported", OF_VIDEO, "the frames of a video"))


def _by_class(where: str, keys: Mapping[str, msgspec.Raw], notes: Notes) -> Iterator[Instance]:
    """The rings below each class name; texts and lists of texts there are classifications."""
    for name, text in keys.items():
        place = f"{where}[{name!r}]"
        rows = _list.decode(text) if bytes(text).lstrip()[:1] == b"[" else [text]
        for index, ring in enumerate(rows):
            yield from notes.take(f"{place}[{index}]", _ring_of, f"{place}[{index}]", name, ring, notes)


def _ring_of(place: str, name: str, text: msgspec.Raw, notes: Notes) -> ReadAnnotation:
    keys = members(text)
    points = keys.get("geometry", text)
    start = bytes(points).lstrip()[:1]
    if start == b'"' and bytes(points).lstrip(b'"').lstrip().upper().startswith(
        (b"POLYGON", b"MULTIPOLYGON")
    ):
        return Omitted("unsupported", "a shape as well-known text; export it as JSON with x and y", place)
    if start != b"[":
        return Omitted("tag", "a classification")
    notes.remarks[_Y_FROM_TOP] += 1
    drawing = DrawnObject(key=place, name=name, polygon=points)
    return outcome_of(drawing, (1, 1), notes)
