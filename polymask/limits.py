"""How large an input may be: one table, from which the flags, the options and the docs are made.

Memory is never taken on trust: what a file claims is looked at before anything is made of it.
What costs no more than a small multiple of the file's own bytes is bounded by `max_bytes`.
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
    """How large an input may be before it is refused, with the flag that raises the limit.

    `max_pixels` is height × width of one frame, `max_vertices` the points of one instance,
    `max_instances` those of one image, `max_bytes` a file that is read whole (a zip's member
    unpacked), `max_depth` the brackets (or XML elements) that are open at once, `max_labels` the
    names in one source, `max_conflict_pairs` the pairs of labels, by who owns the pixels, that overlap
    in one image, `max_zip_ratio` how many times its size a zip may unpack to.

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

    def check(self, name: str, size: int, where: str, what: str) -> None:
        """Raise `LimitError` where more is given than the limit of a name allows.

        >>> Limits(max_labels=8).check("max_labels", 9, "a.json", "9 labels")
        Traceback (most recent call last):
        polymask.errors.LimitError: a.json: 9 labels are more than 8; if that is right, raise --max-labels
        """
        if size > (most := getattr(self, name)):
            flag = name.replace("_", "-")
            advice = f"if that is right, raise --{flag}"
            raise LimitError(f"{what} are more than {most}", place=where, advice=advice)

    def check_frame(self, where: str, frame: tuple[int, int]) -> None:
        """Raise `LimitError` for a (height, width) frame that is too large."""
        height, width = (int(side) for side in frame)  # numpy's own integers would wrap
        if height * width > self.max_pixels:
            self.check("max_pixels", height * width, where, f"{height} × {width} px")

    def check_bytes(self, where: object, size: int) -> None:
        """Raise `LimitError` for a file that is too large to be read whole."""
        self.check("max_bytes", size, str(where), f"{size} bytes")

    def check_ratio(self, where: object, *, packed: int, size: int) -> None:
        """Raise `LimitError` where so many packed bytes unpack to too many."""
        ratio = max(0, size - SMALL) // max(packed, 1)
        what = f"{packed} bytes that unpack to {size}, {ratio} times as many,"
        self.check("max_zip_ratio", ratio, str(where), what)

    def check_points(self, where: str, count: int) -> None:
        """Raise `LimitError` for more points than one instance may have."""
        self.check("max_vertices", count, where, f"{count} points")

    def check_instances(self, where: str, count: int) -> None:
        """Raise `LimitError` for more instances than one image may have."""
        self.check("max_instances", count, where, f"{count} instances")

    def check_record(self, where: str, record: ImageRecord) -> None:
        """Raise `LimitError` for a record with too many instances, or too many points in one."""
        self.check_instances(where, len(record.instances))
        for instance in record.instances:
            if not isinstance(instance.shape, Runs):
                points = sum(len(ring) for polygon in instance.shape for ring in polygon.rings)
                self.check_points(f"{where}: instance {instance.id}", points)

    def check_depth(self, where: object, text: bytes) -> None:
        """Raise `LimitError` for JSON text that nests too deep."""
        if _depth(text, self.max_depth) > self.max_depth:  # some may be in strings
            deep = _depth(_STRING.sub(b"", text), self.max_depth)
            self.check("max_depth", deep, str(where), f"{deep} brackets open at once")


LIMITS: Mapping[str, str] = {each.name: flag_of(each).help for each in fields(Limits)}


def _depth(text: bytes, most: int) -> int:
    """The most brackets open at once; of the first part of the text that has more than `most`."""
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
