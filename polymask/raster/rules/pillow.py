"""The `pil` rule: Pillow's `ImageDraw.polygon`, as labelme, cityscapesScripts and IDD use it.

Pillow truncates coordinates toward zero and paints the boundary too. It has no holes: each
ring is drawn alone, and a polygon's rings are combined even-odd, so that a hole removes its
boundary too. Pillow draws nothing for fewer than two points. Its fill has changed between
releases (python-pillow/Pillow issues 4674, 5235, 6414, 8616), so the manifest names the version.
"""

from functools import partial

import numpy as np

from polymask.model import BoolMask, Frame, Ring
from polymask.raster.rules.parity import Crop, box, crop_intervals, refuse_far_coordinates
from polymask.raster.spans import Int64


def intervals(rings: list[Ring], owner: list[int], frame: Frame) -> tuple[Int64, Int64]:
    """The key intervals of polygons as the installed Pillow fills them."""
    refuse_far_coordinates(rings, "Pillow")
    return crop_intervals(rings, owner, frame, draw=partial(_draw, frame=frame))


def _draw(rings: list[Ring], *, frame: Frame) -> Crop | None:
    """Draw in the rows of the rings, from column 0 on.

    Pillow computes crossings in float32, whose rounding depends on the column: a crop at the
    left would change them. Differences of rows are whole numbers, which a crop does not change.
    """
    whole = [np.trunc(ring).astype(np.int64) for ring in rings]
    if (inside := box(np.concatenate(whole), frame)) is None:
        return None
    top, _, bottom, right = inside
    canvas = np.zeros((bottom - top, right), bool)
    for ring in whole:
        if len(ring) > 1:
            canvas ^= _filled(ring - (0, top), canvas.shape)
    return canvas, top, 0


def _filled(ring: Int64, frame: Frame) -> BoolMask:
    from PIL import Image, ImageDraw  # imported late: only this rule needs it

    image = Image.new("L", (frame[1], frame[0]))
    ImageDraw.Draw(image).polygon(ring.ravel().tolist(), fill=1)
    return np.asarray(image).view(bool)
