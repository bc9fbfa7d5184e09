"""The merge of an image's instances, row by row from left to right: spans in, painted spans out.

Cost follows the spans, not the pixels: O(spans · log spans) to find the owners. Contested pixels are
counted by owner and by the set of labels that claim them; the sets are split into pairs only at the end.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, pairwise
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from polymask.errors import LimitError
from polymask.limits import Limits
from polymask.model import Conflict, Frame
from polymask.native import compiled
from polymask.raster.painted import PaintedSpans, from_buffers
from polymask.raster.spans import Int64, SpanTable

NOBODY = -1
MOST_SHARES = Limits().max_conflict_pairs
"""The most pairs of labels by owner in an image: some 1,400 labels on a pixel, or 120 in every way."""
COUNTED = 256  # times as many pairs may occur in all sets together: about two seconds


class Merged(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A merged mask, and the claims of labels on its pixels.

    `labeled` is the number of pixels that any label claims, `contested` the number that two or more
    claim; each pixel counts once. `shares` are ascending (n, 4) int64 rows of label, label, owner and
    pixels: the pixels that both labels claim, by the label that owns them, or -1 for nobody.
    `pixels[value]` is the number of pixels of a value, except the background.
    """

    painted: PaintedSpans
    labeled: int
    contested: int
    shares: Int64
    pixels: Int64


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """The input of a merge: `order` are instances, the last on top, each with a value to paint and a label.

    `labels[i]` is the label's number of instance i, or -1 if it claims nothing (background, void). If
    `void` is a value, contested pixels get it, except where background is on top. Without `owned`,
    nobody owns contested pixels in the counts.
    """

    order: Sequence[int]
    values: Sequence[int]
    labels: Sequence[int]
    frame: Frame
    background: int = 0
    void: int | None = None
    owned: bool = True


def merge(spans: SpanTable, scene: Scene, *, most: int = MOST_SHARES) -> Merged:
    """Merge the spans of instances.

    Raises `LimitError`, before allocating memory, if more than `most` pairs of labels by owner claim
    the same pixels, or if labels overlap in more ways than can be counted in some seconds.

    Examples:
        >>> table = SpanTable(np.array([[0, 0, 4], [0, 3, 6]], np.int32), np.array([0, 1, 2]))
        >>> merged = merge(table, Scene(order=[0, 1], values=[7, 8], labels=[0, 1], frame=(1, 8)))
        >>> merged.painted.stop.tolist(), merged.labeled, merged.contested, merged.shares.tolist()
        ([3, 6], 6, 1, [[0, 1, 1, 1]])
    """
    merged = _compiled(spans, scene, most) if compiled else swept(spans, scene, most)
    if merged is None:
        raise LimitError(
            (
                f"hundreds of labels claim the same pixels: more than {most:,} pairs of them, or "
                "overlaps of too many kinds"
            ),
            advice="leave labels out with --only, or, if that is right, raise --max-conflict-pairs",
        )
    return merged


def _compiled(spans: SpanTable, scene: Scene, most: int) -> Merged | None:
    whole = (np.array(numbers, np.int64) for numbers in (scene.order, scene.values, scene.labels))
    void = NOBODY if scene.void is None else scene.void
    result = compiled.merge(
        spans.table, spans.cuts, *whole, *scene.frame, scene.background, void, scene.owned, most
    )
    if result is None:
        return None
    buffers, labeled, contested, shares, pixels = result
    return Merged(
        painted=from_buffers(buffers, scene.frame, scene.background),
        labeled=labeled,
        contested=contested,
        shares=np.frombuffer(shares, np.int64).reshape(-1, 4),
        pixels=np.frombuffer(pixels, np.int64),
    )


Piece = tuple[int, int, int, int]
"""Row, start, stop and value."""


class _TooManySets(Exception):
    """More sets of labels than can be counted."""


def swept(spans: SpanTable, scene: Scene, most: int) -> Merged | None:
    """The twin of the compiled sweep, in Python; None beyond `most`."""
    sweep = _Sweep(scene, COUNTED * most)
    try:
        pieces = [
            piece for row, row_spans in _rows(spans, scene.order) for piece in sweep.row(row, row_spans)
        ]
    except _TooManySets:
        return None
    shares = _pairs(sweep.claimed, most)
    if shares is None:
        return None
    table = np.array(_joined(pieces, scene.background), np.int64).reshape(-1, 4)
    row, start, stop = (table[:, i].astype(np.int32) for i in range(3))
    sizes = (table[:, 2] - table[:, 1]).astype(np.float64)
    largest = max([scene.background, *scene.values, -1 if scene.void is None else scene.void])
    return Merged(
        painted=PaintedSpans(row, start, stop, table[:, 3].astype(np.uint16), scene.frame, scene.background),
        labeled=sweep.labeled,
        contested=sweep.contested,
        shares=shares,
        pixels=np.bincount(table[:, 3], sizes, largest + 1).astype(np.int64),
    )


