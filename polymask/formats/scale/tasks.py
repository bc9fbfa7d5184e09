"""Scale's tasks: annotations in the response, or a mask and its legend."""

from collections.abc import Iterator

import msgspec

from polymask.formats.drawing.legend import frame_of, legend_of, painted
from polymask.formats.reading.content import Content, members
from polymask.formats.reading.notes import Notes, ReadAnnotation
from polymask.formats.reading.refusals import Malformed, Refusals, decode_json, inside
from polymask.formats.reading.texts.lines import json_lines
from polymask.formats.reading.texts.pages import Page, listed_pages, rows_at
from polymask.formats.scale.shapes import mask_at, outcome_of
from polymask.ledger import Omitted
from polymask.model import ImageRecord

DOCS = "docs"


class _Params(msgspec.Struct):
    attachment: str


class _Task(msgspec.Struct):
    task_id: str
    params: _Params
    response: msgspec.Raw = msgspec.Raw(b"null")


class _Response(msgspec.Struct):
    annotations: msgspec.Raw
    labelMapping: dict[str, msgspec.Raw] | None = None  # noqa: N815 - the format's own word


class _Annotation(msgspec.Struct):
    label: str
    type: str = "polygon"
    uuid: str | None = None


class _Combined(msgspec.Struct):
    indexedImage: str | None = None  # noqa: N815
    extendedIndexedImage: str | None = None  # noqa: N815


class _Masks(msgspec.Struct):
    combined: _Combined


class _Segment(msgspec.Struct):
    index: int


_task = msgspec.json.Decoder(_Task)
_response = msgspec.json.Decoder(_Response)
_annotation = msgspec.json.Decoder(_Annotation)
_masks = msgspec.json.Decoder(_Masks)
_segment = msgspec.json.Decoder(_Segment)


def pages(content: Content) -> Iterator[Page]:
    """A page for each task."""
    file = content.place.file(content.name)
    if content.is_list:
        yield from listed_pages(file, content.json)
    elif DOCS in content.keys:
        yield from listed_pages(file, content.top[DOCS], at=f"$.{DOCS}")
    elif content.is_lines:
        lines = json_lines(content, Refusals(file.path, skip=False))
        yield from (Page(file, f"line {number}: $", line) for number, line in lines)
    else:
        yield Page(file, "$", content.json)


def declared(page: Page) -> int:
    """How many annotations or segments a task has."""
    response = members(members(page.json).get("response", b""))
    if mapping := members(response.get("labelMapping", b"")):
        return sum(len(_segment_rows(text)) for text in mapping.values())
    return rows_at("response", "annotations")(page)


def parse(page: Page, notes: Notes) -> ImageRecord | None:
    """The record of a task; None for a task without a response yet, which the notes list."""
    task = page.decode(_task)
    if bytes(task.response) in (b"null", b"{}"):
        notes.image, notes.no_image = f"{page.file.name}: {page.where}", True
        notes.leave_out(Omitted("unsupported", "the task has no response yet", f"task {task.task_id}"))
        return None
    with inside("$.params.attachment"):
        name = notes.image_name(task.params.attachment)
    with inside("$.response"):
        response = decode_json(task.response, _response)
    if response.labelMapping is not None:
        return _segmented(task, name, response, notes)
    frame = notes.frame(name)

    def make(index: int, text: msgspec.Raw) -> ReadAnnotation:
        row = decode_json(text, _annotation)
        return outcome_of(row.uuid or index, row.type, label=row.label, geometry=text, place="$", notes=notes)

    instances = notes.make_instances(response.annotations, msgspec.Raw, "$.response.annotations", make)
    return ImageRecord(task.task_id, name, frame, instances)


def _segmented(task: _Task, name: str, response: _Response, notes: Notes) -> ImageRecord:
    assert response.labelMapping is not None
    with inside("$.response.labelMapping"):
        legend = legend_of(_indices(response.labelMapping))
    with inside("$.response.annotations"):
        images = decode_json(response.annotations, _masks).combined
        fits_8_bits = max(legend, default=0) <= 255 and images.indexedImage is not None
        address = images.indexedImage if fits_8_bits else images.extendedIndexedImage
        if address is None:
            raise Malformed("$.combined", "no indexedImage that holds every index, nor an extended one")
        codes = mask_at(address, notes)
        instances = painted(codes, legend, notes)
    return ImageRecord(task.task_id, name, frame_of(codes), instances)


def _indices(mapping: dict[str, msgspec.Raw]) -> Iterator[tuple[int, str]]:
    for label, text in mapping.items():
        for number, row in enumerate(_segment_rows(text)):
            with inside(f"$.{label}[{number}]"):
                yield decode_json(row, _segment).index, label


def _segment_rows(text: msgspec.Raw) -> list[msgspec.Raw]:
    """A label's segments, which are written as a list or as a single object."""
    return (
        msgspec.json.decode(text, type=list[msgspec.Raw]) if bytes(memoryview(text)[:1]) == b"[" else [text]
    )
