"""Labelbox exports (v2, NDJSON): a line a data row, its objects by project and label.

Polygons are painted. Masks are addresses on Labelbox's servers: polymask opens no address that a
file tells it, so they are left alone and listed. Source: Labelbox's documentation, "Image
annotations: export".
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from polymask.formats import Annotations, ReadOptions
from polymask.formats.drawing.shapes import polygon, rectangle
from polymask.formats.reading.content import Content
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.records import Made, Notes, Page, files, gather, listed_pages, rows_at
from polymask.formats.reading.refusals import Malformed, Refusals, inside
from polymask.ledger import BOX, Omitted
from polymask.model import ImageRecord, Instance, Skipped
from polymask.storage.source_files import File

MANY = True

FACTS = Facts(
    title="Labelbox",
    source="Labelbox's documentation, “Image annotations: export”",
    files="The `.ndjson` file of an export (v2), or the same rows as a JSON list.",
    sniffed="rows with `data_row` and `projects`",
    read=(
        ("data_row.external_id, global_key, id", "the image's name, the first of them that there is"),
        ("media_attributes.height, width", "the frame"),
        ("projects.*.labels[].annotations.objects[].name", "the label"),
        ("objects[].polygon", "one ring of x, y in pixels"),
    ),
    ignored="Performance and label details.",
    rings="A polygon is one ring: Labelbox exports no holes.",
    order="File order; the labels of several people are painted one after another.",
    labels="Sorted by name; there are no numeric ids.",
    frame="As the row says; else that of the picture below `--images`.",
    limits=(
        "Masks (addresses), lines and points are left alone and listed, and the run exits 1.",
        "Boxes are no segmentation: they paint nothing, and are counted; `--boxes` paints them.",
        "Objects of a video's frames are left alone and listed, and the run exits 1.",
        "Classifications and relationships paint nothing, and are counted.",
    ),
    sample="labelbox/export.ndjson",
)


class _Details(msgspec.Struct):
    dataset_name: str | None = None


class _DataRow(msgspec.Struct):
    id: str
    external_id: str | None = None
    global_key: str | None = None
    details: _Details = msgspec.field(default_factory=_Details)


class _Media(msgspec.Struct):
    height: float | None = None
    width: float | None = None


class _XY(msgspec.Struct):
    x: float
    y: float


class _Object(msgspec.Struct):
    name: str
    feature_id: str | None = None
    annotation_kind: str = ""
    polygon: list[_XY] | None = None
    bounding_box: msgspec.Raw = msgspec.Raw(b"null")


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
    media_attributes: _Media = msgspec.field(default_factory=_Media)


class _Box(msgspec.Struct):
    top: float
    left: float
    height: float
    width: float


_row = msgspec.json.Decoder(_Row)
_box = msgspec.json.Decoder(_Box)
_BELOW = ("projects", "*", "labels", "*", "annotations")
_LISTS = ("objects", "classifications", "relationships")


def sniff(content: Content) -> bool:
    """Whether the rows are Labelbox's."""
    return {"data_row", "projects"} <= content.keys


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each data row."""
    skipped: list[Skipped] = []
    pages = [page for file in files(content, "*.*json*") for page in _pages(file, options, skipped)]
    return gather(
        content, options, pages, format="labelbox", parse=_parse, declares=_declared, skipped=skipped
    )


def _declared(page: Page) -> int:
    listed = sum(rows_at(*_BELOW, name)(page) for name in _LISTS)
    return listed + sum(rows_at(*_BELOW, "frames", "*", name)(page) for name in _LISTS[:2])


def _pages(file: File, options: ReadOptions, skipped: list[Skipped]) -> Iterator[Page]:
    content = Content(file)
    if content.is_list:
        yield from listed_pages(file, content.json)
        return
    refusals = Refusals(file.path, skip=options.skip_invalid)
    yield from _lines(content, file, refusals)
    skipped += refusals.skipped


def _lines(content: Content, file: File, refusals: Refusals) -> Iterator[Page]:
    for number, line in enumerate(content.text.splitlines(), 1):
        try:
            msgspec.json.decode(line or b"null", type=msgspec.Raw)
        except (msgspec.DecodeError, RecursionError) as error:
            refusals.refuse(f"line {number}", f"not JSON: {error}")
            continue
        if line.strip():
            yield Page(file, f"line {number}: $", line)


def _parse(page: Page, notes: Notes) -> ImageRecord:
    row = page.decode(_row)
    key = row.data_row
    with inside("$.data_row"):
        name = notes.named(key.external_id or key.global_key or key.id)
    notes.groups = (key.details.dataset_name or "",)
    media = row.media_attributes
    with inside("$.media_attributes"):
        frame = notes.told_frame(media.height, media.width, name=name)
    instances: list[Instance] = []
    for project, labels in row.projects.items():
        for number, label in enumerate(labels.labels):
            where = f"$.projects[{project!r}].labels[{number}].annotations.objects"
            instances += notes.each(
                label.annotations.objects, _Object, where, lambda index, one: _instance(index, one, notes)
            )
            _leave_out(label.annotations, notes)
    return ImageRecord(key.id, name, frame, tuple(instances))


def _leave_out(annotations: _Annotations, notes: Notes) -> None:
    """Count what is no object of a picture: classes of the whole, relations, what is on a video's frames."""
    notes.leave_out(Omitted("tag", "a classification"), len(annotations.classifications))
    notes.leave_out(Omitted("tag", "a relationship"), len(annotations.relationships))
    for number, frame in annotations.frames.items():
        for key in frame.objects:
            what = f"object {key} in frame {number}"
            notes.leave_out(Omitted("unsupported", "an object of a video; only pictures are converted", what))
        notes.leave_out(Omitted("tag", "a classification"), len(frame.classifications))


def _instance(index: int, row: _Object, notes: Notes) -> Made:
    key = row.feature_id or index
    if row.polygon is not None:
        if not row.name:
            raise Malformed("$.name", "an object without a name")
        with inside("$.polygon"):
            return Instance(key, row.name, (polygon([(point.x, point.y) for point in row.polygon]),))
    if bytes(row.bounding_box) != b"null":
        return _rectangle(key, row, notes) if notes.options.boxes else BOX
    if "Mask" in row.annotation_kind:
        reason = "its mask is an address, and polymask opens none; export polygons"
        return Omitted("unsupported", reason, f"object {key}")
    return Omitted("unsupported", f"'{row.annotation_kind}' encloses nothing", f"object {key}")


def _rectangle(key: int | str, row: _Object, notes: Notes) -> Instance:
    if not row.name:
        raise Malformed("$.name", "an object without a name")
    with inside("$.bounding_box"):
        box = Page(notes.page.file, text=row.bounding_box).decode(_box)
        far = box.left + box.width, box.top + box.height
        return Instance(key, row.name, (rectangle((box.left, box.top), far),))
