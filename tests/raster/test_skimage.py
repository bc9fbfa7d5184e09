import importlib.util

import numpy as np
import pytest
import skimage.draw
from hypothesis import given

from polymask import GeometryError, InputError, Polygon
from tests.support.shapes import FRAME, drawn, empty, parts, picture, rings


def peer(ring, frame=FRAME):
    mask = empty(frame)
    mask[skimage.draw.polygon(*np.asarray(ring, float).T[::-1], frame)] = True
    return mask


@given(rings)
def test_a_ring_is_filled_as_scikit_image_fills_it(ring):
    assert np.array_equal(drawn("skimage", [Polygon(ring)]), peer(ring))


@given(parts)
def test_parts_are_united_and_a_parts_rings_are_even_odd(polygons):
    expected = empty()
    for polygon in polygons:
        part = empty()
        for ring in polygon.rings:
            part ^= peer(ring)
        expected |= part
    assert np.array_equal(drawn("skimage", polygons), expected)


def test_a_pixel_is_in_when_its_corner_is():
    assert picture(drawn("skimage", [Polygon([(0.5, 0.5), (2.5, 0.5), (2.5, 2.5), (0.5, 2.5)])], (4, 4))) == [
        "....",
        ".##.",
        ".##.",
        "....",
    ]


def test_what_lies_outside_paints_nothing():
    assert not drawn("skimage", [Polygon([(-5, -5), (-2, -5), (-2, -2)])]).any()


def test_without_scikit_image_the_error_names_the_extra(monkeypatch):
    monkeypatch.setattr("polymask.raster.rules.scikit_image.find_spec", lambda name: None)
    assert importlib.util.find_spec("skimage")
    with pytest.raises(InputError, match=r"polymask\[parity\]"):
        drawn("skimage", [Polygon([(0, 0), (3, 0), (0, 3)])])


def test_coordinates_beyond_the_range_are_refused():
    with pytest.raises(GeometryError, match="scikit-image"):
        drawn("skimage", [Polygon([(0, 0), (3e9, 0), (5, 5)])])
