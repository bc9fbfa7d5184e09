"""Images that were cut into tiles, each put together again from its stored masks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from polymask.analysis.masks.mask_sets import MaskSet
from polymask.errors import FormatError
from polymask.model import IndexMask
from polymask.painting.tiles import tiling_of
from polymask.storage.image_names import stem
from polymask.storage.manifest import MANIFEST


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
        of_tiles = {name: image for image, names in tiles.items() for name in names}
        split_tiles = masks.splits().items()
        return {split: list(dict.fromkeys(of_tiles[n] for n in names)) for split, names in split_tiles}

    entries = {image: _entry(masks.entries[names[0]]) for image, names in tiles.items()}
    return replace(masks, names=tuple(tiles), decode=decode, entries=entries, splits=splits)


def _entry(tile: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a line of a tile says of the whole image."""
    height, width = tile["tile"]["frame"]
    left_out = ("tile", "mask", "mask_sha256", "files")
    kept = {name: value for name, value in tile.items() if name not in left_out}
    return {**kept, "name": tile["tile"]["image"], "height": height, "width": width}


def _joined(masks: MaskSet, image: str, names: Sequence[str]) -> IndexMask:
    entries = {tuple(masks.entries[name]["tile"]["window"]): name for name in names}
    first = masks.entries[names[0]]
    tiling, frame = tiling_of(first), tuple(first["tile"]["frame"])
    assert tiling
    for window in tiling.windows(frame):
        if window not in entries:
            raise _no_whole(masks, image, f"has no tile at row {window[0]}, column {window[1]}")
    if (
        len(
            {
                (masks.entries[name].get("source_sha256"), *masks.entries[name]["tile"]["frame"])
                for name in names
            }
        )
        > 1
    ):
        raise _no_whole(masks, image, "has tiles of different annotations")
    whole: IndexMask | None = None
    drawn = np.zeros(frame, bool)
    for (row, column, height, width), name in sorted(entries.items()):
        tile, part = masks.decode(name), np.s_[row : row + height, column : column + width]
        if whole is None:
            whole = np.zeros(frame, tile.dtype)
        if tile.shape != (height, width) or (whole[part] != tile)[drawn[part]].any():
            raise _no_whole(masks, image, f"has tiles that differ where they overlap, at {name}")
        whole[part], drawn[part] = tile, True
    assert whole is not None
    return whole


def _no_whole(masks: MaskSet, image: str, problem: str) -> FormatError:
    return FormatError(
        f"{image} {problem}", file=masks.path / MANIFEST, advice="convert it again with --overwrite"
    )
