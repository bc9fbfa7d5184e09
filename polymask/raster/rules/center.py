"""The `center` rule: a pixel belongs to a polygon when its center does, exactly.

Pixel (column c, row r) is in when (c + ½, r + ½) is inside, even-odd, half-open:
a center on a left or top edge is in, on a right or bottom edge is out. Polygons
that share an edge neither overlap nor leave a gap.

An edge crosses row r when its lower end is at or above r + ½ and its upper end
below it, at x = x0 + (r + ½ - y0) · (x1 - x0) / (y1 - y0); every pixel whose
center is at or right of x changes sides. float64 gives the first such column
unless x - ½ is too near a whole number: those few are decided exactly in whole
numbers, which have 64 bits where the coordinates lie on a 1/1024 px grid.
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from polymask.model import Frame, Ring
from polymask.raster.geometry import GRID, on_grid
from polymask.raster.spans import Int64, keys, union

Float64 = NDArray[np.float64]

# The float64 crossing is wrong by at most 8 roundings of (|x0| + |x1| + 1); twice that is safe.
TOLERANCE = 16 * 2.0**-53
MOST_CROSSINGS = 1 << 20  # in memory at a time, about 200 bytes each


def intervals(rings: list[Ring], owner: list[int], frame: Frame) -> tuple[Int64, Int64]:
    """The key intervals (see `spans`) inside polygons 0 … n - 1 of a (height, width) frame.

    `owner[i]` is the polygon that ring i belongs to; a polygon's rings are filled
    even-odd together. Parts outside the frame are clipped; a ring without area gives no interval.
    """
    start, end, group = _edges(rings, owner)
    top, bottom = _rows(start[:, 1], frame), _rows(end[:, 1], frame)
    crossed = top < bottom
    edges = start[crossed], end[crossed], group[crossed]
    top, bottom = top[crossed], bottom[crossed]
    bands = [
        _crossed(*edges, np.clip(top, *band), np.clip(bottom, *band), frame)
        for band in _bands(top, bottom, frame[0])
    ]
    return union(*(np.concatenate(side) for side in zip(*bands, strict=True)))


def _bands(top: Int64, bottom: Int64, height: int) -> Iterator[tuple[int, int]]:
    """Half-open bands of rows with at most `MOST_CROSSINGS` crossings, or of a single row."""
    change = np.bincount(top, minlength=height + 1) - np.bincount(bottom, minlength=height + 1)
    total = np.concatenate(([0], np.cumsum(np.cumsum(change[:height]))))
    begin = 0
    while begin < height:
        end = int(np.searchsorted(total, total[begin] + MOST_CROSSINGS, side="right")) - 1
        end = min(max(end, begin + 1), height)
        yield begin, end
        begin = end


def _crossed(
    start: Float64, end: Float64, group: Int64, top: Int64, bottom: Int64, frame: Frame
) -> tuple[Int64, Int64]:
    """The key intervals between the crossings of the edges in the rows from `top` to `bottom`."""
    edge = np.repeat(np.arange(len(group)), bottom - top)
    row = np.arange(len(edge)) + np.repeat(bottom - np.cumsum(bottom - top), bottom - top)
    column = _columns(start[edge], end[edge], row, width=frame[1])
    crossing = np.sort(keys(group[edge], row, column, frame))
    return union(crossing[0::2], crossing[1::2])


def _edges(rings: list[Ring], owner: list[int]) -> tuple[Float64, Float64, Int64]:
    """The edges of all rings, each from its upper to its lower end, and the polygon of each edge."""
    points = np.concatenate(rings) if rings else np.zeros((0, 2))
    sizes = np.array([len(ring) for ring in rings], dtype=np.int64)
    following = np.arange(1, len(points) + 1)
    ends = np.cumsum(sizes)
    has_points = sizes > 0
    following[ends[has_points] - 1] = (ends - sizes)[has_points]
    start, end = points, points[following]
    upward = start[:, 1] > end[:, 1]
    start, end = np.where(upward[:, None], end, start), np.where(upward[:, None], start, end)
    return start, end, np.repeat(np.array(owner, dtype=np.int64), sizes)


def _rows(y: Float64, frame: Frame) -> Int64:
    """The first row of the frame whose center is at or below y.

    y - ½ may round, but never across a whole number inside the frame.
    """
    clipped: Int64 = np.clip(np.ceil(y - 0.5), 0, frame[0]).astype(np.int64)
    return clipped


def _columns(start: Float64, end: Float64, row: Int64, *, width: int) -> Int64:
    """The first column whose center is at or right of each edge, at its row; 0 … width."""
    (x0, y0), (x1, y1) = start.T, end.T
    with np.errstate(over="ignore", invalid="ignore"):
        crossing = x0 + (row + 0.5 - y0) / (y1 - y0) * (x1 - x0) - 0.5
        apart = TOLERANCE * (np.abs(x0) + np.abs(x1) + 1)
        first, last = (np.ceil(np.clip(side, -1, width)) for side in (crossing - apart, crossing + apart))
        near = ~(first == last)
        near |= np.isinf(y1 - y0) | np.isinf(x1 - x0)  # overflow: the crossing is unknown
        column: Int64 = np.ceil(np.clip(np.nan_to_num(crossing), 0, width)).astype(np.int64)
    near &= x0 != x1  # on a vertical edge the crossing is x0 itself, and ceil(x0 - ½) is exact
    if near.any():
        column[near] = np.clip(_exact(start[near], end[near], row[near], width=width), 0, width)
    return column


def _exact(start: Float64, end: Float64, row: Int64, *, width: int) -> Int64:
    whole = on_grid(start) & on_grid(end)
    column = np.empty(len(row), np.int64)
    column[whole] = _exact_on_grid(start[whole], end[whole], row[whole])
    ends = zip(*(side[~whole].tolist() for side in (start, end, row)), strict=True)
    exact = (_exact_anywhere(lower, upper, center_row) for lower, upper, center_row in ends)
    column[~whole] = [min(max(number, 0), width) for number in exact]
    return column


def _exact_on_grid(start: Float64, end: Float64, row: Int64) -> Int64:
    x0, y0 = (start * GRID).astype(np.int64).T
    x1, y1 = (end * GRID).astype(np.int64).T
    center = row * GRID + GRID // 2
    numerator = (center - y0) * (x1 - x0) + (x0 - GRID // 2) * (y1 - y0)
    ceiling: Int64 = -(-numerator // ((y1 - y0) * GRID))
    return ceiling


def _exact_anywhere(start: list[float], end: list[float], row: int) -> int:
    """As `_exact_on_grid`, for any finite coordinates: in whole numbers of a common unit."""
    unit, (x0, y0, x1, y1) = _whole((*start, *end))
    numerator = ((2 * row + 1) * (unit // 2) - y0) * (x1 - x0) + (x0 - unit // 2) * (y1 - y0)
    return -(-numerator // ((y1 - y0) * unit))


@lru_cache(64)
def _whole(numbers: tuple[float, ...]) -> tuple[int, list[int]]:
    """How many units a pixel has, an even number, and the numbers as whole multiples of that unit."""
    ratios = [number.as_integer_ratio() for number in numbers]
    unit = 2 * max(denominator for _, denominator in ratios)
    return unit, [numerator * (unit // denominator) for numerator, denominator in ratios]
