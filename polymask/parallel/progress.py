"""The progress of a run, for whoever watches it: a bar, a server's status, a test."""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """A receiver of a run's progress, e.g. a bar."""

    def start(self, images: int) -> None:
        """Start, with the number of images to do."""

    def advance(self, images: int) -> None:
        """Record that so many more images are done."""


def reported(chunks: Iterable[list[T]], total: int, progress: Progress | None) -> Iterator[list[T]]:
    """The chunks, unchanged; `progress` advances by each chunk once its consumer is done with it.

    >>> list(reported([["a", "b"], ["c"]], 3, None))
    [['a', 'b'], ['c']]
    """
    if progress:
        progress.start(total)
    for chunk in chunks:
        yield chunk
        if progress:
            progress.advance(len(chunk))
