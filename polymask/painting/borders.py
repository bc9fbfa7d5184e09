"""The void ring along instance boundaries."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from polymask.labels.label_map import LabelMap
from polymask.model import BoolMask, IndexMask
from polymask.raster.painted import PaintedSpans, fill, scan_rows

Owners = Callable[[int, int], NDArray[np.int32]]
"""Gives the (rows, width) number of the instance on top, for a half-open range of rows."""


def border(owners: NDArray[np.int32], width: int) -> BoolMask:
    """The pixels at most `width` columns and rows away from a pixel of another owner.

    `owners` is (height, width) int32; the frame's own edge is no boundary. This is the ring
    on both sides of every boundary that PASCAL VOC's masks have (5 px there).

    Examples:
        >>> border(np.array([[0, 0, 0, 1, 1, 1]], np.int32), 1).astype(int)
        array([[0, 0, 1, 1, 0, 0]])
    """
    import cv2  # imported late: commands that draw no border start faster

    kernel = np.ones((3, 3), np.uint8)
    exact = owners.astype(np.float32)  # float32 holds whole numbers below 2**24 exactly
    edge: BoolMask = cv2.dilate(exact, kernel) != cv2.erode(exact, kernel)
    for side in (edge, edge.T):
        _spread(side, width - 1)
    return edge


def _spread(mask: BoolMask, reach: int) -> None:
    """Grow the set pixels by `reach` rows up and down, in place; doubling steps keep wide rings cheap."""
    for rows in (mask, mask[::-1]):
        widened = 0
        while widened < min(reach, len(rows) - 1):
            step = min(widened + 1, reach - widened)
            rows[:-step] |= rows[step:]
            widened += step


def bordered(painted: PaintedSpans, owners: Owners, width: int, label_map: LabelMap) -> PaintedSpans:
    """Painted spans with a void border of `width` on top; only some rows at a time become arrays."""
    height = painted.frame[0]

    def rows(top: int, bottom: int) -> IndexMask:
        above, below = max(top - width, 0), min(bottom + width, height)
        edge = border(owners(above, below), width)[top - above : bottom - above]
        mask = fill(painted.within(top, bottom), label_map.dtype)
        mask[edge] = label_map.void
        return mask

    return scan_rows(rows, painted.frame, background=painted.background, least=2 * width)


def void_as_painted(
    spans: PaintedSpans, void: int, painted: PaintedSpans, label_map: LabelMap
) -> PaintedSpans:
    """The spans with `void` wherever the index mask, `painted`, of the same frame is void."""

    def rows(top: int, bottom: int) -> IndexMask:
        mask = fill(spans.within(top, bottom), np.uint16)
        mask[fill(painted.within(top, bottom), label_map.dtype) == label_map.void] = void
        return mask

    return scan_rows(rows, spans.frame)
