"""The progress of a run, for whoever watches it: a bar, a server's status, a test."""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """A receiver of a run's progress, e.g. a bar."""

    def start(self, images: int) -> None:
        """Start, with the number of images to do."""

    def advance(self, images: int) -> None:
        """Record that so many more images are done."""


class ProgressBar:
    """A bar for notebooks and terminals alike: `polymask.convert(…, progress=polymask.ProgressBar())`.

    It is the bar of `tqdm.auto`, which suits the place, and closes when all images are done.

    Examples:
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
    """The chunks, unchanged; `progress` advances by each chunk once its consumer is done with it.

    Examples:
        >>> list(reported([["a", "b"], ["c"]], 3, None))
        [['a', 'b'], ['c']]
    """
    if progress:
        progress.start(total)
    for chunk in chunks:
        yield chunk
        if progress:
            progress.advance(len(chunk))
