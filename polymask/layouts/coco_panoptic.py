"""COCO panoptic: `panoptic/<name>.png`, a segment for each visible instance, and `panoptic.json`.

A segment's id is red + 256 · green + 65536 · blue: n for the n-th instance in paint order. Category
ids are the label map's values. What has no segment is 0, black: background and void alike;
read back, both are background. Instances that are wholly painted over have no segment.
Source: cocodataset.org, "Data format", panoptic segmentation.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from polymask.digest import pixels_sha256
from polymask.errors import FormatError
from polymask.labels import LabelMap
from polymask.layouts import Drawn, LayoutOptions, stem
from polymask.layouts.facts import Facts
from polymask.layouts.reading import Folder, MaskFolder, stored_labels
from polymask.layouts.splits import split_lists
from polymask.layouts.tables import without_void
from polymask.model import IndexMask, Label
from polymask.names import safe_path
from polymask.png import encode_color
from polymask.semantic import Painting

IMAGES = "images"
INDEX = True
FILE = "panoptic.json"
FOLDER = "panoptic"

FACTS = Facts(
    title="COCO panoptic",
    source="cocodataset.org, Data format, panoptic segmentation",
    files=(
        ("panoptic/<name>.png", "segment ids as colors, RGB: red + 256 · green + 65536 · blue"),
        ("panoptic.json", "images, categories, and each segment's id, category, area, box and iscrowd"),
        ("images/", "with --copy-images: the pictures"),
        ("splits/<split>.txt", "with --split-ratio: the names in each split"),
    ),
    values=(
        ("id", "n for the n-th instance in paint order; 0, black, is unlabeled"),
        ("category_id", "the label map's values; all categories are things"),
    ),
    limits=(
        "Background and void are both unlabeled.",
        "Instances that are wholly painted over have no segment.",
    ),
    read_back="As index masks of the categories; void comes back as background.",
)


def check(options: LayoutOptions) -> None:
    """Every label map can be laid out this way."""


def paths(name: str, options: LayoutOptions) -> tuple[str, ...]:
    """The PNG of segment ids."""
    return (f"{FOLDER}/{stem(name)}.png",)


def draw(painting: Painting, options: LayoutOptions) -> Drawn:
    """The segments. The digest is of the index mask that they decode to."""
    record, label_map = painting.record, options.label_map
    (path,) = paths(record.name, options)
    mask = without_void(painting.index, label_map)
    ids = np.where(mask == label_map.background, 0, painting.owners)
    image = {"file_name": record.name, "height": record.frame[0], "width": record.frame[1]}
    row = [image, path.removeprefix(f"{FOLDER}/"), list(_segments(ids, painting))]
    return Drawn(
        name=record.name,
        mask=path,
        pixels_sha256=pixels_sha256(mask),
        files=((path, encode_color(_as_color(ids))),),
        row=msgspec.json.encode(row),
    )


def _as_color(ids: NDArray[np.int32]) -> NDArray[np.uint8]:
    return np.stack([ids & 255, ids >> 8 & 255, ids >> 16], axis=2).astype(np.uint8)


def _segments(ids: NDArray[np.int32], painting: Painting) -> Iterator[dict[str, Any]]:
    counts = np.bincount(ids.reshape(-1), minlength=1)
    for number in np.flatnonzero(counts[1:]) + 1:
        instance = int(number) - 1
        yield {
            "id": int(number),
            "category_id": painting.values[instance],
            "area": int(counts[number]),
            "bbox": _box(ids, int(number), painting.spans[instance].row),
            "iscrowd": int(painting.instances[instance].crowd),
        }


def _box(ids: NDArray[np.int32], number: int, rows: NDArray[np.int32]) -> list[int]:
    """x, y, width and height of what is visible, looked for in the instance's own rows."""
    first, last = int(rows[0]), int(rows[-1]) + 1
    row, column = np.nonzero(ids[first:last] == number)
    left, top = int(column.min()), int(row.min())
    return [left, top + first, int(column.max()) - left + 1, int(row.max()) - top + 1]


def finish(drawn: Iterable[Drawn], options: LayoutOptions) -> Iterator[tuple[str, bytes]]:
    """All images and their segments, numbered in order; and the lists of the splits."""
    drawn = list(drawn)
    images, annotations = [], []
    for number, one in enumerate(drawn, 1):
        image, file_name, segments = msgspec.json.decode(one.row)
        images.append({"id": number, **image})
        annotations.append({"image_id": number, "file_name": file_name, "segments_info": segments})
    categories = [
        {
            "id": label.value,
            "name": label.name,
            "supercategory": label.name,
            "isthing": 1,
            "color": label.color,
        }
        for label in options.label_map.labels
    ]
    document = {"images": images, "annotations": annotations, "categories": categories}
    yield FILE, msgspec.json.encode(document)
    yield from split_lists(drawn, options)


def open_folder(folder: Folder) -> MaskFolder | None:
    """The segments as index masks; labels.json or the categories name the values."""
    if not (folder / FILE).is_file():
        return None
    try:
        document = msgspec.json.decode(folder.read(FILE))
        label_map = stored_labels(folder) or _from_categories(document["categories"])
        segments = {
            f"{FOLDER}/{safe_path(a['file_name'])}": a["segments_info"] for a in document["annotations"]
        }
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise FormatError(f"{folder / FILE}: no panoptic annotations: {error}") from None
    masks = {stem(path.removeprefix(f"{FOLDER}/")): path for path in segments}
    decode = partial(_decode, folder=folder, label_map=label_map, segments=segments)
    return MaskFolder(layout="coco-panoptic", label_map=label_map, masks=masks, decode=decode)


def _from_categories(categories: list[dict[str, Any]]) -> LabelMap:
    named = LabelMap.from_values({category["name"]: category["id"] for category in categories})
    colors = {category["id"]: category.get("color") for category in categories}
    labels = [
        Label(label.name, label.value, tuple(colors[label.value] or label.color)) for label in named.labels
    ]
    return LabelMap(tuple(labels), named.background, named.void)


def _decode(
    path: str, *, folder: Folder, label_map: LabelMap, segments: dict[str, list[dict[str, Any]]]
) -> IndexMask:
    pixels = folder.colors(path).astype(np.int64)
    ids, where = np.unique(pixels @ np.array([1, 256, 65536]), return_inverse=True)
    values = {segment["id"]: segment["category_id"] for segment in segments[path]}
    if strange := [number for number in ids.tolist() if number and number not in values]:
        raise FormatError(f"{folder / path}: {FILE} says nothing of the segments {strange[:3]}")
    table = np.array([values.get(number, label_map.background) for number in ids.tolist()], label_map.dtype)
    mask: IndexMask = table[where].reshape(pixels.shape[:2])
    return mask
