"""Relative coordinates, shares of the picture from 0 to 1, turned into pixels."""

from collections.abc import Sequence

from polymask.formats.drawing.shapes import Point
from polymask.formats.reading.refusals import Malformed
from polymask.model import Frame

LARGEST_SHARE = 2.0  # shares slightly outside 0…1 are clipped at the frame; larger numbers are pixels


def in_pixels(points: Sequence[Point], frame: Frame) -> list[Point]:
    """The points in pixels; raises `Malformed` for numbers that cannot be shares of a side.

    Examples:
        >>> in_pixels([(0.5, 0.25)], (8, 12))
        [(6.0, 2.0)]
    """
    for point in points:
        for share in point:
            if not -1 < share < LARGEST_SHARE:  # which NaN is not
                raise Malformed("$", f"{share:g} is no share of the picture, 0 to 1; is it in pixels?")
    height, width = frame
    return [(x * width, y * height) for x, y in points]
