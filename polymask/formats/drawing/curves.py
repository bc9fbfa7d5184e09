"""Cubic Bézier curves as corners, by a stated tolerance.

A curve is cut into n equal parts of its parameter; a chord then strays from it by at most
0.75 · d / n², d being the larger of |p0 − 2·p1 + p2| and |p1 − 2·p2 + p3| (the error of linear
interpolation, h²/8 · max|f″|, with f″ bounded by 6 · d; de Boor, “A Practical Guide to Splines”).
"""

import math
from itertools import pairwise

from polymask.formats.drawing.shapes import FARTHEST, Point
from polymask.formats.reading.refusals import Malformed

TOLERANCE = 1 / 64  # pixels
MOST_PARTS = 4096


def flattened(start: Point, first: Point, second: Point, stop: Point) -> list[Point]:
    """Points along a cubic curve, its start left out and its end last, at most `TOLERANCE` px off.

    `first` and `second` are its control points. Raises `Malformed` for what is not finite.

    >>> flattened((0, 0), (1, 0), (2, 0), (3, 0))
    [(3.0, 0.0)]
    """
    ends = (start, first, second, stop)
    if not all(abs(number) <= FARTHEST for point in ends for number in point):
        raise Malformed("$", f"a curve's coordinates must be finite numbers, none beyond {FARTHEST:g}")
    bend = max(_bend(start, first, second), _bend(first, second, stop))
    parts = min(MOST_PARTS, max(1, math.ceil(math.sqrt(0.75 * bend / TOLERANCE))))
    inner = [_at(ends, step / parts) for step in range(1, parts)]
    return [*inner, (float(stop[0]), float(stop[1]))]


def _bend(before: Point, at: Point, after: Point) -> float:
    return math.hypot(before[0] - 2 * at[0] + after[0], before[1] - 2 * at[1] + after[1])


def _at(ends: tuple[Point, ...], share: float) -> Point:
    """The curve's point by de Casteljau's rule."""
    points: list[Point] = list(ends)
    while len(points) > 1:
        points = [_between(a, b, share) for a, b in pairwise(points)]
    return points[0]


def _between(a: Point, b: Point, share: float) -> Point:
    return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share)
