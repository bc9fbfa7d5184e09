"""Tiles: windows of one size that cover an image, each with a mask of its own.

All tiles of an image have the size that is asked for: those at the right and at the bottom are moved inwards
to stay inside, so that they share more pixels with their neighbors. Only an image that is smaller than a tile
has a smaller one. A tile's name is the image's with the row and the column of its first pixel.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from polymask.errors import InputError, LimitError
from polymask.model import Frame, Instance, Window
from polymask.painting.painting import Painting
from polymask.raster.painted import PaintedSpans
from polymask.raster.spans import SpanTable
from polymask.storage.image_names import stem

MOST_TILES = 1_000_000  # of an image
InstanceIds = Callable[[int], PaintedSpans]  # as `Painting.instance_ids`
_NAME = re.compile(r"(.*)_r(\d{5,})_c(\d{5,})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Tiling:
    """How images are cut: the (height, width) of a tile, and the pixels that neighbors share at least.

    Raises:
        InputError: The tiles share all their rows or columns, so that they would never end.

    Examples:
        >>> list(Tiling((4, 4), 1).windows((4, 9)))
        [(0, 0, 4, 4), (0, 3, 4, 4), (0, 5, 4, 4)]
        >>> list(Tiling((4, 4)).windows((3, 6)))
        [(0, 0, 3, 4), (0, 2, 3, 4)]
    """

    size: Frame
    overlap: int = 0

    def __post_init__(self) -> None:
        if self.overlap >= min(self.size):
            raise InputError(
                f"tiles of {self.size[1]}x{self.size[0]} cannot overlap by {self.overlap} px",
                advice=f"make --tile-overlap {min(self.size) - 1} or less",
            )

    def windows(self, frame: Frame) -> Iterator[Window]:
        """The windows of a frame's tiles, row by row; raises `LimitError` for more than a million."""
        rows, columns = (
            _starts(side, tile, self.overlap) for side, tile in zip(frame, self.size, strict=True)
        )
        if len(rows) * len(columns) > MOST_TILES:
            raise LimitError(
                f"{len(rows) * len(columns):,} tiles of one image, and {MOST_TILES:,} are the most",
                advice="make --tile larger, or --tile-overlap smaller",
            )
        height, width = min(self.size[0], frame[0]), min(self.size[1], frame[1])
        return ((row, column, height, width) for row in rows for column in columns)

    def entry(self, image: str, frame: Frame, window: Window) -> dict[str, Any]:
        """What a tile's line in the manifest says of it."""
        facts = {"image": image, "frame": frame, "window": window}
        return {**facts, "size": self.size, "overlap": self.overlap}


def tiling_of(entry: Mapping[str, Any]) -> Tiling | None:
    """How the image was cut that a line of the manifest is of; None for a whole image."""
    tile = entry.get("tile")
    return Tiling(tuple(tile["size"]), tile["overlap"]) if tile else None


def _starts(side: int, tile: int, overlap: int) -> list[int]:
    """The first rows or columns of the tiles along a side; the last tile ends where the side ends."""
    last = max(side - tile, 0)
    return [*range(0, last, tile - overlap), last]


def tile_name(image: str, window: Window) -> str:
    """The name of an image's tile; `image_of` and `corner_of` are the way back.

    Examples:
        >>> tile_name("slides/a.png", (0, 960, 1024, 1024))
        'slides/a_r00000_c00960.png'
    """
    short = stem(image)
    return f"{short}_r{window[0]:05}_c{window[1]:05}{image[len(short) :]}"


def image_of(tile: str) -> str:
    """The name of a tile's image; another name as it is.

    Examples:
        >>> image_of("slides/a_r00000_c00960.png"), image_of("a.png")
        ('slides/a.png', 'a.png')
    """
    short = stem(tile)
    match = _NAME.fullmatch(short)
    return match[1] + tile[len(short) :] if match else tile


def corner_of(tile: str) -> tuple[int, int] | None:
    """The row and the column of a tile's first pixel in its image; None for another name.

    Examples:
        >>> corner_of("slides/a_r00000_c00960.png"), corner_of("a.png")
        ((0, 960), None)
    """
    match = _NAME.fullmatch(stem(tile))
    return (int(match[2]), int(match[3])) if match else None


class Tile(Painting):
    """The part of a painting in a window, as the painting of an image of its own.

    It is cut from the painted spans of the whole, so that rules which look beyond the window (borders,
    `smallest`) paint what they paint in the whole, and instances keep their numbers.
    """

    def __init__(self, whole: Painting, window: Window, ids: InstanceIds) -> None:
        name = tile_name(whole.record.name, window)
        record = replace(whole.record, name=name, frame=window[2:], instances=())
        super().__init__(record, whole.label_map, whole.rules, limits=whole.limits)
        self.window, self._whole, self._ids = window, whole, ids

    @property
    def instances(self) -> tuple[Instance, ...]:
        """All instances of the whole."""
        return self._whole.instances

    @property
    def spans(self) -> SpanTable:
        """The spans of each of `instances` in the window."""
        return self._whole.spans.window(*self.window)

    @property
    def paint_order(self) -> list[int]:
        """The order of the whole."""
        return self._whole.paint_order

    @property
    def painted(self) -> PaintedSpans:
        """The window of the whole mask."""
        return self._whole.painted.window(*self.window)

    def instance_ids(self, void: int) -> PaintedSpans:
        """The window of the whole's instance ids."""
        return self._ids(void).window(*self.window)


def tiles_of(whole: Painting, tiling: Tiling) -> Iterator[Tile]:
    """The tiles of a painting, row by row; the whole is painted once."""
    ids = cache(whole.instance_ids)
    return (Tile(whole, window, ids) for window in tiling.windows(whole.record.frame))
