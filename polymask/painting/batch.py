"""Many images painted at once by the compiled kernel, from the text of their annotations.

What a `Painting` works out step by step for one record, the kernel does in one call for many images,
without an object for each instance and without the GIL: spans, merge, PNG stream, and what the digests
are taken of. An image of which it is not certain is not done, and left to `Painting`, which gives the
same for every image, or the error.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from polymask.codecs.painted_png import Encoding
from polymask.labels.label_map import LabelMap
from polymask.ledger import NO_PIXEL, Reason
from polymask.model import Conflict, Frame
from polymask.native import compiled
from polymask.painting.accounted import BACKGROUND, VOID
from polymask.painting.rules import Rules
from polymask.raster import sweep
from polymask.raster.mask_digest import sha256_of_runs
from polymask.raster.spans import Int64, flat_indices

IMAGES = 64  # painted by one call at most
WORK = 1 << 22  # bytes of text, and rows of instances' frames, by one call: so that it can be interrupted
IMAGE, LABEL, ID, CROWD, KIND, FROM, TO, HEIGHT, WIDTH = range(9)
"""The columns of a row: `LABEL` is its label's place, `FROM` and `TO` where the shape lies in the text."""
ODD, RINGS, RUNS = range(3)
"""The kinds of shapes; an odd one is no text that the kernel reads."""
_SHARE = 1 << 17  # more than there are values


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InstanceTable:
    """The instances of many images as rows of numbers, in the order of the images; shapes are JSON text.

    `rows` are (n, 9) int64, as the columns above tell. Those of image i are from `cuts[i]` to
    `cuts[i + 1]`; `frames` is (images, 2) int64, height and width.
    """

    text: bytes
    rows: Int64
    cuts: Int64
    frames: Int64
    names: Sequence[str]
    labels: Sequence[str]


class BatchPainter:
    """Paints images of a table under one label map and one set of rules."""

    def __init__(
        self,
        table: InstanceTable,
        label_map: LabelMap,
        rules: Rules,
        *,
        encoding: Encoding,
        most_pairs: int,
    ) -> None:
        self.table, self.label_map, self.rules = table, label_map, rules
        self.encoding, self.most_pairs = encoding, most_pairs

    @staticmethod
    def takes(rules: Rules) -> bool:
        """Whether the kernel paints by such rules."""
        is_center = rules.pixel_rule == "center" and rules.holes is None
        return (
            is_center
            and rules.overlap in ("last", "first", "void")
            and rules.crowd != "skip"
            and not rules.border
        )

    @cached_property
    def labels(self) -> tuple[bytes, ...]:
        """The table's labels, as JSON."""
        return tuple(map(msgspec.json.encode, self.table.labels))

    @cached_property
    def values(self) -> Int64:
        """The pixel value of each of the table's labels; 0 for those that nothing has."""
        known = (name in self.label_map for name in self.table.labels)
        pairs = zip(self.table.labels, known, strict=True)
        return np.array([self.label_map.value_of(name) if has else 0 for name, has in pairs], np.int64)

    @cached_property
    def _text(self) -> Int64:
        """How many bytes of text the rows before each have."""
        return np.concatenate([[0], np.cumsum(self.table.rows[:, TO] - self.table.rows[:, FROM])])

    def paint(self, indices: Sequence[int]) -> Iterator["PaintedBatch"]:
        """The images, in order, as many together as one call may take."""
        for part in self._parts(np.array(indices, np.int64)):
            yield self._painted(part)

    def _parts(self, indices: Int64) -> Iterator[Int64]:
        table = self.table
        first, behind = table.cuts[indices], table.cuts[indices + 1]
        work = self._text[behind] - self._text[first] + (behind - first) * table.frames[indices, 0]
        begin = total = 0
        for at, more in enumerate(work.tolist()):
            if at > begin and (total + more > WORK or at - begin == IMAGES):
                yield indices[begin:at]
                begin, total = at, 0
            total += more
        if begin < len(indices):
            yield indices[begin:]

    def _painted(self, indices: Int64) -> "PaintedBatch":
        table, void = self.table, self.label_map.void
        first, behind = table.cuts[indices], table.cuts[indices + 1]
        rows = table.rows[flat_indices(first, behind)]
        cuts = np.concatenate([[0], np.cumsum(behind - first)])
        values = self.values[rows[:, LABEL]]
        if self.rules.crowd == "void":
            values[rows[:, CROWD] != 0] = void
        places = self.label_map.places[values]
        labels = np.where(places < len(self.label_map.labels), places, sweep.NOBODY)
        frames, names = table.frames[indices], [table.names[index] for index in indices.tolist()]
        answer = compiled.batch(
            table.text,
            rows,
            cuts,
            frames,
            tuple(map(msgspec.json.encode, names)),
            self.labels,
            values,
            labels,
            self._order(cuts),
            self.label_map.background,
            void if self.rules.overlap == "void" else sweep.NOBODY,
            self.rules.overlap != "void",
            self.most_pairs,
            self.encoding.depth // 8,
        )
        return PaintedBatch(indices.tolist(), names, frames.tolist(), cuts, values, answer, self)

    def _order(self, cuts: Int64) -> Int64:
        """The rows of each image, numbered from 0, the last on top."""
        rows = np.arange(cuts[-1])
        many = np.diff(cuts)
        if self.rules.overlap == "first":
            return np.repeat(cuts[1:] - 1, many) - rows
        return rows - np.repeat(cuts[:-1], many)


