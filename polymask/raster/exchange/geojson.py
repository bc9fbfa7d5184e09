"""Polygons and GeoJSON geometries, the one made of the other: x then y, in pixels.

GeoJSON (RFC 7946) closes its rings, and a position may tell a height, which a picture has none of.
Source of `__geo_interface__`: https://gist.github.com/sgillies/2217756.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from polymask.errors import GeometryError
from polymask.model import Polygon, Ring

Coordinates = tuple[tuple[tuple[float, float], ...], ...]

_PARTS = {"GeometryCollection": "geometries", "FeatureCollection": "features"}
_ADVICE = "hand over polygons: those of points and lines are their `.buffer(…)` in shapely"


def polygons_in(document: Mapping[str, Any], *, place: str = "$") -> Iterator[Polygon]:
    """The polygons of a geometry, a feature, or a collection of them.

    Raises `GeometryError` for what is no polygon, and for a feature without a geometry.

    Examples:
        >>> square = {"type": "Polygon", "coordinates": [[(0, 0), (2, 0), (2, 2), (0, 2), (0, 0)]]}
        >>> [len(polygon.exterior) for polygon in polygons_in({"type": "Feature", "geometry": square})]
        [4]
    """
    kind = document.get("type")
    try:
        match kind:
            case "Polygon":
                yield from _polygon(document["coordinates"])
            case "MultiPolygon":
                for rings in document["coordinates"]:
                    yield from _polygon(rings)
            case "Feature":
                yield from _of_feature(document, place)
            case "GeometryCollection" | "FeatureCollection":
                for number, part in enumerate(document[_PARTS[kind]]):
                    yield from polygons_in(part, place=f"{place}.{_PARTS[kind]}[{number}]")
            case _:
                raise GeometryError(f"a GeoJSON {kind} is no polygon", place=place, advice=_ADVICE)
    except (KeyError, TypeError, AttributeError) as error:
        raise GeometryError(f"no GeoJSON {kind}: {error!r}", place=place) from None


def _of_feature(document: Mapping[str, Any], place: str) -> Iterator[Polygon]:
    if document["geometry"] is None:
        raise GeometryError("a feature without a geometry", place=place, advice="leave it out")
    yield from polygons_in(document["geometry"], place=f"{place}.geometry")


def _polygon(rings: Sequence[Iterable[Sequence[float]]]) -> Iterator[Polygon]:
    """The polygon of rings, the first around all; none of no rings, which is an empty one."""
    if len(rings):
        exterior, *holes = [_opened([(point[0], point[1]) for point in ring]) for ring in rings]
        yield Polygon(exterior, holes)


def _opened(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """A ring without the last point where that is the first once more."""
    return points[:-1] if len(points) > 1 and points[0] == points[-1] else points


def geometry_of(polygons: Sequence[Polygon]) -> dict[str, Any]:
    """The geometry of several polygons: a `Polygon`, or a `MultiPolygon` of any other number.

    Examples:
        >>> geometry_of([Polygon([(0, 0), (2, 0), (2, 2)])])
        {'type': 'Polygon', 'coordinates': (((0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 0.0)),)}
    """
    if len(polygons) == 1:
        return {"type": "Polygon", "coordinates": _coordinates(polygons[0])}
    return {"type": "MultiPolygon", "coordinates": tuple(map(_coordinates, polygons))}


def _coordinates(polygon: Polygon) -> Coordinates:
    return tuple(_closed(ring) for ring in polygon.rings if len(ring))


def _closed(ring: Ring) -> tuple[tuple[float, float], ...]:
    points = [(x, y) for x, y in ring.tolist()]
    return tuple(points if points[0] == points[-1] and len(points) > 1 else [*points, points[0]])
