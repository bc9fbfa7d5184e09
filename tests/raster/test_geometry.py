"""Rings that cross, touch or repeat themselves."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymask.raster.geometry import area, orientation, outside, repeats, self_contact

numbers = st.one_of(
    st.integers(-8, 8).map(float), st.floats(-100, 100), st.sampled_from([0.1, 0.2, 0.3, 1e-300])
)
points = st.tuples(numbers, numbers)


def ring(*given_points: tuple[float, float]) -> np.ndarray:
    return np.array(given_points, float)


@given(st.lists(st.tuples(points, points, points), min_size=1, max_size=5))
def test_orientation_is_the_sign_of_the_exact_cross_product(triples: list) -> None:
    """Fractions say the same, however near the points are to one line."""
    signs = orientation(*(np.array(column, float) for column in zip(*triples, strict=True)))
    for ((ax, ay), (bx, by), (cx, cy)), sign in zip(triples, signs.tolist(), strict=True):
        ax, ay, bx, by, cx, cy = map(Fraction, (ax, ay, bx, by, cx, cy))
        cross = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        assert sign == (cross > 0) - (cross < 0)


@pytest.mark.parametrize(
    ("name", "shape", "contact"),
    [
        ("triangle", ring((0, 0), (4, 0), (0, 4)), None),
        ("closed square", ring((0, 0), (4, 0), (4, 4), (0, 4), (0, 0)), None),
        ("bow tie", ring((0, 0), (4, 4), (4, 0), (0, 4)), "crossing"),
        ("vertex on an edge", ring((0, 0), (4, 0), (4, 4), (2, 0), (0, 4)), "touch"),
        (
            "two squares by a corner",
            ring((0, 0), (2, 0), (2, 2), (4, 2), (4, 4), (2, 4), (2, 2), (0, 2)),
            "touch",
        ),
        ("spike", ring((0, 0), (4, 0), (8, 0), (4, 0), (4, 4)), "touch"),
        ("there and back", ring((0, 0), (4, 4), (0, 0)), None),
        ("straight on", ring((0, 0), (2, 0), (4, 0), (4, 4)), None),
    ],
)
def test_contacts_of_rings_drawn_by_hand(name: str, shape: np.ndarray, contact: str | None) -> None:
    """Crossing, touching and simple rings are told apart."""
    assert self_contact(shape) == contact


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=3, max_size=9))
def test_crossings_agree_with_every_pair_of_edges(shape: list[tuple[int, int]]) -> None:
    """Looking at near pairs only finds what looking at all pairs finds."""
    edges = list(zip(shape, [*shape[1:], shape[0]], strict=True))

    def side(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> int:
        cross = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        return (cross > 0) - (cross < 0)

    crossing = any(
        side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0
        for i, (a, b) in enumerate(edges)
        for c, d in edges[i + 1 :]
    )
    assert (self_contact(np.array(shape, float)) == "crossing") == crossing


def test_large_rings_are_looked_at_piece_by_piece() -> None:
    """A star of 20,000 edges crosses itself; a circle of as many does not."""
    angles = np.arange(20_000) * 2 * np.pi / 20_000
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1) * 1000
    assert self_contact(circle) is None
    star = circle[np.arange(20_000) * 9_999 % 20_000]
    assert self_contact(star) == "crossing"


def test_repeated_points_are_counted_but_a_closing_one_is_not() -> None:
    """Only a point that repeats the one before it counts."""
    assert repeats(ring((0, 0), (1, 0), (1, 0), (1, 1), (0, 0))) == 1


def test_area_is_signed_and_empty_for_fewer_than_three_points() -> None:
    """Reversing a ring turns its area's sign."""
    square = ring((0, 0), (3, 0), (3, 3), (0, 3))
    assert (area(square), area(square[::-1]), area(square[:2])) == (9, -9, 0)


def test_the_frames_own_edges_are_inside() -> None:
    """A ring along the frame does not lie outside it; half a pixel more does."""
    assert not outside(ring((0, 0), (8, 0), (8, 6)), (6, 8))
    assert outside(ring((0, 0), (8.5, 0), (8, 6)), (6, 8))
