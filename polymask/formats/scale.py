"""Scale: tasks with polygons, segmentation tasks with a PNG and its legend, and Nucleus lines.

A segmentation task names its masks by an address: polymask opens none, and looks for the file by
the address's last parts beside the export. Of the two masks that Scale gives, the indexed one is
read where every index fits 8 bits, else the extended one, whose index is red + 256 · green +
65536 · blue. Source: Scale's documentation, "Image annotation", "Semantic segmentation" and
"Nucleus: annotations".
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import msgspec

from polymask.codecs.picture_files import PictureFinder
from polymask.formats import Annotations, ReadOptions
from polymask.formats.drawing.legend import (
    RED_LOW,
    Codes,
    check_same,
    codes_of,
    frame_of,
    legend_of,
    linked_png,
    painted,
)
from polymask.formats.drawing.shapes import polygon
from polymask.formats.parsing.lines import json_lines
from polymask.formats.reading.addresses import image_name, picture_of
from polymask.formats.reading.content import Content, members
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.records import Notes, Page, files, gather, listed_pages
from polymask.formats.reading.refusals import Malformed, Refusals, decode_json, inside
from polymask.model import ImageRecord, Instance, Skipped
from polymask.storage.source_files import File

MANY = True
NO_REGION = ("box", "boundingbox", "cuboid")
NO_SHAPE = ("category", "multicategory", "scene_category")
_DOCS = "docs"

FACTS = Facts(
    title="Scale",
    source="Scale's documentation, “Image annotation”, “Semantic segmentation”, “Nucleus: annotations”",
    files="A task (JSON), a list of tasks, the answer of the tasks' list (`docs`), or Nucleus lines.",
    sniffed="objects with `task_id`, or rows with `reference_id` and `type`",
    read=(
        ("params.attachment", "the image's name: the path of the address"),
        ("response.annotations[].label, vertices", "the label, and one ring of x, y in pixels"),
        ("response.labelMapping", "the legend of a segmentation task: labels, and an index each or several"),
        (
            "response.annotations.combined.indexedImage, extendedIndexedImage",
            "the mask: its value is the index; looked for by the address's last parts",
        ),
        (
            "reference_id, label, geometry",
            "Nucleus: the picture's name, less its suffix; a polygon",
        ),
        ("mask_url, annotations[].label, index", "Nucleus: a mask, looked for as above, and its legend"),
    ),
    ignored="Attributes, metadata, colors, single masks of a label, categories.",
    rings="A polygon is one ring.",
    order="File order; segments do not overlap.",
    labels="Sorted by name; there are no numeric ids.",
    frame="That of the mask; else that of the picture, in the same folder or below `--images`.",
    limits=(
        "Lines, points and ellipses are left alone and listed, and the run exits 1.",
        "Boxes and cuboids are no segmentation: they paint nothing, and are counted; so does a segment "
        "without pixels.",
        "A task without a response is listed, and the run exits 1.",
        "An index that the legend does not name is refused, with its first pixel; 0 is background.",
    ),
    sample="scale/tasks.json",
)


class _Params(msgspec.Struct):
    attachment: str


class _Task(msgspec.Struct):
    task_id: str
    params: _Params
    response: msgspec.Raw = msgspec.Raw(b"null")


class _Response(msgspec.Struct):
    annotations: msgspec.Raw
    labelMapping: dict[str, msgspec.Raw] | None = None  # noqa: N815 - the format's own word


class _XY(msgspec.Struct):
    x: float
    y: float


class _Annotation(msgspec.Struct):
    label: str
    type: str = "polygon"
    vertices: list[_XY] = []
    uuid: str | None = None


class _Combined(msgspec.Struct):
    indexedImage: str | None = None  # noqa: N815
    extendedIndexedImage: str | None = None  # noqa: N815


class _Masks(msgspec.Struct):
    combined: _Combined


class _Segment(msgspec.Struct):
    index: int


class _Geometry(msgspec.Struct):
    vertices: list[_XY] = []


class _Legend(msgspec.Struct):
    label: str
    index: int


class _Row(msgspec.Struct):
    reference_id: str
    type: str
    label: str = ""
    geometry: _Geometry = msgspec.field(default_factory=_Geometry)
    annotation_id: str | None = None
    mask_url: str | None = None
    annotations: list[_Legend] = []


_task = msgspec.json.Decoder(_Task)
_response = msgspec.json.Decoder(_Response)
_masks = msgspec.json.Decoder(_Masks)
_segments = msgspec.json.Decoder(list[_Segment])
_lines = msgspec.json.Decoder(list[tuple[int, msgspec.Raw]])
_row = msgspec.json.Decoder(_Row)


def sniff(content: Content) -> bool:
    """Whether the file is of tasks or of Nucleus lines."""
    if _DOCS in content.keys:
        return b'"task_id"' in bytes(content.top[_DOCS])
    return {"task_id", "params"} <= content.keys or {"reference_id", "type"} <= content.keys


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each task, or for each item of Nucleus lines."""
    skipped, waiting = list[Skipped](), list[Skipped]()
    found = [Content(file) for file in files(content, "*.*json*")]
    pages = [page for inner in found for page in _pages(inner, options, skipped, waiting)]
    parse = partial(_parse, pictures=PictureFinder(content.place, options.images))
    annotations = gather(content, options, pages, format="scale", parse=parse, skipped=skipped)
    return replace(annotations, unsupported=(*waiting, *annotations.unsupported))


