"""What a person sees of a run: a bar on a terminal, one line in a log, and colors where they belong."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TextIO

import click

from polymask.errors import PolymaskError
from polymask.log import log, logger

SHORT = 1.0  # seconds; what is done by then needs no bar
OFTEN = 10.0  # seconds between two lines of a log that tell how far a run is


class Bar:
    """A bar with rate and time left on a terminal; elsewhere one line at the end, if it took a while."""

    def __init__(self, *, quiet: bool = False, unit: str = "images") -> None:
        self.quiet, self.unit = quiet or log.is_heard, unit
        self._told = 0.0
        self._bar: Any = None
        self._began, self._total, self._done = time.perf_counter(), 0, 0

    def start(self, images: int) -> None:
        """So many there are to do."""
        self._total, self._began, self._told = images, time.perf_counter(), 0.0
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
        if log.is_heard:
            self._tell_log(time.perf_counter() - self._began)
        if self._bar is not None:
            self._bar.update(images)

    def _tell_log(self, seconds: float) -> None:
        if seconds - self._told >= OFTEN:
            self._told = seconds
            log.info("%d of %d %s", self._done, self._total, self.unit)

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


def start_log() -> None:
    """Write the package's log to stderr, each line with its time."""
    import logging  # quick to start without

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S%z"))
    logger().addHandler(handler)
    logger().setLevel(logging.INFO)


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


def with_advice(error: PolymaskError) -> str:
    """An error as one line: where it is, what is wrong, and what to do about it.

    >>> from polymask import NotFound
    >>> with_advice(NotFound("no such file", file="a.json"))
    'a.json: no such file; check the path'
    """
    if error.special_advice is None:
        return f"{error}; {error.usual_advice}"
    return str(error)


def fail(message: str, code: int) -> NoReturn:
    """Leave with an exit code and a line on stderr."""
    with standing():
        click.echo(f"{styled('polymask:', sys.stderr, fg='red', bold=True)} {message}", err=True)
    sys.exit(code)


@contextmanager
def standing() -> Iterator[None]:
    """Write to stderr; where it takes no more, a full disk say, the exit code still tells."""
    try:
        yield
        sys.stderr.flush()
    except OSError:
        drop(sys.stderr)


def drop(stream: TextIO) -> None:
    """Let what a stream could not take go nowhere, or the interpreter would fail on it once more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
