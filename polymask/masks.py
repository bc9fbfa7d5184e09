"""Sets of masks, whoever made them: folders of any layout, bare PNGs, or annotations painted on the fly."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import Any, cast

import numpy as np

from polymask.errors import InputError, NotFound
from polymask.formats import Annotations, open_annotations
from polymask.labels import LabelMap, from_categories
from polymask.layouts import LAYOUTS, layout_named, stem
from polymask.layouts.reading import MaskFolder, masks_below, png_folder, read_png
from polymask.manifest import read_manifest
from polymask.model import IndexMask
from polymask.names import safe_path
from polymask.objects import open_root
from polymask.semantic import Painting, Rules
from polymask.urls import Location, listed_once, located


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskSet:
    """Index masks by image name without suffix.

    `label_map` is None where nothing names the values. `decode` takes a name from `names`
    and gives a (height, width) mask of the label map's values. `kind` is the layout or format;
    `by_label` tells that there is a mask for each label, later labels on top.
    """

    path: Location
    kind: str
    label_map: LabelMap | None
    names: tuple[str, ...]
    decode: Callable[[str], IndexMask]
    by_label: bool = False


def open_masks(path: str | Location, *, labels: LabelMap | None = None) -> MaskSet:
    """The masks of a folder in any layout that can be read back, or of an annotation file.

    `labels` names the values of a folder that does not. Annotations are painted with the
    default rules. Raises `NotFound` for no such path, `FormatError` for none of these.

    >>> masks = open_masks("fixtures/shapes/instances.json")
    >>> masks.kind, masks.names
    ('coco', ('harbor', 'meadow', 'empty'))
    """
    path = located(path)
    if not path.exists():
        raise NotFound(f"{path}: no such file or folder")
    if path.is_dir() and (folder := open_mask_folder(path := listed_once(path))) is not None:
        return _of_folder(path, folder, labels)
    return of_annotations(open_annotations(path), labels=labels)


def open_mask_folder(path: Location) -> MaskFolder | None:
    """The masks of a folder, by the layout that it shows; None where there are none.

    The layouts that show themselves most clearly stand last in the table, and are asked first.
    """
    for name in reversed(LAYOUTS):
        reader = getattr(layout_named(name), "open_folder", None)
        if reader is not None and (found := reader(path)) is not None:
            return cast("MaskFolder", found)
    return _bare(path)


def _bare(path: Location) -> MaskFolder | None:
    """A folder of gray or palette PNGs and nothing that explains them; pictures are no masks."""
    masks = masks_below(path, ".")
    try:
        for first in list(masks.values())[:1]:
            read_png(path / first)
    except InputError:
        return None
    return png_folder(path, "png", masks)


def _of_folder(path: Location, folder: MaskFolder, labels: LabelMap | None) -> MaskSet:
    entries = {stem(name): entry for name, entry in read_manifest(open_root(path)).items()}
    listed = {name: entry["mask"] for name, entry in entries.items() if isinstance(entry.get("mask"), str)}
    for place in listed.values():
        safe_path(place.partition("#")[0])  # a manifest may come from anywhere
    places = listed or folder.masks
    return MaskSet(
        path=path,
        kind=folder.layout,
        label_map=folder.label_map or labels,
        names=tuple(places),
        decode=partial(_decode, folder=folder, places=places, entries=entries),
        by_label=folder.labels_of is not None,
    )


def _decode(
    name: str, *, folder: MaskFolder, places: Mapping[str, str], entries: Mapping[str, Mapping[str, Any]]
) -> IndexMask:
    entry = entries.get(name, {})
    if folder.label_map is not None and entry.get("labels") == {}:
        frame = (entry["height"], entry["width"])
        return np.full(frame, folder.label_map.background, folder.label_map.dtype)
    return folder.decode(places[name])


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
