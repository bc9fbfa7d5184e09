"""The `skimage` rule: scikit-image's `draw.polygon`, unchanged, as notebooks use it.

A pixel is in when its upper left corner (its index) is in the polygon or on an edge. Each ring
is drawn alone, and a polygon's rings are combined even-odd, so that a hole removes its boundary
too. The primitive itself works on the bounding box of the ring.
"""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

import numpy as np

from polymask.errors import InputError
from polymask.model import Frame, Ring
from polymask.raster.rules.parity import Crop, crop_intervals, refuse_far_coordinates
from polymask.raster.spans import Int64


def require() -> None:
    """Raise `InputError`, which names the extra, if scikit-image is not installed."""
    if find_spec("skimage") is None:
        raise InputError(
            "the pixel rule `skimage` needs scikit-image",
            advice="install it with `pip install 'polymask[parity]'`",
        )


def intervals(rings: list[Ring], owner: list[int], frame: Frame) -> tuple[Int64, Int64]:
    """The key intervals of polygons as scikit-image fills them."""
    require()
    refuse_far_coordinates(rings, "scikit-image")
    return crop_intervals(rings, owner, frame, draw=partial(_draw, frame=frame))


def _draw(rings: list[Ring], *, frame: Frame) -> Crop | None:
    """Draw with unchanged coordinates and frame: moving a float would round it."""
    from skimage.draw import polygon

    fill: Callable[..., tuple[Int64, Int64]] = polygon
    drawn = [fill(ring[:, 1], ring[:, 0], frame) for ring in rings]
    rows, columns = (np.concatenate(side) for side in zip(*drawn, strict=True))
    if not len(rows):
        return None
    top, left = int(rows.min()), int(columns.min())
    canvas = np.zeros((int(rows.max()) - top + 1, int(columns.max()) - left + 1), bool)
    for row, column in drawn:
        canvas[row - top, column - left] ^= True
    return canvas, top, left
