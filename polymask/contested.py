"""Conflicts by pair of labels: counted over sets of claiming labels, and summed over images."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np

from polymask.model import Conflict
from polymask.raster.spans import Int64, flat_indices

_CELLS = 1 << 22  # of a (labels, sets) array at once
_FEW = 64  # labels in all sets together, up to which a loop is quicker than arrays

Pair = tuple[int, int]


def by_pair(
    labels: Sequence[str], sets: Sequence[tuple[int, ...]], counts: Int64, *, owners: Sequence[str]
) -> tuple[Conflict, ...]:
    """The conflicts of every pair of labels that claim a pixel together, in the order of `labels`.

    `sets[k]` are indices into `labels`, ascending; `counts` is (sets, owners + 1) int64: the pixels
    that set k claims by who owns them, those that nobody owns last. Where two own equally
    many, the first of `owners` is the winner.

    >>> by_pair("abc", [(0, 1), (0, 1, 2)], np.array([[2, 0], [0, 1]]), owners=["a"])[0]
    Conflict(labels=('a', 'b'), pixels=3, winner='a', won={'a': 2})
    """
    shares: dict[Pair, dict[int, int]] = {}
    together = _one_by_one if sum(map(len, sets)) <= _FEW else _all_at_once
    for owner, pair, pixels in together(sets, counts):
        of_pair = shares.setdefault(pair, {})
        of_pair[owner] = of_pair.get(owner, 0) + pixels
    return tuple(
        _conflict((labels[one], labels[two]), shares[one, two], owners) for one, two in sorted(shares)
    )


def _conflict(labels: tuple[str, str], shares: Mapping[int, int], owners: Sequence[str]) -> Conflict:
    won = {owners[owner]: shares[owner] for owner in sorted(shares) if owner < len(owners)}
    return Conflict(labels, sum(shares.values()), _winner(won), won)


def _one_by_one(sets: Sequence[tuple[int, ...]], counts: Int64) -> Iterator[tuple[int, Pair, int]]:
    """Each owner's pixels that a pair claims, set by set."""
    kinds, owners = np.nonzero(counts)
    pixels = counts[kinds, owners]
    for kind, owner, shared in zip(kinds.tolist(), owners.tolist(), pixels.tolist(), strict=True):
        for pair in combinations(sets[kind], 2):
            yield owner, pair, shared


def _all_at_once(sets: Sequence[tuple[int, ...]], counts: Int64) -> Iterator[tuple[int, Pair, int]]:
    """Each owner's pixels that a pair claims, over all sets."""
    members, sizes = np.concatenate(sets), np.array([len(one) for one in sets])
    for owner in np.flatnonzero(counts.any(axis=0)).tolist():
        for pair, shared in _together(members, sizes, counts[:, owner]):
            yield owner, pair, shared


def _together(members: Int64, sizes: Int64, weight: Int64) -> Iterator[tuple[Pair, int]]:
    """The pairs that some set holds, with the weight of the sets that do; where that is not 0.

    Whole numbers up to 2**53 are exact in float64, whose products are the quick ones.
    """
    ends, chosen = np.cumsum(sizes), np.flatnonzero(weight)
    labels, row = np.unique(
        members[flat_indices(ends[chosen] - sizes[chosen], ends[chosen])], return_inverse=True
    )
    column = np.repeat(np.arange(len(chosen)), sizes[chosen])
    total = np.zeros((len(labels), len(labels)))
    step = max(1, _CELLS // len(labels))
    for at in range(0, len(chosen), step):
        begin, end = np.searchsorted(column, (at, at + step))
        claims = np.zeros((len(labels), min(step, len(chosen) - at)))
        claims[row[begin:end], column[begin:end] - at] = 1
        total += (claims * weight[chosen[at : at + step]]) @ claims.T
    one, two = np.nonzero(np.triu(total, 1))
    pairs = zip(labels[one].tolist(), labels[two].tolist(), strict=True)
    yield from zip(pairs, total[one, two].astype(np.int64).tolist(), strict=True)


def _winner(won: Mapping[str, int]) -> str | None:
    return max(won, key=won.__getitem__) if won else None


class ConflictSum:
    """Conflicts by pair of labels, summed over images.

    >>> total = ConflictSum()
    >>> total.add([Conflict(("a", "b"), 2, "a", {"a": 2}), Conflict(("a", "b"), 4, "b", {"b": 3})])
    >>> total.conflicts
    (Conflict(labels=('a', 'b'), pixels=6, winner='b', won={'a': 2, 'b': 3}),)
    """

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str], tuple[list[int], dict[str, int]]] = {}

    def add(self, more: Iterable[Conflict]) -> None:
        """Take the conflicts of an image, or of many, in."""
        for conflict in more:
            pixels, won = self._sums.setdefault(conflict.labels, ([0], {}))
            pixels[0] += conflict.pixels
            for name, share in conflict.won.items():
                won[name] = won.get(name, 0) + share

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """The sums, in the order in which the pairs came."""
        return tuple(
            Conflict(labels, pixels[0], _winner(won), won) for labels, (pixels, won) in self._sums.items()
        )


def without_winners(found: Sequence[Conflict]) -> tuple[Conflict, ...]:
    """The conflicts where each label keeps its own mask, so that nobody wins."""
    return tuple(Conflict(conflict.labels, conflict.pixels, None) for conflict in found)
