"""Conflicts by pair of labels: counted over sets of claiming labels, and summed over images."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np

from polymask.errors import LimitError
from polymask.model import Conflict
from polymask.raster.spans import Int64

_CELLS = 1 << 21  # of an array at once
_MOST = 1 << 25  # pairs of labels in all sets together: some ten seconds
_FEW = 64  # labels in all sets together, up to which a loop is quicker than arrays

Pair = tuple[int, int]


def by_pair(
    labels: Sequence[str], sets: Sequence[tuple[int, ...]], counts: Int64, *, owners: Sequence[str]
) -> tuple[Conflict, ...]:
    """The conflicts of every pair of labels that claim a pixel together, in the order of `labels`.

    `sets[k]` are indices into `labels`, ascending; `counts` is (sets, owners + 1) int64: the pixels
    that set k claims by who owns them, those that nobody owns last. Where two own equally
    many, the first of `owners` is the winner. Raises `LimitError` for more than can be counted.

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
    """The same, for many sets, those of one size together.

    Raises `LimitError` where it would take minutes: hundreds of labels over one another, each way once.
    """
    kinds, owners = np.nonzero(counts)
    sizes = np.array([len(one) for one in sets])
    if (work := int((sizes[kinds] ** 2).sum()) // 2) > _MOST:
        raise LimitError(
            (f"up to {sizes.max()} labels claim the same pixel: {work:,} conflicts are more than {_MOST:,}"),
            advice="leave labels out with --only, or convert to a layout of one mask a label",
        )
    base = 1 + max(map(max, sets))
    parts = []
    for size in np.unique(sizes).tolist():
        members = np.array([one for one in sets if len(one) == size], np.int64)
        place = np.cumsum(sizes == size) - 1
        chosen = np.flatnonzero(sizes[kinds] == size)
        step = max(1, _CELLS // size**2)
        for some in (chosen[at : at + step] for at in range(0, len(chosen), step)):
            codes = _codes(members[place[kinds[some]]], owners[some], base)
            parts.append(
                _summed(codes.reshape(-1), np.repeat(counts[kinds[some], owners[some]], codes.shape[1]))
            )
    codes, totals = _summed(*(np.concatenate(side) for side in zip(*parts, strict=True)))
    for code, total in zip(codes.tolist(), totals.tolist(), strict=True):
        yield code // base**2, (code // base % base, code % base), total


def _codes(members: Int64, owners: Int64, base: int) -> Int64:
    """A number for each owner and pair: (n, pairs) of (n, size) sets and their n owners."""
    one, two = np.triu_indices(members.shape[1], 1)
    codes: Int64 = (owners[:, None] * base + members[:, one]) * base + members[:, two]
    return codes


def _summed(codes: Int64, pixels: Int64) -> tuple[Int64, Int64]:
    """Each code once, with the sum of its pixels; whole numbers up to 2**53 are exact in float64."""
    found, place = np.unique(codes, return_inverse=True)
    return found, np.bincount(place.reshape(-1), weights=pixels).astype(np.int64)


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
