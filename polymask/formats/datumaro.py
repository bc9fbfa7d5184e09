"""Datumaro's JSON: `annotations/<subset>.json`, whose items have annotations of many types.

Polygons, masks (COCO runs) and ellipses are painted in the order of `z_order`; boxes, points, captions
and labels are no segmentation, and are counted. An object of several polygons is several annotations.
Source: Datumaro's documentation, "Datumaro format".
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath

import msgspec
import numpy as np

from polymask.errors import FormatError
from polymask.formats import Annotations, ReadOptions
from polymask.formats.drawing.shapes import ellipse, rectangle
from polymask.formats.reading.content import Content
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.ids import TEXT_IDS, WholeId
from polymask.formats.reading.images.subsets import with_splits
from polymask.formats.reading.notes import Notes, ReadAnnotation, Side
from polymask.formats.reading.records import gather
from polymask.formats.reading.refusals import Malformed, Refusals, inside
from polymask.formats.reading.texts.pages import Page, files, listed_pages, rows_at
from polymask.ledger import BOX, Omitted
from polymask.model import Frame, ImageRecord, Instance, Polygon, Runs, Shape
from polymask.raster.runs import run_counts

MANY = True
UNSUPPORTED = ("polyline",)
PAINTED = ("polygon", "mask", "ellipse", "bbox")  # boxes only with `--boxes`
_IMAGE_TAGS = ("label", "caption")

FACTS = Facts(
    title="Datumaro",
    source="Datumaro's documentation, “Datumaro format”",
    files="A `.json` file, or the folder with `annotations/*.json`, a file a subset; the names `train`, "
    "`val` and `test` name the splits.",
    sniffed="an object with `categories` and `items`",
    read=(
        ("categories.label.labels[].name", "the labels; `label_id` counts them from 0"),
        ("items[].id, image.path, image.size", "the image's name and frame (height, width)"),
        ("items[].annotations[].type", "polygon, mask and ellipse are painted"),
        ("points", "x and y in turn, in pixels; of an ellipse left, top, right, bottom"),
        ("rle.counts, rle.size", "COCO runs, compressed or not"),
        ("z_order", "the paint order"),
    ),
    ignored="`attributes`, `group`, `info`, `infos`, other categories.",
    rings="A polygon is one ring.",
    order="`z_order`, then file order.",
    labels="In the file's order; `--default-label` names annotations without one. Ids count from 0: use "
    "`--ids contiguous`, which begins at 1.",
    frame="`image.size`; where missing, that of the picture below `--images`.",
    limits=(
        "Polylines are not painted but listed, and the run exits 1.",
        "Boxes (but with `--boxes`), points, captions and labels paint nothing, and are counted.",
    ),
    sample="datumaro/annotations/default.json",
)


class _File(msgspec.Struct):
    categories: msgspec.Raw
    items: msgspec.Raw


class _Label(msgspec.Struct):
    name: str


class _Labels(msgspec.Struct):
    labels: list[_Label] = []


class _Categories(msgspec.Struct):
    label: _Labels = msgspec.field(default_factory=_Labels)


class _Image(msgspec.Struct):
    path: str = ""
    size: tuple[Side, Side] | None = None


class _Item(msgspec.Struct):
    id: str
    annotations: msgspec.Raw = msgspec.Raw(b"[]")
    image: _Image = msgspec.field(default_factory=_Image)


class _Rle(msgspec.Struct):
    counts: list[int] | str
    size: tuple[int, int]


class _Annotation(msgspec.Struct):
    type: str
    id: int | None = None
    label_id: WholeId | None = None
    points: list[float] = []
    rle: _Rle | None = None
    bbox: tuple[float, float, float, float] | None = None
    z_order: float = 0


_file = msgspec.json.Decoder(_File)
_categories = msgspec.json.Decoder(_Categories)
_item = msgspec.json.Decoder(_Item)


def sniff(content: Content) -> bool:
    """Whether the file has Datumaro's keys."""
    return {"categories", "items"} <= content.keys


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each item."""
    pages: list[Page] = []
    names: tuple[str, ...] | None = None
    for file in files(content, "*.json"):
        refusals = Refusals(file.path, skip=False)
        sections = refusals.required(Content(file).json, _file)
        labels = refusals.required(sections.categories, _categories, "$.categories").label.labels
        file_labels = tuple(label.name for label in labels)
        if names not in (None, file_labels):
            raise FormatError(
                "other labels than in the files before it", file=file.path, place="$.categories"
            )
        names = file_labels
        pages += listed_pages(file, sections.items, at="$.items")

    parse = partial(_parse, names=names or ())
    categories: list[tuple[str, int | None]] = [(name, number) for number, name in enumerate(names or ())]
    annotations = gather(
        content,
        options,
        pages,
        format="datumaro",
        parse=parse,
        categories=categories,
        declares=rows_at("annotations"),
    )
    others = [(name, None) for name in annotations.used if name not in (names or ())]  # the default label
    annotations = replace(annotations, categories=(*annotations.categories, *others))
    return with_splits(annotations, [subset for (subset,) in annotations.groups])


def _parse(page: Page, notes: Notes, names: tuple[str, ...]) -> ImageRecord:
    item = page.decode(_item)
    with inside("$.image.path"):
        name = notes.image_name(item.image.path or f"{item.id}.jpg")
    notes.groups = (PurePosixPath(page.file.name).stem,)  # each subset has its own file
    with inside("$.image.size"):
        frame = notes.declared_frame(*(item.image.size or (None, None)), name=name)

    def make(index: int, row: _Annotation) -> ReadAnnotation:
        if row.type in UNSUPPORTED:
            return Omitted("unsupported", f"a {row.type} encloses nothing", f"annotation {index}")
        if row.type == "bbox" and not notes.options.boxes:
            return BOX
        if row.type not in PAINTED:
            return Omitted("tag" if row.type in _IMAGE_TAGS else "unsegmented", f"type '{row.type}'")
        return Instance(index, _label(row, names, notes), _shape(row, frame, notes), order=row.z_order)

    instances = notes.make_instances(item.annotations, _Annotation, "$.annotations", make)
    return ImageRecord(item.id, name, frame, instances)


def _label(row: _Annotation, names: Sequence[str], notes: Notes) -> str:
    default = notes.options.default_label
    if row.label_id is None and default is not None:
        return default
    if row.label_id is None:
        raise Malformed("$.label_id", "there is none; name such annotations with --default-label NAME")
    if not 0 <= row.label_id < len(names):
        raise Malformed("$.label_id", f"no label has the number {row.label_id}")
    if row.label_id.is_text:
        notes.remarks[TEXT_IDS] += 1
    return names[row.label_id]


def _shape(row: _Annotation, frame: Frame, notes: Notes) -> Shape:
    if row.type == "mask":
        return _runs(row.rle, row.rle.size if row.rle and notes.frame_unknown else frame)
    if row.type == "bbox":
        if row.bbox is None:
            raise Malformed("$.bbox", "a box without its sides")
        x, y, width, height = row.bbox
        return (rectangle((x, y), (x + width, y + height)),)
    with inside("$.points"):
        if row.type == "ellipse":
            if len(row.points) != 4:
                raise Malformed("$", f"an ellipse has 4 numbers, not {len(row.points)}")
            left, top, right, bottom = row.points
            return ellipse(
                ((left + right) / 2, (top + bottom) / 2), ((right - left) / 2, (bottom - top) / 2), frame
            )
        if len(row.points) < 6 or len(row.points) % 2:
            raise Malformed("$", f"{len(row.points)} numbers are no 3 or more pairs of x and y")
        return (Polygon(np.array(row.points).reshape(-1, 2)),)


def _runs(rle: _Rle | None, frame: Frame) -> Shape:
    if rle is None:
        raise Malformed("$.rle", "a mask without runs")
    if rle.size != frame:
        raise Malformed("$.rle.size", f"runs of {rle.size} px in an image of {frame}")
    with inside("$.rle.counts"):
        return Runs(run_counts(rle.counts) if isinstance(rle.counts, str) else rle.counts, frame)
