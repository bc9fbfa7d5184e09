"""Shapes that formats share; all but polygons become runs, by the rule of pixel centers."""

import base64
import binascii
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from polymask.codecs.png import opened_png
from polymask.errors import FormatError
from polymask.formats.reading.refusals import Malformed
from polymask.limits import Limits
from polymask.model import BoolMask, Frame, Polygon, Runs, Shape
from polymask.raster import spans_of
from polymask.raster.runs import from_runs, to_runs
from polymask.raster.spans import paint

FARTHEST = 1e60  # the largest coordinate: products of two stay finite

Point = tuple[float, float]


def polygon(points: Sequence[Point], holes: Sequence[Sequence[Point]] = ()) -> Polygon:
    """The polygon of (x, y) points; raises `Malformed` for fewer than 3."""
    for ring in (points, *holes):
        if len(ring) < 3:
            raise Malformed("$", f"a ring has at least 3 points, not {len(ring)}")
    return Polygon(points, holes)


def rectangle(first: Point, second: Point) -> Polygon:
    """The rectangle with two opposite corners, in any order."""
    (left, right), (top, bottom) = (sorted(pair) for pair in zip(first, second, strict=True))
    return Polygon([(left, top), (right, top), (right, bottom), (left, bottom)])


def rotated(shape: Polygon, degrees: float, pivot: Point) -> Polygon:
    """The polygon, rotated about `pivot` by `degrees`, clockwise on the screen (y points down).

    Examples:
        >>> rotated(rectangle((0, 0), (2, 1)), 90, (0, 0)).exterior.round(6).tolist()
        [[0.0, 0.0], [0.0, 2.0], [-1.0, 2.0], [-1.0, 0.0]]
    """
    if not degrees:
        return shape
    angle = math.radians(degrees)
    rotation = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return Polygon((shape.exterior - pivot) @ rotation + pivot)


def ellipse(center: Point, radii: Point, frame: Frame, *, degrees: float = 0.0) -> Runs:
    """The pixels whose centers lie in an ellipse or on its edge, in float64 arithmetic.

    `radii` are the radii along x and y, before the ellipse is rotated clockwise by `degrees` about its
    center. Raises `Malformed` for radii that are negative or not finite.

    Examples:
        >>> ellipse((1.5, 1.5), (1, 1), (3, 3)).counts.tolist()
        [1, 1, 1, 3, 1, 1, 1]
    """
    values = (*center, *radii, degrees)
    if not _drawable(values) or min(radii) < 0:
        raise Malformed("$", f"no ellipse has the center {center} and the radii {radii}")
    if not min(radii):
        return crop_runs(np.zeros((0, 0), bool), (0, 0), frame)
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    reach = math.hypot(radii[0] * cos, radii[1] * sin), math.hypot(radii[0] * sin, radii[1] * cos)
    x, y, corner = _centers(center, reach, frame)
    dx, dy = x - center[0], y - center[1]
    along, across = (dx * cos + dy * sin) / radii[0], (dy * cos - dx * sin) / radii[1]
    return crop_runs(along * along + across * across <= 1, corner, frame)


def _drawable(numbers: Iterable[float]) -> bool:
    return all(abs(number) <= FARTHEST for number in numbers)  # which NaN is not


def _centers(
    center: Point, reach: Point, frame: Frame
) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[int, int]]:
    """The pixel centers near a point: a row of x, a column of y, and the (column, row) of their corner."""
    sides = [  # whole pixels, cut off at the frame
        (max(0, math.floor(min(c - r, size))), min(size, math.ceil(max(c + r, 0))))
        for c, r, size in zip(center, reach, reversed(frame), strict=True)
    ]
    x, y = (np.arange(low, max(low, high)).astype(np.float64) + 0.5 for low, high in sides)
    return x, y[:, None], (sides[0][0], sides[1][0])


