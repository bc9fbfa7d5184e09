"""What a person sees of a run: a bar on a terminal, one line in a log, and colors where they belong."""

import os
import sys
import time
from typing import Any, TextIO

import click

from polymask.errors import PolymaskError

SHORT = 1.0  # seconds; what is done by then needs no bar
_POINTS_OUT = (
    *("`", "--", "did you mean", "choose", "run ", "leave", "name ", "add ", "report this"),
    *("by hand", "copy ", "save ", "another name"),
)


class Bar:
    """A bar with rate and time left on a terminal; elsewhere one line at the end, if it took a while."""

    def __init__(self, *, quiet: bool = False, unit: str = "images") -> None:
        self.quiet, self.unit = quiet, unit
        self._bar: Any = None
        self._began, self._total, self._done = time.perf_counter(), 0, 0

    def start(self, images: int) -> None:
        """So many there are to do."""
        self._total, self._began = images, time.perf_counter()
        if not self.quiet and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=images, unit=f" {self.unit}", file=sys.stderr, leave=False, delay=SHORT)

    def tell(self, text: str) -> None:
        """Something that a person should know before it begins."""
        if not self.quiet:
            click.echo(f"polymask: {text}", err=True)

    def advance(self, images: int) -> None:
        """So many more are done."""
        self._done += images
        if self._bar is not None:
            self._bar.update(images)

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take the bar away; in a log, say what was done, also where it was cut short."""
        seconds = time.perf_counter() - self._began
        if self._bar is not None:
            self._bar.close()
        elif self._total and not self.quiet and seconds >= SHORT:
            click.echo(logged(self._done, self._total, self.unit, seconds), err=True)


def logged(done: int, total: int, unit: str, seconds: float) -> str:
    """The one line of a log.

    >>> logged(90, 100, "images", 3.0)
    'polymask: 90 of 100 images in 3.0 s (30/s)'
    """
    return f"polymask: {done:,} of {total:,} {unit} in {seconds:.1f} s ({done / seconds:,.0f}/s)"


def colors_wanted(stream: TextIO) -> bool:
    """On a terminal that takes them, unless `NO_COLOR` is set (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def styled(text: str, stream: TextIO, **style: Any) -> str:
    """Text in a style where colors are wanted, else as it is."""
    return click.style(text, **style) if colors_wanted(stream) else text


def emphasized(text: str) -> str:
    """A summary with its headings bold, on a terminal: tables' heads, and the first line."""
    if not colors_wanted(sys.stdout):
        return text
    lines = text.splitlines()
    starts = [at for at, line in enumerate(lines) if line and (at == 0 or not lines[at - 1])]
    for at in starts:
        lines[at] = click.style(lines[at], bold=True)
    return "\n".join(lines)


def with_way_out(error: PolymaskError) -> str:
    """An error's message; where it does not say what to do about it, its kind does.

    >>> from polymask import NotFound
    >>> with_way_out(NotFound("a.json: no such file"))
    'a.json: no such file; check the path'
    """
    message = str(error)
    if any(word in message for word in _POINTS_OUT):
        return message
    return f"{message}; {error.way_out}"
