"""The outline of a large JSON object: the positions of its lists and of their elements.

One pass over the file finds it, a chunk at a time; the lists' elements are never in memory together.
The text outside the lists, the skeleton, is small and is kept. Decoding every list in blocks shows
whether the file is valid JSON; errors name the byte, as a JSON library does for the whole text.
"""

import json
import re
from bisect import bisect_right
from codecs import getincrementaldecoder
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from polymask.errors import FormatError
from polymask.formats.parsing.byte_ranges import Ranges
from polymask.formats.parsing.nesting import Nesting, places_in
from polymask.storage.text_encodings import as_utf_8

BLOCK = 1 << 20  # bytes of a list decoded at once
BOM = b"\xef\xbb\xbf"
_raw = msgspec.json.Decoder(msgspec.Raw)
_BYTE = re.compile(r"\(byte (\d+)\)")
_CONSTANT = re.compile(rb'("(?:[^"\\]|\\.)*")|(-?Infinity|NaN)', re.DOTALL)
_DEEP = "nested too deep"


class NotJson(Exception):
    """A JSON library's error message, with the byte where the fault is; infinity if it is not known."""

    def __init__(self, message: str, byte: float = float("inf")) -> None:
        super().__init__(message)
        self.byte = byte

    @classmethod
    def of(cls, error: msgspec.DecodeError) -> "NotJson":
        """The error of msgspec, with the byte taken out of its message."""
        match = _BYTE.search(str(error))
        return cls(str(error), int(match[1])) if match else cls(str(error))

    def message(self, offset: int) -> str:
        """The message, with the byte counted from `offset`."""
        return _BYTE.sub(f"(byte {self.byte - offset:.0f})", self.args[0])


