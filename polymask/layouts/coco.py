"""`annotations.json`: COCO with one compressed RLE annotation a label and image.

Category ids are the label map's values, image ids count from 1 in the source's order.
pycocotools reads it back. Masks of different labels may overlap.
Source: cocodataset.org, "Data format".
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import numpy as np

from polymask.digest import combined_sha256, pixels_sha256
from polymask.layouts import Drawn, LayoutOptions
from polymask.raster.spans import paint
from polymask.semantic import Painting

IMAGES = "images"
INDEX = False
FILE = "annotations.json"


def check(options: LayoutOptions) -> None:
    """Every label map can be laid out this way."""


def paths(name: str) -> tuple[str, ...]:
    """A place in the one file."""
    return (f"{FILE}#{name}",)


def draw(painting: Painting, options: LayoutOptions) -> Drawn:
    """The image's entry, and an annotation for each label."""
    from pycocotools import mask as pycocotools_mask

    values = {label.name: label.value for label in options.label_map.labels}
    annotations, digests = [], {}
    for label, spans in painting.label_spans.items():
        mask = np.zeros(painting.record.frame, np.uint8)
        paint(mask, spans, 1)
        rle = pycocotools_mask.encode(np.asfortranarray(mask))
        annotations.append(_annotation(values[label], rle, spans.pixels))
        digests[label] = pixels_sha256(mask)
    height, width = painting.record.frame
    image = {"file_name": painting.record.name, "height": height, "width": width}
    return Drawn(
        name=painting.record.name,
        mask=paths(painting.record.name)[0],
        pixels_sha256=combined_sha256(digests),
        labels=digests,
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


def finish(drawn: Iterable[Drawn], options: LayoutOptions) -> Iterator[tuple[str, bytes]]:
    """All images and annotations, numbered in order."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, one in enumerate(drawn, 1):
        image, of_image = msgspec.json.decode(one.row)
        images.append({"id": number, **image})
        for annotation in of_image:
            annotations.append({"id": len(annotations) + 1, "image_id": number, **annotation})
    categories = [{"id": label.value, "name": label.name} for label in options.label_map.labels]
    document = {"images": images, "annotations": annotations, "categories": categories}
    yield FILE, msgspec.json.encode(document)
