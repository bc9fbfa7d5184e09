"""Spans as sorted keys: union, splitting and painting, for many groups of spans at once.

A *key* is one int64 that sorts spans by group, row and column:
`(group · height + row) · (width + 1) + column`. The extra column keeps a stop at
the frame's right edge below the next row's first start.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from polymask.model import Frame, IndexMask, Spans

Int64 = NDArray[np.int64]

EMPTY = Spans(*(np.zeros(0, np.int32) for _ in range(3)))


def keys(group: Int64, row: Int64, column: Int64, frame: Frame) -> Int64:
    """The sort keys of (group, row, column) triples in a (height, width) frame."""
    height, width = frame
    return (group * height + row) * (width + 1) + column


def union(start: Int64, stop: Int64) -> tuple[Int64, Int64]:
    """The union of half-open key intervals: sorted, disjoint and not touching.

    >>> [edge.tolist() for edge in union(np.array([4, 1, 9]), np.array([6, 4, 9]))]
    [[1], [6]]
    """
    filled = stop > start
    start, stop = start[filled], stop[filled]
    if not len(start):
        return start, stop
    order = np.argsort(start, kind="stable")
    start, stop = start[order], stop[order]
    reach = np.maximum.accumulate(stop)
    first = np.concatenate(([True], start[1:] > reach[:-1]))
    last = np.concatenate((first[1:], [True]))
    return start[first], reach[last]


def split(start: Int64, stop: Int64, *, groups: int, frame: Frame) -> list[Spans]:
    """Sorted key intervals, taken apart into the spans of each group 0 … groups - 1."""
    height, width = frame
    line, column = np.divmod(start, width + 1)
    row = (line % height).astype(np.int32)
    begin = column.astype(np.int32)
    end = (stop - line * (width + 1)).astype(np.int32)
    cuts = np.searchsorted(line, np.arange(groups + 1) * height).tolist()
    return [Spans(row[a:b], begin[a:b], end[a:b]) if b > a else EMPTY for a, b in pairwise(cuts)]


def merge(many: list[Spans], frame: Frame) -> Spans:
    """The union of several instances' spans in one (height, width) frame.

    >>> a = Spans(np.array([0]), np.array([1]), np.array([3]))
    >>> b = Spans(np.array([0]), np.array([2]), np.array([6]))
    >>> merge([a, b], (1, 8)).stop.tolist()
    [6]
    """
    if len(many) == 1:
        return many[0]
    edges = [interval(spans, frame) for spans in many]
    start, stop = union(*(np.concatenate(side) for side in zip(*edges, strict=True)))
    return split(start, stop, groups=1, frame=frame)[0]


def interval(spans: Spans, frame: Frame) -> tuple[Int64, Int64]:
    """The spans as half-open key intervals of group 0."""
    line = spans.row.astype(np.int64) * (frame[1] + 1)
    return line + spans.start, line + spans.stop


def paint(mask: IndexMask | NDArray[np.int32] | NDArray[np.bool_], spans: Spans, value: int) -> None:
    """Set the spans' pixels of a C-contiguous (height, width) mask to a value, in place."""
    flat = mask.reshape(-1)
    line = spans.row.astype(np.int64) * mask.shape[1]
    for start, stop in zip((line + spans.start).tolist(), (line + spans.stop).tolist(), strict=True):
        flat[start:stop] = value


def flat_indices(start: Int64, stop: Int64) -> Int64:
    """Every whole number in the half-open intervals, one after another.

    >>> flat_indices(np.array([2, 7]), np.array([4, 8])).tolist()
    [2, 3, 7]
    """
    lengths = stop - start
    before = np.cumsum(lengths) - lengths
    indices: Int64 = np.arange(lengths.sum()) + np.repeat(start - before, lengths)
    return indices