class Rows(msgspec.Struct, frozen=True, eq=False):
    """A JSON list in a file: element i lies between `marks[i]` and `marks[i + 1]`."""

    file: Ranges
    marks: NDArray[np.int64]
    closed: bool = True

    def __len__(self) -> int:
        parts = len(self.marks) - 1
        if parts == 1 and not self.file.read(int(self.marks[0]) + 1, int(self.marks[1])).strip():
            return 0
        return parts

    def text(self, start: int, stop: int) -> bytes:
        """The elements from `start` up to `stop` as written, with the commas between them."""
        return self.file.read(int(self.marks[start]) + 1, int(self.marks[stop])) if start < stop else b""

    def texts(self, numbers: NDArray[np.integer[Any]]) -> list[bytes]:
        """The elements at ascending `numbers`; adjacent ones are one text, with the commas between."""
        parts: list[list[int]] = []
        starts, stops = (self.marks[numbers] + 1).tolist(), self.marks[numbers + 1].tolist()
        for start, stop in zip(starts, stops, strict=True):
            if parts and parts[-1][1] + 1 == start:
                parts[-1][1] = stop
            else:
                parts.append([start, stop])
        return [self.file.read(start, stop) for start, stop in parts]

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Half-open ranges of elements, each about `BLOCK` bytes long."""
        start, total = 0, len(self)
        while start < total:
            stop = int(np.searchsorted(self.marks, self.marks[start] + BLOCK, side="right")) - 1
            stop = min(max(stop, start + 1), total)
            yield start, stop
            start = stop


@dataclass(eq=False)
class Outline:
    """A JSON object in a file: its lists, and the text around them, in which `[n]` stands for list n."""

    file: Ranges
    lists: list[Rows] = field(default_factory=list)
    skeleton: bytes = b""
    pieces: list[tuple[int, int]] = field(default_factory=list)  # places in the skeleton and in the file
    bom: int = 0
    depth: int = 0  # brackets that are open at once

    def rows(self, section: bytes | msgspec.Raw) -> Rows | None:
        """The list that a section of the skeleton stands for; None where the value is not a list."""
        text = bytes(section)
        return self.lists[int(text[1:-1])] if text[:1] == b"[" else None

    @cached_property
    def text(self) -> bytes:
        """The skeleton, with NaN and Infinity as strings; raises `FormatError` where it is not JSON."""
        try:
            return decode_plain(self.skeleton)
        except (NotJson, RecursionError):
            self.check()
            raise

    def check(self, decoded: Collection[Rows] = ()) -> None:
        """Raise `FormatError` where the text is not JSON; lists in `decoded` are known to be valid."""
        flaws = [flaw for rows in self.lists if rows not in decoded and (flaw := _flaw(rows))]
        if flaw := self._flaw_around():
            flaws.append(flaw)
        if not flaws:
            return
        first = min(flaws, key=lambda flaw: flaw.byte)
        if first.args[0] == _DEEP:
            raise FormatError(f"not JSON that can be read: {_DEEP}", file=self.file.path)
        raise FormatError(f"not JSON: {first.message(self.bom)}", file=self.file.path)

    def _flaw_around(self) -> NotJson | None:
        try:
            decode_plain(self.skeleton)
        except NotJson as flaw:
            if flaw.byte < float("inf"):
                places = [place for place, _ in self.pieces]
                place, origin = self.pieces[bisect_right(places, flaw.byte) - 1]
                flaw.byte += origin - place
            return flaw
        except RecursionError:
            return NotJson(_DEEP)
        return None


def outline_of(file: Ranges) -> Outline:
    """The outline of the JSON object in a file; raises `FormatError` where the text is not UTF-8."""
    events, kinds, depth = _events(file)
    outline = Outline(file, depth=depth)
    outline.bom = len(BOM) if file.read(0, min(3, file.size)) == BOM else 0
    position, text = outline.bom, bytearray()
    for opening, closing in _lists(kinds):
        closed = closing < len(events)
        marks = events[opening : closing + 1] if closed else np.append(events[opening:closing], file.size)
        _append_skeleton(outline, text, position, int(marks[0]) + 1)
        text += b"%d" % len(outline.lists)
        outline.lists.append(Rows(file, np.ascontiguousarray(marks), closed))
        position = int(marks[-1])
    _append_skeleton(outline, text, position, file.size)
    outline.skeleton = bytes(text)
    return outline


def _append_skeleton(outline: Outline, text: bytearray, start: int, stop: int) -> None:
    outline.pieces.append((len(text), start))
    text += outline.file.read(start, stop)


def _lists(kinds: NDArray[np.uint8]) -> Iterator[tuple[int, int]]:
    """The indices of the events at which the outermost object's lists open and close.

    A list that is never closed ends after the last event.
    """
    brackets = np.flatnonzero(kinds != ord(","))  # few: brackets within elements are no events
    depth, opened = 0, -1
    for place, kind in zip(brackets.tolist(), kinds[brackets].tolist(), strict=True):
        depth += 1 if kind in b"[{" else -1
        if kind == ord("[") and depth == 2:
            opened = place
        elif depth == 1 and opened >= 0:
            yield opened, place
            opened = -1
    if opened >= 0:
        yield opened, len(kinds)


def _events(file: Ranges) -> tuple[NDArray[np.int64], NDArray[np.uint8], int]:
    """The position and the byte of every bracket and comma outside the elements of the object's lists.

    And the most brackets that are open at once, anywhere.
    """
    check, nesting, at = getincrementaldecoder("utf-8")(), Nesting(), 0
    events, kinds = [np.zeros(0, np.int64)], [np.zeros(0, np.uint8)]
    for chunk in file.chunks():
        try:
            check.decode(chunk, final=at + len(chunk) >= file.size)
        except UnicodeDecodeError as error:
            raise FormatError(
                f"not UTF-8 text ({error.reason})", file=file.path, advice=as_utf_8(file.path, chunk)
            ) from None
        places, nesting = places_in(chunk, nesting, most=2)
        events.append(places.astype(np.int64) + at)
        kinds.append(np.frombuffer(chunk, np.uint8)[places])
        at += len(chunk)
    return np.concatenate(events), np.concatenate(kinds), nesting.deepest


def decode_plain(text: bytes) -> bytes:
    """The JSON text, with NaN and Infinity as strings; raises `NotJson` for other text."""
    try:
        _raw.decode(text)
    except msgspec.DecodeError as error:
        if b"NaN" not in text and b"Infinity" not in text:
            raise NotJson.of(error) from None
    else:
        return text
    try:
        return quoted_constants(text)
    except ValueError as error:
        raise NotJson(str(error), getattr(error, "pos", float("inf"))) from None


def quoted_constants(text: bytes) -> bytes:
    """The JSON text, with NaN and Infinity as strings and all else unchanged.

    Raises `ValueError` where the text is not JSON even so.

    Examples:
        >>> quoted_constants(b'{"NaN": [NaN, -Infinity, 1e999, 1.50]}')
        b'{"NaN": ["NaN", "-Infinity", 1e999, 1.50]}'
    """
    json.loads(text)
    return _CONSTANT.sub(lambda match: match[1] or b'"%b"' % match[2], text)


def _flaw(rows: Rows) -> NotJson | None:
    """The first place where a list's elements are not JSON; None for a valid list."""
    total = len(rows)
    for start, stop in rows.blocks():
        before = b"[0," if start else b"["
        after = b",0]" if stop < total else b"]"
        text = before + rows.text(start, stop) + (after if rows.closed or stop < total else b"")
        try:
            decode_plain(text)
        except NotJson as flaw:
            flaw.byte += int(rows.marks[start]) + 1 - len(before)
            return flaw
        except RecursionError:
            return NotJson(_DEEP)
    return None
