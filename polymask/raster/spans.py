"""Spans as sorted keys: union, splitting and painting, for many groups of spans at once.

A *key* is one int64 that sorts spans by group, row and column:
`(group · height + row) · (width + 1) + column`. The extra column keeps a stop at
the frame's right edge below the next row's first start.
"""

from collections.abc import Sequence
from typing import overload

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

    Examples:
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


class SpanTable(Sequence[Spans]):
    """The spans of many instances in one array: (n, 3) int32 rows of row, start, stop.

    The rows of instance i are `table[cuts[i] : cuts[i + 1]]`, sorted, not touching.

    Examples:
        >>> table = SpanTable(np.array([[0, 2, 5], [1, 0, 1]], np.int32), np.array([0, 1, 1, 2]))
        >>> [spans.pixels for spans in table]
        [3, 0, 1]
    """

    def __init__(self, table: NDArray[np.int32], cuts: Int64) -> None:
        self.table, self.cuts = table, cuts
        self._cuts: list[int] = cuts.tolist()

    def __len__(self) -> int:
        return len(self._cuts) - 1

    @overload
    def __getitem__(self, index: int) -> Spans: ...
    @overload
    def __getitem__(self, index: slice) -> list[Spans]: ...
    def __getitem__(self, index: int | slice) -> Spans | list[Spans]:
        """The spans of an instance, or of each in a slice."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        rows = self.rows(range(len(self))[index])
        return Spans(rows[:, 0], rows[:, 1], rows[:, 2])

    def rows(self, instance: int) -> NDArray[np.int32]:
        """The (n, 3) rows of an instance."""
        return self.table[self._cuts[instance] : self._cuts[instance + 1]]

    def within(self, rows: tuple[int, int]) -> "SpanTable":
        """The spans of every instance in the half-open `rows`, renumbered from 0."""
        inside = (self.table[:, 0] >= rows[0]) & (self.table[:, 0] < rows[1])
        before = np.concatenate([[0], np.cumsum(inside)])
        return SpanTable(self.table[inside] - np.array([rows[0], 0, 0], np.int32), before[self.cuts])

    def window(self, row: int, column: int, height: int, width: int) -> "SpanTable":
        """The spans of every instance in a part of the frame, with its first pixel as (0, 0).

        Examples:
            >>> table = SpanTable(np.array([[0, 2, 5], [1, 0, 1]], np.int32), np.array([0, 1, 2]))
            >>> [spans.stop.tolist() for spans in table.window(0, 1, 2, 3)]
            [[3], []]
        """
        rows = self.within((row, row + height))
        table = rows.table.copy()
        table[:, 1:] = np.clip(table[:, 1:] - np.int32(column), 0, width)
        kept = table[:, 1] < table[:, 2]
        before = np.concatenate([[0], np.cumsum(kept)])
        return SpanTable(table[kept], before[rows.cuts])

    @classmethod
    def of(cls, parts: Sequence[NDArray[np.int32]]) -> "SpanTable":
        """The table of instances, from the (n, 3) rows of each."""
        table = np.concatenate([np.zeros((0, 3), np.int32), *parts])
        return cls(table, np.cumsum([0, *map(len, parts)], dtype=np.int64))


def split(start: Int64, stop: Int64, *, groups: int, frame: Frame) -> SpanTable:
    """Sorted key intervals, split into the spans of each group 0 … groups - 1."""
    height, width = frame
    line, column = np.divmod(start, width + 1)
    table = np.stack([line % height, column, stop - line * (width + 1)], axis=1).astype(np.int32)
    return SpanTable(table, np.searchsorted(line, np.arange(groups + 1) * height))


def merge(parts: Sequence[Spans], frame: Frame) -> Spans:
    """The union of several instances' spans in one (height, width) frame.

    Examples:
        >>> a = Spans(np.array([0]), np.array([1]), np.array([3]))
        >>> b = Spans(np.array([0]), np.array([2]), np.array([6]))
        >>> merge([a, b], (1, 8)).stop.tolist()
        [6]
    """
    if len(parts) == 1:
        return parts[0]
    edges = [interval(spans, frame) for spans in parts]
    start, stop = union(*(np.concatenate(side) for side in zip(*edges, strict=True)))
    return split(start, stop, groups=1, frame=frame)[0]


def interval(spans: Spans, frame: Frame) -> tuple[Int64, Int64]:
    """The spans as half-open key intervals of group 0."""
    line = spans.row.astype(np.int64) * (frame[1] + 1)
    return line + spans.start, line + spans.stop


def paint(mask: IndexMask | NDArray[np.int32] | NDArray[np.bool_], spans: Spans, value: int) -> None:
    """Set the pixels of the spans in a C-contiguous (height, width) mask to a value, in place."""
    flat = mask.reshape(-1)
    line = spans.row.astype(np.int64) * mask.shape[1]
    for start, stop in zip((line + spans.start).tolist(), (line + spans.stop).tolist(), strict=True):
        flat[start:stop] = value


def flat_indices(start: Int64, stop: Int64) -> Int64:
    """Every whole number in the half-open intervals, one after another.

    Examples:
        >>> flat_indices(np.array([2, 7]), np.array([4, 8])).tolist()
        [2, 3, 7]
    """
    lengths = stop - start
    before = np.cumsum(lengths) - lengths
    indices: Int64 = np.arange(lengths.sum()) + np.repeat(start - before, lengths)
    return indices
