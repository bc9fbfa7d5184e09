"""The rules `cv2-trunc` and `cv2-round`: OpenCV's `fillPoly` on whole-numbered points.

Truncated toward zero, as dtlpy's `Segmentation.from_polygon`, supervision, Ultralytics,
Labelbox and FiftyOne do; or rounded, halves to even, as imantics and dtlpy's `show` do.
The boundary is painted too. All rings of a polygon go into a single call: `fillPoly` fills
them even-odd, and paints the boundary of each hole. `drawContours`, filled, gives the same.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from polymask.model import Frame, Ring
from polymask.raster.rules.parity import Crop, box, crop_intervals, refuse_far_coordinates
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
    refuse_far_coordinates(rings, "OpenCV")
    return crop_intervals(rings, owner, frame, draw=partial(_draw, frame=frame, whole=whole))


def _draw(rings: list[Ring], *, frame: Frame, whole: Callable[[Ring], NDArray[np.float64]]) -> Crop | None:
    """Draw in the bounding box of the rings: moving whole-numbered points changes nothing.

    The box must end where the frame does, because `fillPoly` clips lines before it traces them.
    """
    import cv2

    contours = [whole(ring).astype(np.int32) for ring in rings]
    if (inside := box(np.concatenate(contours), frame)) is None:
        return None
    top, left, bottom, right = inside
    canvas = np.zeros((bottom - top, right - left), np.uint8)
    cv2.fillPoly(canvas, [contour - np.array((left, top), np.int32) for contour in contours], 1)
    return canvas.view(bool), top, left