def _pages(
    content: Content, options: ReadOptions, skipped: list[Skipped], waiting: list[Skipped]
) -> Iterator[Page]:
    file = content.place.file(content.name)
    if "reference_id" in content.keys:
        yield from _items(content, file, options, skipped)
        return
    for page in _tasks(content, file):
        answer = members(page.json)
        if "task_id" in answer and bytes(answer.get("response", b"null")) in (b"null", b"{}"):
            waiting.append(Skipped(f"{file.name}: {page.where}", "the task has no response yet"))
        else:
            yield page


def _tasks(content: Content, file: File) -> Iterator[Page]:
    if content.is_list:
        yield from listed_pages(file, content.json)
    elif _DOCS in content.keys:
        yield from listed_pages(file, content.top[_DOCS], at=f"$.{_DOCS}")
    elif content.is_lines:
        lines = json_lines(content, Refusals(file.path, skip=False))
        yield from (Page(file, f"line {number}: $", line) for number, line in lines)
    else:
        yield Page(file, "$", content.json)


def _items(content: Content, file: File, options: ReadOptions, skipped: list[Skipped]) -> Iterator[Page]:
    """A page for each item: its lines, which may stand anywhere in the file."""
    refusals = Refusals(file.path, skip=options.skip_invalid)
    groups: dict[str, list[tuple[int, msgspec.Raw]]] = {}
    for number, line in _rows(content, refusals):
        if row := refusals.catch(f"line {number}: $", decode_json, line, _row):
            groups.setdefault(row.reference_id, []).append((number, msgspec.Raw(line)))
    skipped += refusals.skipped
    for key, lines in groups.items():
        yield Page(file, f"item {key!r}", msgspec.json.encode(lines))


def _rows(content: Content, refusals: Refusals) -> Iterator[tuple[int, bytes | msgspec.Raw]]:
    if content.is_list:
        yield from enumerate(refusals.required(content.json, msgspec.json.Decoder(list[msgspec.Raw])), 1)
    elif content.is_lines:
        yield from json_lines(content, refusals)
    else:
        yield 1, content.json


