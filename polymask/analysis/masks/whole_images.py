"""Images that were cut into tiles, each put together again from its stored masks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from polymask.analysis.masks.joined_tiles import stitched
from polymask.analysis.masks.mask_sets import MaskSet, open_sources, sources_in_split
from polymask.analysis.masks.matching import matched
from polymask.errors import FormatError
from polymask.formats import Annotations
from polymask.formats.options import ReadingOptions
from polymask.model import IndexMask, Window
from polymask.painting.tiles import corner_of, image_of, tiling_of
from polymask.storage.image_names import stem
from polymask.storage.manifest import MANIFEST
from polymask.storage.remote.urls import Location


def whole_sources(paths: Sequence[Location], options: ReadingOptions) -> list[MaskSet | Annotations]:
    """What the paths hold, tiles put together; of two, one may know the splits for both.

    Raises as `open_sources` does.
    """
    of_all = replace(options, split=None) if len(paths) > 1 else options
    opened = open_sources(paths, of_all, alone=False)
    whole = [whole_images(source) if isinstance(source, MaskSet) else source for source in opened]
    if len(paths) < 2:
        return whole
    names = [tuple(map(stem, source.names)) for source in whole]
    joined = [
        predicted_images(source, partners) if isinstance(source, MaskSet) else source
        for source, partners in zip(whole, reversed(names), strict=True)
    ]
    return sources_in_split(joined, options.split)


def whole_images(masks: MaskSet) -> MaskSet:
    """The images that the tiles of a set are of, as whole masks; a set without tiles as it is.

    Raises, on decoding, `FormatError` where tiles are missing, were made of different annotations, or hold
    different values where they overlap.
    """
    tiles: dict[str, list[str]] = {}
    for name in masks.names:
        if tile := masks.entries.get(name, {}).get("tile"):
            tiles.setdefault(stem(tile["image"]), []).append(name)
    if not tiles:
        return masks

    def decode(image: str) -> IndexMask:
        return _joined(masks, image, tiles[image])

    def splits() -> Mapping[str, Collection[str]]:
        return _splits_of({name: image for image, names in tiles.items() for name in names}, masks)

    entries = {image: _entry(masks.entries[names[0]]) for image, names in tiles.items()}
    return replace(masks, names=tuple(tiles), decode=decode, entries=entries, splits=splits)


def predicted_images(masks: MaskSet, images: Collection[str]) -> MaskSet:
    """The `images` that plain tiles are of, such as a model's predictions, as whole masks.

    Tiles are known by their names, which tell image, row and column. A set of other masks, or one that says
    by itself what it holds, is returned as it is. Raises, on decoding, `InputError` where tiles are missing.
    """
    tiles: dict[str, dict[tuple[int, int], str]] = {}
    for name in masks.names:
        if corner := corner_of(name):
            tiles.setdefault(image_of(name), {})[corner] = name
    is_plain = not masks.entries and masks.names and not masks.by_label
    if not is_plain or matched(tuple(images), masks.names) or not matched(tuple(images), tuple(tiles)):
        return masks

    def decode(image: str) -> IndexMask:
        if image not in tiles:
            return masks.decode(image)  # a mask that is no tile: it is told as one without a partner
        return stitched({corner: masks.decode(name) for corner, name in tiles[image].items()})

    def splits() -> Mapping[str, Collection[str]]:
        return _splits_of({name: image_of(name) for name in masks.names}, masks)

    others = (name for name in masks.names if not corner_of(name))
    return replace(masks, names=(*tiles, *others), decode=decode, splits=splits)


def _splits_of(images: Mapping[str, str], masks: MaskSet) -> Mapping[str, Collection[str]]:
    """The images of each split, where `images` are those of the tiles."""
    return {split: list(dict.fromkeys(images[n] for n in names)) for split, names in masks.splits().items()}


def _entry(tile: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a line of a tile says of the whole image."""
    height, width = tile["tile"]["frame"]
    left_out = ("tile", "mask", "mask_sha256", "files")
    kept = {name: value for name, value in tile.items() if name not in left_out}
    return {**kept, "name": tile["tile"]["image"], "height": height, "width": width}


def _joined(masks: MaskSet, image: str, names: Sequence[str]) -> IndexMask:
    """The whole mask; every tile is looked at, also where others lie over it."""
    tiles = _complete(masks, image, names)
    frame = tuple(masks.entries[names[0]]["tile"]["frame"])
    whole: IndexMask | None = None
    drawn = np.zeros(frame, bool)
    for (row, column, height, width), name in tiles.items():
        tile, part = masks.decode(name), np.s_[row : row + height, column : column + width]
        if whole is None:
            whole = np.zeros(frame, tile.dtype)
        if tile.shape != (height, width) or (whole[part] != tile)[drawn[part]].any():
            raise _no_whole(masks, image, f"has tiles that differ where they overlap, at {name}")
        whole[part], drawn[part] = tile, True
    assert whole is not None
    return whole


def _complete(masks: MaskSet, image: str, names: Sequence[str]) -> Mapping[Window, str]:
    """The names of an image's tiles by window; raises `FormatError` unless they make up one image."""
    entries = [masks.entries[name] for name in names]
    tiles = {tuple(entry["tile"]["window"]): name for entry, name in zip(entries, names, strict=True)}
    states = {(entry.get("source_sha256"), *entry["tile"]["frame"]) for entry in entries}
    if len(states) > 1:
        raise _no_whole(masks, image, "has tiles of different annotations")
    tiling = tiling_of(entries[0])
    assert tiling
    windows = list(tiling.windows(tuple(entries[0]["tile"]["frame"])))
    if missing := [window for window in windows if window not in tiles]:
        row, column, *_ = missing[0]
        raise _no_whole(masks, image, f"has no tile at row {row}, column {column}")
    return {window: tiles[window] for window in windows}


def _no_whole(masks: MaskSet, image: str, problem: str) -> FormatError:
    return FormatError(
        f"{image} {problem}", file=masks.path / MANIFEST, advice="convert it again with --overwrite"
    )
