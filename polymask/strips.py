"""Very large frames, painted in strips of whole rows: memory follows the strip, not the frame."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from polymask.contested import ConflictSum
from polymask.labels import LabelMap
from polymask.model import Conflict, Frame, ImageRecord, IndexMask, Instance, Runs
from polymask.raster import spans_of
from polymask.raster.spans import Int64, SpanTable
from polymask.semantic import Painting, Rules

STRIP_PIXELS = 1 << 25  # a strip, its scanlines and their PNG stay well below 200 MB
_BATCH = 1 << 12  # instances measured together
_MARGIN = 2  # rows by which a pixel rule may reach over a polygon's own


def painting(record: ImageRecord, label_map: LabelMap, rules: Rules) -> Painting:
    """The painting of a record: in strips where its frame is very large.

    A void border looks at neighbors across strips, so it takes the whole frame's memory.
    """
    height, width = record.frame
    large = height * width > STRIP_PIXELS and not rules.border
    return (StripedPainting if large else Painting)(record, label_map, rules)


class StripedPainting(Painting):
    """A painting whose index mask comes strip by strip; counts and conflicts are summed on the way."""

    _summed = False

    def strips(self) -> Iterator[IndexMask]:
        """The index mask in strips of whole rows, the top first."""
        height, width = self.record.frame
        rows = max(1, STRIP_PIXELS // width)
        self._pixels: Counter[int] = Counter()
        self._pairs = ConflictSum()
        self._contested = self._labeled = 0
        for top in range(0, height, rows):
            strip = self._strip(top, min(top + rows, height))
            yield strip.index
            self._pixels.update(strip.pixels)
            self._contested += strip.contested_pixels
            self._labeled += strip.labeled_pixels
            self._pairs.add(strip.conflicts)
        self._summed = True

    def _strip(self, top: int, bottom: int) -> "_Strip":
        first, last = self._reach
        chosen = np.flatnonzero((first < bottom) & (last > top))
        instances = [self.instances[index] for index in chosen.tolist()]
        rank = self._rank[chosen]
        record = replace(self.record, instances=tuple(instances), frame=(bottom - top, self.record.frame[1]))
        strip = _Strip(record, self.label_map, self.rules)
        strip.top, strip.whole, strip.paint_order = top, self.record.frame, np.argsort(rank).tolist()
        return strip

    @cached_property
    def _rank(self) -> Int64:
        """Where each instance comes in the whole frame's paint order."""
        rank = np.empty(len(self.instances), np.int64)
        rank[self.paint_order] = np.arange(len(rank))
        return rank

    @cached_property
    def sizes(self) -> list[int]:
        """How many pixels each of `instances` has, measured in batches."""
        batches = (self.instances[at : at + _BATCH] for at in range(0, len(self.instances), _BATCH))
        return [
            size
            for batch in batches
            for size in Painting(replace(self.record, instances=batch), self.label_map, self.rules).sizes
        ]

    @cached_property
    def _reach(self) -> tuple[Int64, Int64]:
        """The first row of each instance, and the one behind its last, with a margin."""
        reach = np.array([_rows(i, self.record.frame) for i in self.instances], float).reshape(-1, 2)
        reach = np.clip(reach + np.array([-_MARGIN, _MARGIN]), 0, self.record.frame[0])
        return np.floor(reach[:, 0]).astype(np.int64), np.ceil(reach[:, 1]).astype(np.int64)

    def _sum(self) -> None:
        if not self._summed:
            for _ in self.strips():
                pass

    @property
    def pixels(self) -> dict[int, int]:
        """How many pixels of the index mask each value has."""
        self._sum()
        return dict(self._pixels)

    @property
    def contested_pixels(self) -> int:
        """How many pixels two or more different labels claim."""
        self._sum()
        return self._contested

    @property
    def labeled_pixels(self) -> int:
        """How many pixels any label claims."""
        self._sum()
        return self._labeled

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """Contested pixels by pair of labels, in label-map order."""
        self._sum()
        names = self.label_map.names
        return tuple(sorted(self._pairs.conflicts, key=lambda c: [names.index(name) for name in c.labels]))


def _rows(instance: Instance, frame: Frame) -> Sequence[float]:
    if isinstance(instance.shape, Runs):
        return 0.0, float(frame[0])
    columns = [ring[:, 1] for polygon in instance.shape for ring in polygon.rings if len(ring)]
    if not columns:
        return 0.0, 0.0
    return min(float(y.min()) for y in columns), max(float(y.max()) for y in columns)


class _Strip(Painting):
    """Some rows of a larger frame."""

    top: int
    whole: Frame
    paint_order: list[int]

    @cached_property
    def instances(self) -> tuple[Instance, ...]:
        """The instances that reach into these rows, as chosen from the whole frame's."""
        return self.record.instances

    @cached_property
    def spans(self) -> SpanTable:
        """The whole instances' spans, cut to these rows."""
        rows = self.top, self.top + self.record.frame[0]
        found = spans_of(self._shapes, self.whole, pixel_rule=self.rules.pixel_rule, rows=rows)
        return SpanTable(found.table - np.array([self.top, 0, 0], np.int32), found.cuts)
