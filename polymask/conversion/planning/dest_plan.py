"""What a plan says of DEST: the run's fingerprint, its inputs, and which of its images are deleted from."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from polymask.conversion.dest.check import Dest, DestCheck
from polymask.conversion.dest.companions import UnmetOptions
from polymask.conversion.dest.deleted import Entry, is_deleted
from polymask.conversion.dest.way_back import may_have_deleted
from polymask.conversion.options import ConvertOptions
from polymask.conversion.planning.label_plan import chosen_instances
from polymask.formats import Annotations
from polymask.labels.as_label_map import is_path
from polymask.labels.label_map import LabelMap
from polymask.limits import LIMITS
from polymask.painting.label_choice import LabelChoice
from polymask.storage.remote.urls import Location, located

# Options that a run may change and still be the one that did not finish.
_ANY_TIME = ("workers", "scheduler", "overwrite", "dry_run", "max_conflict", "max_delete", *LIMITS)


def plan_dest(
    folder: Dest,
    annotations: Annotations,
    indices: Sequence[int],
    labels: LabelChoice,
    options: ConvertOptions,
) -> DestCheck:
    """What a run for some images of the annotations will meet in DEST."""

    @cache
    def places() -> dict[str, int]:
        return {annotations.names[index]: index for index in indices}

    def is_gone(name: str, entry: Entry) -> bool:
        """Whether an image's record lacks what its mask was made of, and that may have been deleted."""
        declared = annotations.decode(places()[name])
        state = is_deleted(entry, declared, lambda record: chosen_instances(record, labels))
        return may_have_deleted(folder.root) if state is None else state

    return DestCheck(
        folder,
        [annotations.names[index] for index in indices],
        fingerprint=_fingerprint(annotations, folder.options.label_map, options),
        inputs=[annotations.path, *([located(options.labels)] if is_path(options.labels) else [])],
        overwrite=options.overwrite,
        is_deleted=is_gone,
        unmet=UnmetOptions(folder, labels, options),
        pictures=partial(_pictures, annotations, indices, options, folder.root.path),
    )


def _pictures(
    annotations: Annotations, indices: Sequence[int], options: ConvertOptions, dest: Location
) -> Iterator[Location]:
    """The pictures of the images, and those of masks, where any may lie among what is written."""
    if _may_meet(options.images, dest):
        for index in indices:
            if (file := annotations.picture_file(index)) and not file.place.zip:
                yield file.path
    masks = options.mask_pictures
    if masks and _may_meet(options.masks, dest) and not masks.place.zip:
        yield from (masks.place.root / name for name in masks.place.names)


def _may_meet(place: str | Location | None, dest: Location) -> bool:
    """Whether one of two folders lies in the other."""
    folder = located(place) if place is not None else None
    if not (isinstance(folder, Path) and isinstance(dest, Path)):
        return False
    inner, outer = folder.resolve(), dest.resolve()
    return inner.is_relative_to(outer) or outer.is_relative_to(inner)


def _fingerprint(annotations: Annotations, label_map: LabelMap, options: ConvertOptions) -> dict[str, Any]:
    """What makes a run the same run as one that did not finish."""
    places = {"images": str(options.images), "masks": str(options.masks)}
    plain = asdict(replace(options, labels=None, images=None, masks=None)) | places
    lasting = {name: value for name, value in plain.items() if name not in _ANY_TIME}
    lasting["source"] = str(annotations.path.absolute())
    lasting["label_map"] = sha256(label_map.to_json()).hexdigest()
    stored: dict[str, Any] = json.loads(json.dumps(lasting))
    return stored
