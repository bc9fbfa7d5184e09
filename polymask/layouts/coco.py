"""`annotations.json`: COCO with a compressed RLE annotation for each label of each image.

Category ids are the label map's values, image ids count from 1 in the order of names; a next run adds its
images. Where there are splits, `annotations/instances_<split>.json` holds each split's images and
annotations, with the same ids. pycocotools can read all of them. Masks of different labels may overlap.
Source: cocodataset.org, "Data format".
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any

import msgspec
import numpy as np

from polymask.errors import FormatError
from polymask.labels.label_map import LabelMap
from polymask.layouts import Drawn, LayoutOptions, picture_name
from polymask.layouts.common.facts import LABEL_MASKS, SPLIT_LISTS, LayoutFacts
from polymask.layouts.common.lookup import ID2LABEL, id2label, painted
from polymask.layouts.common.read_back import Folder, MaskFolder, in_file, stored_labels
from polymask.layouts.common.shared_files import require_rows
from polymask.layouts.common.splits import split_lists
from polymask.model import IndexMask, Runs
from polymask.painting.painting import Painting
from polymask.raster.kernel import paint_all
from polymask.raster.painted import solid
from polymask.raster.runs import down_columns, run_counts, run_spans
from polymask.raster.spans import SpanTable, paint
from polymask.storage.image_names import stem

IMAGES = "images"
INDEX = False
FILE = "annotations.json"
JsonRows = list[dict[str, Any]]

FACTS = LayoutFacts(
    title="COCO, one annotation a label",
    source="cocodataset.org, Data format",
    files=(
        (
            "annotations.json",
            "images in order of name, categories, and a compressed RLE for each label of each image",
        ),
        (
            "annotations/instances_<split>.json",
            "where there are splits: those images and annotations, with the same ids",
        ),
        ("images/", "with --copy-images: the pictures"),
        SPLIT_LISTS,
    ),
    values=(("category_id", "the label map's values; masks of different labels may overlap"),),
    limits=("Overlap rules, void and borders do not apply: every label keeps all its pixels.",),
    read_back=LABEL_MASKS,
)


def check(options: LayoutOptions) -> None:
    """Every label map can be laid out this way."""


def paths(name: str, options: LayoutOptions) -> tuple[str, ...]:
    """The file of all images, and the key of the image in it."""
    return (f"{FILE}#{picture_name(name, options)}",)


def draw(painting: Painting, options: LayoutOptions) -> Drawn:
    """The image's entry, and an annotation for each label."""
    from pycocotools import mask as pycocotools_mask

    values = {label.name: label.value for label in options.label_map.labels}
    annotations = []
    for label, spans in painting.label_spans.items():
        mask = np.zeros(painting.record.frame, np.uint8)
        paint(mask, spans, 1)
        rle = pycocotools_mask.encode(down_columns(mask))
        annotations.append(_annotation(values[label], rle, spans.pixels))
    height, width = painting.record.frame
    file_name = picture_name(painting.record.name, options)
    image = {"file_name": file_name, "height": height, "width": width}
    return Drawn(
        name=painting.record.name,
        mask=paths(painting.record.name, options)[0],
        labels={label: solid(spans, 1, (height, width)) for label, spans in painting.label_spans.items()},
        row=msgspec.json.encode([image, annotations]),
    )


def _annotation(category: int, rle: dict[str, Any], area: int) -> dict[str, Any]:
    from pycocotools import mask as pycocotools_mask

    return {
        "category_id": category,
        "segmentation": {"size": list(map(int, rle["size"])), "counts": rle["counts"].decode()},
        "area": area,
        "bbox": pycocotools_mask.toBbox(rle).tolist(),
        "iscrowd": 0,
    }


def tables(options: LayoutOptions) -> dict[str, bytes]:
    """The names of the category ids."""
    return {ID2LABEL: id2label({label.value: label.name for label in options.label_map.labels})}


def finish(drawn: Iterable[Drawn], options: LayoutOptions) -> Iterator[tuple[str, bytes]]:
    """All images and annotations, numbered in order; and the lists of the splits."""
    drawn = list(drawn)
    images: JsonRows = []
    annotations: JsonRows = []
    for number, image_drawn in enumerate(drawn, 1):
        image, image_annotations = msgspec.json.decode(image_drawn.row)
        images.append({"id": number, **image})
        for annotation in image_annotations:
            annotations.append({"id": len(annotations) + 1, "image_id": number, **annotation})
    categories = [{"id": label.value, "name": label.name} for label in options.label_map.labels]
    yield FILE, _encoded(images, annotations, categories)
    yield from split_lists(drawn, options)
    for split in options.split_names:
        ids = {n for n, image in enumerate(drawn, 1) if options.split_of(image.name) == split}
        of_split = [row for row in annotations if row["image_id"] in ids]
        file = f"annotations/instances_{split}.json"
        of_images = [image for image in images if image["id"] in ids]
        yield file, _encoded(of_images, of_split, categories) if ids else b""


