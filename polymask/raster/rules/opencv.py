"""The rules `cv2-trunc` and `cv2-round`: OpenCV's `fillPoly` on whole-numbered points.

Truncated toward zero, as dtlpy's `Segmentation.from_polygon`, supervision, Ultralytics,
Labelbox and FiftyOne do; or rounded, halves to even, as imantics and dtlpy's `show` do.
The boundary is painted too. A polygon's rings are handed over together: `fillPoly` fills
them even-odd, and paints each hole's own boundary. `drawContours`, filled, gives the same.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from polymask.model import Frame, Ring
from polymask.raster.rules.parity import Crop, box, crop_intervals, refuse_far
from polymask.raster.spans import Int64


def truncated(rings: list[Ring], owner: list[int], frame: Frame) -> tuple[Int64, Int64]:
    """The key intervals of polygons, their coordinates truncated toward zero."""
    return _intervals(rings, owner, frame, whole=np.trunc)


def rounded(rings: list[Ring], owner: list[int], frame: Frame) -> tuple[Int64, Int64]:
    """The key intervals of polygons, their coordinates rounded, halves to even."""
    return _intervals(rings, owner, frame, whole=np.round)


def _intervals(
    rings: list[Ring], owner: list[int], frame: Frame, *, whole: Callable[[Ring], NDArray[np.float64]]
) -> tuple[Int64, Int64]:
    refuse_far(rings, "OpenCV")
    return crop_intervals(rings, owner, frame, draw=partial(_draw, frame=frame, whole=whole))


def _draw(rings: list[Ring], *, frame: Frame, whole: Callable[[Ring], NDArray[np.float64]]) -> Crop | None:
    """On the rings' own box: the points are whole numbers by now, so moving them changes nothing.

    The box ends where the frame does, for `fillPoly` clips lines before it traces them.
    """
    import cv2

    contours = [whole(ring).astype(np.int32) for ring in rings]
    if (inside := box(np.concatenate(contours), frame)) is None:
        return None
    top, left, bottom, right = inside
    canvas = np.zeros((bottom - top, right - left), np.uint8)
    cv2.fillPoly(canvas, [contour - np.array((left, top), np.int32) for contour in contours], 1)
    return canvas.view(bool), top, left
