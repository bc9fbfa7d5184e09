"""Cubic Bézier curves, flattened to corners within a stated tolerance.

A curve is cut into n equal parts of its parameter. Each chord then deviates from it by at most
0.75 · d / n², where d is the larger of |p0 − 2·p1 + p2| and |p1 − 2·p2 + p3| (the error of linear
interpolation, h²/8 · max|f″|, with f″ bounded by 6 · d; de Boor, “A Practical Guide to Splines”).
"""

import math
from itertools import pairwise

from polymask.formats.drawing.shapes import FARTHEST, Point
from polymask.formats.reading.refusals import Malformed

TOLERANCE = 1 / 64  # pixels
MAX_PARTS = 4096


def flattened(start: Point, first: Point, second: Point, stop: Point) -> list[Point]:
    """Points along a cubic curve, without its start and with its end, at most `TOLERANCE` px off.

    `first` and `second` are the control points. Raises `Malformed` for coordinates that are not finite.

    Examples:
        >>> flattened((0, 0), (1, 0), (2, 0), (3, 0))
        [(3.0, 0.0)]
    """
    controls = (start, first, second, stop)
    if not all(abs(number) <= FARTHEST for point in controls for number in point):
        raise Malformed("$", f"a curve's coordinates must be finite numbers, none beyond {FARTHEST:g}")
    bend = max(_bend(start, first, second), _bend(first, second, stop))
    parts = min(MAX_PARTS, max(1, math.ceil(math.sqrt(0.75 * bend / TOLERANCE))))
    inner = [_curve_point(controls, step / parts) for step in range(1, parts)]
    return [*inner, (float(stop[0]), float(stop[1]))]


def _bend(previous: Point, corner: Point, following: Point) -> float:
    return math.hypot(previous[0] - 2 * corner[0] + following[0], previous[1] - 2 * corner[1] + following[1])


def _curve_point(controls: tuple[Point, ...], share: float) -> Point:
    """The point at a share (0 to 1) of the curve's parameter, by de Casteljau's algorithm."""
    points: list[Point] = list(controls)
    while len(points) > 1:
        points = [_interpolated(a, b, share) for a, b in pairwise(points)]
    return points[0]


def _interpolated(a: Point, b: Point, share: float) -> Point:
    return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share)
