"""Shapes that are no polygons: against the definition, pixel by pixel."""

import math
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polymask.formats.drawing.shapes import crop_runs, ellipse, stroke
from polymask.formats.reading.refusals import Malformed
from polymask.model import Frame, Runs
from polymask.raster.runs import from_runs
from polymask.raster.spans import paint

FRAME: Frame = (9, 11)
near = st.floats(-5, 16, allow_nan=False)


def mask(runs: Runs) -> np.ndarray:
    found = np.zeros(runs.frame, bool)
    paint(found, from_runs(runs), 1)
    return found


@given(near, near, st.floats(0.01, 9), st.floats(0.01, 9), st.floats(-360, 360))
def test_an_ellipse_is_the_centers_in_it(x: float, y: float, rx: float, ry: float, degrees: float) -> None:
    """Whatever it is turned by, in the frame or out of it; nothing is said of centers on the very edge."""
    found = mask(ellipse((x, y), (rx, ry), FRAME, degrees=degrees))
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    for row, column in product(*map(range, FRAME)):
        dx, dy = column + 0.5 - x, row + 0.5 - y
        inside = ((dx * cos + dy * sin) / rx) ** 2 + ((dy * cos - dx * sin) / ry) ** 2
        assert abs(inside - 1) < 1e-9 or found[row, column] == (inside < 1)


@settings(max_examples=30)
@given(st.lists(st.tuples(near, near), min_size=2, max_size=4), st.floats(0.1, 5))
def test_a_stroke_is_the_centers_abreast_of_it(points: list[tuple[float, float]], radius: float) -> None:
    """Within the radius of a segment and between its ends, or within that of a corner."""
    found = mask(stroke(points, radius, FRAME))
    for row, column in product(*map(range, FRAME)):
        center = (column + 0.5, row + 0.5)
        corners = [math.dist(center, corner) for corner in points[1:-1]]
        sides = [_abreast(center, a, b) for a, b in pairwise(points)]
        away = min([*corners, *sides])
        if not any(map(math.isnan, sides)) and abs(away - radius) > 1e-9:
            assert found[row, column] == (away < radius)


def _abreast(p: tuple[float, float], a: tuple[float, float], b: tuple[float, float]) -> float:
    """The distance to a segment's line; infinite beyond its ends, and undecided (NaN) at them."""
    length = math.dist(a, b)
    if length < 1e-6:
        return math.inf if length == 0 else math.nan
    along = ((p[0] - a[0]) * (b[0] - a[0]) + (p[1] - a[1]) * (b[1] - a[1])) / length
    if min(abs(along), abs(along - length)) < 1e-9:
        return math.nan
    across = ((p[0] - a[0]) * (b[1] - a[1]) - (p[1] - a[1]) * (b[0] - a[0])) / length
    return abs(across) if 0 < along < length else math.inf


@given(st.integers(-4, 12), st.integers(-4, 12), st.integers(0, 2**12 - 1))
def test_a_crop_lies_where_its_corner_says(left: int, top: int, bits: int) -> None:
    """What is outside the frame is cut off."""
    crop = np.array([bits >> n & 1 for n in range(12)], bool).reshape(3, 4)
    expected = np.zeros((30, 30), bool)
    expected[10 + top : 13 + top, 10 + left : 14 + left] = crop
    assert (mask(crop_runs(crop, (left, top), FRAME)) == expected[10:19, 10:21]).all()


def test_nothing_is_drawn_by_no_radius() -> None:
    """And what is no ellipse is refused."""
    assert not mask(ellipse((3.5, 3.5), (0, 2), FRAME)).any()
    for radii in ((-1, 1), (math.nan, 1), (1, math.inf)):
        with pytest.raises(Malformed):
            ellipse((3, 3), radii, FRAME)
