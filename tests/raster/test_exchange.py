"""Shapes of other libraries, as they come and as they go."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from polymask import GeometryError, Instance, LabelMask, Polygon, Runs, Spans, rasterize
from polymask.model import Shape
from polymask.raster.exchange.geojson import polygons_in
from polymask.raster.painted import scan

SQUARE = [(1, 1), (4, 1), (4, 4), (1, 4)]
FAR = [(6, 6), (7, 6), (7, 7), (6, 7)]
HOLE = [(2, 2), (3, 2), (3, 3), (2, 3)]
FRAME = (6, 8)
DRAWN = np.zeros(FRAME, bool)
DRAWN[1:4, 1:4] = True
WITH_HOLE = DRAWN.copy()
WITH_HOLE[2, 2] = False
TWO = DRAWN.copy()
TWO[0:2, 5:7] = True
OTHER = [(5, 0), (7, 0), (7, 2), (5, 2)]
GEOMETRY = {"type": "Polygon", "coordinates": [[*SQUARE, SQUARE[0]]]}
FEATURE = {"type": "Feature", "properties": None, "geometry": GEOMETRY}
OTHER_GEOMETRY = {"type": "Polygon", "coordinates": [[(*point, 9.5) for point in [*OTHER, OTHER[0]]]]}
MASKS = arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9)))


@pytest.mark.parametrize(
    ("shapes", "mask"),
    [
        (Polygon(SQUARE), DRAWN),
        (SQUARE, DRAWN),
        (np.array(SQUARE), DRAWN),
        (np.array(SQUARE, np.float32), DRAWN),
        (np.array(SQUARE)[:, None], DRAWN),  # as OpenCV has its contours
        (shapely.Polygon(SQUARE), DRAWN),
        (shapely.Polygon(SQUARE, [HOLE]), WITH_HOLE),
        (shapely.MultiPolygon([shapely.Polygon(SQUARE), shapely.Polygon(OTHER)]), TWO),
        (shapely.GeometryCollection([shapely.Polygon(SQUARE), shapely.Polygon(OTHER)]), TWO),
        (shapely.Polygon(), np.zeros(FRAME, bool)),
        (GEOMETRY, DRAWN),
        (FEATURE, DRAWN),
        ({"type": "FeatureCollection", "features": [FEATURE, FEATURE | {"geometry": OTHER_GEOMETRY}]}, TWO),
        (SimpleNamespace(name="a", geometry=shapely.Polygon(SQUARE)), DRAWN),  # as geopandas has its rows
        ([SQUARE, OTHER], TWO),
        (np.array([SQUARE, OTHER]), TWO),
        ([Polygon(SQUARE), OTHER_GEOMETRY], TWO),
        (iter([SQUARE, shapely.Polygon(OTHER)]), TWO),
        ([], np.zeros(FRAME, bool)),
    ],
)
def test_shapes_of_every_kind_are_rasterized(shapes: Any, mask: np.ndarray) -> None:
    """Polygons, rings, arrays, GeoJSON and what tells its own, alone or several: the same mask."""
    assert (rasterize(shapes, FRAME) == mask).all()


@pytest.mark.parametrize(
    ("shapes", "says"),
    [
        (7, "no polygon, but of type int"),
        ("square.json", "no polygon, but of type str"),
        (None, "no polygon, but of type NoneType"),
        (shapely.Point(1, 2), "a GeoJSON Point is no polygon"),
        ({"type": "Feature", "geometry": None}, "a feature without a geometry"),
        ({"type": "FeatureCollection", "features": [FEATURE, {"type": "Feature"}]}, r"\$.features\[1\]"),
        ({"type": "Polygon", "coordinates": [[1, 2]]}, "no GeoJSON Polygon"),
        ({"kind": "square"}, "a GeoJSON None is no polygon"),
        (DRAWN, "a bool array is a mask"),
        (np.array([1, 1, 4, 1, 4, 4]), r"reshape\(-1, 2\)"),
        (np.zeros((4, 3)), r"not an array of shape \(4, 3\)"),
        ([(1, 1), (np.nan, 1), (4, 4)], "finite"),
    ],
)
def test_what_is_no_polygon_is_refused(shapes: Any, says: str) -> None:
    """With what it is, and where in a collection."""
    with pytest.raises(GeometryError, match=says):
        rasterize(shapes, FRAME)


def test_a_polygon_is_what_shapely_takes() -> None:
    """Holes too; there and back it is the same polygon."""
    polygon = Polygon(SQUARE, [HOLE])
    shape = shapely.geometry.shape(polygon)
    assert shape.area == 8
    assert shape.is_valid
    (again,) = polygons_in(shape.__geo_interface__)
    assert again == polygon


@pytest.mark.parametrize("shape", [(Polygon(SQUARE, [HOLE]), Polygon(FAR)), Runs([2, 2, 12], (4, 4))])
def test_an_instance_is_what_shapely_takes(shape: Shape) -> None:
    """Its polygons, or what lies around the pixels of its runs."""
    instance = Instance(1, "cat", shape)
    area = 9 if isinstance(shape, tuple) else 2
    assert shapely.geometry.shape(instance).area == area == rasterize(instance, (9, 9)).sum()


@given(MASKS)
def test_the_outline_of_a_mask_paints_the_mask(mask: np.ndarray) -> None:
    """Its geometry is valid for shapely, as large as the mask, and rasterized it is the mask again."""
    label_mask = LabelMask("cat", mask, ())
    shape = shapely.geometry.shape(label_mask)
    assert shape.is_valid
    assert shape.area == mask.sum()
    assert (rasterize(label_mask, mask.shape) == mask).all()
    painted = scan(mask)
    spans = Spans(painted.row, painted.start, painted.stop)
    assert spans.__geo_interface__ == label_mask.__geo_interface__


def test_an_outline_is_drawn_by_hand() -> None:
    """A ring of pixels with a hole, and a pixel that touches it at a corner: two polygons, of corners."""
    rows = ("###.", "#.#.", "###.", "...#")
    mask = np.array([[pixel == "#" for pixel in row] for row in rows])
    geometry = LabelMask("cat", mask, ()).__geo_interface__
    assert geometry["type"] == "MultiPolygon"
    (ring, hole), (corner,) = geometry["coordinates"]
    assert set(ring) == {(0, 0), (3, 0), (3, 3), (0, 3)}
    assert set(hole) == {(1, 1), (2, 1), (2, 2), (1, 2)}
    assert set(corner) == {(3, 3), (4, 3), (4, 4), (3, 4)}
