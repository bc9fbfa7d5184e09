"""Which split the images of a folder of masks are of: by its folders, its lists, or its manifest.

This is the only place that knows, for all layouts. A layout with a folder for each split names it as
`MASKS`; one whose lists of splits are not `splits/{split}.txt` names them as `LISTS`.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from polymask.errors import FormatError
from polymask.layouts import LAYOUTS, layout_named
from polymask.layouts.common.read_back import Folder, read_text
from polymask.layouts.common.shared_files import DEFAULT_SPLIT
from polymask.layouts.common.splits import LISTS
from polymask.storage.remote.urls import Location


def images_by_split(
    folder: Folder,
    layout: str,
    masks: Mapping[str, str],
    entries: Mapping[str, Mapping[str, Any]],
) -> dict[str, Collection[str]]:
    """The images of each split; empty where nothing tells the splits.

    `masks` are the masks' paths and `entries` the manifest's lines, both by image name without suffix. Where
    masks of all splits lie together, the lists decide, as users may edit them, and the manifest only where
    there are none. Raises `FormatError` for a list with an image that has no mask.
    """
    module = layout_named(layout) if layout in LAYOUTS else None
    if pattern := getattr(module, "MASKS", ""):
        return _placed(pattern, masks, entries)
    lists = dict(_lists(folder, getattr(module, "LISTS", LISTS), masks))
    return lists or _placed("", masks, entries)


def _lists(folder: Folder, pattern: str, masks: Mapping[str, str]) -> Iterator[tuple[str, Collection[str]]]:
    root, _, file = pattern.rpartition("/")
    ending = file.removeprefix("{split}")
    for name in sorted(folder.tree.inside(root)[0]):
        if name.endswith(ending):
            images = _names_in(folder, f"{root}/{name}")
            if not images or not masks.keys().isdisjoint(images):  # else a text of another kind
                _require_masks(images, masks, folder / f"{root}/{name}")
                yield name.removesuffix(ending), images.keys()


def _names_in(folder: Folder, name: str) -> dict[str, int]:
    """The images that a list names, with the numbers of their lines."""
    lines = enumerate(read_text(folder / name).split("\n"), 1)
    return {image: number for number, line in lines if (image := line.removesuffix("\r"))}


def _require_masks(images: Mapping[str, int], masks: Mapping[str, str], path: Location) -> None:
    for image, number in images.items():
        if image not in masks:
            raise FormatError(
                f"{image} has no mask",
                file=path,
                place=f"line {number}",
                advice="take the line out there, or convert that image too",
            )


def _placed(
    pattern: str, masks: Mapping[str, str], entries: Mapping[str, Mapping[str, Any]]
) -> dict[str, Collection[str]]:
    """The images by the split in their manifest line, else by the folder that their mask is in."""
    in_folder = re.compile(re.escape(pattern).replace(re.escape("{split}"), "([^/]+?)") + "/")
    splits: dict[str, list[str]] = {}
    for name, path in masks.items():
        if name in entries:
            splits.setdefault(str(entries[name].get("split", DEFAULT_SPLIT)), []).append(name)
        elif pattern and (match := in_folder.match(path)):
            splits.setdefault(match[1], []).append(name)
    return dict(splits)
