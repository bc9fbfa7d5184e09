"""Terminal output: a progress bar, or a line in a log; colors; errors."""

import json
import os
import sys
import time
from codecs import lookup
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TextIO

import click

from polymask.errors import PolymaskError
from polymask.log import log, logger

SHORT = 1.0  # seconds; a shorter run needs no bar
OFTEN = 10.0  # seconds between two lines of a log that tell how far a run is


class Bar:
    """A progress bar on a terminal; elsewhere a line at the end, if the run was not short."""

    def __init__(self, *, quiet: bool = False, unit: str = "images") -> None:
        self.quiet, self.unit = quiet or log.is_heard, unit
        self._told = 0.0
        self._bar: Any = None
        self._began, self._total, self._done = time.perf_counter(), 0, 0

    def start(self, images: int) -> None:
        """Begin, with the total number of images."""
        self._total, self._began, self._told = images, time.perf_counter(), 0.0
        if not self.quiet and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=images, unit=f" {self.unit}", file=sys.stderr, leave=False, delay=SHORT)

    def tell(self, text: str) -> None:
        """Print a message for the user before the work begins."""
        if not self.quiet:
            click.echo(f"polymask: {text}", err=True)

    def advance(self, images: int) -> None:
        """Count further images as done."""
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
        """Remove the bar; in a log, print how many images were done, also after an interrupt."""
        seconds = time.perf_counter() - self._began
        if self._bar is not None:
            self._bar.close()
        elif self._total and not self.quiet and seconds >= SHORT:
            click.echo(logged(self._done, self._total, self.unit, seconds), err=True)


def logged(finished: int, total: int, unit: str, seconds: float) -> str:
    """The line for a log.

    Examples:
        >>> logged(90, 100, "images", 3.0)
        'polymask: 90 of 100 images in 3.0 s (30/s)'
    """
    return f"polymask: {finished:,} of {total:,} {unit} in {seconds:.1f} s ({finished / seconds:,.0f}/s)"


def start_log() -> None:
    """Write the package's log to stderr, each line with its time."""
    import logging  # quick to start without

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S%z"))
    logger().addHandler(handler)
    logger().setLevel(logging.INFO)


def shows_colors(stream: TextIO) -> bool:
    """Whether a stream is a terminal with colors, and `NO_COLOR` is not set (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def styled(text: str, stream: TextIO, **style: Any) -> str:
    """The text, styled if the stream shows colors."""
    return click.style(text, **style) if shows_colors(stream) else text


def emphasized(text: str) -> str:
    """A summary with bold headings on a terminal: the first line of each paragraph."""
    if not shows_colors(sys.stdout):
        return text
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if line and (number == 0 or not lines[number - 1])]
    for number in starts:
        lines[number] = click.style(lines[number], bold=True)
    return "\n".join(lines)


def print_json(document: object) -> None:
    """Print a JSON document on stdout, on one line; whatever the encoding of stdout, it can be parsed."""
    is_utf8 = lookup(sys.stdout.encoding or "utf-8").name == "utf-8"
    click.echo(json.dumps(document, ensure_ascii=not is_utf8))


def with_advice(error: PolymaskError) -> str:
    """An error as a line: place, message and advice.

    Examples:
        >>> from polymask import NotFound
        >>> with_advice(NotFound("no such file", file="a.json"))
        'a.json: no such file; check the path'
    """
    if error.special_advice is None:
        return f"{error}; {error.usual_advice}"
    return str(error)


def fail(message: str, code: int) -> NoReturn:
    """Leave with an exit code and a line on stderr."""
    with tolerating_full_disk():
        click.echo(f"{styled('polymask:', sys.stderr, fg='red', bold=True)} {message}", err=True)
    sys.exit(code)


@contextmanager
def tolerating_full_disk() -> Iterator[None]:
    """Write to stderr; if that fails, say on a full disk, carry on: the exit code still counts."""
    try:
        yield
        sys.stderr.flush()
    except OSError:
        discard(sys.stderr)


def discard(stream: TextIO) -> None:
    """Discard the unwritten output of a stream, which the interpreter would else try to write on exit."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
