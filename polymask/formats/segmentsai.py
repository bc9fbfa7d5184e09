"""Segments.ai releases: bitmaps whose colors are object ids, and polygons.

A bitmap is an address, which polymask never opens: it searches the file by the address's last parts, or
by the name under which Segments.ai's SDK saves it (`<image>_label_<label set>.png`). The id of a pixel
is red + 256 · green + 65536 · blue; 0 is unlabeled. Source: Segments.ai's documentation, "Label formats"
and "Release", and its SDK's `load_label_bitmap_from_url`.
"""

from functools import partial
from pathlib import PurePosixPath
from typing import Any

import msgspec

from polymask.formats import Annotations, ReadOptions
from polymask.formats.drawing.legend import RED_LOW, codes_of, frame_of, legend_of, linked_png, painted
from polymask.formats.drawing.shapes import Point, polygon, rectangle
from polymask.formats.reading.content import Content, members
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.ids import TEXT_IDS, WholeId
from polymask.formats.reading.images.addresses import named_file
from polymask.formats.reading.notes import Notes, ReadAnnotation
from polymask.formats.reading.records import gather
from polymask.formats.reading.refusals import Malformed, Refusals, decode_json, inside, row_decoder
from polymask.formats.reading.texts.pages import Page, files, listed_pages, rows_at
from polymask.ledger import BOX, Omitted
from polymask.model import ImageRecord, Instance
from polymask.storage.source_files import File

MANY = True
LABEL_SET = "ground-truth"
OTHER_LABEL_SET = Omitted("annotator", "of another label set")

FACTS = Facts(
    title="Segments.ai",
    source="Segments.ai's documentation, “Label formats” and “Release”, and its SDK",
    files="The JSON file of a release, with the bitmaps beside it or below, or below `--masks`.",
    sniffed="an object whose `dataset` has `samples`",
    read=(
        ("dataset.samples[].name", "the image's name"),
        ("….labels.ground-truth.attributes.annotations[].id, category_id", "an object and its label"),
        (
            "….attributes.segmentation_bitmap.url",
            "its pixels: those whose color is its id; a PNG called as the last parts of the address, or as "
            "the SDK saves it, `<image>_label_<label set>.png`",
        ),
        ("….annotations[].type, points", "`polygon`: one ring of x, y in pixels; `bbox`: two corners"),
        ("dataset.tasks.*.attributes.categories, dataset.task_attributes.categories", "labels by id"),
    ),
    ignored="Attributes of objects and images, colors, label status.",
    rings="A polygon is one ring.",
    order="File order; the segments of a bitmap do not overlap.",
    labels="The categories of the release, with their ids.",
    frame="That of the bitmap; of polygons that of the picture, in the same folder or below `--images`.",
    limits=(
        f"The label set `{LABEL_SET}` is read, or the one that `--annotator` names; what other sets hold is "
        "counted.",
        "Boxes are no segmentation: they paint nothing, and are counted; `--boxes` paints them. Lines, "
        "points and cuboids are not painted but listed, and the run exits 1.",
        "An id that no object has is refused, with its first pixel. Samples without a label are listed.",
    ),
    sample="segmentsai/release.json",
)


class _Category(msgspec.Struct):
    name: str
    id: WholeId


class _Bitmap(msgspec.Struct):
    url: str


class _Attributes(msgspec.Struct):
    annotations: msgspec.Raw = msgspec.Raw(b"[]")
    segmentation_bitmap: _Bitmap | None = None


class _Label(msgspec.Struct):
    attributes: _Attributes | None = None


class _Sample(msgspec.Struct):
    name: str
    labels: dict[str, _Label | None] = {}


class _Object(msgspec.Struct):
    id: WholeId
    category_id: WholeId
    type: str = ""
    points: list[Point] = []


_sample = msgspec.json.Decoder(_Sample)
_categories = row_decoder(list[_Category])
_objects = row_decoder(list[_Object])
_rows = msgspec.json.Decoder(list[msgspec.Raw])


