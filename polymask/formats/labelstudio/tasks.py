"""A task → a record for each of its images, which are a single one, pages, or several `Image` tags."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from msgspec.structs import replace

from polymask.codecs.pictures import frame_of_bytes
from polymask.formats.drawing.shapes import base64_bytes
from polymask.formats.labelstudio.names import EMBEDDED, address_in, embedded_name, image_name, source_name
from polymask.formats.labelstudio.regions import PlacedResult, Regions, Result, result_decoder
from polymask.formats.reading.content import members
from polymask.formats.reading.notes import Notes, Side
from polymask.formats.reading.refusals import Malformed, decode_json, inside
from polymask.formats.reading.texts.pages import Page, rows_at
from polymask.ledger import Omitted
from polymask.model import Frame, ImageRecord, Instance


class _Annotation(msgspec.Struct):
    result: list[msgspec.Raw]
    was_cancelled: bool | None = False


class _Task(msgspec.Struct):
    data: dict[str, Any]
    annotations: list[_Annotation] = []
    completions: list[_Annotation] = []  # what annotations were called before version 1.0
    predictions: list[Any] = []
    drafts: list[Any] = []
    id: int | str | None = None

    @property
    def drawings(self) -> list[_Annotation]:
        """The annotations, whatever they are called."""
        return [*self.annotations, *self.completions]

    def place(self, number: int) -> str:
        """Where the drawing of a number stands in the task."""
        count = len(self.annotations)
        return f"annotations[{number}]" if number < count else f"completions[{number - count}]"


class _Size(msgspec.Struct):
    original_height: Side
    original_width: Side


DRAWN = ("annotations", "completions")
_task = msgspec.json.Decoder(_Task)
_size = msgspec.json.Decoder(_Size)


def pages_of(page: Page) -> list[Page]:
    """A page for each image of a task; `part` is the image's page number, or the name of its tag."""
    try:
        task = page.decode(_task)
    except Malformed:
        return [page]  # reported when the page is parsed
    parts = _parts(task)
    return [replace(page, part=part) for part in parts] if parts else [page]


def _parts(task: _Task) -> Sequence[str]:
    """The page numbers or tags of a task with several images; empty for a single image."""
    regions = [result for text in _texts(task) if (result := _region(text))]
    tags = list(dict.fromkeys(row.to_name for row in regions if row.to_name))
    if len(tags) > 1:
        return tags
    lists = _lists(task)
    if any(row.item_index for row in regions) or (len(lists) == 1 and not address_in(task.data)):
        return [str(number) for number in range(len(lists[0]) if len(lists) == 1 else 1)]
    return ()


def _texts(task: _Task) -> Iterator[msgspec.Raw]:
    for annotation in task.drawings:
        yield from annotation.result


def _region(text: msgspec.Raw) -> Result | None:
    with suppress(Malformed):
        row = decode_json(text, result_decoder)
        return row if row.kind and row.is_region else None
    return None


def _lists(task: _Task) -> list[list[str]]:
    """The lists of addresses, which are lists of pages, in a task's data."""
    lists = [value for value in task.data.values() if isinstance(value, list) and value]
    return [value for value in lists if all(isinstance(address, str) for address in value)]


def _is_of(text: msgspec.Raw, page: Page, parts: Sequence[str]) -> bool:
    """Whether a result belongs to the page's image; results of no image belong to the first."""
    if not page.part:
        return True
    try:
        row = decode_json(text, result_decoder)
    except Malformed:
        return page.part == parts[0]
    part = str(row.item_index or 0) if parts[0].isdecimal() else row.to_name
    return page.part == (part if part in parts else parts[0])


def declared(page: Page) -> int:
    """How many results a page's image has; the first image counts predictions and drafts too."""
    if not page.part:
        return sum(rows_at(key, "*", "result")(page) for key in (*DRAWN, "predictions", "drafts"))
    task = page.decode(_task)
    parts = _parts(task)
    other_count = _results(task.predictions) + _results(task.drafts) if page.part == parts[0] else 0
    return sum(_is_of(text, page, parts) for text in _texts(task)) + other_count


