"""Pixels as a short line of text: the runs of a mask, row by row, each as a difference to the run before.

A run is a gap (the number of pixels between it and the run before) and a length. The differences of
both are zigzag-coded, so that small numbers of either sign stay small, and written as LEB128 (seven
bits a byte) in base64: about three characters a run.
"""

import base64
from binascii import Error as Base64Error

import numpy as np
from numpy.typing import NDArray

from polymask.errors import FormatError
from polymask.model import BoolMask, Frame, Spans
from polymask.raster.painted import PaintedSpans, solid
from polymask.raster.spans import Int64, flat_indices, union

Flat = tuple[Int64, Int64]  # half-open intervals of pixels, counted row by row: starts and stops

_BITS, _MORE = 7, 0x80
_LONGEST = 9  # bytes of a number


def flat_of(spans: Spans, width: int) -> Flat:
    """An instance's spans as intervals, in a frame `width` pixels wide.

    Examples:
        >>> spans = Spans(np.array([0, 1]), np.array([2, 0]), np.array([4, 1]))
        >>> [edge.tolist() for edge in flat_of(spans, 4)]
        [[2], [5]]
    """
    line = spans.row.astype(np.int64) * width
    return union(line + spans.start, line + spans.stop)


def flat_of_mask(mask: BoolMask) -> Flat:
    """The intervals that are set in a (height, width) mask."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask.reshape(-1), [False]])))
    return edges[0::2].astype(np.int64), edges[1::2].astype(np.int64)


def united(parts: list[Flat]) -> Flat:
    """The union of sets of intervals."""
    parts = parts or [(np.zeros(0, np.int64), np.zeros(0, np.int64))]
    start, stop = (np.concatenate(side) for side in zip(*parts, strict=True))
    return union(start, stop)


def painted_of(flat: Flat, frame: Frame) -> PaintedSpans:
    """The mask of sorted intervals that do not touch, of value 1.

    Examples:
        >>> painted = painted_of((np.array([2]), np.array([9])), (3, 4))
        >>> painted.row.tolist(), painted.start.tolist(), painted.stop.tolist()
        ([0, 1, 2], [2, 0, 0], [4, 4, 1])
    """
    (start, stop), width = flat, frame[1]
    first, end = start // width, (stop - 1) // width + 1
    row, line = flat_indices(first, end), np.repeat(np.arange(len(start)), end - first)
    left, right = np.maximum(start[line] - row * width, 0), np.minimum(stop[line] - row * width, width)
    spans = Spans(*(edge.astype(np.int32) for edge in (row, left, right)))
    return solid(spans, 1, frame)


def are_set(mask: BoolMask, flat: Flat) -> bool:
    """Whether all pixels of the intervals are set in a mask."""
    return bool(mask.reshape(-1)[flat_indices(*flat)].all())


def pack(flat: Flat) -> str:
    """Sorted, disjoint intervals as text.

    Examples:
        >>> pack((np.array([2, 12]), np.array([5, 15])))
        'BAYKAA=='
    """
    start, stop = flat
    gaps = start - np.concatenate([[0], stop[:-1]])
    numbers = np.stack([_differences(gaps), _differences(stop - start)], axis=1).reshape(-1)
    return base64.b64encode(_leb128((numbers << 1) ^ (numbers >> 63))).decode()


def unpack(text: str, pixels: int) -> Flat:
    """The intervals of a text by `pack`, in a frame of `pixels` pixels.

    Raises `FormatError` for another text, and for intervals that leave the frame.

    Examples:
        >>> [edge.tolist() for edge in unpack("BAYKAA==", 15)]
        [[2, 12], [5, 15]]
    """
    try:
        numbers = _numbers(np.frombuffer(base64.b64decode(text, validate=True), np.uint8))
    except (Base64Error, ValueError):
        raise FormatError("pixels that are not packed") from None
    gaps, lengths = (np.cumsum((part >> 1) ^ -(part & 1)) for part in (numbers[0::2], numbers[1::2]))
    outside = (gaps < 0) | (gaps > pixels) | (lengths < 1) | (lengths > pixels)
    stop = np.cumsum(gaps + lengths)
    if outside.any() or stop.max(initial=0) > pixels:
        raise FormatError("packed pixels that lead out of the frame")
    return stop - lengths, stop


def _differences(values: Int64) -> Int64:
    return np.diff(values, prepend=0)


def _leb128(numbers: Int64) -> bytes:
    """Non-negative numbers, the lowest seven bits first; a set high bit says that more bytes follow."""
    shifted = numbers[:, None] >> (_BITS * np.arange(_LONGEST))
    used = shifted > 0
    used[:, 0] = True
    continues = np.pad(used[:, 1:], ((0, 0), (0, 1)))
    return ((shifted & (_MORE - 1)) | continues * _MORE)[used].astype(np.uint8).tobytes()


def _numbers(data: NDArray[np.uint8]) -> Int64:
    """The numbers that `_leb128` wrote; raises `ValueError` for other bytes and for an odd count."""
    ends = np.flatnonzero(data < _MORE)
    starts = np.concatenate([[0], ends[:-1] + 1]).astype(np.int64) if len(ends) else ends
    cut_off = len(data) > 0 and data[-1] >= _MORE
    if cut_off or len(ends) % 2 or (ends - starts >= _LONGEST).any():
        raise ValueError
    place = np.arange(len(data)) - np.repeat(starts, ends - starts + 1)
    parts = (data & (_MORE - 1)).astype(np.int64) << (_BITS * place)
    return np.add.reduceat(parts, starts) if len(starts) else np.zeros(0, np.int64)