def _parse(page: Page, notes: Notes, pictures: PictureFinder) -> ImageRecord:
    if page.where.startswith("item "):
        return _item(page, notes, pictures)
    task = page.decode(_task)
    with inside("$.params.attachment"):
        name = image_name(task.params.attachment)
    with inside("$.response"):
        response = decode_json(task.response, _response)
    if response.labelMapping is not None:
        return _segmented(task, name, response, notes)
    frame = notes.frame(name)

    def make(index: int, row: _Annotation) -> Instance | None:
        return _drawn(row.uuid or index, row.type, row.label, row.vertices, notes)

    made = notes.each(response.annotations, _Annotation, "$.response.annotations", make)
    return ImageRecord(task.task_id, name, frame, made)


def _drawn(key: int | str, kind: str, label: str, vertices: list[_XY], notes: Notes) -> Instance | None:
    if kind in NO_REGION:
        notes.unsegmented += 1
    elif kind != "polygon":
        notes.leave(f"annotation {key}", f"a {kind} (label '{label}') is no polygon")
    elif not label:
        raise Malformed("$.label", "the label is empty")
    else:
        with inside("$.vertices"):
            return Instance(key, label, (polygon([(point.x, point.y) for point in vertices]),))
    return None


def _segmented(task: _Task, name: str, response: _Response, notes: Notes) -> ImageRecord:
    assert response.labelMapping is not None
    with inside("$.response.labelMapping"):
        legend = legend_of(_indices(response.labelMapping))
    with inside("$.response.annotations"):
        images = decode_json(response.annotations, _masks).combined
        fits = max(legend, default=0) <= 255 and images.indexedImage is not None
        address = images.indexedImage if fits else images.extendedIndexedImage
        if address is None:
            raise Malformed("$.combined", "no indexedImage that holds every index, nor an extended one")
        codes = codes_of(linked_png(address, notes), notes.options.limits, shifts=RED_LOW)
        instances = tuple(painted(codes, legend, notes))
    return ImageRecord(task.task_id, name, frame_of(codes), instances)


def _indices(mapping: dict[str, msgspec.Raw]) -> Iterator[tuple[int, str]]:
    for label, text in mapping.items():
        rows = bytes(text) if bytes(memoryview(text)[:1]) == b"[" else b"[%b]" % bytes(text)
        with inside(f"$.{label}"):
            segments = decode_json(rows, _segments)
        yield from ((segment.index, label) for segment in segments)


def _item(page: Page, notes: Notes, pictures: PictureFinder) -> ImageRecord:
    rows = [(number, decode_json(line, _row)) for number, line in page.decode(_lines)]
    key = rows[0][1].reference_id
    name = picture_of(key, pictures, beside=page.file.name) or image_name(key)
    masks: dict[int, Codes] = {}
    for number, row in rows:
        if row.mask_url is not None:
            codes = notes.refusals.catch(f"line {number}: $.mask_url", _mask, row.mask_url, masks, notes)
            masks |= {} if codes is None else {number: codes}
    frame = next((frame_of(codes) for codes in masks.values()), None) or notes.frame(name)
    instances: list[Instance] = []
    for number, row in rows:
        if row.mask_url is None or number in masks:
            made = notes.refusals.catch(f"line {number}: $", _made, row, number, masks.get(number), notes)
            instances += made or ()
    return ImageRecord(key, name, frame, tuple(instances))


def _mask(address: str, others: dict[int, Codes], notes: Notes) -> Codes:
    codes = codes_of(linked_png(address, notes), notes.options.limits, shifts=RED_LOW)
    for other in others.values():
        check_same(frame_of(other), codes, "an image")
    return codes


def _made(row: _Row, number: int, codes: Codes | None, notes: Notes) -> list[Instance]:
    if codes is not None:
        with inside("$.annotations"):
            legend = legend_of((entry.index, entry.label) for entry in row.annotations)
        return list(painted(codes, legend, notes))
    if row.type in NO_SHAPE:
        return []
    key = row.annotation_id or number
    with inside("$.geometry"):
        made = _drawn(key, row.type, row.label, row.geometry.vertices, notes)
    return [made] if made else []
