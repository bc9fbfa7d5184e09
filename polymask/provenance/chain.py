"""Lines of a journal, each with a digest of itself and of all before it.

A line is a JSON object whose last member is `"sha256"`: the SHA-256, in hexadecimal, over the
`sha256` of the line before it (64 zeros for the first) and the line's own bytes up to that member.
So a byte that was changed, and a line that was changed, taken out or moved, is noticed; only lines
that are missing at the end are not: so two files of a journal speak of each other, or a last line tells
how many there are.

A `Chain` is a file to which lines are only ever appended. A last line that a crash cut off is none: a line
is synced before its deed. Lines of earlier builds have no digest; they are read, and are part of the
chain as they are.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from polymask.errors import ProofError
from polymask.storage.disk import disk_error
from polymask.storage.local_disk.locks import lock

START = "0" * 64
_SEALED = re.compile(rb'(\{.*), "sha256": "([0-9a-f]{64})"\}\n?', re.DOTALL)

Line = tuple[bytes, Any]
"""A line's JSON without its digest, and what it says; None where a crash tore it."""


def sealed(tip: str, row: Mapping[str, Any]) -> tuple[str, bytes]:
    """The next digest, and a row as the line that carries it.

    >>> tip, line = sealed(START, {"event": "begun"})
    >>> line[:30], unsealed(START, line) == (tip, b'{"event": "begun"}')
    (b'{"event": "begun", "sha256": "', True)
    """
    body = body_of(row)[:-1]
    tip = _linked(tip, body)
    return tip, body + f', "sha256": "{tip}"}}\n'.encode()


def unsealed(tip: str, raw: bytes) -> tuple[str, bytes] | None:
    """The next digest and the JSON of a line without it; None where it is not the line that was written."""
    match = _SEALED.fullmatch(raw)
    if match is None or match[2].decode() != _linked(tip, match[1]):
        return None
    return match[2].decode(), match[1] + b"}"


def damaged(path: Path, problem: str) -> ProofError:
    """The error for a file of a journal that is not what was written."""
    return ProofError(
        f"damaged, {problem}",
        file=path,
        advice="put back a copy of it, or name another folder with --journal",
    )


@dataclass(slots=True)
class Chain:
    """How far a file was read: the digest of its last line, where that ends, and how many there are."""

    path: Path
    tip: str = START
    end: int = 0
    lines: int = 0
    sealed: bool = False  # from the first line with a digest on, every line has one

    def unread(self) -> Iterator[Line]:
        """The whole lines after those that were read.

        Raises `ProofError` for one that is not what was written.
        """
        try:
            with self.path.open("rb") as file:
                file.seek(self.end)
                for raw in file:
                    if not raw.endswith(b"\n") and not self._lacks_only_its_end(raw):
                        return
                    line = self._checked(raw) if raw != b"\n" else None  # it closes a line that lacked it
                    self.end += len(raw)
                    if line:
                        yield line
        except FileNotFoundError:
            if self.end:
                raise damaged(self.path, "it is gone") from None
        except OSError as error:
            raise disk_error(error, self.path) from None

    def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add lines and sync them; only once all others were read, and while no other process adds any."""
        tip, data = self.tip, b""
        for row in rows:
            tip, line = sealed(tip, row)
            data += line
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
            try:
                end = _write_whole(descriptor, data, after=self.end)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise disk_error(error, self.path) from None
        self.tip, self.end, self.sealed = tip, end, True
        self.lines += len(rows)

    def _lacks_only_its_end(self, raw: bytes) -> bool:
        """Whether a last line is whole but for its line break; else a crash cut it off."""
        if unsealed(self.tip, raw[:-1]):
            raise damaged(self.path, f"line {self.lines + 1} has another end")
        return unsealed(self.tip, raw) is not None

    def _checked(self, raw: bytes) -> Line:
        following, number = unsealed(self.tip, raw), self.lines + 1
        if following is None and _SEALED.fullmatch(raw):
            raise damaged(self.path, f"line {number} is not what was written, or one before it")
        if following is None and self.sealed:
            raise damaged(self.path, f"line {number} is not what was written")
        self.lines = number
        if following:
            (self.tip, body), self.sealed = following, True
            return body, json.loads(body)
        self.tip = _linked(self.tip, raw)
        return raw.rstrip(b"\n"), _of_an_earlier_build(raw)


def body_of(row: Mapping[str, Any]) -> bytes:
    """A row as it is written: with its keys in order, so that it is known by its bytes."""
    return json.dumps(row, sort_keys=True).encode()


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a file, which is made where it is not there, against other processes that append."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise disk_error(error, path) from None
    try:
        with suppress(OSError):  # a file system without locks: two runs at once are not kept apart
            lock(descriptor, wait=True)
        yield
    finally:
        os.close(descriptor)


def _linked(tip: str, body: bytes) -> str:
    return sha256(tip.encode() + body).hexdigest()


def _of_an_earlier_build(raw: bytes) -> Any:
    """What a line without a digest says; None where a crash tore it, and a later run closed it."""
    try:
        return json.loads(raw)
    except ValueError:
        return None
    except RecursionError:
        return ...  # JSON, but nothing that was ever written


def _write_whole(descriptor: int, data: bytes, *, after: int) -> int:
    """Append and sync; what a crash left `after` the last whole line is cut off. Returns the new end."""
    if os.fstat(descriptor).st_size > after:
        os.ftruncate(descriptor, after)
    if after and os.pread(descriptor, 1, after - 1) != b"\n":
        data = b"\n" + data
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    os.fsync(descriptor)
    return after + len(data)
