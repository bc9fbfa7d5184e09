"""Conflicts by pair of labels, summed over images."""

from collections.abc import Iterable, Mapping, Sequence

from polymask.model import Conflict
from polymask.raster.overlaps import winner


class ConflictSum:
    """Conflicts by pair of labels, summed over images.

    Examples:
        >>> total = ConflictSum()
        >>> total.add([Conflict(("a", "b"), 2, "a", {"a": 2}), Conflict(("a", "b"), 4, "b", {"b": 3})])
        >>> total.conflicts
        (Conflict(labels=('a', 'b'), pixels=6, winner='b', won={'a': 2, 'b': 3}),)
    """

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str], tuple[list[int], dict[str, int]]] = {}

    def add(self, conflicts: Iterable[Conflict]) -> None:
        """Add the conflicts of one or more images."""
        for conflict in conflicts:
            self._add(conflict.labels, conflict.pixels, conflict.won)

    def merge(self, other: "ConflictSum") -> None:
        """Add another sum; its new pairs come after the present ones."""
        for labels, (pixels, won) in other._sums.items():
            self._add(labels, pixels[0], won)

    def _add(self, labels: tuple[str, str], count: int, shares: Mapping[str, int]) -> None:
        if labels not in self._sums:
            self._sums[labels] = [count], dict(shares)
            return
        pixels, won = self._sums[labels]
        pixels[0] += count
        for name, share in shares.items():
            won[name] = won.get(name, 0) + share

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """The sums, in the order in which their pairs were added."""
        return tuple(
            Conflict(labels, pixels[0], winner(won), won) for labels, (pixels, won) in self._sums.items()
        )


def without_winners(conflicts: Sequence[Conflict]) -> tuple[Conflict, ...]:
    """The conflicts without winners, for layouts in which each label has a mask of its own."""
    return tuple(Conflict(conflict.labels, conflict.pixels, None) for conflict in conflicts)
