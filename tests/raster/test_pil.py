import numpy as np
import PIL
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from polymask import GeometryError, Polygon
from polymask.raster import rule_versions
from tests.support.shapes import FRAME, drawn, empty, parts, picture, rings


def peer(ring, frame=FRAME, **options):
    image = Image.new("L", frame[::-1])
    ImageDraw.Draw(image).polygon([tuple(point) for point in np.asarray(ring).tolist()], fill=1, **options)
    return np.array(image).astype(bool)


@given(rings)
def test_a_ring_is_filled_as_cityscapes_scripts_fill_it(ring):
    assert np.array_equal(drawn("pil", [Polygon(ring)]), peer(ring))


@given(rings)
def test_a_ring_is_filled_as_labelme_fills_it(ring):
    """labelme asks for an outline as well, which changes nothing."""
    assert np.array_equal(drawn("pil", [Polygon(ring)]), peer(ring, outline=1))


@given(st.lists(st.tuples(st.floats(900, 1200), st.floats(900, 1200)), min_size=3, max_size=7))
def test_far_from_the_left_edge_the_float32_rounding_is_kept(ring):
    frame = (1100, 1150)
    assert np.array_equal(drawn("pil", [Polygon(ring)], frame), peer(ring, frame))


@given(parts)
def test_parts_are_united_and_a_parts_rings_are_even_odd(polygons):
    expected = empty()
    for polygon in polygons:
        part = empty()
        for ring in polygon.rings:
            part ^= peer(ring)
        expected |= part
    assert np.array_equal(drawn("pil", polygons), expected)


def test_the_boundary_is_painted_and_a_hole_takes_its_own():
    square = Polygon([(1, 1), (5, 1), (5, 5), (1, 5)], [[(2, 2), (4, 2), (4, 4), (2, 4)]])
    assert picture(drawn("pil", [square], (7, 7))) == [
        ".......",
        ".#####.",
        ".#...#.",
        ".#...#.",
        ".#...#.",
        ".#####.",
        ".......",
    ]


def test_a_single_point_draws_nothing():
    assert not drawn("pil", [Polygon([(1, 1)])]).any()


def test_the_version_is_named_for_the_fill_depends_on_it():
    assert rule_versions("pil") == {"pillow": PIL.__version__}
    assert rule_versions("cv2-trunc") == {}


def test_coordinates_beyond_32_bits_are_refused():
    with pytest.raises(GeometryError, match="Pillow"):
        drawn("pil", [Polygon([(0, 0), (1e10, 0), (5, 5)])])
