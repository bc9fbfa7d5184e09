"""How far a run is, for whoever watches it: a bar, a server's status, a test."""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """What hears how far a run has come, e.g. a bar."""

    def start(self, images: int) -> None:
        """So many images there are to do."""

    def advance(self, images: int) -> None:
        """So many more are done."""


def reported(chunks: Iterable[list[T]], total: int, progress: Progress | None) -> Iterator[list[T]]:
    """The chunks as they come; `progress` hears of each chunk once it has been used.

    >>> list(reported([["a", "b"], ["c"]], 3, None))
    [['a', 'b'], ['c']]
    """
    if progress:
        progress.start(total)
    for chunk in chunks:
        yield chunk
        if progress:
            progress.advance(len(chunk))
