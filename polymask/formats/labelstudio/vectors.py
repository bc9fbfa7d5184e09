"""Closed vectors: outlines of straight sides and cubic curves, as Label Studio's editor draws them.

A vertex names the one before it (`prevPointId`), so the list may have any order. A side is a curve if a
vertex at its end is one (`isBezier`): its control points are the `controlPoint2` of the vertex where it
starts and the `controlPoint1` of that where it stops; for an end without one, the editor takes the point at
three tenths of the straight side. Source: Label Studio's documentation of `VectorLabels` and its editor.
"""

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from polymask.formats.drawing.curves import flattened
from polymask.formats.drawing.shapes import Point
from polymask.model import Frame

_SHARE = 0.3  # of a side, from its straight end to the control point that the editor adds


class _Control(msgspec.Struct):
    x: float
    y: float


class _Vertex(msgspec.Struct):
    x: float
    y: float
    id: str | int | None = None
    prevPointId: str | int | None = None  # noqa: N815 - the format's own words
    isBezier: bool = False  # noqa: N815
    controlPoint1: _Control | None = None  # noqa: N815
    controlPoint2: _Control | None = None  # noqa: N815


class Vector(msgspec.Struct):
    """A vector's value, in percent of the picture."""

    vertices: list[_Vertex]
    closed: bool | None = None


def outline(vector: Vector, frame: Frame) -> list[Point] | None:
    """The corners of a closed vector in pixels, its curves flattened; None where its vertices are no ring.

    Raises `Malformed` for coordinates that are not finite.
    """
    vertices = _ring(vector.vertices)
    if not vertices:
        return None
    sides = pairwise([*vertices, vertices[0]])
    return [point for start, stop in sides for point in _side(start, stop, frame)]


def _ring(vertices: Sequence[_Vertex]) -> list[_Vertex]:
    """The vertices, each after the one that it names; none where they branch or fall apart."""
    if len({vertex.id for vertex in vertices}) < len(vertices):  # they cannot name one another
        return list(vertices) if all(vertex.id is None for vertex in vertices) else []
    ids = {vertex.id for vertex in vertices}
    starts = [vertex for vertex in vertices if vertex.prevPointId not in ids]
    following = {vertex.prevPointId: vertex for vertex in vertices}
    ring = [*starts, *vertices][:1]
    while ring and len(ring) < len(vertices):
        vertex = following.get(ring[-1].id)
        if vertex is None or vertex is ring[0]:
            return []
        ring.append(vertex)
    return ring


def _side(start: _Vertex, stop: _Vertex, frame: Frame) -> list[Point]:
    """The points from one vertex to the next, without the first."""
    ends = _point(start, frame), _point(stop, frame)
    first = start.controlPoint2 if start.isBezier else None
    second = stop.controlPoint1 if stop.isBezier else None
    if not (first or second):
        return [ends[1]]
    return flattened(
        ends[0],
        _point(first, frame) if first else _along(*ends),
        _point(second, frame) if second else _along(*reversed(ends)),
        ends[1],
    )


def _along(start: Point, stop: Point) -> Point:
    return start[0] + (stop[0] - start[0]) * _SHARE, start[1] + (stop[1] - start[1]) * _SHARE


def _point(place: _Vertex | _Control, frame: Frame) -> Point:
    return place.x * frame[1] / 100, place.y * frame[0] / 100
