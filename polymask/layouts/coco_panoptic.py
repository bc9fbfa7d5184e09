"""COCO panoptic: a PNG an image with a segment for each visible instance, and a JSON file a split.

Both are named as in COCO's own release, so that readers find them: `annotations/panoptic_<split>.json`, and
the PNGs in the folder of its name without `.json`. (Earlier builds wrote `panoptic.json` and `panoptic/`,
which can still be read back, as can the files of other tools.)
A segment's id is red + 256 · green + 65536 · blue: n for the n-th instance in paint order. A label of
`--stuff` has a single segment per image, with the id of its first instance. Category ids are the label
map's values. Pixels without a segment, background and void, are 0, black; read back, both are
background. Instances that are wholly painted over have no segment.
Source: cocodataset.org, "Data format", panoptic segmentation.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from polymask.codecs.painted_png import encode_colors
from polymask.errors import FormatError, LimitError, NotFound, no_such_label
from polymask.labels.label_map import LabelMap
from polymask.layouts import Drawn, LayoutOptions, picture_name
from polymask.layouts.common.facts import SPLIT_LISTS, LayoutFacts
from polymask.layouts.common.lookup import BACKGROUND, ID2LABEL, id2label, without_void
from polymask.layouts.common.panoptic_json import Segment, decoded, from_categories, rows_of
from polymask.layouts.common.read_back import Folder, MaskFolder, in_file, stored_labels
from polymask.layouts.common.shared_files import require_rows
from polymask.layouts.common.splits import split_lists
from polymask.model import IndexMask
from polymask.painting.painting import Painting
from polymask.raster.painted import PaintedSpans
from polymask.storage.image_names import stem
from polymask.storage.safe_names import safe_path

IMAGES = "images"
INDEX = True
FILE = "panoptic.json"  # of earlier builds, and other tools
FOLDER = "annotations/panoptic_{split}"
CATEGORIES = "categories.json"
MOST_SEGMENTS = 65535

FACTS = LayoutFacts(
    title="COCO panoptic",
    source="cocodataset.org, Data format, panoptic segmentation",
    files=(
        (
            "annotations/panoptic_<split>/<name>.png",
            "segment ids as colors, RGB: red + 256 · green + 65536 · blue",
        ),
        (
            "annotations/panoptic_<split>.json",
            "the split's images in order of name (ids are unique across splits), the categories, and each "
            "segment's id, category, area, box and iscrowd; later runs add their images",
        ),
        ("categories.json", "the categories alone, as panopticapi's scripts take them"),
        ("id2label.json", "the names of the category ids"),
        ("images/", "with --copy-images: the pictures"),
        SPLIT_LISTS,
    ),
    values=(
        ("id", "n for the n-th instance in paint order; 0 (black) is unlabeled"),
        ("category_id", "the label map's values"),
        ("isthing", "0 for the labels of `--stuff`, each one segment an image; else 1"),
    ),
    limits=(
        "Background and void are both unlabeled.",
        "At most 65,535 instances an image.",
        "An instance that others cover completely has no segment.",
        "Things are labels with instances (cars), stuff are labels without (sky). panopticapi's scorer "
        "averages over both and fails if one is missing: name the stuff with `--stuff LABEL`.",
    ),
    read_back="As index masks of the categories; void comes back as background.",
)


def check(options: LayoutOptions) -> None:
    """Raise `LabelError` for a name of `--stuff` that is no label."""
    for name in sorted(options.stuff - {*options.label_map.names}):
        raise no_such_label(name, options.label_map.names).within(place="--stuff")


def paths(name: str, options: LayoutOptions) -> tuple[str, ...]:
    """The PNG of segment ids."""
    return (f"{FOLDER.format(split=options.split_of(name))}/{stem(name)}.png",)


def draw(painting: Painting, options: LayoutOptions) -> Drawn:
    """The segments; `painted` is the index mask that they decode to."""
    record, label_map = painting.record, options.label_map
    (path,) = paths(record.name, options)
    if len(painting.instances) > MOST_SEGMENTS:
        raise LimitError(f"{len(painting.instances)} instances in one image, but only {MOST_SEGMENTS} ids")
    mask = without_void(painting.painted, label_map)
    stuff = {label.value for label in label_map.labels if label.name in options.stuff}
    ids = painting.numbered(_segment_ids(painting, stuff), void=0)
    file_name = picture_name(record.name, options)
    image = {"file_name": file_name, "height": record.frame[0], "width": record.frame[1]}
    row = [image, f"{stem(record.name)}.png", list(_segments(ids, painting, stuff))]
    return Drawn(
        name=record.name,
        mask=path,
        painted=mask,
        dtype=label_map.dtype,
        files=((path, encode_colors(ids, _colors(len(painting.instances)))),),
        row=msgspec.json.encode(row),
    )


def _segment_ids(painting: Painting, stuff: Container[int]) -> list[int]:
    """The segment id of each instance: 0 for background and void; stuff has the id of its first instance."""
    label_map = painting.label_map
    first = {label_map.background: 0, label_map.void: 0}
    return [
        first.setdefault(value, number) if value in first or value in stuff else number
        for number, value in enumerate(painting.values, 1)
    ]


def _colors(most: int) -> NDArray[np.uint8]:
    """The colors of the ids from 0 to `most`."""
    ids = np.arange(most + 1)
    return np.stack([ids & 255, ids >> 8, np.zeros_like(ids)], axis=1).astype(np.uint8)


def _segments(ids: PaintedSpans, painting: Painting, stuff: Container[int]) -> Iterator[dict[str, Any]]:
    order = np.argsort(ids.value, kind="stable")
    row, start, stop, value = (array[order].astype(np.int64) for array in ids.arrays)
    first = np.flatnonzero(np.diff(value, prepend=-1))
    area = np.add.reduceat(stop - start, first) if len(first) else first
    x0, y0 = (np.minimum.reduceat(edge, first) if len(first) else first for edge in (start, row))
    x1, y1 = (np.maximum.reduceat(edge, first) if len(first) else first for edge in (stop, row + 1))
    boxes = np.stack([x0, y0, x1 - x0, y1 - y0], axis=1).tolist()
    for number, pixels, box in zip(value[first].tolist(), area.tolist(), boxes, strict=True):
        category = painting.values[number - 1]
        yield {
            "id": number,
            "category_id": category,
            "area": pixels,
            "bbox": box,
            "iscrowd": int(painting.instances[number - 1].crowd and category not in stuff),
        }


def tables(options: LayoutOptions) -> dict[str, bytes]:
    """The names of the categories, and the categories as panopticapi's scripts take them."""
    names = {label.value: label.name for label in options.label_map.labels}
    categories = msgspec.json.format(msgspec.json.encode(_categories(options)), indent=1)
    return {ID2LABEL: id2label(names), CATEGORIES: categories + b"\n"}


