"""Sets of masks, whoever made them: folders of any layout, bare PNGs, or annotations painted on the fly."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import PurePosixPath
from typing import Any, Unpack, cast

import numpy as np

from polymask.errors import FormatError, InputError, LabelError, LimitError, NotFound
from polymask.formats import Annotations
from polymask.formats.options import ReadingOptions, open_chosen, refuse_no_image
from polymask.labels.as_label_map import Labels
from polymask.labels.label_map import VOID_16, LabelMap, from_categories, unknown_label
from polymask.layouts import LAYOUTS, layout_named, stem
from polymask.layouts.common.read_back import Folder, MaskFolder, in_file, masks_below, png_folder
from polymask.limits import Limits
from polymask.model import IndexMask
from polymask.option_types import ReadingOptionsDict
from polymask.painting.painting import Painting, Rules
from polymask.storage.manifest import MANIFEST, read_manifest
from polymask.storage.object_store import open_root
from polymask.storage.safe_names import safe_path
from polymask.storage.urls import Location, listed_once, located


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskSet:
    """Index masks by image name without suffix.

    `label_map` is None where nothing names the values. `decode` takes a name from `names`
    and gives a (height, width) mask of the label map's values. `kind` is the layout or format;
    `by_label` tells that there is a mask for each label, later labels on top; `unscored` are the names
    that the layout's own scorers leave out where they are the truth.
    """

    path: Location
    kind: str
    label_map: LabelMap | None
    names: tuple[str, ...]
    decode: Callable[[str], IndexMask]
    by_label: bool = False
    unscored: frozenset[str] = frozenset()


def open_masks(
    path: str | Location,
    *,
    labels: Labels | None = None,
    limits: Limits | None = None,
    **reading: Unpack[ReadingOptionsDict],
) -> MaskSet:
    """The masks of a folder in any layout that can be read back, or of an annotation file.

    `labels` names the values of a folder that does not, `reading` are the options of reading.
    Annotations are painted with the default rules. Raises `NotFound` for no such path, `FormatError`
    for none of these; what is above `limits` is a `LimitError`, here or when its mask is decoded.

    >>> masks = open_masks("fixtures/shapes/instances.json")
    >>> masks.kind, masks.names
    ('coco', ('harbor', 'meadow', 'empty'))
    """
    return opened_masks(path, ReadingOptions.of({**reading, "labels": labels}, limits=limits))


def opened_masks(path: str | Location, options: ReadingOptions) -> MaskSet:
    """The masks at a path, of the images and labels that `options` ask for; see `open_masks`."""
    path, limits = located(path), options.limits
    if not path.exists():
        raise NotFound("no such file or folder", file=path, exit_code=2)
    if path.is_dir() and (folder := open_mask_folder(path := listed_once(path), limits)) is not None:
        return chosen_masks(_of_folder(Folder(path, limits), folder, options.label_map), options)
    return of_annotations(open_chosen(path, options), labels=options.label_map)


def chosen_masks(masks: MaskSet, options: ReadingOptions) -> MaskSet:
    """The masks of images and labels that are asked for; other labels become background.

    Images are chosen by the names that the masks have, without suffix.
    """
    globs = [*options.where, *map(stem, options.where)]
    names = tuple(name for name in masks.names if not globs or any(fnmatchcase(name, g) for g in globs))
    refuse_no_image(names, masks.names, options.where)
    if not options.only:
        return replace(masks, names=names)
    if masks.label_map is None:
        raise LabelError(
            "nothing names the values of its masks, --only needs names",
            file=masks.path,
            advice="add --labels",
        )
    label_map, taken = masks.label_map, options.taken_labels(masks.label_map.names)
    for name in options.only:
        if name not in label_map:
            raise unknown_label(name, label_map.names)
    values = np.full(VOID_16 + 1, label_map.background, label_map.dtype)
    for value in (label_map.void, *(label.value for label in label_map.labels if label.name in taken)):
        values[value] = value
    return replace(masks, names=names, decode=lambda name: values[masks.decode(name)])


def open_mask_folder(path: Location, limits: Limits | None = None) -> MaskFolder | None:
    """The masks of a folder, by the layout that it shows; None where there are none.

    The layouts that show themselves most clearly stand last in the table, and are asked first.
    """
    folder = Folder(path, limits or Limits())
    for name in reversed(LAYOUTS):
        reader = getattr(layout_named(name), "open_folder", None)
        if reader is not None and (found := reader(folder)) is not None:
            return cast("MaskFolder", found)
    return _bare(folder)


def _bare(folder: Folder) -> MaskFolder | None:
    """A folder of gray or palette PNGs and nothing that explains them; pictures are no masks."""
    masks = masks_below(folder, ".")
    try:
        for first in list(masks.values())[:1]:
            folder.mask(first)
    except LimitError:
        raise
    except InputError:
        return None
    return png_folder(folder, "png", masks)


def _of_folder(place: Folder, folder: MaskFolder, labels: LabelMap | None) -> MaskSet:
    entries = {stem(name): entry for name, entry in read_manifest(open_root(place.path)).items()}
    listed = {name: entry["mask"] for name, entry in entries.items() if isinstance(entry.get("mask"), str)}
    for mask in listed.values():
        with in_file(place / MANIFEST):  # which may come from anywhere
            safe_path(mask.partition("#")[0])
    places = listed or folder.masks
    return MaskSet(
        path=place.path,
        kind=folder.layout,
        label_map=folder.label_map or labels,
        names=tuple(places),
        decode=partial(_decode, place=place, folder=folder, places=places, entries=entries),
        by_label=folder.labels_of is not None,
        unscored=folder.unscored,
    )


def _decode(
    name: str,
    *,
    place: Folder,
    folder: MaskFolder,
    places: Mapping[str, str],
    entries: Mapping[str, Mapping[str, Any]],
) -> IndexMask:
    entry = entries.get(name, {})
    if folder.label_map is not None and entry.get("labels") == {}:
        frame = (entry["height"], entry["width"])
        place.limits.check_frame(f"{place / MANIFEST}: {name}", frame)
        return np.full(frame, folder.label_map.background, folder.label_map.dtype)
    try:
        return folder.decode(places[name])
    except NotFound as error:
        if not entry:
            raise
        raise FormatError(
            f"{error}, and {place / MANIFEST} lists it", advice="convert again, or take its line out there"
        ) from None


def of_annotations(
    annotations: Annotations, *, labels: LabelMap | None = None, rules: Rules | None = None
) -> MaskSet:
    """The masks that annotations become, each painted when it is asked for."""
    label_map = labels or from_categories(annotations.categories)
    places = {stem(name): index for index, name in enumerate(annotations.names)}
    painted_with = rules or Rules()
    return MaskSet(
        path=annotations.path,
        kind=annotations.format,
        label_map=label_map,
        names=tuple(places),
        decode=lambda name: Painting(annotations.decode(places[name]), label_map, painted_with).index,
    )


def matched(truth: tuple[str, ...], other: tuple[str, ...]) -> dict[str, str]:
    """The names that both sets have, by name; where they share none, by the last part of the name.

    >>> matched(("a", "b"), ("val/a", "val/c"))
    {'a': 'val/a'}
    """
    common = set(truth) & set(other)
    if common:
        return {name: name for name in truth if name in common}
    last = {PurePosixPath(name).name: name for name in other}
    unique = len(last) == len(other)
    return {
        name: last[PurePosixPath(name).name] for name in truth if unique and PurePosixPath(name).name in last
    }
