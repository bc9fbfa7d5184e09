"""Many images painted at once by the compiled kernel, from the text of their annotations.

A `Painting` works step by step on one record. Here the kernel does the same for many images in one
call, without an object for each instance and without the GIL: spans, merge, PNG stream, and the bytes
that the digests are computed from. The kernel declines an image that it is not certain about; `Painting`
then paints it, with the same result for every image, or raises the error.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
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
from polymask.raster import overlaps
from polymask.raster.mask_digest import RunDigests
from polymask.raster.spans import Int64, flat_indices

IMAGES = 64  # the most images that a call paints
WORK = 1 << 22  # the most bytes of text and rows of frames that a call reads, so that it can be interrupted
IMAGE, LABEL, ID, CROWD, KIND, FROM, TO, HEIGHT, WIDTH = range(9)
"""The columns of a row: `LABEL` is the place of its label, `FROM` and `TO` enclose its shape in the text."""
ODD, RINGS, RUNS = range(3)
"""The kinds of shapes; the kernel cannot read the text of an odd one."""
_SHARE = 1 << 17  # more than the number of pixel values


class InstanceTable(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The instances of many images as rows of numbers, in the order of the images; shapes are JSON text.

    `rows` are (n, 9) int64, with the columns above. The rows of image i run from `cuts[i]` to
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
        """Whether the kernel can paint under these rules."""
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
        """The pixel value of each of the table's labels; 0 for labels that the label map does not have."""
        label_map = self.label_map
        values = [label_map.value_of(name) if name in label_map else 0 for name in self.table.labels]
        return np.array(values, np.int64)

    @cached_property
    def _text(self) -> Int64:
        """For each row, the bytes of text of all rows before it."""
        return np.concatenate([[0], np.cumsum(self.table.rows[:, TO] - self.table.rows[:, FROM])])

    def paint(self, indices: Sequence[int], numbers: Sequence[int] | None = None) -> Iterator["PaintedBatch"]:
        """Paint images of the table, in order, as many in a call as its limits allow.

        `numbers` are the images' indices in their source, where these differ from those in the table.
        """
        for part in self._parts(np.array(indices, np.int64)):
            yield self._painted(part, numbers)

    def _parts(self, indices: Int64) -> Iterator[Int64]:
        table = self.table
        first, stop = table.cuts[indices], table.cuts[indices + 1]
        work = self._text[stop] - self._text[first] + (stop - first) * table.frames[indices, 0]
        begin = total = 0
        for at, image_work in enumerate(work.tolist()):
            if at > begin and (total + image_work > WORK or at - begin == IMAGES):
                yield indices[begin:at]
                begin, total = at, 0
            total += image_work
        if begin < len(indices):
            yield indices[begin:]

    def _painted(self, indices: Int64, numbers: Sequence[int] | None) -> "PaintedBatch":
        table, void = self.table, self.label_map.void
        first, stop = table.cuts[indices], table.cuts[indices + 1]
        rows = table.rows[flat_indices(first, stop)]
        cuts = np.concatenate([[0], np.cumsum(stop - first)])
        values = self.values[rows[:, LABEL]]
        if self.rules.crowd == "void":
            values[rows[:, CROWD] != 0] = void
        places = self.label_map.places[values]
        labels = np.where(places < len(self.label_map.labels), places, overlaps.NOBODY)
        frames, names = table.frames[indices], [table.names[index] for index in indices.tolist()]
        output = compiled.batch(
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
            void if self.rules.overlap == "void" else overlaps.NOBODY,
            self.rules.overlap != "void",
            self.most_pairs,
            self.encoding.depth // 8,
            (digests := RunDigests(frames.tolist())).add,
        )
        sources = [numbers[index] if numbers else index for index in indices.tolist()]
        return PaintedBatch(sources, names, digests, cuts, values, output, self)

    def _order(self, cuts: Int64) -> Int64:
        """The rows of each image, numbered from 0, the last on top."""
        rows = np.arange(cuts[-1])
        counts = np.diff(cuts)
        if self.rules.overlap == "first":
            return np.repeat(cuts[1:] - 1, counts) - rows
        return rows - np.repeat(cuts[:-1], counts)


class PaintedImage(NamedTuple):
    """One image of a batch: its PNG, the digests of its mask and of its record."""

    name: str
    frame: Frame
    png: bytes
    mask_sha256: str
    record_sha256: str


