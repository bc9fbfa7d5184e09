"""COCO instances as Dataloop items and annotations."""

import base64
import io
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import PIL.Image
from pycocotools import mask as coco_mask

from polymask.dataloop.emulator.pictures import describe_blank
from polymask.dataloop.emulator.platform import Platform, clean
from polymask.dataloop.emulator.seeding.dataset import Seeded, add_dataset
from polymask.errors import FormatError, InputError

_SHOWN = 20


class _Runs(msgspec.Struct):
    """A COCO run-length encoding; `size` is (height, width)."""

    size: tuple[int, int]
    counts: list[int] | str


class _Image(msgspec.Struct):
    """A COCO image; width and height in pixels."""

    id: int | str
    file_name: str
    width: int
    height: int


class _Annotation(msgspec.Struct):
    """A COCO object."""

    image_id: int | str
    category_id: int
    id: int | str | None = None
    segmentation: list[list[float]] | _Runs | None = None
    iscrowd: int = 0


class _Category(msgspec.Struct):
    """A COCO category."""

    id: int
    name: str


class _Instances(msgspec.Struct):
    """A COCO instances file."""

    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]


def fill(platform: Platform, project_id: str, file: Path, *, images: Path | None) -> Seeded:
    """Make a dataset of a COCO file, named after it.

    Raises
    ------
    FormatError
        The file is no COCO instances file; the message names the place.
    """
    instances = read(file)
    labels = {category.id: category.name for category in instances.categories}
    dataset_id = add_dataset(platform, project_id, file.stem, labels.values())
    done = Seeded(items=len(instances.images))
    # Checked as a whole before the first item is made.
    objects = _by_image(instances, labels, file)
    for image in instances.images:
        item_id = _add_item(platform, dataset_id, image, images=images)
        annotations = [_annotation(annotation, labels, done.left_out) for annotation in objects[image.id]]
        stored = platform.add_annotations(item_id, filter(None, annotations))
        done.annotations += len(stored)
    done.left_out[_SHOWN:] = (
        [f"and {len(done.left_out) - _SHOWN} more"] if len(done.left_out) > _SHOWN else []
    )
    return done


def read(file: Path) -> _Instances:
    """Read a COCO instances file.

    Raises
    ------
    FormatError
        The file is something else.
    """
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Instances)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise FormatError(f"{file}: no COCO instances: {error}") from error
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from error


def _by_image(
    instances: _Instances, labels: dict[int, str], file: Path
) -> defaultdict[int | str, list[_Annotation]]:
    _check_unique(instances.images, file)
    images = {image.id for image in instances.images}
    objects: defaultdict[int | str, list[_Annotation]] = defaultdict(list)
    for place, annotation in enumerate(instances.annotations):
        if annotation.image_id not in images:
            raise FormatError(f"{file}: $.annotations[{place}].image_id: no image {annotation.image_id}")
        if annotation.category_id not in labels:
            raise FormatError(
                f"{file}: $.annotations[{place}].category_id: no category {annotation.category_id}"
            )
        objects[annotation.image_id].append(annotation)
    return objects


def _check_unique(images: Sequence[_Image], file: Path) -> None:
    values: set[int | str] = set()
    for place, image in enumerate(images):
        for value in (image.id, clean(image.file_name)):
            if value in values:
                raise FormatError(f"{file}: $.images[{place}]: {value} is there twice")
            values.add(value)


def _add_item(platform: Platform, dataset_id: str, image: _Image, *, images: Path | None) -> str:
    picture = (images / image.file_name).resolve() if images else None
    # A name out of a file must not reach out of the folder that was named.
    if images and picture and picture.is_relative_to(images.resolve()) and picture.is_file():
        return platform.link(dataset_id, image.file_name, picture).id
    name = clean(image.file_name).rpartition("/")[2]
    return platform.add_item(
        dataset_id, image.file_name, describe_blank(name, (image.width, image.height))
    ).id


def _annotation(
    annotation: _Annotation, labels: dict[int, str], left_out: list[str]
) -> dict[str, Any] | None:
    shape = _shape(annotation.segmentation)
    if shape is None:
        left_out.append(f"annotation {annotation.id}: no segmentation that can be drawn")
        return None
    user = {
        "coco": {"id": annotation.id, "category_id": annotation.category_id, "iscrowd": annotation.iscrowd}
    }
    metadata = {"user": user, "system": {"automated": False}}
    return {"label": labels[annotation.category_id], "metadata": metadata, "source": "seed", **shape}


def _shape(segmentation: list[list[float]] | _Runs | None) -> dict[str, Any] | None:
    # The platform has no runs; a binary annotation is its nearest kin.
    if isinstance(segmentation, _Runs):
        return {"type": "binary", "coordinates": _data_uri(segmentation)}
    rings = [ring for ring in segmentation or [] if ring]
    # An odd number is no list of points, whatever was meant.
    if not rings or any(len(ring) % 2 for ring in rings):
        return None
    return {"type": "segment", "coordinates": _rings(rings)}


def _rings(rings: Sequence[Sequence[float]]) -> msgspec.Raw:
    # Written once here: a point costs a tenth as text of what it costs as a dictionary.
    texts = (",".join(map('{{"x":{},"y":{}}}'.format, ring[::2], ring[1::2])) for ring in rings)
    return msgspec.Raw(f"[{','.join(f'[{text}]' for text in texts)}]".encode())


def _data_uri(runs: _Runs) -> str:
    encode: Callable[..., Any] = coco_mask.frPyObjects
    height, width = runs.size
    whole = {"size": [height, width], "counts": runs.counts}
    packed = encode(whole, height, width) if isinstance(runs.counts, list) else whole
    # RGBA, because the SDK decodes nothing else.
    pixels = np.zeros((height, width, 4), np.uint8)
    with warnings.catch_warnings():
        # pycocotools speaks to numpy in a way that numpy 2 calls outdated.
        warnings.simplefilter("ignore", DeprecationWarning)
        pixels[coco_mask.decode(packed).astype(bool)] = 255
    png = io.BytesIO()
    PIL.Image.fromarray(pixels).save(png, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(png.getvalue()).decode()
