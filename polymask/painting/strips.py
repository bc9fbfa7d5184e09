"""Very large frames, painted in strips of whole rows: memory follows the strip, not the frame."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from polymask.labels.label_map import LabelMap
from polymask.model import Conflict, Frame, ImageRecord, IndexMask, Instance, Runs, Shape
from polymask.painting.conflicts import ConflictSum
from polymask.painting.painting import Painting, Rules
from polymask.raster import spans_of
from polymask.raster.spans import Int64, SpanTable

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
        self._empty = np.ones(len(self.instances), bool)
        for top in range(0, height, rows):
            strip = self._strip(top, min(top + rows, height))
            yield strip.index
            self._pixels.update(strip.pixels)
            self._contested += strip.contested_pixels
            self._labeled += strip.labeled_pixels
            self._empty[strip.numbers[~strip.empty]] = False
            self._pairs.add(strip.conflicts)
        self._summed = True

    def _strip(self, top: int, bottom: int) -> "_Strip":
        parts = self._parts
        chosen = np.flatnonzero((parts.first < bottom) & (parts.last > top))
        owners, begin = np.unique(parts.owner[chosen], return_index=True)
        instances = map(self._some, owners.tolist(), np.split(parts.number[chosen], begin[1:]))
        record = replace(self.record, instances=tuple(instances), frame=(bottom - top, self.record.frame[1]))
        strip = _Strip(record, self.label_map, self.rules)
        strip.top, strip.whole, strip.numbers = top, self.record.frame, owners
        strip.paint_order = np.argsort(self._rank[owners]).tolist()
        return strip

    def _some(self, index: int, numbers: Int64) -> Instance:
        """One of `instances`, of its polygons those of the numbers."""
        instance = self.instances[index]
        if isinstance(instance.shape, Runs) or len(instance.shape) == len(numbers):
            return instance
        return replace(instance, shape=tuple(instance.shape[number] for number in numbers.tolist()))

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
    def _parts(self) -> "_Parts":
        """The polygons, and runs, of all instances, and the rows that they reach, with a margin."""
        height = self.record.frame[0]
        shapes = [instance.shape for instance in self.instances]
        counts = np.array([1 if isinstance(shape, Runs) else len(shape) for shape in shapes], np.int64)
        rows = chain.from_iterable(rows for shape in shapes for rows in _rows(shape, height))
        reach = np.fromiter(rows, float).reshape(-1, 2)
        reach = np.clip(reach + np.array([-_MARGIN, _MARGIN]), 0, height)
        return _Parts(
            owner=np.repeat(np.arange(len(shapes)), counts),
            number=np.arange(len(reach)) - np.repeat(np.cumsum(counts) - counts, counts),
            first=np.floor(reach[:, 0]).astype(np.int64),
            last=np.ceil(reach[:, 1]).astype(np.int64),
        )

    def _sum(self) -> None:
        if not self._summed:
            for _ in self.strips():
                pass

    @property
    def empty(self) -> NDArray[np.bool_]:
        """Which of `instances` have no pixel inside the frame."""
        return self._empty if self._summed else super().empty

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


def rows_of(whole: Painting, top: int, bottom: int) -> Painting:
    """Some rows of a painting, with all its instances, under rules that look at no other rows."""
    rows = _Rows(
        replace(whole.record, frame=(bottom - top, whole.record.frame[1])), whole.label_map, whole.rules
    )
    found = whole.spans.within((top, bottom))
    rows.instances, rows.values, rows.paint_order = whole.instances, whole.values, whole.paint_order
    rows.spans = SpanTable(found.table - np.array([top, 0, 0], np.int32), found.cuts)
    return rows


class _Rows(Painting):
    instances: tuple[Instance, ...]
    values: list[int]
    paint_order: list[int]
    spans: SpanTable


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """Whose each polygon is, its number there, its first row and the one behind its last."""

    owner: Int64
    number: Int64
    first: Int64
    last: Int64


def _rows(shape: Shape, height: int) -> Iterator[tuple[float, float]]:
    """The rows that each polygon reaches, or the runs."""
    if isinstance(shape, Runs):
        yield 0.0, float(height)
        return
    for polygon in shape:
        rows = [ring[:, 1] for ring in polygon.rings if len(ring)]
        yield (min(float(y.min()) for y in rows), max(float(y.max()) for y in rows)) if rows else (0.0, 0.0)


class _Strip(Painting):
    """Some rows of a larger frame."""

    top: int
    whole: Frame
    numbers: Int64  # of the instances, in the whole frame's
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
