import numpy as np
import pytest
from hypothesis import given
from pycocotools import mask as pycocotools_mask

from polymask import GeometryError, Polygon
from tests.support.shapes import FRAME, drawn, empty, parts, picture, rings

# pycocotools' decode, not polymask, speaks an old dialect of numpy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def peer(ring, frame=FRAME):
    (rle,) = pycocotools_mask.frPyObjects([np.ravel(ring).tolist()], *frame)
    return pycocotools_mask.decode({**rle, "size": list(rle["size"])}).astype(bool)


@given(rings)
def test_a_ring_is_filled_as_pycocotools_fills_it(ring):
    assert np.array_equal(drawn("coco", [Polygon(ring)]), peer(ring))


@given(parts)
def test_parts_are_united_and_a_parts_rings_are_even_odd(polygons):
    expected = empty()
    for polygon in polygons:
        part = empty()
        for ring in polygon.rings:
            part ^= peer(ring)
        expected |= part
    assert np.array_equal(drawn("coco", polygons), expected)


def test_parts_are_united_as_frpyobjects_and_merge_do():
    """Two overlapping squares are one region, not a region with a hole."""
    squares = [[1, 1, 6, 1, 6, 6, 1, 6], [3.4, 3.4, 9, 3.4, 9, 9, 3.4, 9]]
    merged = pycocotools_mask.merge(pycocotools_mask.frPyObjects(squares, 10, 10))
    polygons = [Polygon(np.reshape(square, (-1, 2))) for square in squares]
    assert np.array_equal(drawn("coco", polygons, (10, 10)), pycocotools_mask.decode(merged).astype(bool))


def test_a_square_on_whole_coordinates_is_half_open():
    assert picture(drawn("coco", [Polygon([(1, 1), (3, 1), (3, 3), (1, 3)])], (4, 4))) == [
        "....",
        ".##.",
        ".##.",
        "....",
    ]


def test_a_ring_of_two_points_draws_nothing():
    """pycocotools takes four numbers for a box; polymask does not."""
    assert not drawn("coco", [Polygon([(1, 1), (9, 9)])]).any()


@pytest.mark.parametrize("far", [2.0**20 + 1, -1e300, 4e9])
def test_coordinates_where_pycocotools_crashes_are_refused(far):
    with pytest.raises(GeometryError, match="pycocotools"):
        drawn("coco", [Polygon([(0, 0), (far, 0), (5, 5)])])


def test_a_boundary_that_does_not_fit_into_memory_is_refused():
    zigzag = [(0, 0), (1_000_000, 1)] * 200
    with pytest.raises(GeometryError, match="boundary"):
        drawn("coco", [Polygon(zigzag)])
