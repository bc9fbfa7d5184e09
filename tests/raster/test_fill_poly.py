import cv2
import numpy as np
import pytest
from hypothesis import given

from polymask import GeometryError, Polygon
from tests.support.shapes import FRAME, drawn, empty, parts, picture, rings

WHOLE = {"cv2-trunc": np.trunc, "cv2-round": np.round}
both = pytest.mark.parametrize("rule", list(WHOLE))


def peer(rule, rings, frame=FRAME):
    canvas = np.zeros(frame, np.uint8)
    cv2.fillPoly(canvas, [WHOLE[rule](np.asarray(ring, float)).astype(np.int32) for ring in rings], 1)
    return canvas.astype(bool)


@both
@given(rings)
def test_a_ring_is_filled_as_fillpoly_fills_it(rule, ring):
    assert np.array_equal(drawn(rule, [Polygon(ring)]), peer(rule, [ring]))


@both
@given(rings)
def test_a_ring_is_filled_as_drawcontours_fills_it(rule, ring):
    """dtlpy calls `drawContours` with thickness -1."""
    canvas = np.zeros(FRAME, np.uint8)
    contour = WHOLE[rule](np.asarray(ring, float)).astype(np.int32)
    cv2.drawContours(canvas, [contour], contourIdx=-1, color=1, thickness=-1)
    assert np.array_equal(drawn(rule, [Polygon(ring)]), canvas.astype(bool))


@both
@given(parts)
def test_a_parts_rings_go_to_fillpoly_together_and_parts_are_united(rule, polygons):
    expected = empty()
    for polygon in polygons:
        expected |= peer(rule, polygon.rings)
    assert np.array_equal(drawn(rule, polygons), expected)


def test_a_hole_keeps_its_boundary_painted():
    square = Polygon([(0, 0), (6, 0), (6, 6), (0, 6)], [[(1, 1), (5, 1), (5, 5), (1, 5)]])
    assert picture(drawn("cv2-trunc", [square], (7, 7))) == [
        "#######",
        "#######",
        "##...##",
        "##...##",
        "##...##",
        "#######",
        "#######",
    ]


def test_truncation_goes_toward_zero_and_halves_round_to_even():
    ring = [(-0.9, -0.9), (1.5, -0.9), (1.5, 2.5), (-0.9, 2.5)]
    assert picture(drawn("cv2-trunc", [Polygon(ring)], (4, 4))) == ["##..", "##..", "##..", "...."]
    assert picture(drawn("cv2-round", [Polygon(ring)], (4, 4))) == ["###.", "###.", "###.", "...."]


@both
def test_coordinates_beyond_32_bits_are_refused(rule):
    with pytest.raises(GeometryError, match="OpenCV"):
        drawn(rule, [Polygon([(0, 0), (3e9, 0), (5, 5)])])
