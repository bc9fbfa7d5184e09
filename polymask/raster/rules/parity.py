"""Functions that the parity rules share: rings by polygon, and a drawn crop as key intervals.

A parity rule calls the drawing primitive of another tool, so its result is that tool's to the bit.
It draws on a crop only where that does not change the primitive's result.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from polymask.errors import GeometryError
from polymask.model import BoolMask, Frame, Ring, Spans
from polymask.raster.runs import from_mask
from polymask.raster.spans import Int64, keys

REACH = 2**20  # px; the primitives compute in 32 bits, some of them in fractions of a pixel

Crop = tuple[BoolMask, int, int]


def by_polygon(rings: Sequence[Ring], owner: Sequence[int]) -> Iterator[tuple[int, list[Ring]]]:
    """Each polygon's number and its rings that have points; `owner` ascends."""
    for polygon, group in groupby(zip(owner, rings, strict=True), key=lambda pair: pair[0]):
        yield polygon, [ring for _, ring in group if len(ring)]


def refuse_far_coordinates(rings: Sequence[Ring], tool: str) -> None:
    """Raise `GeometryError` for a coordinate beyond ±2²⁰ px, where the tool overflows or crashes."""
    for ring in rings:
        if len(ring) and np.abs(ring).max() > REACH:
            raise GeometryError(
                f"a coordinate of {np.abs(ring).max():g} px",
                advice=(
                    f"{tool} counts in 32 bits, and this pixel rule draws up to {REACH} px. Use the pixel "
                    "rule `center`, which has no such limit"
                ),
            )


def crop_intervals(
    rings: Sequence[Ring], owner: Sequence[int], frame: Frame, *, draw: Callable[[list[Ring]], Crop | None]
) -> tuple[Int64, Int64]:
    """The key intervals of polygons; `draw` gives a polygon as (mask, top, left), or None if it is empty."""
    edges = [(np.zeros(0, np.int64),) * 2]
    for polygon, group in by_polygon(rings, owner):
        if group and (crop := draw(group)) is not None:
            mask, top, left = crop
            edges.append(span_keys(from_mask(mask), polygon, frame, top=top, left=left))
    start, stop = (np.concatenate(side) for side in zip(*edges, strict=True))
    return start, stop


def span_keys(spans: Spans, group: int, frame: Frame, *, top: int = 0, left: int = 0) -> tuple[Int64, Int64]:
    """The spans of a group, moved down by `top` and right by `left`, as half-open key intervals."""
    row = spans.row.astype(np.int64) + top
    numbers = np.full(len(row), group, np.int64)
    start, stop = (
        keys(numbers, row, side.astype(np.int64) + left, frame) for side in (spans.start, spans.stop)
    )
    return start, stop


def box(points: NDArray[np.integer], frame: Frame) -> tuple[int, int, int, int] | None:
    """The bounding box (top, left, bottom, right) of whole-numbered points in the frame, or None."""
    height, width = frame
    (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    top, left, bottom, right = max(top, 0), max(left, 0), min(bottom + 1, height), min(right + 1, width)
    return (top, left, bottom, right) if top < bottom and left < right else None
