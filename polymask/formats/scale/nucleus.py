"""Scale's Nucleus: a line per annotation, grouped by the item that it names.

The files of a folder are one export: an item's polygons and its mask may be lines of different files.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

import msgspec

from polymask.codecs.picture_files import PictureFinder
from polymask.formats import ReadOptions
from polymask.formats.drawing.legend import Codes, check_same, frame_of, legend_of, painted
from polymask.formats.reading.content import Content
from polymask.formats.reading.images.addresses import picture_of
from polymask.formats.reading.notes import MALFORMED, Notes, ReadAnnotation
from polymask.formats.reading.refusals import Refusals, decode_json, inside
from polymask.formats.reading.texts.lines import json_lines
from polymask.formats.reading.texts.pages import Page
from polymask.formats.scale.shapes import mask_at, outcome_of
from polymask.ledger import Omitted
from polymask.model import ImageRecord, Instance, Skipped
from polymask.storage.image_names import local_name
from polymask.storage.source_files import File

CATEGORY = Omitted("tag", "a category of the whole image")
_CATEGORIES = ("category", "multicategory", "scene_category")
_ITEM = "item "


class _Entry(msgspec.Struct):
    label: str
    index: int


class _Row(msgspec.Struct):
    reference_id: str
    type: str
    label: str = ""
    geometry: msgspec.Raw = msgspec.Raw(b"{}")
    annotation_id: str | None = None
    mask_url: str | None = None
    annotations: list[_Entry] = []


_lines = msgspec.json.Decoder(list[tuple[str, int | str, msgspec.Raw]])
_row = msgspec.json.Decoder(_Row)


def is_item(page: Page) -> bool:
    """Whether a page holds an item's lines, not a task."""
    return page.where.startswith(_ITEM)


@dataclass(slots=True)
class _Lines:
    """The lines of an item, with their places, and the files that they are from."""

    files: dict[str, File] = field(default_factory=dict)
    rows: list[tuple[File, int, bytes | msgspec.Raw]] = field(default_factory=list)

    def add(self, file: File, number: int, line: bytes | msgspec.Raw) -> None:
        self.files[file.name] = file
        self.rows.append((file, number, line))

    def page(self, key: str) -> Page:
        """The page of the item; of several files it names the folder, and each place its file."""
        first, *more = self.files.values()
        lines = []
        for file, number, line in self.rows:
            place = f"{PurePosixPath(file.name).name}: line {number}" if more else f"line {number}"
            lines.append((f"{place}: $", place if more else number, msgspec.Raw(line)))
        file = replace(first, path=first.path.parent) if more else first
        return Page(file, f"{_ITEM}{key!r}", msgspec.json.encode(lines))


def pages(contents: Iterable[Content], options: ReadOptions, skipped: list[Skipped]) -> Iterator[Page]:
    """A page for each item, with all its lines from anywhere in the files of one folder."""
    items: dict[tuple[PurePosixPath, str], _Lines] = {}
    for content in contents:
        file = content.place.file(content.name)
        refusals = Refusals(file.path, skip=options.skip_invalid)
        for number, line in _rows(content, refusals):
            if row := refusals.catch(f"line {number}: $", decode_json, line, _row):
                item = PurePosixPath(file.name).parent, row.reference_id
                items.setdefault(item, _Lines()).add(file, number, line)
        skipped += refusals.skipped
    yield from (lines.page(key) for (_, key), lines in items.items())


def _rows(content: Content, refusals: Refusals) -> Iterator[tuple[int, bytes | msgspec.Raw]]:
    if content.is_list:
        yield from enumerate(refusals.required(content.json, msgspec.json.Decoder(list[msgspec.Raw])), 1)
    elif content.is_lines:
        yield from json_lines(content, refusals)
    else:
        yield 1, content.json


def declared(page: Page) -> int:
    """How many annotations and segments an item's lines have."""
    rows = (decode_json(line, _row) for *_, line in page.decode(_lines))
    return sum(1 if row.mask_url is None else len(row.annotations) for row in rows)


def parse(page: Page, notes: Notes, pictures: PictureFinder) -> ImageRecord:
    """An item's record."""
    rows = [(where, number, decode_json(line, _row)) for where, number, line in page.decode(_lines)]
    rows.sort(key=lambda row: row[2].mask_url is None)  # a mask covers the picture: objects lie above it
    key = rows[0][2].reference_id
    name = notes.image_name(key, picture_of(key, pictures, beside=page.file.name) or local_name(key))
    masks: dict[str, Codes] = {}
    for where, _, row in rows:
        if row.mask_url is not None:
            codes = notes.refusals.catch(f"{where}.mask_url", _mask, row.mask_url, masks, notes)
            masks |= {} if codes is None else {where: codes}
    frame = next((frame_of(codes) for codes in masks.values()), None) or notes.frame(name)
    instances: list[Instance] = []
    for where, number, row in rows:
        if row.mask_url is None:
            instances += notes.take(where, _instance, row, number, notes)
        else:
            instances += _masked(row, where, masks.get(where), notes)
    return ImageRecord(key, name, frame, tuple(instances))


def _mask(address: str, other_masks: dict[str, Codes], notes: Notes) -> Codes:
    codes = mask_at(address, notes)
    for mask in other_masks.values():
        check_same(frame_of(mask), codes, "an image")
    return codes


def _masked(row: _Row, where: str, codes: Codes | None, notes: Notes) -> tuple[Instance, ...]:
    """The segments of a mask; all count as malformed if the mask or its legend is."""
    segments = None if codes is None else notes.refusals.catch(where, _segments, row, codes, notes)
    if segments is None:
        notes.leave_out(MALFORMED, len(row.annotations))
    return segments or ()


def _segments(row: _Row, codes: Codes, notes: Notes) -> tuple[Instance, ...]:
    with inside("$.annotations"):
        legend = legend_of((entry.index, entry.label) for entry in row.annotations)
    return painted(codes, legend, notes)


def _instance(row: _Row, number: int | str, notes: Notes) -> ReadAnnotation:
    if row.type in _CATEGORIES:
        return CATEGORY
    key = row.annotation_id or number
    return outcome_of(key, row.type, label=row.label, geometry=row.geometry, place="$.geometry", notes=notes)
