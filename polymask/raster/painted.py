"""Painted spans: a merged mask as the stretches of its rows that are not background.

A mask costs its spans, never its pixels: a PNG, a digest and the pixel counts are made from
them. Arrays are made only for who asks for arrays.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polymask.model import BoolMask, Frame, IndexMask
from polymask.native import compiled

Int32 = NDArray[np.int32]
UInt16 = NDArray[np.uint16]


@dataclass(frozen=True, slots=True, eq=False)
class PaintedSpans:
    """A mask as (row, start, stop, value): half-open, sorted, disjoint, `background` left out.

    `row`, `start` and `stop` are int32, `value` is uint16, all of one length; `frame` is (height, width).
    Where two touch, their values differ, so that equal masks have equal spans.

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


def from_buffers(buffers: tuple[bytes, bytes, bytes, bytes], frame: Frame, background: int) -> PaintedSpans:
    """The painted spans in the four buffers that the compiled kernel gives."""
    row, start, stop = (np.frombuffer(buffer, np.int32) for buffer in buffers[:3])
    return PaintedSpans(row, start, stop, np.frombuffer(buffers[3], np.uint16), frame, background)


def scan(mask: IndexMask | BoolMask, *, background: int = 0) -> PaintedSpans:
    """The painted spans of a C-contiguous (height, width) bool, uint8 or uint16 mask.

    >>> len(scan(np.ones((2, 3), bool))), len(scan(np.ones((2, 3), np.uint16), background=1))
    (2, 0)
    """
    height, width = mask.shape
    if compiled:
        return from_buffers(compiled.scan(mask, background), (height, width), background)
    return _scanned(mask, background)


def _scanned(mask: IndexMask | BoolMask, background: int) -> PaintedSpans:
    """The numpy twin of `scan`."""
    height, width = mask.shape
    first = np.ones((height, width), bool)
    first[:, 1:] = mask[:, 1:] != mask[:, :-1]
    begin = np.flatnonzero(first)
    end = np.append(begin[1:], height * width)
    value = mask.reshape(-1)[begin].astype(np.uint16)
    kept = value != background
    row, start = np.divmod(begin[kept], width)
    stop = end[kept] - row * width
    ints = [array.astype(np.int32) for array in (row, start, stop)]
    return PaintedSpans(ints[0], ints[1], ints[2], value[kept], (height, width), background)


def fill(painted: PaintedSpans, dtype: type[np.unsignedinteger[Any]] = np.uint8) -> IndexMask:
    """The (height, width) mask of painted spans.

    Raises `OverflowError` for a value that `dtype` does not hold.

    >>> fill(scan(np.array([[0, 7, 7]], np.uint8))).tolist()
    [[0, 7, 7]]
    """
    largest = max(painted.background, int(painted.value.max(initial=0)))
    if largest > np.iinfo(dtype).max:
        raise OverflowError(f"a mask of {np.dtype(dtype)} holds no {largest}")
    mask: IndexMask = np.full(painted.frame, painted.background, dtype)
    flat, line = mask.reshape(-1), painted.row.astype(np.int64) * painted.frame[1]
    begin, end = (line + painted.start).tolist(), (line + painted.stop).tolist()
    for start, stop, value in zip(begin, end, painted.value.tolist(), strict=True):
        flat[start:stop] = value
    return mask


def pixels_by_value(painted: PaintedSpans) -> dict[int, int]:
    """How many pixels each value has, the background too; those that none has are left out.

    >>> pixels_by_value(scan(np.array([[0, 7, 7]], np.uint8)))
    {0: 1, 7: 2}
    """
    sizes = (painted.stop - painted.start).astype(np.float64)  # whole numbers up to 2**53 are exact
    counts = np.bincount(painted.value, sizes, painted.background + 1).astype(np.int64)
    height, width = painted.frame
    counts[painted.background] = height * width - counts.sum()
    return {value: pixels for value, pixels in enumerate(counts.tolist()) if pixels}
