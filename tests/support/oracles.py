"""Independent answers to compare with: slow, plain, and exact."""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil

import numpy as np

from polymask.model import Polygon

HALF = Fraction(1, 2)


def exact_mask(rings: Sequence[Sequence[Sequence[float]]], frame: tuple[int, int]) -> np.ndarray:
    """The center rule by its definition, on fractions: every crossing flips what lies right of it."""
    height, width = frame
    flips = np.zeros((height, width + 1), np.int64)
    for ring in rings:
        points = [(Fraction(x), Fraction(y)) for x, y in ring]
        for (x0, y0), (x1, y1) in zip(points, [*points[1:], *points[:1]], strict=True):
            low, high = sorted((y0, y1))
            for row in range(max(0, ceil(low - HALF)), min(height, ceil(high - HALF))):
                x = x0 + (row + HALF - y0) * (x1 - x0) / (y1 - y0)
                flips[row, min(max(ceil(x - HALF), 0), width)] += 1
    return np.cumsum(flips, axis=1)[:, :width] % 2 == 1


def exact_union(polygons: Sequence[Polygon], frame: tuple[int, int]) -> np.ndarray:
    """The union of polygons, each even-odd over its own rings."""
    mask = np.zeros(frame, bool)
    for polygon in polygons:
        mask |= exact_mask([ring.tolist() for ring in polygon.rings], frame)
    return mask


def drawn(*rows: str) -> np.ndarray:
    """A mask drawn by hand: `.` is 0, `#` is 1, digits are themselves, `v` is 255."""
    values = {".": 0, "#": 1, "v": 255} | {str(digit): digit for digit in range(10)}
    return np.array([[values[character] for character in row.replace(" ", "")] for row in rows])
