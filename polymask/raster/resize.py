"""A record at another size: coordinates are scaled exactly as the frame is, and drawn anew."""

from dataclasses import replace

import numpy as np

from polymask.model import Frame, ImageRecord, Polygon, Ring, Runs, Shape, Spans
from polymask.raster.runs import from_runs, to_runs
from polymask.raster.spans import flat_indices, paint


def resized(record: ImageRecord, frame: Frame) -> ImageRecord:
    """The record scaled to a (height, width) frame.

    Polygons keep their exactness, for their coordinates are scaled before they are drawn;
    runs are sampled at the pixel centers (nearest).

    >>> from polymask.model import Instance
    >>> cat = Instance(1, "cat", Polygon([(0, 0), (4, 0), (4, 2)]))
    >>> resized(ImageRecord(1, "a", (2, 4), (cat,)), (4, 4)).instances[0].shape[0].exterior.tolist()
    [[0.0, 0.0], [4.0, 0.0], [4.0, 4.0]]
    """
    instances = tuple(
        replace(instance, shape=_resized(instance.shape, record.frame, frame))
        for instance in record.instances
    )
    return replace(record, frame=frame, instances=instances)


def _resized(shape: Shape, before: Frame, after: Frame) -> Shape:
    if isinstance(shape, Runs):
        return _sampled(shape, after)
    return tuple(
        Polygon(_scaled(p.exterior, before, after), [_scaled(hole, before, after) for hole in p.holes])
        for p in shape
    )


def _scaled(ring: Ring, before: Frame, after: Frame) -> Ring:
    """Multiplied, then divided: the quotient of two sizes would be rounded, and move centers off edges."""
    scaled: Ring = ring * np.array(after[::-1], np.float64) / np.array(before[::-1], np.float64)
    return scaled


def _sampled(runs: Runs, after: Frame) -> Runs:
    """Each span's samples, on every sampled row that is the span's own."""
    spans = from_runs(runs)
    row, column = (
        (2 * np.arange(new) + 1) * old // (2 * new) for old, new in zip(runs.frame, after, strict=True)
    )
    top, bottom = np.searchsorted(row, spans.row), np.searchsorted(row, spans.row, side="right")
    start, stop = (
        np.repeat(np.searchsorted(column, x), bottom - top).astype(np.int32)
        for x in (spans.start, spans.stop)
    )
    mask = np.zeros(after, bool)
    paint(mask, Spans(flat_indices(top, bottom).astype(np.int32), start, stop), 1)
    return to_runs(mask)
