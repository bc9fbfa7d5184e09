"""Counts over annotations or masks: instances and painted pixels by label, image by image."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any, Unpack

import numpy as np

from polymask.analysis.masks.label_sets import LabelMasks, LabelSets
from polymask.analysis.masks.mask_sets import MaskSet, open_sources
from polymask.errors import InputError, LimitError
from polymask.extras import dataframe
from polymask.formats import Annotations
from polymask.formats.options import ReadingOptions
from polymask.formats.reading.images.needed_pictures import require_pictures
from polymask.labels.as_label_map import Labels
from polymask.labels.label_map import VOID_8, VOID_16, LabelMap, from_categories
from polymask.layouts.common.lookup import BACKGROUND, VOID
from polymask.ledger import Reason, by_count
from polymask.limits import Limits
from polymask.model import Frame, IndexMask, Skipped
from polymask.option_types import ReadingOptionsDict
from polymask.painting.painting import Painting, Rules
from polymask.parallel.pool import run_chunks
from polymask.parallel.progress import Progress, reported
from polymask.storage.remote.urls import Location, located


@dataclass(frozen=True, slots=True)
class ImageCounts:
    """One image's painted pixels by label, and its instances where they are known.

    `pixels` holds background and void too, if the image has any.
    """

    name: str
    frame: Frame
    pixels: dict[str, int]
    instances: dict[str, int]


@dataclass(frozen=True, slots=True)
class Statistics:
    """Instances and painted pixels by label.

    A pixel counts for the label on top; in layouts with a mask per label, for each label whose mask
    holds it. `instances` is None for masks, which do not separate instances. `names` are all labels,
    used or not. `left_out` are the numbers of annotations that are not counted, by reason, and `failures`
    the images that could not be: their size is nowhere told, and their picture cannot be read.
    """

    names: tuple[str, ...]
    images: list[ImageCounts] = field(default_factory=list)
    counts_instances: bool = True
    left_out: Counter[Reason] = field(default_factory=Counter)
    failures: list[Skipped] = field(default_factory=list)

    @property
    def labels(self) -> dict[str, dict[str, int | None]]:
        """Each label's instances, painted pixels and images."""
        pixels, instances, images = Counter[str](), Counter[str](), Counter[str]()
        for image in self.images:
            pixels.update(image.pixels)
            instances.update(image.instances)
            images.update(dict.fromkeys({**image.pixels, **image.instances}, 1))
        unnamed = [name for name in pixels if name not in (*self.names, BACKGROUND, VOID)]
        return {
            name: {
                "instances": instances[name] if self.counts_instances else None,
                "pixels": pixels[name],
                "images": images[name],
            }
            for name in [*self.names, *sorted(unnamed)]
        }

    def pixels_of(self, name: str) -> int:
        """A label's painted pixels in all images; also of `background` and `__ignore__`."""
        return sum(image.pixels.get(name, 0) for image in self.images)

    def to_dict(self) -> dict[str, Any]:
        """The statistics as plain values, as `--json` prints them."""
        counted = self.counts_instances
        return {
            "images": len(self.images),
            "instances": sum(sum(image.instances.values()) for image in self.images) if counted else None,
            "labels": self.labels,
            "left_out": [
                {"kind": reason.kind, "reason": reason.text, "annotations": count}
                for reason, count in by_count(self.left_out)
            ],
            "failures": [{"name": failure.name, "reason": failure.reason} for failure in self.failures],
            "background": self.pixels_of(BACKGROUND),
            "void": self.pixels_of(VOID),
            "per_image": [
                {
                    "name": image.name,
                    "height": image.frame[0],
                    "width": image.frame[1],
                    "labels": {
                        name: {
                            "instances": image.instances.get(name, 0) if counted else None,
                            "pixels": pixels,
                        }
                        for name, pixels in _labels_of(image).items()
                    },
                }
                for image in self.images
            ],
        }

    def to_dataframe(self, *, per_image: bool = False) -> Any:
        """A pandas `DataFrame` with a row a label: instances, pixels, images; or a row an image and label.

        Raises `InputError` where pandas is not installed.
        """
        if not per_image:
            rows = [{"label": name, **counts} for name, counts in self.labels.items()]
            return dataframe(rows, ("label", "instances", "pixels", "images"), index="label")
        listed = [
            {**image, "label": name, **counts}
            for image in self.to_dict()["per_image"]
            for name, counts in image["labels"].items()
        ]
        return dataframe(listed, ("name", "height", "width", "label", "instances", "pixels"))

    def _repr_html_(self) -> str:
        """Tables of labels, as notebooks show them."""
        notebook = import_module("polymask.report.notebook")  # a room beside, and only in a notebook
        return str(notebook.statistics_html(self))