def parse(page: Page, notes: Notes) -> ImageRecord:
    """The record of a page's image."""
    task = page.decode(_task)
    parts = _parts(task)
    address = _address(task, page, parts)
    key = str(task.id) + (f"-{page.part}" if page.part else "")
    embedded = address.startswith(EMBEDDED)
    if embedded and task.id is not None:
        name = embedded_name(address, key)
    else:
        with inside("$.data"):
            name = notes.image_name(source_name(address), image_name(address))
    rows = [
        _rows(annotation, f"{page.where}.{task.place(number)}.result", page, parts)
        for number, annotation in enumerate(task.drawings)
    ]
    frame = frame_of_results(rows, notes) or _frame_of_others(task, notes)
    frame = frame or (embedded_frame(address, notes) if embedded else notes.frame(name))
    pages = len(parts) if parts and parts[0].isdecimal() else 0
    instances: list[Instance] = []
    for number, annotation in enumerate(task.drawings):
        if annotation.was_cancelled:
            notes.leave_out(Omitted("withdrawn", "of a cancelled annotation"), len(rows[number]))
        else:
            instances += Regions(rows[number], number, frame, notes, pages=pages).instances()
    if not page.part or page.part == parts[0]:
        notes.leave_out(Omitted("prediction", "a prediction"), _results(task.predictions))
        notes.leave_out(Omitted("draft", "of a draft that was not submitted"), _results(task.drafts))
    identity = name if task.id is None else key if page.part else task.id
    return ImageRecord(identity, name, frame, tuple(instances))


def _rows(annotation: _Annotation, place: str, page: Page, parts: Sequence[str]) -> list[PlacedResult]:
    """The results of an annotation that belong to the page's image."""
    rows = enumerate(annotation.result)
    return [(index, f"{place}[{index}]", text) for index, text in rows if _is_of(text, page, parts)]


def _address(task: _Task, page: Page, parts: Sequence[str]) -> str:
    if not page.part:
        return address_in(task.data)
    if parts[0].isdecimal():
        lists = _lists(task)
        if len(lists) != 1:
            raise Malformed("$.data", "results are of pages, but no list of pages is in it, or several are")
        return lists[0][int(page.part)]
    address = task.data.get(page.part)
    if not isinstance(address, str):
        fields = ", ".join(task.data)
        raise Malformed(
            "$.data",
            f"results are of several images ({', '.join(parts)}), and no field ({fields}) is called "
            f"'{page.part}'; write into `to_name` of each result the field that has its image's address",
        )
    return address


def _results(rows: Sequence[Any]) -> int:
    """How many results predictions or drafts have; some exports hold only their ids."""
    results = [row.get("result") for row in rows if isinstance(row, dict)]
    return sum(len(result) for result in results if isinstance(result, list))


def frame_of_results(rows: Sequence[Sequence[PlacedResult]], notes: Notes) -> Frame | None:
    """The frame in the first result that has one."""
    for annotation in rows:
        for _, where, text in annotation:
            if "original_height" in members(text):
                with inside("$" + where.removeprefix(notes.page.where)):
                    size = decode_json(text, _size)
                    return notes.declared_frame(size.original_height, size.original_width)
    return None


def _frame_of_others(task: _Task, notes: Notes) -> Frame | None:
    """The frame of a task's only image, from its predictions and drafts."""
    if _parts(task) or _lists(task):
        return None
    for row in (*task.predictions, *task.drafts):
        for result in row.get("result") or () if isinstance(row, dict) else ():
            height, width = (result.get(f"original_{side}") for side in ("height", "width"))
            if isinstance(height, int | float | str) and isinstance(width, int | float | str):
                with inside("$.predictions"):
                    return notes.declared_frame(height, width)
    return None


def embedded_frame(address: str, notes: Notes) -> Frame:
    """The frame of a picture that is embedded in the file."""
    with inside("$.data"):
        return notes.declared_frame(*frame_of_bytes(base64_bytes(address), notes.page.file.path))