def _encoded(images: JsonRows, annotations: JsonRows, categories: JsonRows) -> bytes:
    return msgspec.json.encode({"images": images, "annotations": annotations, "categories": categories})


def stored_rows(drawn: Iterable[Drawn], read: Callable[[str], bytes | None]) -> Mapping[str, bytes]:
    """The rows of the images in annotations.json; raises `FormatError` where an image is missing."""
    drawn, data = list(drawn), read(FILE) or b""
    _decoded(data, FILE)
    document = msgspec.json.decode(data)
    rows: dict[int, list[Any]] = {image.pop("id"): [image, []] for image in document["images"]}
    for annotation in document["annotations"]:
        image = annotation.pop("image_id")
        rows.get(image, [{}, []])[1].append(annotation)
        annotation.pop("id", None)
    by_file_name = {
        image["file_name"]: msgspec.json.encode([image, image_annotations])
        for image, image_annotations in rows.values()
    }
    file_names = {image.name: image.mask.removeprefix(f"{FILE}#") for image in drawn}
    named = {name: by_file_name[file] for name, file in file_names.items() if file in by_file_name}
    return require_rows(named, drawn, FILE)


def open_folder(folder: Folder) -> MaskFolder | None:
    """The label masks in annotations.json, if polymask's label map lies beside it.

    An index mask decoded from them has later labels on top.
    """
    label_map = stored_labels(folder)
    if label_map is None or not (folder / FILE).is_file():
        return None
    images = _images(_decoded(folder.read(FILE), folder / FILE), label_map, folder / FILE)
    for path, image in images.items():
        folder.limits.check_frame(f"{folder / path}", image.frame)

    def labels_of(path: str) -> Iterator[tuple[str, IndexMask]]:
        with in_file(folder / FILE):
            yield from _masks(_image_at(images, path), label_map)

    return MaskFolder(
        layout="coco",
        label_map=label_map,
        masks={stem(path.partition("#")[2]): path for path in images},
        decode=lambda path: painted(labels_of(path), label_map, frame=_image_at(images, path).frame),
        labels_of=labels_of,
        frame_of=lambda path: _image_at(images, path).frame,
    )


class _Rle(msgspec.Struct):
    size: tuple[int, int]
    counts: str


class _Annotation(msgspec.Struct):
    image_id: int
    category_id: int
    segmentation: _Rle


class _Image(msgspec.Struct):
    id: int
    file_name: str
    height: Annotated[int, msgspec.Meta(gt=0)]
    width: Annotated[int, msgspec.Meta(gt=0)]
    labels: dict[str, list[str]] = {}

    @property
    def frame(self) -> tuple[int, int]:
        return self.height, self.width


class _Document(msgspec.Struct):
    images: list[_Image]
    annotations: list[_Annotation]


_document = msgspec.json.Decoder(_Document)


def _decoded(data: bytes, file: object) -> _Document:
    try:
        return _document.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FormatError(f"{file}: not annotations of this layout: {error}") from None


def _images(document: _Document, label_map: LabelMap, file: object) -> dict[str, _Image]:
    """The entry of each image by its path, with its runs by label."""
    names = {label.value: label.name for label in label_map.labels}
    images = {image.id: image for image in document.images}
    for number, row in enumerate(document.annotations):
        if row.image_id not in images or row.category_id not in names:
            raise FormatError(f"{file}: $.annotations[{number}]: no such image, or no label of that id")
        images[row.image_id].labels.setdefault(names[row.category_id], []).append(row.segmentation.counts)
    return {f"{FILE}#{image.file_name}": image for image in images.values()}


def _image_at(images: Mapping[str, _Image], path: str) -> _Image:
    if path not in images:
        raise FormatError(f"missing; {FILE} says nothing of the image", file=path)
    return images[path]


def _masks(image: _Image, label_map: LabelMap) -> Iterator[tuple[str, IndexMask]]:
    """The mask of each label: the union of its annotations."""
    for label in (name for name in label_map.names if name in image.labels):
        mask = np.zeros(image.frame, np.uint8)
        runs = [Runs(run_counts(counts), image.frame) for counts in image.labels[label]]
        spans = SpanTable.of([run_spans(run) for run in runs])
        paint_all(mask, spans, order=list(range(len(runs))), values=[1] * len(runs))
        yield label, mask
