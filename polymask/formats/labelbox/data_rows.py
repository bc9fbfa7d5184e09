"""Rows of current exports (v2): a data row with the labels of several projects and people."""

from typing import Any

import msgspec

from polymask.formats.labelbox.objects import GEOGRAPHIC, NULL, OF_VIDEO, DrawnObject, MaskPicture, outcome_of
from polymask.formats.reading.notes import Notes, ReadAnnotation, Side
from polymask.formats.reading.refusals import Malformed, decode_json, inside
from polymask.formats.reading.texts.pages import Page, rows_at
from polymask.ledger import Omitted
from polymask.model import Frame, ImageRecord, Instance

KEYS = frozenset({"data_row", "projects"})
_BELOW = ("projects", "*", "labels", "*", "annotations")
OTHER_MEDIA = {  # what a row may be of, by `asset_type` or the first part of `mime_type`
    "video": "a video",
    "text": "a text",
    "audio": "a sound",
    "document": "a document",
    "html": "a page of HTML",
    "conversational": "a conversation",
}
PDF = "application/pdf"
_LISTS = ("objects", "classifications", "relationships")


class _Details(msgspec.Struct):
    dataset_name: str | None = None


class _DataRow(msgspec.Struct):
    id: str
    external_id: str | None = None
    global_key: str | None = None
    details: _Details = msgspec.field(default_factory=_Details)


class Media(msgspec.Struct):
    """The size and the type of a row's picture."""

    height: Side = None
    width: Side = None
    mime_type: str | None = None
    asset_type: str | None = None

    @property
    def no_picture(self) -> str:
        """Why it is no picture; nothing where it may be one."""
        kind = (self.asset_type or "").lower()
        kind = kind if kind in OTHER_MEDIA else (self.mime_type or "").partition("/")[0]
        kind = "document" if self.mime_type == PDF else kind
        return f"{OTHER_MEDIA[kind]}; only pictures are converted" if kind in OTHER_MEDIA else ""

    def frame(self, name: str, notes: Notes, where: str) -> Frame:
        """The declared frame, else the picture's."""
        with inside(where):
            return notes.declared_frame(self.height, self.width, name=name)


class _Mask(msgspec.Struct):
    url: str
    color_rgb: tuple[int, int, int] | None = None


class _Object(msgspec.Struct):
    name: str
    feature_id: str | None = None
    annotation_kind: str = ""
    polygon: msgspec.Raw = NULL
    bounding_box: msgspec.Raw = NULL
    mask: _Mask | None = None
    composite_mask: _Mask | None = None

    def drawing(self, index: int) -> DrawnObject:
        """The object in the form that all dialects share."""
        mask = self.mask or self.composite_mask
        return DrawnObject(
            key=self.feature_id or index,
            name=self.name,
            kind=self.annotation_kind,
            polygon=self.polygon,
            box=self.bounding_box,
            mask=MaskPicture(address=mask.url, color=mask.color_rgb) if mask else None,
            geographic=self.annotation_kind.startswith("Geo"),
        )


class _Kind(msgspec.Struct):
    annotation_kind: str = ""


class _Frame(msgspec.Struct):
    objects: dict[str, Any] = {}
    classifications: list[Any] = []


class _Annotations(msgspec.Struct):
    objects: msgspec.Raw = msgspec.Raw(b"[]")
    classifications: list[Any] = []
    relationships: list[Any] = []
    frames: dict[str, _Frame] = {}


class _Label(msgspec.Struct):
    annotations: _Annotations = msgspec.field(default_factory=_Annotations)


class _Project(msgspec.Struct):
    labels: list[_Label] = []


class _Row(msgspec.Struct):
    data_row: _DataRow
    projects: dict[str, _Project]
    media_attributes: Media = msgspec.field(default_factory=Media)


_row = msgspec.json.Decoder(_Row)
_kinds = msgspec.json.Decoder(list[_Kind])


def declared(page: Page) -> int:
    """How many annotations a row has."""
    count = sum(rows_at(*_BELOW, name)(page) for name in _LISTS)
    return count + sum(rows_at(*_BELOW, "frames", "*", name)(page) for name in _LISTS[:2])


def parse(page: Page, notes: Notes) -> ImageRecord | None:
    """The record of a row; None for a video, and for annotations in longitude and latitude."""
    row = page.decode(_row)
    key = row.data_row
    with inside("$.data_row"):
        notes.image = name = notes.image_name(key.external_id or key.global_key or key.id)
    global_key = key.global_key or ""
    notes.groups = (key.details.dataset_name or "", global_key.rpartition("/")[0], global_key)
    labels = [
        (f"$.projects[{project!r}].labels[{number}].annotations.objects", label.annotations)
        for project, content in row.projects.items()
        for number, label in enumerate(content.labels)
    ]
    notes.image_left_out = _no_picture(row, [annotations for _, annotations in labels])
    frame = (1, 1) if notes.image_left_out else row.media_attributes.frame(name, notes, "$.media_attributes")
    instances: list[Instance] = []
    for where, annotations in labels:
        instances += notes.make_instances(
            annotations.objects,
            _Object,
            where,
            lambda index, row_object: _outcome(row_object.drawing(index), frame, notes),
        )
        _leave_out(annotations, notes)
    return None if notes.image_left_out else ImageRecord(key.id, name, frame, tuple(instances))


def _outcome(drawing: DrawnObject, frame: Frame, notes: Notes) -> ReadAnnotation:
    outcome = outcome_of(drawing, frame, notes)
    if notes.image_left_out and (isinstance(outcome, Instance) or outcome.kind == "unsupported"):
        return Omitted("unsupported", notes.image_left_out, f"object {drawing.key}")
    return outcome


def _no_picture(row: _Row, labels: list[_Annotations]) -> str:
    """Why a row's picture cannot be painted; an empty text where it can."""
    if reason := row.media_attributes.no_picture:
        return reason
    if row.media_attributes.height is not None:
        return ""
    kinds = [kind.annotation_kind for annotations in labels for kind in _kinds_in(annotations.objects)]
    return GEOGRAPHIC if kinds and all(kind.startswith("Geo") for kind in kinds) else ""


def _kinds_in(objects: msgspec.Raw) -> list[_Kind]:
    try:
        return decode_json(objects, _kinds)
    except Malformed:
        return []  # reported when the instances are made


def _leave_out(annotations: _Annotations, notes: Notes) -> None:
    """Count the annotations that are no objects of a picture: classes, relations, a video's objects."""
    notes.leave_out(Omitted("tag", "a classification"), len(annotations.classifications))
    notes.leave_out(Omitted("tag", "a relationship"), len(annotations.relationships))
    for number, frame in annotations.frames.items():
        for key in frame.objects:
            notes.leave_out(Omitted("unsupported", OF_VIDEO, f"object {key} in frame {number}"))
        notes.leave_out(Omitted("tag", "a classification"), len(frame.classifications))
