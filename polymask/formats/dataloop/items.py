"""A Dataloop item with its annotations → an image record, for datasets and exports on disk alike."""

from dataclasses import replace
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

import msgspec

from polymask.formats.dataloop.annotations import (
    PAINTED,
    Annotation,
    has_all_sources,
    instance_of,
    is_as_stored,
    is_of_frame,
    is_picture,
    is_rotated_box,
    origins_in,
    polygon_ids,
    polygon_shapes,
)
from polymask.formats.reading.annotation_choice import FLAGGED, Choice, origin_of, origins_of, sources_of
from polymask.formats.reading.notes import UNKNOWN_FRAME, Notes, ReadAnnotation, Side, is_size
from polymask.formats.reading.refusals import Malformed, inside
from polymask.formats.reading.texts.pages import Page
from polymask.ledger import BOX, Omitted
from polymask.model import Frame, ImageRecord

_ROTATED = (5, 6, 7, 8)
BOTTOM_ORDER = -1.0  # paint order of masks that polymask wrote: below everything drawn later
UNDEFINED_ANGLE = "a rotated box: the platform does not document how its angle rotates it"
CHANGED = "{count} masks of ours that somebody brushed or relabeled are painted as they are now"
OPEN_ISSUE = "{count} annotations have an open QA issue and are painted; choose with --status"


class _System(msgspec.Struct):
    width: Side = None
    height: Side = None
    exif: dict[str, Any] | None = None
    mimetype: str | None = None


class _Metadata(msgspec.Struct):
    system: _System | None = None


class _Item(msgspec.Struct):
    annotations: msgspec.Raw = msgspec.Raw(b"[]")
    filename: str | None = None
    metadata: _Metadata | None = None
    itemMetadata: _Metadata | None = None  # noqa: N815 - the format's own word
    id: str | None = None


_item = msgspec.json.Decoder(_Item)


def parse(page: Page, notes: Notes) -> ImageRecord | None:
    """The record of an item; None for an item that is left out, for the reason in the notes."""
    item = page.decode(_item)
    if item.filename is None and item.metadata is None and item.itemMetadata is None and page.where != "$":
        raise Malformed("$.filename", "an item without a name")
    name = (item.filename or str(PurePosixPath(page.file.name).with_suffix(".jpg"))).lstrip("/")
    system = next((m.system for m in (item.metadata, item.itemMetadata) if m and m.system), _System())
    notes.image, picture = name, is_picture(system.mimetype, item.filename)
    frame = UNKNOWN_FRAME if picture is False else _frame(system, name, notes)
    make = _Maker(notes, frame, picture, item.annotations)
    instances = notes.make_instances(item.annotations, Annotation, "$.annotations", make.instance)
    if picture is False:
        notes.image_left_out = f"no picture ({system.mimetype or 'by its name'})"
    elif notes.options.choice.annotated_only and not instances:
        notes.image_left_out = "nothing to paint (--annotated-only)"
    return None if notes.image_left_out else ImageRecord(item.id or name, name, frame, instances)


class _Maker:
    """Makes instances of an item's annotations, and notes why others are omitted."""

    def __init__(self, notes: Notes, frame: Frame, picture: bool | None, rows: msgspec.Raw) -> None:  # noqa: FBT001
        self.notes, self.frame, self.picture, self.rows = notes, frame, picture, rows

    @cached_property
    def polygons(self) -> frozenset[str]:
        return polygon_ids(self.rows)

    @cached_property
    def shapes(self) -> frozenset[tuple[str, str]]:
        return polygon_shapes(self.rows)

    @cached_property
    def choice(self) -> Choice:
        """Which annotations of this item are read; several people may have drawn it."""
        choice = self.notes.options.choice
        return choice if choice.annotator is None else choice.among(origins_in(self.rows))

    def instance(self, index: int, row: Annotation) -> ReadAnnotation:
        key, notes = row.id or index, self.notes
        if row.type == "file":
            raise Malformed("$", "an item among annotations; take the list of items out of what is around it")
        if is_rotated_box(row):
            rotated_box = Omitted("unsupported", UNDEFINED_ANGLE, f"annotation {key}")
            return rotated_box if notes.options.boxes else Omitted("unsegmented", "a rotated box")
        if row.type == "box" and not notes.options.boxes:
            return BOX
        if row.type not in (*PAINTED, "box"):
            return Omitted("tag" if row.type == "class" else "unsegmented", f"type '{row.type}'")
        untouched_mask = self._is_untouched_mask(row)
        if omitted := self._omission(row, f"annotation {key}", untouched_mask=untouched_mask):
            return omitted
        if sources_of(row.metadata) and not untouched_mask:
            notes.remarks[CHANGED] += 1
        if origin_of(row.creator, row.metadata).status == FLAGGED and not notes.options.choice.status:
            notes.remarks[OPEN_ISSUE] += 1
        instance = instance_of(row, key, self.frame, notes.options.limits, frame_unknown=notes.frame_unknown)
        return replace(instance, order=BOTTOM_ORDER) if untouched_mask else instance

    def _is_untouched_mask(self, row: Annotation) -> bool:
        """Whether an annotation is a mask that polymask wrote and nobody changed."""
        if row.type != "binary" or not sources_of(row.metadata):
            return False
        return is_as_stored(row, self.notes.options.limits)

    def _omission(self, row: Annotation, name: str, *, untouched_mask: bool) -> Omitted | None:
        if untouched_mask and has_all_sources(row, self.polygons, lambda: self.shapes):
            return Omitted("ours", "a mask of ours whose polygons are all there", name)
        choice, authors = self.choice, (row.creator, row.metadata)
        refusals = map(choice.refusal, origins_of(*authors) if untouched_mask else [origin_of(*authors)])
        if reason := next((reason for reason in refusals if reason), None):
            return Omitted("choice", reason, name)
        if is_of_frame(row, picture=self.picture):
            return Omitted("unsupported", "an annotation of a video frame; only pictures are converted", name)
        return None


def _frame(system: _System, name: str, notes: Notes) -> Frame:
    with inside("$.metadata.system"):
        if not is_size(system.height, system.width):
            return notes.frame(name)
        height, width = notes.declared_frame(system.height, system.width)
    rotated = (system.exif or {}).get("Orientation") in _ROTATED
    return (width, height) if rotated else (height, width)
