"""The PASCAL VOC palette: the color of each pixel value, unless a label file sets another."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from polymask.validation import Color

REPEATS_FROM = 255  # void's value, where the palette starts over


def voc_colors(n: int = 256) -> NDArray[np.uint8]:
    """The PASCAL VOC palette: (n, 3) uint8 rows of red, green, blue, n ≤ 256.

    The bits of the value, three at a time, are the bits of red, green and blue, highest first.
    Source: PASCAL VOC development kit, `VOClabelcolormap`.

    Examples:
        >>> voc_colors(4).tolist()
        [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    """
    values = np.arange(n)[:, None]
    colors = np.zeros((n, 3), np.uint8)
    for bit in range(8):
        colors |= (((values >> (3 * bit + np.arange(3))) & 1) << (7 - bit)).astype(np.uint8)
    return colors


def default_color(value: int) -> Color:
    """The VOC color of a value; above 255 the palette starts over at 1.

    Examples:
        >>> default_color(1)
        (128, 0, 0)
    """
    wrapped = value if value < REPEATS_FROM else 1 + (value - 1) % (REPEATS_FROM - 1)
    return _default_colors()[wrapped]


@cache
def _default_colors() -> list[Color]:
    return [(red, green, blue) for red, green, blue in voc_colors().tolist()]