class PaintedImage(NamedTuple):
    """One image of a batch: its PNG, the digests of its mask and of its record."""

    name: str
    frame: Frame
    png: bytes
    mask_sha256: str
    record_sha256: str


class Sums(NamedTuple):
    """What is counted of several images; see `results.Outcome`."""

    instances: int
    painted: int
    left_out: Counter[Reason]
    labels: dict[str, tuple[int, int]]
    conflicts: tuple[Conflict, ...]
    contested: int
    labeled: int


class PaintedBatch:
    """Images that were painted by one call; `done[i]` is 0 for those that it left alone."""

    def __init__(
        self,
        indices: Sequence[int],
        names: Sequence[str],
        frames: Sequence[Sequence[int]],
        cuts: Int64,
        values: Int64,
        answer: Sequence[bytes],
        painter: BatchPainter,
    ) -> None:
        self.indices, self.names, self.cuts, self.values = indices, names, cuts, values
        self.frames, self.painter = frames, painter
        self.done = answer[0]
        self.empty = np.frombuffer(answer[1], bool)
        self._ends = [(0, 0, 0), *_table(answer[2], 3).tolist()]
        self.sums = _table(answer[3], 2)
        self._png, self._runs, self._records = (memoryview(part) for part in answer[4:7])
        self.counts, self.shares = _table(answer[7], 3), _table(answer[8], 5)

    def image(self, at: int) -> PaintedImage:
        """An image that is done."""
        (png, runs, record), (png_end, runs_end, record_end) = self._ends[at], self._ends[at + 1]
        height, width = self.frames[at]
        frame = height, width
        return PaintedImage(
            self.names[at],
            frame,
            self.painter.encoding.file(frame, self._png[png:png_end]),
            sha256_of_runs(frame, self._runs[runs:runs_end]),
            sha256(self._records[record:record_end]).hexdigest(),
        )

    def hides_all(self, at: int) -> bool:
        """Whether an image has instances, and its mask shows none of their labels."""
        return bool(self.cuts[at] < self.cuts[at + 1]) and not self._shows_label[at]

    @cached_property
    def _shows_label(self) -> NDArray[np.bool_]:
        """Whether a mask shows any label, of each image."""
        images, values, pixels = self.counts.T
        label_map = self.painter.label_map
        of_labels = (label_map.places[values] < len(label_map.labels)) & (pixels > 0)
        shown = np.zeros(len(self.indices), bool)
        shown[images[of_labels]] = True
        return shown

    def summed(self, begin: int, end: int) -> Sums:
        """What is counted of the images from one place in the batch to another, all of which are done."""
        values = self.values[self.cuts[begin] : self.cuts[end]]
        left_out = self._left_out(begin, end, values)
        labeled, contested = self.sums[begin:end].sum(axis=0).tolist()
        return Sums(
            instances=len(values),
            painted=len(values) - left_out.total(),
            left_out=left_out,
            labels=self._labels(begin, end, values),
            conflicts=self._conflicts(begin, end),
            contested=contested,
            labeled=labeled,
        )

    def _left_out(self, begin: int, end: int, values: Int64) -> Counter[Reason]:
        label_map = self.painter.label_map
        empty = self.empty[self.cuts[begin] : self.cuts[end]]
        background, void = values == label_map.background, values == label_map.void
        counts = {
            BACKGROUND: np.count_nonzero(background),
            NO_PIXEL: np.count_nonzero(empty & ~background),
            VOID: np.count_nonzero(void & ~empty),
        }
        return Counter({reason: int(count) for reason, count in counts.items() if count})

    def _labels(self, begin: int, end: int, values: Int64) -> dict[str, tuple[int, int]]:
        """Instances and pixels of each label that there is."""
        label_map = self.painter.label_map
        instances = np.bincount(values)
        counts = _between(self.counts, begin, end)
        pixels = _summed(counts[:, 1], counts[:, 2], len(instances))
        places = label_map.places[: len(instances)]
        there = np.flatnonzero((instances > 0) & (places < len(label_map.labels)))
        rows = zip(places[there].tolist(), instances[there].tolist(), pixels[there].tolist(), strict=True)
        return {label_map.names[place]: (many, painted) for place, many, painted in rows}

    def _conflicts(self, begin: int, end: int) -> tuple[Conflict, ...]:
        """Conflicts, summed over the images; pairs and owners in the order in which they come."""
        shares = _between(self.shares, begin, end)
        keys = (shares[:, 1] * _SHARE + shares[:, 2]) * _SHARE + shares[:, 3] + 1
        _, first, of_key = np.unique(keys, return_index=True, return_inverse=True)
        table = shares[first, 1:]
        table[:, 3] = _summed(of_key, shares[:, 4], len(first))
        return sweep.conflicts(table[np.argsort(first)], self.painter.label_map.names)


def _table(numbers: bytes, columns: int) -> Int64:
    return np.frombuffer(numbers, np.int64).reshape(-1, columns)


def _between(table: Int64, begin: int, end: int) -> Int64:
    """The rows of the images from one place in the batch to another."""
    first, behind = np.searchsorted(table[:, 0], (begin, end)).tolist()
    rows: Int64 = table[first:behind]
    return rows


def _summed(keys: NDArray[Any], numbers: Int64, size: int) -> Int64:
    """The sum of each key's numbers."""
    sums = np.zeros(size, np.int64)
    np.add.at(sums, keys, numbers)
    return sums
