"""A record at another size: coordinates are scaled as the frame is, and painted later."""

from collections.abc import Callable
from dataclasses import replace
from math import floor

import numpy as np

from polymask.model import Frame, ImageRecord, Polygon, Ring, Runs, Shape, Spans
from polymask.raster.runs import from_runs, to_runs
from polymask.raster.spans import Int64, flat_indices, paint

MapRing = Callable[[Ring], Ring]
Nearest = Callable[[int, int], Int64]  # a side before and after → for each new pixel, the old one


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
    before, after = np.array(record.frame[::-1], np.float64), np.array(frame[::-1], np.float64)
    # multiply, then divide: a rounded quotient of the sizes would move points off pixel centers
    return _mapped(record, frame, point=lambda ring: ring * after / before, nearest=_nearest_in)


def scaled(record: ImageRecord, factor: float) -> ImageRecord:
    """The record with all coordinates times a factor, in a frame of `scaled_frame`.

    Each coordinate is rounded once, by the multiplication; runs are sampled at the pixel centers (nearest),
    and what lies beyond their frame is empty.

    Examples:
        >>> from polymask.model import Instance
        >>> cat = Instance(1, "cat", Polygon([(0, 0), (3, 0), (3, 3)]))
        >>> half = scaled(ImageRecord(1, "a", (3, 3), (cat,)), 0.5)
        >>> half.frame, half.instances[0].shape[0].exterior.tolist()
        ((2, 2), [[0.0, 0.0], [1.5, 0.0], [1.5, 1.5]])
    """

    def nearest(_size: int, new_size: int) -> Int64:
        pixels: Int64 = np.floor((np.arange(new_size) + 0.5) / factor).astype(np.int64)
        return pixels

    frame = scaled_frame(record.frame, factor)
    return _mapped(record, frame, point=lambda ring: ring * factor, nearest=nearest)


def scaled_frame(frame: Frame, factor: float) -> Frame:
    """The (height, width) of a frame times a factor, rounded to whole pixels: halves up, 1 at least.

    Examples:
        >>> scaled_frame((3, 1000), 0.5), scaled_frame((3, 1), 0.1)
        ((2, 500), (1, 1))
    """
    height, width = (max(1, floor(side * factor + 0.5)) for side in frame)
    return height, width


def _mapped(record: ImageRecord, frame: Frame, *, point: MapRing, nearest: Nearest) -> ImageRecord:
    """The record in another frame: rings mapped by `point`, runs sampled at the pixels of `nearest`."""

    def mapped(shape: Shape) -> Shape:
        if isinstance(shape, Runs):
            return _sampled(shape, frame, nearest)
        return tuple(Polygon(point(p.exterior), [point(hole) for hole in p.holes]) for p in shape)

    instances = tuple(replace(instance, shape=mapped(instance.shape)) for instance in record.instances)
    return replace(record, frame=frame, instances=instances)


def _nearest_in(size: int, new_size: int) -> Int64:
    """For each of `new_size` pixels, the one of `size` that holds its center, in whole numbers."""
    nearest: Int64 = (2 * np.arange(new_size) + 1) * size // (2 * new_size)
    return nearest


def _sampled(runs: Runs, after: Frame, nearest: Nearest) -> Runs:
    """Sample the runs: each span is repeated on every new row whose center lies in its row."""
    spans = from_runs(runs)
    row, column = (nearest(size, new_size) for size, new_size in zip(runs.frame, after, strict=True))
    top, bottom = np.searchsorted(row, spans.row), np.searchsorted(row, spans.row, side="right")
    start, stop = (
        np.repeat(np.searchsorted(column, x), bottom - top).astype(np.int32)
        for x in (spans.start, spans.stop)
    )
    mask = np.zeros(after, bool)
    paint(mask, Spans(flat_indices(top, bottom).astype(np.int32), start, stop), 1)
    return to_runs(mask)
