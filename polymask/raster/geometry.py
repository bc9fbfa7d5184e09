"""Rings: exact orientation, and whether a ring crosses or touches itself.

Coordinates are float64, x then y, in pixels. Results are exact: computed in whole numbers where
coordinates lie on a 1/1024 px grid, in float64 where its rounding cannot change them, else in fractions.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from polymask.model import Frame, Ring

if TYPE_CHECKING:
    from fractions import Fraction

Int64 = NDArray[np.int64]
Pairs = tuple[Int64, Int64]

GRID = 1024
GRID_REACH = 2.0**19  # products of two grid numbers below this fit into int64
ORIENTATION_TOLERANCE = 8 * 2.0**-53
MOST_PAIRS = 1 << 20  # pairs of edges tested together, which bounds memory


def on_grid(points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """For each of (N, 2) points, whether it lies on the grid on which int64 arithmetic is exact.

    Examples:
        >>> on_grid(np.array([[0.5, 2.0], [0.1, 2.0]])).tolist()
        [True, False]
    """
    near = np.where(np.abs(points) < GRID_REACH, points, 0.5 / GRID)  # half a step: not on the grid
    exact: NDArray[np.bool_] = (near * GRID == np.rint(near * GRID)).all(axis=1)
    return exact


def orientation(a: Ring, b: Ring, c: Ring) -> NDArray[np.int8]:
    """The sign of the cross product (b - a) × (c - a) for (N, 2) arrays of points, exactly.

    Examples:
        >>> a, b, c = (np.array([point], float) for point in [(0, 0), (1, 0), (0.1, 1)])
        >>> orientation(a, b, c).tolist(), orientation(a, b, b).tolist()
        ([1], [0])
    """
    exact = on_grid(a) & on_grid(b) & on_grid(c)
    sign = np.zeros(len(a), np.int8)
    sign[exact] = np.sign(_cross(*((points[exact] * GRID).astype(np.int64) for points in (a, b, c)))[0])
    inexact = np.flatnonzero(~exact)
    if len(inexact):
        with np.errstate(over="ignore", invalid="ignore"):
            cross, size = _cross(a[inexact], b[inexact], c[inexact])
            decided = np.abs(cross) > ORIENTATION_TOLERANCE * size
        sign[inexact[decided]] = np.sign(cross[decided])
        for index in inexact[~decided]:
            sign[index] = _sign(*(_fractions(points[index]) for points in (a, b, c)))
    return sign


def _cross(a: NDArray, b: NDArray, c: NDArray) -> tuple[NDArray, NDArray]:  # type: ignore[type-arg]
    """The cross product, and the sum of the magnitudes of its two terms."""
    plus = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1])
    minus = (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    return plus - minus, np.abs(plus) + np.abs(minus)


def _fractions(point: NDArray[np.float64]) -> "list[Fraction]":
    from fractions import Fraction  # imported late: most runs never need it

    return [Fraction(number) for number in point.tolist()]


def _sign(a: "list[Fraction]", b: "list[Fraction]", c: "list[Fraction]") -> int:
    cross = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    return (cross > 0) - (cross < 0)


def without_repeats(ring: Ring) -> Ring:
    """The ring without points that repeat the point before, and without a repeated first point at the end."""
    if len(ring) < 2:
        return ring
    distinct: Ring = ring[(ring != np.roll(ring, 1, axis=0)).any(axis=1)]
    return distinct


def repeats(ring: Ring) -> int:
    """The number of points that repeat the point before; a repeated first point at the end does not count.

    Examples:
        >>> repeats(np.array([(0, 0), (0, 0), (1, 0), (1, 1), (0, 0)], float))
        1
    """
    return int((ring[1:] == ring[:-1]).all(axis=1).sum())


def area(ring: Ring) -> float:
    """The signed area that a ring encloses, in square pixels (shoelace formula).

    Examples:
        >>> area(np.array([(0, 0), (2, 0), (2, 2), (0, 2)], float))
        4.0
    """
    if len(ring) < 3:
        return 0.0
    x, y = (ring - ring[0]).T
    with np.errstate(over="ignore", invalid="ignore"):  # of coordinates near 1e308 it is infinite
        return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def self_contact(ring: Ring) -> str | None:
    """`"crossing"` where two edges properly cross, `"touch"` where the ring only meets itself, or None.

    Repeated points do not count. An edge that turns back onto the edge before touches it.

    Examples:
        >>> self_contact(np.array([(0, 0), (2, 2), (2, 0), (0, 2)], float))
        'crossing'
        >>> self_contact(np.array([(0, 0), (4, 0), (4, 4), (2, 0), (0, 4)], float))
        'touch'
        >>> self_contact(np.array([(0, 0), (4, 0), (4, 4)], float)) is None
        True
    """
    start = without_repeats(ring)
    if len(start) < 3:
        return None
    end = np.roll(start, -1, axis=0)
    touch = _turns_back(start)
    for first, second in _near_pairs(start, end):
        crosses, touches = _contacts(start, end, first, second)
        if crosses:
            return "crossing"
        touch = touch or touches
    return "touch" if touch else None


def _turns_back(points: Ring) -> bool:
    previous, following = np.roll(points, 1, axis=0), np.roll(points, -1, axis=0)
    straight = orientation(previous, points, following) == 0
    with np.errstate(over="ignore", invalid="ignore"):  # the sign is right though a product is infinite
        forward = ((points - previous) * (following - points)).sum(axis=1) > 0
    return bool((straight & ~forward).any())


def _near_pairs(start: Ring, end: Ring) -> Iterator[Pairs]:
    """Pairs of edges that share no vertex and whose bounding boxes meet, in batches of bounded size."""
    low, high = np.minimum(start, end), np.maximum(start, end)
    orders = [np.argsort(low[:, axis], kind="stable") for axis in (0, 1)]
    reaches = [
        np.searchsorted(low[order, axis], high[order, axis], side="right")
        for axis, order in enumerate(orders)
    ]
    axis = int(np.argmin([reach.sum() for reach in reaches]))
    order, count = orders[axis], reaches[axis] - np.arange(len(start)) - 1
    for begin, stop in _batches(count):
        edge = np.repeat(np.arange(begin, stop), count[begin:stop])
        offset = np.arange(len(edge)) - np.repeat(
            np.cumsum(count[begin:stop]) - count[begin:stop], count[begin:stop]
        )
        first, second = order[edge], order[edge + 1 + offset]
        apart = np.abs(first - second)
        near = (apart != 1) & (apart != len(start) - 1)
        cross_axis = 1 - axis
        near &= (low[first, cross_axis] <= high[second, cross_axis]) & (
            low[second, cross_axis] <= high[first, cross_axis]
        )
        yield first[near], second[near]


def _batches(count: Int64) -> Iterator[tuple[int, int]]:
    total = np.cumsum(count)
    begin = 0
    while begin < len(count):
        before = int(total[begin - 1]) if begin else 0
        stop = max(begin + 1, int(np.searchsorted(total, before + MOST_PAIRS, side="right")))
        yield begin, stop
        begin = stop


def _contacts(start: Ring, end: Ring, first: Int64, second: Int64) -> tuple[bool, bool]:
    """Whether any of the pairs of edges properly cross, and whether any touch."""
    a, b, c, d = start[first], end[first], start[second], end[second]
    sides = orientation(a, b, c) * orientation(a, b, d), orientation(c, d, a) * orientation(c, d, b)
    crosses = (sides[0] < 0) & (sides[1] < 0)
    touches = (sides[0] <= 0) & (sides[1] <= 0) & ~crosses
    return bool(crosses.any()), bool(touches.any())


def outside(ring: Ring, frame: Frame) -> bool:
    """Whether any point lies outside a (height, width) frame; its edges belong to it."""
    height, width = frame
    return bool((ring < 0).any() or (ring > (width, height)).any())
