"""The `coco` rule: pycocotools' `rleFrPoly`, as COCO, Datumaro, CVAT, torchvision and detectron2 use it.

Coordinates are scaled by 5 and rounded, edges traced on that grid, and columns filled
where the trace crosses them, half-open. Parts are united, as pycocotools does. It has
no holes: each ring is drawn alone, and a polygon's rings are combined even-odd.
A ring of fewer than three points draws nothing, because pycocotools would read a box.
Source: pycocotools, `maskApi.c`, `rleFrPoly`.
"""

import numpy as np

from polymask.errors import GeometryError
from polymask.model import Frame, Ring, Runs, Spans
from polymask.raster.rules.parity import by_polygon, refuse_far_coordinates, span_keys
from polymask.raster.runs import run_counts, run_spans
from polymask.raster.spans import Int64

SCALE = 5
MOST_POINTS = 2**26  # of a traced boundary; pycocotools allocates about 20 bytes for each, unchecked


def intervals(rings: list[Ring], owner: list[int], frame: Frame) -> tuple[Int64, Int64]:
    """The key intervals of polygons as pycocotools fills them.

    Rings are drawn in the whole frame, not in a crop, because the trace rounds by position. That costs
    nothing, because the result is runs.
    """
    refuse_far_coordinates(rings, "pycocotools")
    edges = [(np.zeros(0, np.int64),) * 2]
    for polygon, group in by_polygon(rings, owner):
        ring_edges = [ring_intervals(ring, polygon, frame) for ring in group if len(ring) > 2]
        edges.extend(ring_edges if len(ring_edges) < 2 else [even_odd(ring_edges)])
    start, stop = (np.concatenate(side) for side in zip(*edges, strict=True))
    return start, stop


def even_odd(sets: list[tuple[Int64, Int64]]) -> tuple[Int64, Int64]:
    """The keys that lie in an odd number of sets of disjoint intervals, as key intervals.

    Examples:
        >>> outer, hole = (np.array([0]), np.array([9])), (np.array([2]), np.array([4]))
        >>> [edge.tolist() for edge in even_odd([outer, hole])]
        [[0, 4], [2, 9]]
    """
    edge = np.sort(np.concatenate([np.concatenate(pair) for pair in sets]))
    return edge[0::2], edge[1::2]


def ring_intervals(ring: Ring, group: int, frame: Frame) -> tuple[Int64, Int64]:
    """The key intervals of a ring, in group `group` of a (height, width) frame."""
    from pycocotools import mask as pycocotools_mask

    longest = np.abs(np.diff(ring, axis=0, append=ring[:1])).max(axis=1)
    if SCALE * longest.sum() > MOST_POINTS:
        raise GeometryError(
            f"a boundary of {longest.sum():.0f} px",
            advice=(
                "pycocotools crashes where memory ends, and this pixel rule draws up to "
                f"{MOST_POINTS // SCALE} px. Use the pixel rule `center`, without such a limit"
            ),
        )
    (rle,) = pycocotools_mask.frPyObjects([ring.ravel().tolist()], *frame)
    spans = run_spans(Runs(run_counts(rle["counts"].decode()), frame))
    return span_keys(Spans(*spans.T), group, frame)
