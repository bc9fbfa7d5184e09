"""How far a run is, for whoever watches it: a bar, a server's status, a test."""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """What hears how far a run has come, e.g. a bar."""

    def start(self, images: int) -> None:
        """So many images there are to do."""

    def advance(self, images: int) -> None:
        """So many more are done."""


class ProgressBar:
    """A bar for notebooks and terminals alike: `polymask.convert(…, progress=polymask.ProgressBar())`.

    It is tqdm's, of the kind that the place shows (`tqdm.auto`), and ends with what it counts.

    >>> bar = ProgressBar()
    >>> bar.start(2)
    >>> bar.advance(2)
    """

    def __init__(self, *, unit: str = "images") -> None:
        self.unit = unit
        self._bar: Any = None

    def start(self, images: int) -> None:
        """So many there are to do."""
        from tqdm.auto import tqdm

        self._bar = tqdm(total=images, unit=f" {self.unit}")

    def advance(self, images: int) -> None:
        """So many more are done."""
        self._bar.update(images)
        if self._bar.n >= self._bar.total:
            self._bar.close()


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
