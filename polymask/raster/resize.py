"""A record at another size: coordinates are scaled exactly as the frame is, and drawn anew."""

from dataclasses import replace

import numpy as np

from polymask.model import Frame, ImageRecord, Polygon, Runs, Shape
from polymask.raster.runs import from_runs, to_runs
from polymask.raster.spans import paint


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
        mask = np.zeros(before, bool)
        paint(mask, from_runs(shape), 1)
        row, column = (
            (2 * np.arange(new) + 1) * old // (2 * new) for old, new in zip(before, after, strict=True)
        )
        return to_runs(mask[np.ix_(row, column)])
    scale = np.array([after[1] / before[1], after[0] / before[0]])
    return tuple(Polygon(p.exterior * scale, [hole * scale for hole in p.holes]) for p in shape)
