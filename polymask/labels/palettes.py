"""Palettes for viewing: colors that color-blind people can tell apart too, or the label map's colors."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from polymask.errors import unknown
from polymask.labels.label_map import LabelMap
from polymask.model import IndexMask
from polymask.validation import Color

PALETTES = {
    "safe": "Okabe and Ito's colors, distinct under any color blindness; shades beyond eight labels",
    "voc": "the label map's own colors: PASCAL VOC's, unless a --labels file says otherwise",
}
VOID_COLOR: Color = (224, 224, 224)
# Source: M. Okabe and K. Ito, "Color Universal Design", 2008; for black, the background, P. Tol's
# indigo ("Colour Schemes", 2021): no color is gray, so that none looks like an unpainted picture
_OKABE_ITO = (
    (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66),
    (0, 114, 178), (213, 94, 0), (204, 121, 167), (51, 34, 136),
)  # fmt: skip
_SHADES = ((0, 0.0), (255, 0.5), (0, 0.4), (255, 0.75), (0, 0.65))


@cache
def safe_color(place: int) -> Color:
    """The n-th safe color, from 0: eight hues, then their lighter and darker shades, then from the start.

    Examples:
        >>> safe_color(0), safe_color(8)
        ((230, 159, 0), (242, 207, 128))
    """
    shade, share = _SHADES[place // len(_OKABE_ITO) % len(_SHADES)]
    red, green, blue = (round(c + (shade - c) * share) for c in _OKABE_ITO[place % len(_OKABE_ITO)])
    return red, green, blue


def label_colors(label_map: LabelMap, palette: str) -> dict[int, Color]:
    """The color of each label's value, and of void; raises `InputError` for an unknown palette.

    Examples:
        >>> label_colors(LabelMap.from_names(["cat"]), "voc")
        {1: (128, 0, 0), 255: (224, 224, 224)}
    """
    if palette not in PALETTES:
        raise unknown("palette", palette, PALETTES)
    colors = {
        label.value: safe_color(place) if palette == "safe" else label.color
        for place, label in enumerate(label_map.labels)
    }
    return colors | {label_map.void: VOID_COLOR}


def colored(mask: IndexMask, colors: dict[int, Color]) -> NDArray[np.uint8]:
    """A (height, width) mask as (height, width, 3) uint8 pixels; values without color are black.

    Examples:
        >>> colored(np.array([[0, 1]], np.uint8), {1: (1, 2, 3)}).tolist()
        [[[0, 0, 0], [1, 2, 3]]]
    """
    table = np.zeros((max([*colors, int(mask.max(initial=0))]) + 1, 3), np.uint8)
    for value, color in colors.items():
        table[value] = color
    pixels: NDArray[np.uint8] = table[mask]
    return pixels
