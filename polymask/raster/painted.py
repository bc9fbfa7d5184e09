"""Painted spans: a merged mask as the stretches of its rows that are not background.

Cost follows the number of spans, not of pixels: PNG, digest and pixel counts are made from spans.
Arrays are made only on request.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from polymask.model import BoolMask, Frame, IndexMask, Spans
from polymask.native import compiled

Int32 = NDArray[np.int32]
UInt16 = NDArray[np.uint16]

STRIP_PIXELS = 1 << 20  # pixels of the rows that are an array at a time


@dataclass(frozen=True, slots=True, eq=False)
class PaintedSpans:
    """A mask as (row, start, stop, value): half-open, sorted, disjoint, without `background`.

    `row`, `start` and `stop` are int32, `value` is uint16, all of one length; `frame` is (height, width).
    Spans that touch have different values, so that equal masks have equal spans.

    Examples:
        >>> painted = scan(np.array([[0, 7, 7], [0, 0, 2]], np.uint8))
        >>> painted.row.tolist(), painted.start.tolist(), painted.stop.tolist(), painted.value.tolist()
        ([0, 1], [1, 2], [3, 3], [7, 2])
    """

    row: Int32
    start: Int32
    stop: Int32
    value: UInt16
    frame: Frame
    background: int = 0

    def __len__(self) -> int:
        return len(self.row)

    @property
    def arrays(self) -> tuple[Int32, Int32, Int32, UInt16]:
        """`row`, `start`, `stop` and `value`."""
        return self.row, self.start, self.stop, self.value

    @property
    def pixels(self) -> int:
        """The number of pixels that are not background."""
        return int((self.stop - self.start).sum(dtype=np.int64))

    def within(self, top: int, bottom: int) -> "PaintedSpans":
        """The painted spans of the half-open rows, as a mask of only those rows."""
        first, last = np.searchsorted(self.row, (top, bottom)).tolist()
        row = self.row[first:last] - np.int32(top)
        start, stop, value = self.start[first:last], self.stop[first:last], self.value[first:last]
        return PaintedSpans(row, start, stop, value, (bottom - top, self.frame[1]), self.background)

    def window(self, row: int, column: int, height: int, width: int) -> "PaintedSpans":
        """The painted spans of a part of the frame, as a mask of its own.

        Examples:
            >>> scan(np.array([[0, 7, 7, 7]], np.uint8)).window(0, 2, 1, 2).start.tolist()
            [0]
        """
        rows = self.within(row, row + height)
        start = np.clip(rows.start - np.int32(column), 0, width)
        stop = np.clip(rows.stop - np.int32(column), 0, width)
        kept = start < stop
        sides = (rows.row[kept], start[kept], stop[kept], rows.value[kept])
        return PaintedSpans(*sides, (height, width), self.background)


def from_buffers(buffers: tuple[bytes, bytes, bytes, bytes], frame: Frame, background: int) -> PaintedSpans:
    """The painted spans in the four buffers that the compiled kernel gives."""
    row, start, stop = (np.frombuffer(buffer, np.int32) for buffer in buffers[:3])
    return PaintedSpans(row, start, stop, np.frombuffer(buffers[3], np.uint16), frame, background)


def scan(mask: IndexMask | BoolMask, *, background: int = 0) -> PaintedSpans:
    """The painted spans of a (height, width) bool, uint8 or uint16 mask.

    Examples:
        >>> len(scan(np.ones((2, 3), bool))), len(scan(np.ones((2, 3), np.uint16), background=1))
        (2, 0)
    """
    height, width = mask.shape
    if compiled:
        return from_buffers(compiled.scan(plain(mask), background), (height, width), background)
    return _scanned(plain(mask), background)


def plain(mask: IndexMask | BoolMask) -> IndexMask | BoolMask:
    """The mask as a C-contiguous array in native byte order."""
    dtype: Any = mask.dtype.newbyteorder("=")
    native: IndexMask | BoolMask = np.ascontiguousarray(mask, dtype)
    return native


def _scanned(mask: IndexMask | BoolMask, background: int) -> PaintedSpans:
    """The numpy twin of `scan`."""
    height, width = mask.shape
    first = np.ones((height, width), bool)
    first[:, 1:] = mask[:, 1:] != mask[:, :-1]
    begin = np.flatnonzero(first)
    end = np.append(begin[1:], height * width)
    value = mask.reshape(-1)[begin].astype(np.uint16)
    is_painted = value != background
    row, start = np.divmod(begin[is_painted], width)
    stop = end[is_painted] - row * width
    ints = [array.astype(np.int32) for array in (row, start, stop)]
    return PaintedSpans(ints[0], ints[1], ints[2], value[is_painted], (height, width), background)


def solid(spans: Spans, value: int, frame: Frame) -> PaintedSpans:
    """The mask with `value` in spans that do not touch, and 0 elsewhere.

    Examples:
        >>> pixels_by_value(solid(Spans(*np.array([[0], [1], [3]], np.int32)), 255, (1, 4)))
        {0: 2, 255: 2}
    """
    row, start, stop = (np.ascontiguousarray(part, np.int32) for part in (spans.row, spans.start, spans.stop))
    return PaintedSpans(row, start, stop, np.full(len(row), value, np.uint16), frame)


def mapped(painted: PaintedSpans, table: NDArray[np.unsignedinteger[Any]]) -> PaintedSpans:
    """The mask with `table[value]` for every value, including the background.

    Examples:
        >>> table = np.array([5, 5, 9, 9])
        >>> mapped(scan(np.array([[1, 2, 3, 0]], np.uint8)), table).arrays[2:]
        (array([3], dtype=int32), array([9], dtype=uint16))
    """
    value, background = table[painted.value].astype(np.uint16), int(table[painted.background])
    is_painted = value != background
    row, start, stop, value = (
        painted.row[is_painted],
        painted.start[is_painted],
        painted.stop[is_painted],
        value[is_painted],
    )
    first = np.ones(len(row), bool)
    first[1:] = (row[1:] != row[:-1]) | (start[1:] != stop[:-1]) | (value[1:] != value[:-1])
    last = np.append(first[1:], True)[: len(row)]
    return PaintedSpans(row[first], start[first], stop[last], value[first], painted.frame, background)


def scan_rows(
    draw: Callable[[int, int], IndexMask], frame: Frame, *, background: int = 0, least: int = 1
) -> PaintedSpans:
    """The painted spans of a (height, width) mask, whose rows `draw(top, bottom)` draws strip by strip.

    A strip has about `STRIP_PIXELS` pixels, and at least `least` rows.

    Examples:
        >>> draw = lambda top, bottom: np.full((bottom - top, 3), top, np.uint8)
        >>> scan_rows(draw, (1, 3), background=9).stop
        array([3], dtype=int32)
    """
    height, width = frame
    rows = max(STRIP_PIXELS // width, least, 1)
    tops = range(0, height, rows)
    parts = [scan(draw(top, min(top + rows, height)), background=background) for top in tops]
    row = np.concatenate([part.row + np.int32(top) for part, top in zip(parts, tops, strict=True)])
    start, stop = (
        np.concatenate(list(side)) for side in zip(*((p.start, p.stop) for p in parts), strict=True)
    )
    return PaintedSpans(row, start, stop, np.concatenate([part.value for part in parts]), frame, background)


def fill(painted: PaintedSpans, dtype: DTypeLike = np.uint8) -> IndexMask:
    """The (height, width) mask of painted spans.

    Raises `OverflowError` for a value that `dtype` does not hold.

    Examples:
        >>> fill(scan(np.array([[0, 7, 7]], np.uint8))).tolist()
        [[0, 7, 7]]
    """
    largest = max(painted.background, int(painted.value.max(initial=0)))
    if largest > np.iinfo(np.dtype(dtype)).max:
        raise OverflowError(f"a mask of {np.dtype(dtype)} holds no {largest}")
    mask: IndexMask = np.full(painted.frame, painted.background, dtype)
    if compiled:
        compiled.fill(*painted.arrays, mask)
    else:
        _fill(painted, mask)
    return mask


def _fill(painted: PaintedSpans, mask: IndexMask) -> None:
    """The numpy twin of `fill`, into a mask of background."""
    flat, line = mask.reshape(-1), painted.row.astype(np.int64) * painted.frame[1]
    begin, end = (line + painted.start).tolist(), (line + painted.stop).tolist()
    for start, stop, value in zip(begin, end, painted.value.tolist(), strict=True):
        flat[start:stop] = value


def pixels_by_value(painted: PaintedSpans) -> dict[int, int]:
    """The number of pixels of each value that occurs, including the background.

    Examples:
        >>> pixels_by_value(scan(np.array([[0, 7, 7]], np.uint8)))
        {0: 1, 7: 2}
    """
    sizes = (painted.stop - painted.start).astype(np.float64)  # whole numbers up to 2**53 are exact
    counts = np.bincount(painted.value, sizes, painted.background + 1).astype(np.int64)
    height, width = painted.frame
    counts[painted.background] = height * width - counts.sum()
    return {value: pixels for value, pixels in enumerate(counts.tolist()) if pixels}