def _categories(options: LayoutOptions) -> list[dict[str, Any]]:
    return [
        {
            "id": label.value,
            "name": label.name,
            "supercategory": label.name,
            "isthing": int(label.name not in options.stuff),
            "color": label.color,
        }
        for label in options.label_map.labels
    ]


def finish(drawn: Iterable[Drawn], options: LayoutOptions) -> Iterator[tuple[str, bytes]]:
    """Each split's images and their segments, numbered over all splits; and the lists of the splits."""
    drawn = list(drawn)
    documents = {split: _Rows() for split in options.all_splits}
    for number, image_drawn in enumerate(drawn, 1):
        image, file_name, segments = msgspec.json.decode(image_drawn.row)
        rows = documents.setdefault(options.split_of(image_drawn.name), _Rows())
        rows.images.append({"id": number, **image})
        rows.annotations.append({"image_id": number, "file_name": file_name, "segments_info": segments})
    for split, rows in documents.items():
        document = {
            "images": rows.images,
            "annotations": rows.annotations,
            "categories": _categories(options),
        }
        yield f"{FOLDER.format(split=split)}.json", msgspec.json.encode(document) if rows.images else b""
    yield from split_lists(drawn, options)


class _Rows(msgspec.Struct):
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []


def stored_rows(drawn: Iterable[Drawn], read: Callable[[str], bytes | None]) -> Mapping[str, bytes]:
    """The rows of the images in their splits' files; raises `FormatError` where an image is missing."""
    by_file: dict[str, list[Drawn]] = {}
    for image in drawn:
        folder = image.mask.removesuffix(f"/{stem(image.name)}.png")
        by_file.setdefault(f"{folder}.json", []).append(image)
    rows: dict[str, bytes] = {}
    for file, images in by_file.items():
        by_png = rows_of(decoded(read(file) or b"", file))
        pngs = {image.name: f"{stem(image.name)}.png" for image in images}
        named = {name: by_png[png] for name, png in pngs.items() if png in by_png}
        rows |= require_rows(named, images, file)
    return rows


