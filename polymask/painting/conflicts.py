"""Conflicts by pair of labels, summed over images."""

from collections.abc import Iterable, Mapping, Sequence

from polymask.model import Conflict


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

    def add(self, conflicts: Iterable[Conflict]) -> None:
        """Take the conflicts of an image, or of many, in."""
        for conflict in conflicts:
            self._add(conflict.labels, conflict.pixels, conflict.won)

    def merge(self, other: "ConflictSum") -> None:
        """Take in what another sum holds, after what this one holds."""
        for labels, (pixels, won) in other._sums.items():
            self._add(labels, pixels[0], won)

    def _add(self, labels: tuple[str, str], more: int, shares: Mapping[str, int]) -> None:
        if labels not in self._sums:
            self._sums[labels] = [more], dict(shares)
            return
        pixels, won = self._sums[labels]
        pixels[0] += more
        for name, share in shares.items():
            won[name] = won.get(name, 0) + share

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """The sums, in the order in which the pairs came."""
        return tuple(
            Conflict(labels, pixels[0], _winner(won), won) for labels, (pixels, won) in self._sums.items()
        )


def without_winners(conflicts: Sequence[Conflict]) -> tuple[Conflict, ...]:
    """The conflicts where each label keeps its own mask, so that nobody wins."""
    return tuple(Conflict(conflict.labels, conflict.pixels, None) for conflict in conflicts)
