"""What may be handed in as shapes: polygons, rings, arrays, what other libraries draw, or several of them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polymask.errors import GeometryError
from polymask.model import Polygon
from polymask.raster.exchange.geojson import polygons_in


class Geo(Protocol):
    """What tells its geometry as GeoJSON: shapely's, geopandas' columns, instances and masks of polymask."""

    @property
    def __geo_interface__(self) -> Mapping[str, Any]: ...


Shapes = Polygon | Geo | Mapping[str, Any] | ArrayLike | Iterable["Shapes"]


def polygons_of(shapes: Any) -> Iterator[Polygon]:
    """The polygons of whatever may be handed in as shapes.

    Raises `GeometryError` for what is none.

    Examples:
        >>> square = np.array([(0, 0), (2, 0), (2, 2), (0, 2)])
        >>> [len(polygon.exterior) for polygon in polygons_of([square, Polygon(square[:3])])]
        [4, 3]
    """
    if isinstance(shapes, Polygon):
        yield shapes
    elif (document := _geojson_of(shapes)) is not None:
        yield from polygons_in(document)
    elif isinstance(shapes, np.ndarray) and shapes.dtype != object:
        yield from map(Polygon, _rings(shapes))
    elif isinstance(shapes, Iterable) and not isinstance(shapes, str | bytes):
        yield from _of_several(list(shapes))
    else:
        raise no_polygon(shapes)


def _geojson_of(shapes: Any) -> Mapping[str, Any] | None:
    """What shapes tell of themselves, or the geometry of a row of geopandas; None where they do not."""
    if isinstance(shapes, Mapping):
        return shapes
    geometry = getattr(shapes, "geometry", None)
    document: Mapping[str, Any] | None = getattr(shapes, "__geo_interface__", None)
    return document or getattr(geometry, "__geo_interface__", None)


def _of_several(shapes: list[Any]) -> Iterator[Polygon]:
    """The polygons of a list, which may be one ring itself: points, x then y."""
    if shapes and all(map(_is_point, shapes)):
        yield Polygon(shapes)
        return
    for shape in shapes:
        yield from polygons_of(shape)


def _is_point(value: Any) -> bool:
    """Whether a value is a pair of numbers."""
    try:
        return len(value) == 2 and all(
            np.isscalar(number) and not isinstance(number, str) for number in value
        )
    except TypeError:
        return False


def _rings(array: NDArray[Any]) -> Iterable[NDArray[Any]]:
    """The rings of an array: (N, 2), OpenCV's contour (N, 1, 2), or (K, N, 2), which are K of them."""
    if array.dtype == bool:
        raise GeometryError("a bool array is a mask, and no ring", advice="it is rasterized already")
    if array.ndim == 3 and array.shape[1:] == (1, 2):
        return [array[:, 0]]
    if array.ndim == 3 and array.shape[2] == 2:
        return list(array)
    if array.ndim == 1 and array.size:
        raise GeometryError(
            "numbers in one row are no ring", advice="x and y in turn are a ring as `array.reshape(-1, 2)`"
        )
    return [array]


def no_polygon(shape: Any) -> GeometryError:
    """The error for what is no polygon, with what would be."""
    return GeometryError(
        f"no polygon, but of type {type(shape).__name__}", advice="wrap each ring: Polygon([(x, y), …])"
    )
