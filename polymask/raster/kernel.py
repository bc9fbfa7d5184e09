"""The kernel: the costly steps, compiled where the extension could be built, else in numpy.

The numpy twin is the reference; both give the same results, bit for bit.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from polymask.model import Frame, IndexMask, Ring
from polymask.native import compiled
from polymask.raster.rules import center
from polymask.raster.spans import Int64, SpanTable, paint, split, union


class Outlines(msgspec.Struct, frozen=True, kw_only=True):
    """The rings of many shapes: ring i belongs to polygon `polygons[i]`, polygon j to shape `shapes[j]`.

    Both lists ascend; `count` is the number of shapes, including shapes without polygons.
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
    """The key intervals of polygons, united into the spans of their shapes."""
    group = frame[0] * (frame[1] + 1)
    polygon = intervals[0] // group
    shift = (np.array(outlines.shapes, np.int64)[polygon] - polygon) * group
    start, stop = union(intervals[0] + shift, intervals[1] + shift)
    return split(start, stop, groups=outlines.count, frame=frame)


def paint_all(
    mask: IndexMask | NDArray[np.int32], spans: SpanTable, *, order: Sequence[int], values: Sequence[int]
) -> None:
    """Paint `values[i]` for each instance i of `order` into a C-contiguous (height, width) mask, in place."""
    if compiled:
        numbers = np.array(order, np.int64), np.array(values, np.int64)
        compiled.paint(mask, spans.table, spans.cuts, *numbers)
        return
    for index in order:
        paint(mask, spans[index], values[index])
