"""The limits of inputs: a table from which the flags, the options and the docs are made.

Sizes that a file claims are checked before memory is allocated for them. Data that needs at most a
small multiple of the file's bytes is bounded by `max_bytes`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from polymask.errors import LimitError
from polymask.flag import flag_of, option
from polymask.model import ImageRecord, Runs

_BRACKETS = b"[]{}"
_OTHERS = bytes(set(range(256)) - set(_BRACKETS))
_PART = 1 << 20
SMALL = 1 << 20  # bytes below which a ratio of sizes says nothing
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


def _limit(default: int, summary: str) -> Any:
    return option(summary, "limits", default=default, kind="whole", least=1, metavar="N", dest="both")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The largest inputs that are accepted; each limit has a flag that raises it.

    `max_pixels` limits height × width of a frame, `max_vertices` the points of an instance,
    `max_instances` the instances of an image, `max_bytes` a file that is read whole (or an unpacked
    member of a zip), `max_depth` the brackets (or XML elements) that are open at a time, `max_labels`
    the names in a source, `max_conflict_pairs` the pairs of labels, by owner of the pixels, that
    overlap in an image, `max_zip_ratio` the unpacked size of a zip divided by its size.

    Examples:
        >>> Limits(max_vertices=10).max_pixels == 2**30
        True
    """

    max_pixels: int = _limit(2**30, "The largest frame, height × width.")
    max_vertices: int = _limit(10**6, "The most points of one instance.")
    max_instances: int = _limit(10**6, "The most instances of one image.")
    max_bytes: int = _limit(2**32, "The largest file that is read whole.")
    max_depth: int = _limit(200, "How deep JSON or XML may nest.")
    max_labels: int = _limit(65534, "The most labels of one source.")
    max_conflict_pairs: int = _limit(10**6, "The most pairs of labels, by owner, that overlap in one image.")
    max_zip_ratio: int = _limit(200, "How many times its size an archive may unpack to.")

    def check(self, name: str, size: int, place: str, amount: str) -> None:
        """Raise `LimitError`, about `amount` at `place`, if `size` is above the limit called `name`.

        Examples:
            >>> Limits(max_labels=8).check("max_labels", 9, "a.json", "9 labels")
            Traceback (most recent call last):
            polymask.errors.LimitError: a.json: 9 labels are more than 8; if that is right, raise --max-labels
        """
        if size > (most := getattr(self, name)):
            flag = name.replace("_", "-")
            advice = f"if that is right, raise --{flag}"
            raise LimitError(f"{amount} are more than {most}", place=place, advice=advice)

    def check_frame(self, place: str, frame: tuple[int, int]) -> None:
        """Raise `LimitError` for a (height, width) frame that is too large."""
        height, width = (int(side) for side in frame)  # numpy's integers would overflow
        if height * width > self.max_pixels:
            self.check("max_pixels", height * width, place, f"{height} × {width} px")

    def check_bytes(self, place: object, size: int) -> None:
        """Raise `LimitError` for a file that is too large to be read whole."""
        self.check("max_bytes", size, str(place), f"{size} bytes")

    def check_ratio(self, place: object, *, packed: int, size: int) -> None:
        """Raise `LimitError` where so many packed bytes unpack to too many."""
        ratio = max(0, size - SMALL) // max(packed, 1)
        what = f"{packed} bytes that unpack to {size}, {ratio} times as many,"
        self.check("max_zip_ratio", ratio, str(place), what)

    def check_points(self, place: str, count: int) -> None:
        """Raise `LimitError` for more points than an instance may have."""
        self.check("max_vertices", count, place, f"{count} points")

    def check_instances(self, place: str, count: int) -> None:
        """Raise `LimitError` for more instances than an image may have."""
        self.check("max_instances", count, place, f"{count} instances")

    def check_record(self, place: str, record: ImageRecord) -> None:
        """Raise `LimitError` for a record with too many instances, or too many points in an instance."""
        self.check_instances(place, len(record.instances))
        for instance in record.instances:
            if not isinstance(instance.shape, Runs):
                points = sum(len(ring) for polygon in instance.shape for ring in polygon.rings)
                self.check_points(f"{place}: instance {instance.id}", points)

    def check_depth(self, place: object, text: bytes) -> None:
        """Raise `LimitError` for JSON text that is nested too deeply."""
        if _depth(text, self.max_depth) > self.max_depth:  # perhaps only brackets within strings
            deep = _depth(_STRING.sub(b"", text), self.max_depth)
            self.check("max_depth", deep, str(place), f"{deep} brackets open at once")


LIMITS: Mapping[str, str] = {limit.name: flag_of(limit).help for limit in fields(Limits)}


def _depth(text: bytes, most: int) -> int:
    """The most brackets open at a time; counting stops after the part that exceeds `most`."""
    brackets = np.frombuffer(text.translate(None, _OTHERS), np.uint8)
    if len(brackets) <= most:
        return 0
    deepest = before = 0
    for at in range(0, len(brackets), _PART):
        steps = (brackets[at : at + _PART] & 2).astype(np.int64) - 1  # ASCII: +1 opens, -1 closes
        opened = before + np.cumsum(steps)
        deepest, before = max(deepest, int(opened.max())), int(opened[-1])
        if deepest > most:
            break
    return deepest
