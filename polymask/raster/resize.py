"""A record at another size: coordinates are scaled as the frame is, and painted later."""

from dataclasses import replace

import numpy as np

from polymask.model import Frame, ImageRecord, Polygon, Ring, Runs, Shape, Spans
from polymask.raster.runs import from_runs, to_runs
from polymask.raster.spans import flat_indices, paint


def resized(record: ImageRecord, frame: Frame) -> ImageRecord:
    """The record scaled to a (height, width) frame.

    Polygons stay exact, because their coordinates are scaled before they are painted;
    runs are sampled at the pixel centers (nearest).

    Examples:
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
    """Multiply, then divide: a rounded quotient of the sizes would move points off pixel centers."""
    scaled: Ring = ring * np.array(after[::-1], np.float64) / np.array(before[::-1], np.float64)
    return scaled


def _sampled(runs: Runs, after: Frame) -> Runs:
    """Sample the runs: each span is repeated on every new row whose center lies in its row."""
    spans = from_runs(runs)
    row, column = (
        (2 * np.arange(new_size) + 1) * size // (2 * new_size)
        for size, new_size in zip(runs.frame, after, strict=True)
    )
    top, bottom = np.searchsorted(row, spans.row), np.searchsorted(row, spans.row, side="right")
    start, stop = (
        np.repeat(np.searchsorted(column, x), bottom - top).astype(np.int32)
        for x in (spans.start, spans.stop)
    )
    mask = np.zeros(after, bool)
    paint(mask, Spans(flat_indices(top, bottom).astype(np.int32), start, stop), 1)
    return to_runs(mask)