class Sums(NamedTuple):
    """Counts over several images; see `results.Outcome`."""

    instances: int
    painted: int
    left_out: Counter[Reason]
    labels: dict[str, tuple[int, int]]
    conflicts: tuple[Conflict, ...]
    contested: int
    labeled: int


class PaintedBatch:
    """The images of one call; `is_painted[i]` is 0 for an image that the kernel declined."""

    def __init__(
        self,
        indices: Sequence[int],
        names: Sequence[str],
        digests: RunDigests,
        cuts: Int64,
        values: Int64,
        output: Sequence[bytes],
        painter: BatchPainter,
    ) -> None:
        self.indices, self.names, self.cuts, self.values = indices, names, cuts, values
        self.digests, self.painter = digests, painter
        self.is_painted = output[0]
        self.empty = np.frombuffer(output[1], bool)
        self._ends = [(0, 0, 0), *_table(output[2], 3).tolist()]
        self.sums = _table(output[3], 2)
        self._png, self._runs, self._records = (memoryview(part) for part in output[4:7])
        self.counts, self.shares = _table(output[7], 3), _table(output[8], 5)

    def image(self, at: int) -> PaintedImage:
        """An image that the call painted."""
        (png, runs, record), (png_end, runs_end, record_end) = self._ends[at], self._ends[at + 1]
        height, width = self.digests.frames[at]
        frame = height, width
        return PaintedImage(
            self.names[at],
            frame,
            self.painter.encoding.file(frame, self._png[png:png_end]),
            self.digests.sha256(at, self._runs[runs:runs_end]),
            sha256(self._records[record:record_end]).hexdigest(),
        )

    def hides_all(self, at: int) -> bool:
        """Whether an image has instances, but its mask shows none of their labels."""
        return bool(self.cuts[at] < self.cuts[at + 1]) and not self._shows_label[at]

    @cached_property
    def _shows_label(self) -> NDArray[np.bool_]:
        """For each image, whether its mask shows any label."""
        images, values, pixels = self.counts.T
        label_map = self.painter.label_map
        of_labels = (label_map.places[values] < len(label_map.labels)) & (pixels > 0)
        shown = np.zeros(len(self.indices), bool)
        shown[images[of_labels]] = True
        return shown

    def summed(self, begin: int, end: int) -> Sums:
        """The counts over the images from `begin` to `end` in the batch, which must all be painted."""
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
        """The instances and pixels of each label that has instances."""
        label_map = self.painter.label_map
        instances = np.bincount(values)
        counts = _between(self.counts, begin, end)
        pixels = _summed(counts[:, 1], counts[:, 2], len(instances))
        places = label_map.places[: len(instances)]
        present = np.flatnonzero((instances > 0) & (places < len(label_map.labels)))
        rows = zip(
            places[present].tolist(), instances[present].tolist(), pixels[present].tolist(), strict=True
        )
        return {label_map.names[place]: (count, painted) for place, count, painted in rows}

    def _conflicts(self, begin: int, end: int) -> tuple[Conflict, ...]:
        """Conflicts, summed over the images; pairs and owners in order of first appearance."""
        shares = _between(self.shares, begin, end)
        keys = (shares[:, 1] * _SHARE + shares[:, 2]) * _SHARE + shares[:, 3] + 1
        _, first, of_key = np.unique(keys, return_index=True, return_inverse=True)
        table = shares[first, 1:]
        table[:, 3] = _summed(of_key, shares[:, 4], len(first))
        pairs = table[:, 0] * _SHARE + table[:, 1]
        _, start, of_pair = np.unique(pairs, return_index=True, return_inverse=True)
        appearance = np.minimum.reduceat(first, start)[of_pair]
        return overlaps.conflicts(table[np.lexsort((first, appearance))], self.painter.label_map.names)


def _table(numbers: bytes, columns: int) -> Int64:
    return np.frombuffer(numbers, np.int64).reshape(-1, columns)


def _between(table: Int64, begin: int, end: int) -> Int64:
    """The rows of the images from `begin` to `end` in the batch."""
    first, stop = np.searchsorted(table[:, 0], (begin, end)).tolist()
    rows: Int64 = table[first:stop]
    return rows


def _summed(keys: NDArray[Any], numbers: Int64, size: int) -> Int64:
    """The sum of each key's numbers."""
    sums = np.zeros(size, np.int64)
    np.add.at(sums, keys, numbers)
    return sums