def _rows(spans: SpanTable, order: Sequence[int]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Each row's (n, 3) spans in paint order: start, stop and instance."""
    parts = [np.zeros((0, 3), np.int32), *(spans.rows(i) for i in order)]
    table = np.concatenate(parts).astype(np.int64)
    owner = np.repeat(np.array(order, np.int64), [len(part) for part in parts[1:]])
    by_row = np.argsort(table[:, 0], kind="stable")
    row = table[by_row, 0]
    columns = np.stack([table[by_row, 1], table[by_row, 2], owner[by_row]], axis=1)
    cuts = [0, *(np.flatnonzero(np.diff(row)) + 1).tolist(), len(row)]
    for begin, end in pairwise(cuts):
        if end > begin:
            yield int(row[begin]), columns[begin:end]


class _Sweep:
    """Sweeps rows in order, and counts claims on the way."""

    def __init__(self, scene: Scene, counted: int) -> None:
        self.scene, self.counted = scene, counted
        self.labeled = self.contested = self.work = 0
        self.claimed: Counter[tuple[tuple[int, ...], int]] = Counter()

    def row(self, row: int, row_spans: NDArray[np.int64]) -> Iterator[Piece]:
        """The pieces of a row, between any two ends of its spans."""
        spans = row_spans.tolist()
        ends = sorted((side[i], k) for k, side in enumerate(spans) for i in (0, 1))
        open_spans: list[int] = []  # their places, in paint order
        claiming: Counter[int] = Counter()
        before = 0
        for at, k in ends:
            if open_spans and at > before:
                yield row, before, at, self._piece(spans[open_spans[-1]][2], +claiming, at - before)
            before = at
            place = bisect_left(open_spans, k)
            opens = place == len(open_spans) or open_spans[place] != k
            if opens:
                insort(open_spans, k)
            else:
                del open_spans[place]
            if (label := self.scene.labels[spans[k][2]]) >= 0:
                claiming[label] += 1 if opens else -1

    def _piece(self, top: int, claiming: Mapping[int, int], pixels: int) -> int:
        """The value of pixels with the topmost instance `top`; their claims are counted."""
        value = self.scene.values[top]
        self.labeled += pixels if claiming else 0
        if len(claiming) < 2:
            return value
        self.contested += pixels
        kind = tuple(sorted(claiming)), self.scene.labels[top] if self.scene.owned else NOBODY
        if kind not in self.claimed:
            self.work += len(claiming) * (len(claiming) - 1) // 2
            if self.work > self.counted:
                raise _TooManySets
        self.claimed[kind] += pixels
        void = self.scene.void
        return value if void is None or value == self.scene.background else void


def _pairs(claimed: Mapping[tuple[tuple[int, ...], int], int], most: int) -> Int64 | None:
    shares: Counter[tuple[int, int, int]] = Counter()
    for (labels, owner), pixels in claimed.items():
        for low, high in combinations(labels, 2):
            shares[low, high, owner] += pixels
            if len(shares) > most:
                return None
    return np.array([(*share, shares[share]) for share in sorted(shares)], np.int64).reshape(-1, 4)


def _joined(pieces: Sequence[Piece], background: int) -> list[Piece]:
    """The pieces without background; touching pieces of equal value are joined."""
    joined: list[Piece] = []
    for row, start, stop, value in pieces:
        if value == background:
            continue
        if joined and (joined[-1][0], joined[-1][2], joined[-1][3]) == (row, start, value):
            joined[-1] = (row, joined[-1][1], stop, value)
        else:
            joined.append((row, start, stop, value))
    return joined


def conflicts(shares: Int64, names: Sequence[str]) -> tuple[Conflict, ...]:
    """The conflicts of each pair of labels; `shares` are a `Merged`'s, or have a pair's rows side by side.

    If two labels own equally many pixels, the first in `names` is the winner.

    Examples:
        >>> conflicts(np.array([[0, 1, -1, 2], [0, 1, 1, 3]]), ["cat", "dog"])
        (Conflict(labels=('cat', 'dog'), pixels=5, winner='dog', won={'dog': 3}),)
    """
    pairs = shares[:, :2]
    starts = np.flatnonzero((pairs[1:] != pairs[:-1]).any(axis=1)) + 1
    cuts = [0, *starts.tolist(), len(shares)] if len(shares) else [0]
    name_of: list[Any] = [*names, None]  # the last is that of `NOBODY`
    lows, highs, owners, pixels = shares.T.tolist()
    conflicts_of_pairs = []
    for begin, end in pairwise(cuts):
        won = dict(zip([name_of[owner] for owner in owners[begin:end]], pixels[begin:end], strict=True))
        won.pop(None, None)
        labels = names[lows[begin]], names[highs[begin]]
        conflicts_of_pairs.append(Conflict(labels, sum(pixels[begin:end]), winner(won), won))
    return tuple(conflicts_of_pairs)


def winner(won: Mapping[str, int]) -> str | None:
    """The label that owns the most of its conflict's pixels, the first at a tie; None without owners."""
    return max(won, key=won.__getitem__) if won else None
