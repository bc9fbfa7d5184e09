"""Instances as SVG paths: the rings of polygons, the outlines of runs."""

import numpy as np
from numpy.typing import NDArray

from polymask.model import Ring, Runs, Shape
from polymask.raster import spans_of
from polymask.raster.spans import paint


def path_of(shape: Shape) -> str:
    """The SVG path of a shape in pixels, to the hundredth; fill it even-odd.

    Examples:
        >>> from polymask import Polygon
        >>> path_of((Polygon([(0, 0), (4, 0), (4, 2.5)]),))
        'M0 0 4 0 4 2.5Z'
    """
    if isinstance(shape, Runs):
        return "".join(map(_ring_path, _outline(shape)))
    return "".join(_ring_path(ring) for polygon in shape for ring in polygon.rings)


def _ring_path(ring: Ring) -> str:
    if not len(ring):
        return ""
    # + 0.0 turns -0.0, which would be written as "-0", into 0.0
    return f"M{' '.join(f'{number:g}' for number in (ring.round(2) + 0.0).reshape(-1).tolist())}Z"


def _outline(runs: Runs) -> list[NDArray[np.float64]]:
    import cv2

    mask = np.zeros(runs.frame, np.uint8)
    paint(mask, spans_of([runs], runs.frame)[0], 1)
    rings, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    return [ring.reshape(-1, 2).astype(np.float64) + 0.5 for ring in rings]  # through pixel centers
