"""The JSON-MIN export: a row per annotation, with the task's data, and results by tag without types."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

import msgspec

from polymask.codecs.pictures import SUFFIXES
from polymask.formats.labelstudio.names import EMBEDDED, address_in, embedded_name, image_name, source_name
from polymask.formats.labelstudio.regions import KIND_BY_KEY, LABELS, PlacedResult, Regions
from polymask.formats.labelstudio.tasks import embedded_frame, frame_of_results
from polymask.formats.reading.content import members
from polymask.formats.reading.notes import Notes
from polymask.formats.reading.refusals import Malformed, decode_json, inside
from polymask.formats.reading.texts.grouped import rows_of
from polymask.formats.reading.texts.pages import Page
from polymask.ledger import Omitted
from polymask.model import ImageRecord, Instance

KEYS = frozenset({"annotation_id", "annotator"})
_JSON_ADVICE = "; export as JSON, which says it"

_list = msgspec.json.Decoder(list[msgspec.Raw])
_text = msgspec.json.Decoder(str)

Row = Mapping[str, msgspec.Raw]


class _Task(msgspec.Struct):
    id: int | str | None = None


_task = msgspec.json.Decoder(_Task)


def task_of(text: bytes | msgspec.Raw) -> str:
    """The id that the annotations of a task share; raises `Malformed`."""
    key = decode_json(text, _task).id
    if key is None:
        raise Malformed("$", "no id of a task")
    return str(key)


def declared(page: Page) -> int:
    """How many results the annotations of a task have."""
    return sum(len(list(_results(place, members(text)))) for place, text in rows_of(page))


def parse(page: Page, notes: Notes) -> ImageRecord:
    """The record of a task's annotations."""
    rows = [(place, members(text)) for place, text in rows_of(page)]
    results_of_rows = [list(_results(place, row)) for place, row in rows]
    place, first_row = rows[0]
    with inside(place):
        key = first_row.get("id")
        identity = decode_json(key, _key) if key else None
        address = _address(first_row, has_results=any(results_of_rows))
        embedded = address.startswith(EMBEDDED)
        if embedded and key:
            name = embedded_name(address, str(identity))
        else:
            name = notes.image_name(source_name(address), image_name(address))
    frame = frame_of_results(results_of_rows, notes)
    frame = frame or (embedded_frame(address, notes) if embedded else notes.frame(name))
    instances: list[Instance] = []
    for number, results in enumerate(results_of_rows):
        regions, other_count, repeated_count = _sorted(results)
        notes.leave_out(Omitted("tag", "a result that is no region"), other_count)
        instances += Regions(regions, number, frame, notes).instances()
        notes.declared, notes.joined = notes.declared + repeated_count, notes.joined + repeated_count
    return ImageRecord(name if identity is None else identity, name, frame, tuple(instances))


_key = msgspec.json.Decoder(int | str)


def _address(row: Row, *, has_results: bool) -> str:
    """The address of the task's only image."""
    texts = {key: _text.decode(value) for key, value in row.items() if bytes(value)[:1] == b'"'}
    pictures = [key for key, text in texts.items() if PurePosixPath(text).suffix.lower() in SUFFIXES]
    if has_results and len(pictures) > 1:
        fields = ", ".join(pictures)
        raise Malformed(
            "$", f"several pictures ({fields}), and which of them a result is for is not stated{_JSON_ADVICE}"
        )
    if has_results and not pictures and any(_is_list_of(value, b'"') for value in row.values()):
        raise Malformed(
            "$", f"a list of pages, and which of them a result is for is not stated{_JSON_ADVICE}"
        )
    return address_in(texts)


def _is_list_of(text: msgspec.Raw, start: bytes) -> bool:
    """Whether a value is a list of which every element's text begins with `start`."""
    elements = _list.decode(text) if bytes(text)[:1] == b"[" else []
    return bool(elements) and all(bytes(element)[:1] == start for element in elements)


def _results(place: str, row: Row) -> Iterator[PlacedResult]:
    """The results of an annotation in the form of the full export, with a type and a separate value."""
    for tag, elements in row.items():
        if _is_list_of(elements, b"{"):
            for index, value in enumerate(_list.decode(elements)):
                yield index, f"{place}.{tag}[{index}]", _as_result(value)


def _as_result(value: msgspec.Raw) -> msgspec.Raw:
    keys = members(value)
    label_keys = [key for key in keys if key.endswith(LABELS)]
    kind = next((key for key in label_keys if key != LABELS), None)
    kind = kind or next(
        (KIND_BY_KEY[key] for key in KIND_BY_KEY if key in keys), label_keys[0] if label_keys else ""
    )
    size = {key: keys[key] for key in ("original_width", "original_height", "image_rotation") if key in keys}
    return msgspec.Raw(msgspec.json.encode({"type": kind, "value": value, **size}))


def _sorted(results: list[PlacedResult]) -> tuple[list[PlacedResult], int, int]:
    """The regions; the number of results that are no regions; the number of unlabeled repetitions.

    Where one tag draws a region and another labels it (`<Polygon>` and `<Labels>`), both repeat the shape.
    """
    regions = [
        result for result in results if members(members(result[2])["value"]).keys() & KIND_BY_KEY.keys()
    ]
    named_shapes = {_shape_of(text) for _, _, text in regions if _is_named(text)}
    usable = [
        result for result in regions if _is_named(result[2]) or _shape_of(result[2]) not in named_shapes
    ]
    return usable, len(results) - len(regions), len(regions) - len(usable)


def _is_named(text: msgspec.Raw) -> bool:
    return any(key.endswith(LABELS) for key in members(members(text)["value"]))


def _shape_of(text: msgspec.Raw) -> tuple[tuple[str, bytes], ...]:
    value = members(members(text)["value"])
    return tuple(sorted((key, bytes(part)) for key, part in value.items() if not key.endswith(LABELS)))
