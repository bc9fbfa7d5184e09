"""Planning the check of DEST: the run's fingerprint, its inputs, and images with deleted polygons."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from polymask.conversion.dest.check import Dest, DestCheck
from polymask.conversion.dest.companions import UnmetOptions, refuse_lost_pictures
from polymask.conversion.dest.deleted import Entry, is_deleted
from polymask.conversion.dest.state import DestState
from polymask.conversion.dest.way_back import may_have_deleted
from polymask.conversion.options import ConvertOptions
from polymask.conversion.planning.label_plan import chosen_instances
from polymask.conversion.planning.pruning import Pruning
from polymask.conversion.planning.tile_names import TileNames, refuse_outgrown
from polymask.conversion.undoing.edited_lists import with_edited
from polymask.formats import Annotations
from polymask.labels.as_label_map import is_path
from polymask.labels.label_map import LabelMap
from polymask.layouts.common.kept_splits import refuse_moved
from polymask.limits import LIMITS
from polymask.painting.label_choice import LabelChoice
from polymask.storage.remote.urls import Location, located

# Options that may change between an unfinished run and the run that completes it.
_CHANGEABLE = (
    "workers",
    "scheduler",
    "overwrite",
    "update",
    "prune",
    "dry_run",
    "max_conflict",
    "max_delete",
    *LIMITS,
)


def plan_dest(
    folder: Dest,
    annotations: Annotations,
    indices: Sequence[int],
    labels: LabelChoice,
    options: ConvertOptions,
) -> DestCheck:
    """The check of DEST for a run with some images of the annotations."""

    @cache
    def indices_by_name() -> dict[str, int]:
        return {annotations.names[index]: index for index in indices}

    def may_be_deleted(name: str, entry: Entry) -> bool:
        """Whether the polygons of an image's mask are deleted, or may be."""
        declared = annotations.decode(indices_by_name()[name])
        state = is_deleted(entry, declared, lambda record: chosen_instances(record, labels))
        return may_have_deleted(folder.root) if state is None else state

    def look_at_lists(state: DestState) -> DestState:
        """Refuse what would move or be lost with a split; find lists that somebody edited."""
        if options.overwrite:
            if not options.copy_images:
                refuse_lost_pictures(folder, names, state.entries)
            return state
        refuse_moved(folder.options, names, state.entries)
        return with_edited(folder, names, state, update=options.update)

    names: Sequence[str] = [annotations.names[index] for index in indices]
    prune: Callable[[DestState], DestState] = lambda state: state  # noqa: E731
    if options.tiling:
        names = TileNames(annotations, indices, options)
        prune = partial(refuse_outgrown, names, folder.root.path)
    return DestCheck(
        folder,
        names,
        fingerprint=_fingerprint(annotations, folder.options.label_map, options),
        inputs=[annotations.path, *([located(options.labels)] if is_path(options.labels) else [])],
        overwrite=options.overwrite,
        update=options.update,
        prune=Pruning(folder, annotations, options) if options.prune else prune,
        at_last=look_at_lists,
        is_deleted=may_be_deleted,
        unmet=UnmetOptions(folder, labels, options),
        pictures=partial(_pictures, annotations, indices, options, folder.root.path),
    )


def _pictures(
    annotations: Annotations, indices: Sequence[int], options: ConvertOptions, dest: Location
) -> Iterator[Location]:
    """The pictures of the images and of masks, if any of them may be among the files to write."""
    if _overlaps(options.images, dest):
        for index in indices:
            if (file := annotations.picture_file(index)) and not file.place.zip:
                yield file.path
    masks = options.mask_pictures
    if masks and _overlaps(options.masks, dest) and not masks.place.zip:
        yield from (masks.place.root / name for name in masks.place.names)


def _overlaps(place: str | Location | None, dest: Location) -> bool:
    """Whether one of two folders is inside the other."""
    folder = located(place) if place is not None else None
    if not (isinstance(folder, Path) and isinstance(dest, Path)):
        return False
    inner, outer = folder.resolve(), dest.resolve()
    return inner.is_relative_to(outer) or outer.is_relative_to(inner)


def _fingerprint(annotations: Annotations, label_map: LabelMap, options: ConvertOptions) -> dict[str, Any]:
    """The options and data that a run must share with an unfinished run to complete it."""
    places = {"images": str(options.images), "masks": str(options.masks)}
    values = asdict(replace(options, labels=None, images=None, masks=None)) | places
    facts = {name: value for name, value in values.items() if name not in _CHANGEABLE}
    facts["source"] = str(annotations.path.absolute())
    facts["label_map"] = sha256(label_map.to_json()).hexdigest()
    fingerprint: dict[str, Any] = json.loads(json.dumps(facts))
    return fingerprint