def sniff(content: Content) -> bool:
    """Whether the file is a release."""
    return "dataset" in content.keys and "samples" in members(content.top["dataset"])


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each labeled sample."""
    labels_of_file: dict[str, dict[int, str]] = {}
    pages = []
    for file in files(content, "*.json"):
        release = Content(file)
        dataset = members(release.top.get("dataset", b"{}"))
        labels_of_file[file.name] = _labels_by_id(dataset, Refusals(file.path, skip=False))
        pages += listed_pages(file, dataset.get("samples", msgspec.Raw(b"null")), at="$.dataset.samples")
    categories = {name: number for labels in labels_of_file.values() for number, name in labels.items()}
    return gather(
        content,
        options,
        pages,
        format="segmentsai",
        parse=partial(_parse, labels_of_file=labels_of_file),
        categories=tuple(categories.items()),
        declares=rows_at("labels", "*", "attributes", "annotations"),
    )


def _labels_by_id(dataset: Any, refusals: Refusals) -> dict[int, str]:
    """The labels by category id, from the tasks of all label sets."""
    tasks = [members(task).get("attributes", b"") for task in members(dataset.get("tasks", b"")).values()]
    names: dict[int, str] = {}
    for attributes in (*tasks, dataset.get("task_attributes", b"")):
        if (rows := members(attributes).get("categories")) is not None:
            for row in refusals.required(rows, _categories, "$.dataset"):
                names.setdefault(int(row.id), row.name)
    return names


def _parse(page: Page, notes: Notes, labels_of_file: dict[str, dict[int, str]]) -> ImageRecord | None:
    sample = page.decode(_sample)
    with inside("$.name"):
        name = notes.image_name(sample.name)
    chosen = notes.options.annotator or LABEL_SET
    for labels, label in sample.labels.items():
        if labels != chosen and label and label.attributes:
            with inside(f"$.labels.{labels}.attributes.annotations"):
                notes.leave_out(OTHER_LABEL_SET, len(decode_json(label.attributes.annotations, _rows)))
    label = sample.labels.get(chosen)
    if label is None or label.attributes is None:
        notes.image, notes.image_left_out = name, f"it has no label in the set '{chosen}'"
        return None
    where, names = f"$.labels.{chosen}.attributes", labels_of_file[page.file.name]
    if label.attributes.segmentation_bitmap is not None:
        saved = f"{PurePosixPath(name).stem}_label_{chosen}.png"
        with inside(where):
            return _segmented(name, label.attributes, saved, names, notes)
    frame = notes.frame(name)
    make = partial(_instance, names=names, notes=notes)
    instances = notes.make_instances(label.attributes.annotations, _Object, f"{where}.annotations", make)
    return ImageRecord(name, name, frame, instances)


def _segmented(name: str, label: _Attributes, saved: str, names: dict[int, str], notes: Notes) -> ImageRecord:
    """The record of a bitmap, found under the name `saved` by the SDK, or by its address's last parts."""
    assert label.segmentation_bitmap
    with inside("$.segmentation_bitmap.url"):
        file = _saved_file(saved, notes)
        data = file.read() if file else linked_png(label.segmentation_bitmap.url, notes)
        codes = codes_of(data, notes.options.limits, shifts=RED_LOW)
    with inside("$.annotations"):
        objects = decode_json(label.annotations, _objects)
        legend = legend_of((int(row.id), _label(row, names, notes)) for row in objects)
        return ImageRecord(name, name, frame_of(codes), painted(codes, legend, notes))


def _saved_file(name: str, notes: Notes) -> File | None:
    masks = notes.options.masks
    file = masks.named(name) if masks else None
    return file or named_file(notes.page.file.place, name, beside=notes.page.file.name)


def _label(row: _Object, names: dict[int, str], notes: Notes) -> str:
    if row.id.is_text or row.category_id.is_text:
        notes.remarks[TEXT_IDS] += 1
    if row.category_id not in names:
        raise Malformed("$.category_id", f"no category has the id {row.category_id}")
    return names[row.category_id]


def _instance(index: int, row: _Object, *, names: dict[int, str], notes: Notes) -> ReadAnnotation:
    if row.type not in ("polygon", "bbox"):
        return Omitted("unsupported", f"a '{row.type}' encloses nothing", f"annotations[{index}]")
    if row.type == "bbox" and not notes.options.boxes:
        return BOX
    with inside("$.points"):
        if row.type == "bbox" and len(row.points) != 2:
            raise Malformed("$", "a box has two corners")
        shape = polygon(row.points) if row.type == "polygon" else rectangle(*row.points)
    return Instance(int(row.id), _label(row, names, notes), (shape,))
