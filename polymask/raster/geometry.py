"""Rings: exact orientation, and whether a ring crosses or touches itself.

Coordinates are float64, x then y, in pixels. Answers are those of exact arithmetic:
whole numbers where coordinates lie on a 1/1024 px grid, float64 where it safely can
decide, fractions for the rest.
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
MOST_PAIRS = 1 << 20  # of edges looked at together, so that memory stays small


def on_grid(points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of the (N, 2) points lie on the grid where int64 arithmetic is exact.

    >>> on_grid(np.array([[0.5, 2.0], [0.1, 2.0]])).tolist()
    [True, False]
    """
    near = np.where(np.abs(points) < GRID_REACH, points, 0.5 / GRID)  # half a step is off the grid
    exact: NDArray[np.bool_] = (near * GRID == np.rint(near * GRID)).all(axis=1)
    return exact


def orientation(a: Ring, b: Ring, c: Ring) -> NDArray[np.int8]:
    """The sign of the cross product (b - a) × (c - a) for (N, 2) arrays of points, exactly.

    >>> a, b, c = (np.array([point], float) for point in [(0, 0), (1, 0), (0.1, 1)])
    >>> orientation(a, b, c).tolist(), orientation(a, b, b).tolist()
    ([1], [0])
    """
    exact = on_grid(a) & on_grid(b) & on_grid(c)
    sign = np.zeros(len(a), np.int8)
    sign[exact] = np.sign(_cross(*((points[exact] * GRID).astype(np.int64) for points in (a, b, c)))[0])
    rest = np.flatnonzero(~exact)
    if len(rest):
        with np.errstate(over="ignore", invalid="ignore"):
            cross, size = _cross(a[rest], b[rest], c[rest])
            sure = np.abs(cross) > ORIENTATION_TOLERANCE * size
        sign[rest[sure]] = np.sign(cross[sure])
        for index in rest[~sure]:
            sign[index] = _sign(*(_fractions(points[index]) for points in (a, b, c)))
    return sign


def _cross(a: NDArray, b: NDArray, c: NDArray) -> tuple[NDArray, NDArray]:  # type: ignore[type-arg]
    """The cross product, and the sum of its two terms' sizes."""
    one = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1])
    two = (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    return one - two, np.abs(one) + np.abs(two)


def _fractions(point: NDArray[np.float64]) -> "list[Fraction]":
    from fractions import Fraction  # quick to start without

    return [Fraction(number) for number in point.tolist()]


def _sign(a: "list[Fraction]", b: "list[Fraction]", c: "list[Fraction]") -> int:
    cross = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    return (cross > 0) - (cross < 0)


def without_repeats(ring: Ring) -> Ring:
    """The ring without points that repeat the one before, the closing one included."""
    if len(ring) < 2:
        return ring
    kept: Ring = ring[(ring != np.roll(ring, 1, axis=0)).any(axis=1)]
    return kept


def repeats(ring: Ring) -> int:
    """How many points repeat the one before them; a repeated first point at the end is not counted.

    >>> repeats(np.array([(0, 0), (0, 0), (1, 0), (1, 1), (0, 0)], float))
    1
    """
    return int((ring[1:] == ring[:-1]).all(axis=1).sum())


def area(ring: Ring) -> float:
    """The signed area a ring encloses, in square pixels (shoelace formula).

    >>> area(np.array([(0, 0), (2, 0), (2, 2), (0, 2)], float))
    4.0
    """
    if len(ring) < 3:
        return 0.0
    x, y = (ring - ring[0]).T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def self_contact(ring: Ring) -> str | None:
    """`"crossing"` where two edges properly cross, `"touch"` where the ring only meets itself, or None.

    Points that repeat the one before do not count. An edge that turns back onto the one
    before it touches it.

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
    before, after = np.roll(points, 1, axis=0), np.roll(points, -1, axis=0)
    straight = orientation(before, points, after) == 0
    forward = ((points - before) * (after - points)).sum(axis=1) > 0
    return bool((straight & ~forward).any())


def _near_pairs(start: Ring, end: Ring) -> Iterator[Pairs]:
    """Pairs of edges that share no vertex and whose bounding boxes meet, a bounded number at a time."""
    low, high = np.minimum(start, end), np.maximum(start, end)
    orders = [np.argsort(low[:, axis], kind="stable") for axis in (0, 1)]
    reaches = [
        np.searchsorted(low[order, axis], high[order, axis], side="right")
        for axis, order in enumerate(orders)
    ]
    axis = int(np.argmin([reach.sum() for reach in reaches]))
    order, count = orders[axis], reaches[axis] - np.arange(len(start)) - 1
    for begin, stop in _batches(count):
        left = np.repeat(np.arange(begin, stop), count[begin:stop])
        offset = np.arange(len(left)) - np.repeat(
            np.cumsum(count[begin:stop]) - count[begin:stop], count[begin:stop]
        )
        first, second = order[left], order[left + 1 + offset]
        apart = np.abs(first - second)
        near = (apart != 1) & (apart != len(start) - 1)
        other = 1 - axis
        near &= (low[first, other] <= high[second, other]) & (low[second, other] <= high[first, other])
        yield first[near], second[near]


def _batches(count: Int64) -> Iterator[tuple[int, int]]:
    total = np.cumsum(count)
    begin = 0
    while begin < len(count):
        done = int(total[begin - 1]) if begin else 0
        stop = max(begin + 1, int(np.searchsorted(total, done + MOST_PAIRS, side="right")))
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
