"""Conflicts by pair of labels: counted over sets of claiming labels, and summed over images."""

from collections.abc import Iterator, Sequence

import numpy as np

from polymask.model import Conflict
from polymask.raster.spans import Int64, flat_indices

_CELLS = 1 << 22  # of a (labels, sets) array at once


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
    pixels: dict[tuple[int, int], int] = {}
    won: dict[tuple[int, int], dict[str, int]] = {}
    members, sizes = np.concatenate(sets), np.array([len(one) for one in sets])
    for owner in np.flatnonzero(counts.any(axis=0)).tolist():
        for pair, shared in _together(members, sizes, counts[:, owner]):
            pixels[pair] = pixels.get(pair, 0) + shared
            shares = won.setdefault(pair, {})
            if owner < len(owners):
                shares[owners[owner]] = shared
    return tuple(
        Conflict((labels[one], labels[two]), pixels[one, two], _winner(won[one, two]), won[one, two])
        for one, two in sorted(pixels)
    )


def _together(members: Int64, sizes: Int64, weight: Int64) -> Iterator[tuple[tuple[int, int], int]]:
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


def _winner(won: dict[str, int]) -> str | None:
    return max(won, key=lambda name: won[name]) if won else None


def add_conflicts(totals: dict[tuple[str, str], Conflict], more: Sequence[Conflict]) -> None:
    """Sum conflicts by pair of labels into `totals`, in place."""
    for conflict in more:
        before = totals.get(conflict.labels, Conflict(conflict.labels, 0, None))
        won = dict(before.won)
        for name, pixels in conflict.won.items():
            won[name] = won.get(name, 0) + pixels
        totals[conflict.labels] = Conflict(
            conflict.labels, before.pixels + conflict.pixels, _winner(won), won
        )


def without_winners(found: Sequence[Conflict]) -> tuple[Conflict, ...]:
    """The conflicts where each label keeps its own mask, so that nobody wins."""
    return tuple(Conflict(conflict.labels, conflict.pixels, None) for conflict in found)
