"""Random polygons for the parity rules: floats, out of frame, on corners and halves, holes, many parts."""

import numpy as np
from hypothesis import strategies as st

from polymask import Polygon, rasterize
from polymask.model import BoolMask, Frame

FRAME = (17, 23)
_free = st.floats(-30, 50, allow_subnormal=False, width=32)
_inside = st.floats(0, 17)
_special = st.integers(-20, 60).map(lambda halves: halves / 2)
_coordinate = st.one_of(_free, _inside, _special)
rings = st.lists(st.tuples(_coordinate, _coordinate), min_size=3, max_size=9)
polygons = st.builds(Polygon, rings, st.lists(rings, max_size=2))
parts = st.lists(polygons, min_size=1, max_size=3)


def empty(frame: Frame = FRAME) -> BoolMask:
    return np.zeros(frame, bool)


def drawn(rule: str, polygons: list[Polygon], frame: Frame = FRAME) -> BoolMask:
    return rasterize(polygons, frame, pixel_rule=rule)


def picture(mask: BoolMask) -> list[str]:
    """A mask as rows of `#` and `.`, to be compared with one drawn by hand."""
    return ["".join("#" if pixel else "." for pixel in row) for row in mask]
