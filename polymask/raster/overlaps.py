"""Which pixels several groups of instances claim: spans in, contested pieces out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polymask.model import Frame, IndexMask
from polymask.raster.spans import Int64, SpanTable, flat_indices, interval, merge, union


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """The pixels that any group claims (`labeled`), and the pieces that two or more do (`contested`).

    `pieces` are (n, 4) int32 rows of (row, start, stop, kind); `sets[kind]` are the groups,
    ascending, that claim a piece.
    """

    labeled: int
    contested: int
    pieces: NDArray[np.int32]
    sets: list[tuple[int, ...]]

    def pixels(self, width: int) -> Int64:
        """The contested pixels as indices into a flat mask."""
        line = self.pieces[:, 0].astype(np.int64) * width
        return flat_indices(line + self.pieces[:, 1], line + self.pieces[:, 2])


def find(spans: SpanTable, groups: Sequence[int], *, frame: Frame) -> Claims:
    """The claims of instances; `groups[i]` is instance i's group, or -1 where it claims nothing.

    >>> table = SpanTable(np.array([[0, 0, 4], [0, 3, 6]], np.int32), np.array([0, 1, 2]))
    >>> found = find(table, [0, 1], frame=(1, 8))
    >>> found.labeled, found.contested, found.pieces.tolist(), found.sets
    (6, 1, [[0, 3, 4, 0]], [(0, 1)])
    """
    grouped: dict[int, list[int]] = {}
    for instance, group in enumerate(groups):
        if group >= 0 and len(spans[instance]):
            grouped.setdefault(group, []).append(instance)
    names = sorted(grouped)
    edges = [interval(merge([spans[i] for i in grouped[name]], frame), frame) for name in names]
    start, stop, claims = _overlaps(edges)
    kinds, kind = np.unique(np.packbits(claims, axis=0), axis=1, return_inverse=True)
    line, column = np.divmod(start, frame[1] + 1)
    pieces = np.stack([line, column, column + stop - start, kind.reshape(-1)], axis=1).astype(np.int32)
    members = [np.flatnonzero(np.unpackbits(column, count=len(names))) for column in kinds.T]
    sets = [tuple(names[member] for member in group.tolist()) for group in members]
    return Claims(labeled=_covered(edges), contested=int((stop - start).sum()), pieces=pieces, sets=sets)


def _covered(edges: Sequence[tuple[Int64, Int64]]) -> int:
    """How many pixels all the key intervals cover together."""
    if not edges:
        return 0
    start, stop = union(*(np.concatenate(side) for side in zip(*edges, strict=True)))
    return int((stop - start).sum())


def _overlaps(edges: Sequence[tuple[Int64, Int64]]) -> tuple[Int64, Int64, NDArray[np.bool_]]:
    """The key intervals that two or more groups cover, and (groups, intervals) bool: which do."""
    nothing = np.zeros(0, np.int64)
    if len(edges) < 2:
        return nothing, nothing, np.zeros((len(edges), 0), bool)
    start = np.concatenate([pair[0] for pair in edges])
    stop = np.concatenate([pair[1] for pair in edges])
    cuts, where = np.unique(np.concatenate([start, stop]), return_inverse=True)
    change = np.bincount(where[: len(start)], minlength=len(cuts)) - np.bincount(
        where[len(start) :], minlength=len(cuts)
    )
    contested = np.flatnonzero(np.cumsum(change) >= 2)
    start, stop = cuts[contested], cuts[np.minimum(contested + 1, len(cuts) - 1)]
    return start, stop, np.array([_covers(pair, start) for pair in edges])


def _covers(edges: tuple[Int64, Int64], keys: Int64) -> NDArray[np.bool_]:
    """Whether each key lies in one of the sorted, disjoint intervals."""
    before = np.searchsorted(edges[0], keys, side="right") - 1
    covered: NDArray[np.bool_] = (before >= 0) & (edges[1][before] > keys)
    return covered


def tally(mask: IndexMask, found: Claims, *, places: Int64, owners: int) -> Int64:
    """(sets, owners) int64: contested pixels by set of claiming groups and by `places[pixel value]`.

    >>> found = find(SpanTable(np.array([[0, 0, 4], [0, 3, 6]], np.int32), np.array([0, 1, 2])),
    ...     [0, 1], frame=(1, 8))
    >>> tally(np.array([[1, 1, 1, 2, 2, 2, 0, 0]], np.uint8), found, places=np.arange(3), owners=3).tolist()
    [[0, 0, 1]]
    """
    owner = places[mask.reshape(-1)[found.pixels(mask.shape[1])]]
    kind = np.repeat(found.pieces[:, 3].astype(np.int64), found.pieces[:, 2] - found.pieces[:, 1])
    sets = len(found.sets)
    return np.bincount(kind * owners + owner, minlength=sets * owners).reshape(sets, owners)
