"""Dataloop annotation JSON: what `dataset.export` gives and `download_annotations` leaves in `json/`.

A file is an item with its `annotations`, or a list of such items. Every ring of a polygon is
kept; the rings after the first are filled even-odd with it, so a ring inside is a hole and a ring
beside is a part. The platform does not document what they mean; its studio draws holes so.
`segment` and `binary` annotations are painted; others are no segmentation, and counted.
Source: Dataloop's documentation, "Image annotation - JSON"; dtlpy for `binary`.
"""

from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

import msgspec

from polymask.formats import Annotations, ReadOptions
from polymask.formats.reading.choice import FLAGGED, origin_of, origins_of
from polymask.formats.reading.content import Content
from polymask.formats.reading.dataloop_rows import (
    PAINTED,
    Annotation,
    instance_of,
    is_of_frame,
    is_picture,
    polygon_ids,
    says_nothing_new,
)
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.records import NOT_SEEN, Made, Notes, Page, files, gather, listed_pages, rows_at
from polymask.formats.reading.refusals import Malformed, inside
from polymask.ledger import BOX, Omitted
from polymask.model import Frame, ImageRecord
from polymask.storage.source_files import File

MANY = True

FACTS = Facts(
    title="Dataloop export",
    source="Dataloop's documentation, “Image annotation - JSON”; dtlpy for `binary`",
    files="A `.json` file an item (`json/` of `dataset.download_annotations`), or a list of items "
    "(`dataset.export`); a folder is read with all the `.json` files below it.",
    sniffed="an object with `annotations` and `filename`, `itemId` or `_id`, or a list of such",
    read=(
        ("filename", "the image's name, without the leading `/`; else the JSON file's"),
        (
            "metadata.system.width, height",
            "the frame (`itemMetadata` in some exports); EXIF orientations 5 to 8 "
            "swap them; where missing, that of the picture below `--images`",
        ),
        (
            "metadata.system.mimetype",
            "tells pictures from videos, else the name does; items that are no pictures are left out",
        ),
        ("annotations[].type", "`segment` and `binary` are painted"),
        ("annotations[].label", "the label"),
        ("annotations[].coordinates", "rings of x, y in pixels; of `binary` a PNG in base64"),
        (
            "annotations[].creator, metadata.system.status",
            "whose it is, and what QA says of it: `--creator`, `--status`",
        ),
        (
            "annotations[].metadata.user.model, metadata.system.model",
            "a model with a name, an id or a confidence: a prediction (`--predictions`, `--min-confidence`)",
        ),
        (
            "annotations[].metadata.user.polymask",
            "a mask of ours: left out where all its polygons are there, painted below the others elsewhere",
        ),
    ),
    ignored="Attributes, `objectId`, dates, `parentId`; `frame` and `snapshots_`, unless nothing tells the "
    "item's type; `automated`, which the SDK sets for whatever a script uploads.",
    rings="Extra rings are filled even-odd with the first: inside it they are holes, beside it parts.",
    order="File order; the platform has no other.",
    labels="Sorted by name: an export has neither ids nor the recipe, so that a dataset read from "
    "`dataloop://…`, which has the recipe's order, numbers them differently; `--labels` makes both the same.",
    frame="As the item says.",
    limits=(
        "Boxes (but with `--boxes`), points, polylines and classes paint nothing, and are counted.",
        "Of a mask, pixels with an alpha above 127 count, as in dtlpy.",
        "Predictions are left out and listed, unless --predictions asks for them.",
    ),
    sample="dataloop/json/boat.json",
)

_TURNED = (5, 6, 7, 8)
OPEN_ISSUE = "{count} annotations have an open QA issue and are painted; choose with --status"


class _System(msgspec.Struct):
    width: float | None = None
    height: float | None = None
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


def sniff(content: Content) -> bool:
    """Whether the file is an item with its annotations, a list of such, or a studio's bare `annotations`."""
    keys = content.keys
    named = bool(keys & {"filename", "itemId", "itemMetadata"}) or keys == {"annotations"}
    return "annotations" in keys and "images" not in keys and named


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each item."""
    pages = [page for file in files(content, "*.json") for page in _pages(file)]
    return gather(
        content,
        options,
        pages,
        format="dataloop",
        parse=parse,
        declares=rows_at("annotations"),
        keep_originals=True,
    )


def _pages(file: File) -> list[Page]:
    content = Content(file)
    if not content.is_json or not content.is_list:
        return [Page(file)]
    return listed_pages(file, content.json)


def parse(page: Page, notes: Notes) -> ImageRecord | None:
    """One item's record; None for an item that is left out, which the notes tell."""
    item = page.decode(_item)
    if item.filename is None and item.metadata is None and item.itemMetadata is None and page.where != "$":
        raise Malformed("$.filename", "an item without a name")
    name = (item.filename or str(PurePosixPath(page.file.name).with_suffix(".jpg"))).lstrip("/")
    system = next((m.system for m in (item.metadata, item.itemMetadata) if m and m.system), _System())
    notes.image, picture = name, is_picture(system.mimetype, item.filename)
    frame = NOT_SEEN if picture is False else _frame(system, name, notes)
    make = _Maker(notes, frame, picture, item.annotations)
    instances = notes.each(item.annotations, Annotation, "$.annotations", make.instance)
    if picture is False:
        notes.image_left_out = f"no picture ({system.mimetype or 'by its name'})"
    elif notes.options.choice.annotated_only and not instances:
        notes.image_left_out = "nothing to paint (--annotated-only)"
    return None if notes.image_left_out else ImageRecord(item.id or name, name, frame, instances)


class _Maker:
    """Makes instances of an item's annotations, and notes what becomes of the others."""

    def __init__(self, notes: Notes, frame: Frame, picture: bool | None, rows: msgspec.Raw) -> None:  # noqa: FBT001
        self.notes, self.frame, self.picture, self.rows = notes, frame, picture, rows

    @cached_property
    def polygons(self) -> frozenset[str]:
        return polygon_ids(self.rows)

    def instance(self, index: int, row: Annotation) -> Made:
        key, notes = row.id or index, self.notes
        if row.type == "file":
            raise Malformed("$", "an item among annotations; take the list of items out of what is around it")
        if row.type == "box" and not (notes.options.boxes or row.angle):
            return BOX
        if row.type not in (*PAINTED, "box") or row.angle:
            return Omitted("tag" if row.type == "class" else "unsegmented", f"type '{row.type}'")
        if omitted := self._omitted(row, f"annotation {key}"):
            return omitted
        if origin_of(row.creator, row.metadata).status == FLAGGED and not notes.options.choice.status:
            notes.remarks[OPEN_ISSUE] += 1
        return instance_of(row, key, self.frame, notes.options.limits, unseen=notes.unseen)

    def _omitted(self, row: Annotation, what: str) -> Omitted | None:
        if row.type == "binary" and says_nothing_new(row, self.polygons):
            return Omitted("ours", "a mask of ours whose polygons are all there", what)
        choice = self.notes.options.choice
        refusals = map(choice.refusal, origins_of(row.creator, row.metadata))
        if reason := next((reason for reason in refusals if reason), None):
            return Omitted("choice", reason, what)
        if is_of_frame(row, picture=self.picture):
            return Omitted("unsupported", "an annotation of a video frame; only pictures are converted", what)
        return None


def _frame(system: _System, name: str, notes: Notes) -> Frame:
    if system.width is None or system.height is None:
        return notes.frame(name)
    with inside("$.metadata.system"):
        height, width = notes.told_frame(system.height, system.width)
    turned = (system.exif or {}).get("Orientation") in _TURNED
    return (width, height) if turned else (height, width)