def stroke(points: Sequence[Point], radius: float, frame: Frame) -> Runs:
    """The pixels whose centers are within `radius` of a line through the points.

    The line's ends are square, as labelme's are; its corners are round.

    Examples:
        >>> stroke([(0.5, 1.5), (2.5, 1.5)], 0.5, (3, 4)).counts.tolist()
        [1, 1, 2, 1, 2, 1, 4]
    """
    if len(points) < 2:
        raise Malformed("$", f"a line has at least 2 points, not {len(points)}")
    if not all(map(_drawable, points)):
        raise Malformed("$", f"a line's coordinates must be finite numbers, none beyond {FARTHEST:g}")
    mask = np.zeros(frame, bool)
    for start, stop in pairwise(points):
        _draw_segment(mask, start, stop, radius)
    for corner in points[1:-1]:
        paint(mask, from_runs(ellipse(corner, (radius, radius), frame)), 1)
    return to_runs(mask)


def _draw_segment(mask: BoolMask, start: Point, stop: Point, radius: float) -> None:
    center = ((start[0] + stop[0]) / 2, (start[1] + stop[1]) / 2)
    reach = (abs(stop[0] - start[0]) / 2 + radius, abs(stop[1] - start[1]) / 2 + radius)
    x, y, (left, top) = _centers(center, reach, (mask.shape[0], mask.shape[1]))
    dx, dy = stop[0] - start[0], stop[1] - start[1]
    squared = dx * dx + dy * dy
    along = (x - start[0]) * dx + (y - start[1]) * dy  # scaled by the length, as is `across`
    across = (x - start[0]) * dy - (y - start[1]) * dx
    inside = (along >= 0) & (along <= squared) & (across * across <= radius * radius * squared)
    height, width = inside.shape
    mask[top : top + height, left : left + width] |= inside & (squared > 0)


def crop_runs(crop: BoolMask, corner: tuple[int, int], frame: Frame) -> Runs:
    """The runs of a bool crop whose upper left pixel is at (column, row) `corner` of a frame.

    Pixels outside the frame are cut off, and counted.

    Examples:
        >>> runs = crop_runs(np.ones((2, 2), bool), (1, -1), (2, 3))
        >>> runs.counts.tolist(), runs.cut
        ([2, 1, 1, 1, 1], 2)
    """
    height, width = frame
    left, top = min(corner[0], width), min(corner[1], height)
    rows = slice(max(0, -top), max(0, min(crop.shape[0], height - top)))
    columns = slice(max(0, -left), max(0, min(crop.shape[1], width - left)))
    visible = crop[rows, columns].T
    padded = np.zeros((visible.shape[0], visible.shape[1] + 2), np.int8)
    padded[:, 1:-1] = visible
    column, row = np.nonzero(np.diff(padded, axis=1))
    edges = (column + max(0, left)) * height + row + max(0, top)
    cut = np.count_nonzero(crop) - np.count_nonzero(visible) if visible.size < crop.size else 0
    return Runs(np.diff(np.concatenate(([0], edges, [height * width]))), frame, cut=int(cut))


def united(shapes: Sequence[Shape], frame: Frame) -> Shape:
    """The union of shapes: a tuple of polygons, or runs where any of the shapes is runs."""
    polygons = [part for shape in shapes if not isinstance(shape, Runs) for part in shape]
    if len(shapes) == 1 or all(not isinstance(shape, Runs) for shape in shapes):
        return shapes[0] if len(shapes) == 1 else tuple(polygons)
    mask = np.zeros(frame, bool)
    for spans in spans_of(shapes, frame):
        paint(mask, spans, 1)
    cut = sum(shape.cut for shape in shapes if isinstance(shape, Runs))
    return replace(to_runs(mask), cut=cut)


def base64_bytes(text: str) -> bytes:
    """The bytes of a base64 text or `data:` URL, line breaks allowed; raises `Malformed` for other text."""
    text = text.rpartition(",")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode(text.encode().translate(None, b" \t\r\n"), validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("$", "not base64") from None


def png_mask(data: bytes, limits: Limits, *, above: int = 0) -> BoolMask:
    """The (height, width) bool mask in a PNG: pixels with alpha `above` a value; without alpha, all not 0.

    Raises `Malformed` for other bytes, and `LimitError`, before it allocates memory, for a PNG that is
    too large.
    """
    try:
        with opened_png(data, limits) as picture:
            if "transparency" in picture.info or picture.mode in ("LA", "RGBA"):
                return np.array(picture.convert("RGBA"))[..., 3] > above
            pixels = np.array(picture)
            return np.array(pixels.any(axis=2) if pixels.ndim == 3 else pixels > 0, bool)
    except FormatError as error:
        raise Malformed("$", str(error)) from None
