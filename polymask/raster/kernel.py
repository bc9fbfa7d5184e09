"""The kernel: what takes the time, compiled where it could be built, and its numpy twin elsewhere.

The numpy twin is the reference; both give the same answers, bit for bit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polymask.model import Frame, IndexMask, Ring, Runs
from polymask.native import compiled
from polymask.raster import overlaps, runs
from polymask.raster.overlaps import Claims
from polymask.raster.rules import center
from polymask.raster.spans import Int64, SpanTable, paint, split, union


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlines:
    """The rings of many shapes: ring i is of polygon `polygons[i]`, polygon j of shape `shapes[j]`.

    Both lists ascend; `count` is how many shapes there are, those without polygons included.
    """

    rings: list[Ring]
    polygons: list[int]
    shapes: list[int]
    count: int


def center_spans(outlines: Outlines, frame: Frame) -> SpanTable:
    """Each shape's spans under the `center` rule, in a (height, width) frame."""
    if not compiled:
        return united(center.intervals(outlines.rings, outlines.polygons, frame), outlines, frame)
    table, cuts = compiled.spans(outlines.rings, outlines.polygons, outlines.shapes, outlines.count, *frame)
    return SpanTable(np.frombuffer(table, np.int32).reshape(-1, 3), np.frombuffer(cuts, np.int64))


def united(intervals: tuple[Int64, Int64], outlines: Outlines, frame: Frame) -> SpanTable:
    """The key intervals of polygons as the spans of the shapes they are parts of."""
    group = frame[0] * (frame[1] + 1)
    polygon = intervals[0] // group
    shift = (np.array(outlines.shapes, np.int64)[polygon] - polygon) * group
    start, stop = union(intervals[0] + shift, intervals[1] + shift)
    return split(start, stop, groups=outlines.count, frame=frame)


def run_counts(text: str) -> ArrayLike:
    """The counts in a compressed COCO RLE text; see `runs.counts_from_string`."""
    counts = compiled.counts(text) if compiled else None
    return runs.counts_from_string(text) if counts is None else np.frombuffer(counts, np.int64)


def run_spans(given: Runs, *, rows: tuple[int, int] | None = None) -> NDArray[np.int32]:
    """The (n, 3) rows of a span table for a run-length encoding; see `runs.from_runs`."""
    height, width = given.frame
    first, last = rows or (0, height)
    table = compiled.runs(given.counts, height, width, first, last) if compiled else None
    if table is None:
        spans = runs.from_runs(given, rows=rows)
        return np.stack([spans.row, spans.start, spans.stop], axis=1)
    return np.frombuffer(table, np.int32).reshape(-1, 3)


def paint_all(
    mask: IndexMask | NDArray[np.int32], spans: SpanTable, *, order: Sequence[int], values: Sequence[int]
) -> None:
    """Paint `values[i]` for each instance i of `order` into a C-contiguous (height, width) mask, in place."""
    if compiled:
        _paint(mask, spans, order, values, None)
        return
    for index in order:
        paint(mask, spans[index], values[index])


def paint_blank(mask: IndexMask, spans: SpanTable, *, order: Sequence[int], values: Sequence[int]) -> Int64:
    """Paint into a mask of one value, as `paint_all` does; returns how many pixels each value has."""
    if not compiled:
        paint_all(mask, spans, order=order, values=values)
        return np.bincount(mask.reshape(-1))
    background = int(mask[0, 0])
    counts = np.zeros(max([background, *values]) + 1, np.int64)
    counts[background] = mask.size
    _paint(mask, spans, order, values, counts)
    return counts


def _paint(
    mask: NDArray[Any], spans: SpanTable, order: Sequence[int], values: Sequence[int], counts: Int64 | None
) -> None:
    whole = np.array(order, np.int64), np.array(values, np.int64)
    compiled.paint(mask, spans.table, spans.cuts, *whole, counts)


def find_claims(spans: SpanTable, groups: Sequence[int], *, frame: Frame) -> Claims:
    """Which pixels two or more groups claim; `groups[i]` is instance i's, or -1 where it claims nothing."""
    if not compiled:
        return overlaps.find(spans, groups, frame=frame)
    most = max(groups, default=0) + 1
    labeled, contested, pieces, sets, size = compiled.claims(
        spans.table, spans.cuts, np.array(groups, np.int64), most, frame[0]
    )
    members = [_members(sets[at : at + size]) for at in range(0, len(sets), size)]
    rows = np.frombuffer(pieces, np.int32).reshape(-1, 4)
    return Claims(labeled=labeled, contested=contested, pieces=rows, sets=members)


@lru_cache(1 << 14)
def _members(bits: bytes) -> tuple[int, ...]:
    """The numbers of the bits that are set, in native 64-bit words."""
    members: list[int] = []
    for index, word in enumerate(np.frombuffer(bits, np.uint64).tolist()):
        left = word
        while left:
            lowest = left & -left
            members.append(64 * index + lowest.bit_length() - 1)
            left ^= lowest
    return tuple(members)


def tally(mask: IndexMask, found: Claims, *, places: Int64, owners: int) -> Int64:
    """(sets, owners) int64: contested pixels by set of claiming groups and by `places[pixel value]`."""
    if not compiled:
        return overlaps.tally(mask, found, places=places, owners=owners)
    counts = np.zeros((len(found.sets), owners), np.int64)
    compiled.tally(mask, found.pieces, places, counts, owners)
    return counts