def _labels_of(image: ImageCounts) -> dict[str, int]:
    names = dict.fromkeys([*image.pixels, *image.instances])
    return {name: image.pixels.get(name, 0) for name in names if name not in (BACKGROUND, VOID)}


def stats(
    path: str | Location,
    *,
    labels: Labels | None = None,
    split: str | None = None,
    rules: Rules | None = None,
    limits: Limits | None = None,
    workers: int = 1,
    progress: Progress | None = None,
    **reading: Unpack[ReadingOptionsDict],
) -> Statistics:
    """Instances and painted pixels by label of annotations, or painted pixels of a folder of masks.

    `labels` names the values where the folder does not; `split` counts the images of that split only;
    `reading` are the options of reading.

    In annotations, a pixel of several labels counts once, for the label on top under `rules` (default: the
    later instance). In stored label masks, it counts for each of its labels.
    Raises `NotFound` or `FormatError` for a path that cannot be read, `LimitError` above `limits`.

    Examples:
        >>> stats("fixtures/shapes/instances.json").labels["boat"]["instances"]
        3
    """
    options = ReadingOptions.of({**reading, "labels": labels, "split": split}, limits=limits)
    (opened,) = open_sources([located(path)], options)
    if isinstance(opened, MaskSet):
        return _of_masks(opened, workers, progress)
    require_pictures(opened)
    label_map = options.label_map or from_categories(opened.categories)
    return _of_annotations(opened, label_map, rules, options.limits, workers, progress)


def _of_annotations(
    annotations: Annotations,
    label_map: LabelMap,
    rules: Rules | None,
    limits: Limits,
    workers: int,
    progress: Progress | None,
) -> Statistics:
    count = partial(
        _of_record, annotations=annotations, label_map=label_map, rules=rules or Rules(), limits=limits
    )
    chunks = reported(
        run_chunks(count, range(len(annotations.names)), workers), len(annotations.names), progress
    )
    counts = [count for chunk in chunks for count in chunk]
    images = [entry for entry in counts if isinstance(entry, ImageCounts)]
    failures = [entry for entry in counts if isinstance(entry, Skipped)]
    left_out = annotations.ledger.omitted if annotations.ledger else Counter[Reason]()
    return Statistics(label_map.names, images, left_out=left_out, failures=failures)


def _of_record(
    index: int, *, annotations: Annotations, label_map: LabelMap, rules: Rules | None, limits: Limits | None
) -> ImageCounts | Skipped:
    try:
        record = annotations.decode(index)
    except LimitError:
        raise
    except InputError as error:  # in formats that take the size from the picture
        return Skipped(annotations.names[index], str(error))
    painting = Painting(record, label_map, rules or Rules(), limits=limits)
    named = {label.value: label.name for label in label_map.labels}
    instances = Counter(named[value] for value in painting.values if value in named)
    pixels = {_name(value, label_map): pixels for value, pixels in painting.pixels.items()}
    return ImageCounts(record.name, record.frame, pixels, dict(instances))


def _of_masks(masks: MaskSet, workers: int, progress: Progress | None) -> Statistics:
    def count(index: int) -> ImageCounts:
        name = masks.names[index]
        if masks.by_label and masks.labels_of:
            return _of_labels(name, masks.labels_of(name))
        mask = masks.decode(name)
        height, width = mask.shape
        return ImageCounts(name, (height, width), _pixels(mask, masks.label_map), {})

    chunks = reported(run_chunks(count, range(len(masks.names)), workers), len(masks.names), progress)
    names = masks.label_map.names if masks.label_map else ()
    return Statistics(names, [image for chunk in chunks for image in chunk], counts_instances=False)


def _of_labels(name: str, image: LabelMasks) -> ImageCounts:
    """The pixels of each label mask; pixels without a label are background."""
    sets = LabelSets()
    numbered = sets.numbered(image)
    pixels, background = sets.pixels_of(numbered)
    height, width = numbered.shape
    return ImageCounts(name, (height, width), ({BACKGROUND: background} if background else {}) | pixels, {})


def _pixels(mask: IndexMask, label_map: LabelMap | None) -> dict[str, int]:
    counts = np.bincount(mask.reshape(-1))
    return {_name(value, label_map): int(counts[value]) for value in np.flatnonzero(counts).tolist()}


def _name(value: int, label_map: LabelMap | None) -> str:
    if label_map is None:
        return {0: BACKGROUND, VOID_8: VOID, VOID_16: VOID}.get(value, f"{value}")
    return dict(_named(label_map)).get(value, f"value {value}")


def _named(label_map: LabelMap) -> Iterator[tuple[int, str]]:
    yield label_map.background, BACKGROUND
    yield label_map.void, VOID
    for label in label_map.labels:
        yield label.value, label.name