def stored_options(options: LayoutOptions, read: Callable[[str], bytes | None]) -> LayoutOptions:
    """The options with the labels that the stored categories tell to be stuff."""
    try:
        rows = msgspec.json.decode(read(CATEGORIES) or b"[]", type=list[_Kind])
    except msgspec.MsgspecError:
        return options
    return replace(options, stuff=frozenset(row.name for row in rows if not row.isthing))


class _Kind(msgspec.Struct):
    name: str
    isthing: int


def open_folder(folder: Folder) -> MaskFolder | None:
    """The segments as index masks; labels.json or the categories name the values."""
    files = [*folder.named("annotations", "panoptic_*.json"), *([FILE] if (folder / FILE).is_file() else [])]
    if not files:
        return None
    documents = {file: decoded(folder.read(file), folder / file) for file in files}
    label_map = stored_labels(folder) or from_categories(documents[files[0]].categories, folder / files[0])
    segments: dict[str, tuple[str, list[Segment]]] = {}
    for file, document in documents.items():
        with in_file(folder / file):
            pngs = ((f"{_folder_of(file)}/{safe_path(row.file_name)}", row) for row in document.annotations)
            segments |= {path: (file, row.segments_info) for path, row in pngs}
    masks = {stem(path.removeprefix(f"{_folder_of(file)}/")): path for path, (file, _) in segments.items()}
    decode = partial(_decode, folder=folder, label_map=label_map, segments=segments, files=files)
    return MaskFolder(
        layout="coco-panoptic",
        label_map=label_map,
        masks=masks,
        decode=decode,
        unscored=frozenset({BACKGROUND}),  # panopticapi leaves out what has no segment in TRUTH
    )


def _folder_of(file: str) -> str:
    """The folder of the PNGs of a JSON file."""
    return file.removesuffix(".json")


def _decode(
    path: str,
    *,
    folder: Folder,
    label_map: LabelMap,
    segments: dict[str, tuple[str, list[Segment]]],
    files: list[str],
) -> IndexMask:
    if path not in segments:
        file = next((name for name in files if path.startswith(f"{_folder_of(name)}/")), files[0])
        raise FormatError(f"{folder / file} says nothing of {path}")
    file, path_segments = segments[path]
    try:
        pixels = folder.colors(path).astype(np.int64)
    except NotFound:
        raise FormatError(f"missing, and {file} names it", file=folder / path) from None
    ids, place = np.unique(pixels @ np.array([1, 256, 65536]), return_inverse=True)
    values = {segment.id: segment.category_id for segment in path_segments}
    if unlisted := [number for number in ids.tolist() if number and number not in values]:
        raise FormatError(f"{file} does not list the segments {unlisted[:3]}", file=folder / path)
    named = {0: label_map.background, **{label.value: label.value for label in label_map.labels}}
    categories = [values.get(number, 0) if number else 0 for number in ids.tolist()]
    if unnamed := [category for category in categories if category not in named]:
        raise FormatError(
            f"no label has the category id {unnamed[0]}, which {path} shows", file=folder / file
        )
    table = np.array([named[category] for category in categories], label_map.dtype)
    mask: IndexMask = table[place].reshape(pixels.shape[:2])
    return mask
