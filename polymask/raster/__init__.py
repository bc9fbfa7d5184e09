"""Polygons and runs → spans, under a named pixel rule: one file a rule, one row in the table."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from polymask.errors import GeometryError, InputError
from polymask.model import BoolMask, Frame, Polygon, Ring, Runs, Shape, Spans
from polymask.raster import center
from polymask.raster.kernel import KERNEL, Outlines, center_spans, united
from polymask.raster.runs import from_runs
from polymask.raster.spans import Int64, SpanTable, paint

__all__ = ["KERNEL", "PIXEL_RULES", "pixel_rule_named", "rasterize", "spans_of"]

Intervals = Callable[[list[Ring], list[int], Frame], tuple[Int64, Int64]]

PIXEL_RULES: dict[str, tuple[str, Intervals]] = {
    "center": ("a pixel whose center is inside; exact, half-open, even-odd", center.intervals),
}


def pixel_rule_named(name: str) -> Intervals:
    """The function behind a pixel rule; raises `InputError` for a name not in the table."""
    try:
        return PIXEL_RULES[name][1]
    except KeyError:
        raise InputError(f"no pixel rule '{name}'; there are: {', '.join(PIXEL_RULES)}") from None


def spans_of(shapes: Sequence[Shape], frame: Frame, *, pixel_rule: str = "center") -> SpanTable:
    """Each shape's spans in a (height, width) frame, all polygons rasterized at once.

    A shape's polygons are united. Raises `GeometryError` where runs have another frame.

    >>> triangle = Polygon([(0, 0), (3, 0), (0, 3)])
    >>> [spans.stop.tolist() for spans in spans_of([(triangle,)], (3, 3))]
    [[2, 1]]
    """
    intervals = pixel_rule_named(pixel_rule)
    outlines = _outlines(shapes)
    if intervals is center.intervals:
        drawn = center_spans(outlines, frame)
    else:
        drawn = united(intervals(outlines.rings, outlines.polygons, frame), outlines, frame)
    if not any(isinstance(shape, Runs) for shape in shapes):
        return drawn
    both = zip(shapes, drawn, strict=True)
    return SpanTable.of([_run_spans(s, frame) if isinstance(s, Runs) else spans for s, spans in both])


def _outlines(shapes: Sequence[Shape]) -> Outlines:
    rings: list[Ring] = []
    polygons: list[int] = []
    owners: list[int] = []
    for index, shape in enumerate(shapes):
        for polygon in () if isinstance(shape, Runs) else shape:
            rings.append(polygon.exterior)
            rings.extend(polygon.holes)
            polygons.extend([len(owners)] * (1 + len(polygon.holes)))
            owners.append(index)
    return Outlines(rings=rings, polygons=polygons, shapes=owners, count=len(shapes))


def _run_spans(runs: Runs, frame: Frame) -> Spans:
    if runs.frame != frame:
        (h, w), (height, width) = runs.frame, frame
        raise GeometryError(f"runs of {h} × {w} pixels in a frame of {height} × {width}")
    return from_runs(runs)


def rasterize(polygons: Polygon | Iterable[Polygon], frame: Frame, *, pixel_rule: str = "center") -> BoolMask:
    """The union of polygons as a (height, width) bool mask.

    `polygons` is one `Polygon` or several; coordinates are in pixels, x then y;
    `frame` is (height, width). Raises `InputError` for an unknown pixel rule and
    `GeometryError` for a frame without pixels.

    >>> rasterize([Polygon([(1, 0), (3, 0), (3, 2), (1, 2)])], (2, 4)).astype(int)
    array([[0, 1, 1, 0],
           [0, 1, 1, 0]])
    """
    height, width = frame
    if height <= 0 or width <= 0:
        raise GeometryError(f"a frame of {height} × {width} has no pixels")
    shape = (polygons,) if isinstance(polygons, Polygon) else tuple(polygons)
    mask = np.zeros(frame, bool)
    paint(mask, spans_of([shape], frame, pixel_rule=pixel_rule)[0], 1)
    return mask
