"""Which ids match a filter, kept up to date instead of asked anew for every page."""

from bisect import bisect_left
from collections.abc import Callable, Iterable

# Above this, sorting once beats inserting one by one.
_FEW = 64


class MatchingIds:
    """The ascending ids that `matches` says yes to; `touch` an id and it is asked again.

    Examples:
        >>> small = MatchingIds(lambda key: key < "c", ["a", "b", "c"])
        >>> small.current()
        ['a', 'b']
        >>> small.touch("aa")
        >>> small.current()
        ['a', 'aa', 'b']
    """

    def __init__(self, matches: Callable[[str], bool], ids: Iterable[str]) -> None:
        self._matches = matches
        self._ids = [key for key in ids if matches(key)]
        self._touched: set[str] = set()

    def touch(self, key: str) -> None:
        """Note that the document of this id was created, changed or deleted."""
        self._touched.add(key)

    def current(self) -> list[str]:
        """Return the matching ids as of now; the list belongs to the listing."""
        # Asked only now, so that a hundred writes between two pages cost a single look.
        touched, self._touched = self._touched, set()
        # Inserting into the middle of a long list moves its tail each time.
        if len(touched) > _FEW:
            self._rebuild(touched)
        else:
            for key in touched:
                self._place(key)
        return self._ids

    def _rebuild(self, touched: set[str]) -> None:
        self._ids = sorted((set(self._ids) - touched) | {key for key in touched if self._matches(key)})

    def _place(self, key: str) -> None:
        spot = bisect_left(self._ids, key)
        # A touch may mean either way, and the same way twice.
        present = spot < len(self._ids) and self._ids[spot] == key
        if present and not self._matches(key):
            del self._ids[spot]
        elif not present and self._matches(key):
            self._ids.insert(spot, key)
