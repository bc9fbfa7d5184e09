"""The lines of a journal: each carries a digest of itself and of all earlier lines.

A line is a JSON object whose last member is `"sha256"`: the SHA-256, in hexadecimal, over the
`sha256` of the line before it (64 zeros for the first) and the line's bytes up to that member. So a
line that was changed, removed or moved is detected, unless it is missing from the end. To detect that
too, the two files of a journal record each other's length, or a last line records the number of lines.

A `Chain` is a file that only grows. A last line that a crash cut off does not count, for a line is synced
before the deletion that it announces. Lines of earlier builds have no digest; they are read, and their
bytes count in the digests of later lines.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from polymask.errors import ProofError
from polymask.operating_system import flags, lock, read_at, sync_file
from polymask.storage.disk import disk_error

START = "0" * 64
_APPENDED = flags("RDWR", "CREAT", "APPEND", "NOFOLLOW")
_LOCKED = flags("RDWR", "CREAT", "NOFOLLOW")
_SEALED = re.compile(rb'(\{.*), "sha256": "([0-9a-f]{64})"\}\n?', re.DOTALL)

Line = tuple[bytes, Any]
"""A line's JSON without its digest, and the parsed value; None if a crash cut the line."""


def sealed(tip: str, row: Mapping[str, Any]) -> tuple[str, bytes]:
    """Turn a row into a line; returns its digest, which is the next tip, and the line.

    Examples:
        >>> tip, line = sealed(START, {"event": "begun"})
        >>> line[:30], unsealed(START, line) == (tip, b'{"event": "begun"}')
        (b'{"event": "begun", "sha256": "', True)
    """
    body = body_of(row)[:-1]
    tip = _linked(tip, body)
    return tip, body + f', "sha256": "{tip}"}}\n'.encode()


def unsealed(tip: str, raw: bytes) -> tuple[str, bytes] | None:
    """The digest of a line and its JSON without it; None if the digest does not fit the line or the tip."""
    match = _SEALED.fullmatch(raw)
    if match is None or match[2].decode() != _linked(tip, match[1]):
        return None
    return match[2].decode(), match[1] + b"}"


def damaged(path: Path, problem: str) -> ProofError:
    """The error for a damaged file of a journal."""
    return ProofError(
        f"damaged, {problem}",
        file=path,
        advice="put back a copy of it, or name another folder with --journal",
    )


class Chain(msgspec.Struct):
    """A file of lines, and how far it was read.

    Attributes:
        path: The file.
        tip: The digest of the last line that was read.
        end: The offset in bytes after that line.
        lines: The number of lines read.
        sealed: Whether a line with a digest was read; then all later lines must have one.
    """

    path: Path
    tip: str = START
    end: int = 0
    lines: int = 0
    sealed: bool = False

    def unread(self) -> Iterator[Line]:
        """The complete lines that were not read yet.

        Raises:
            ProofError: A line is not as it was written.
        """
        try:
            with self.path.open("rb") as file:
                file.seek(self.end)
                for raw in file:
                    if not raw.endswith(b"\n") and not self._lacks_line_break(raw):
                        return
                    line = self._checked(raw) if raw != b"\n" else None  # it ends the line before
                    self.end += len(raw)
                    if line:
                        yield line
        except FileNotFoundError:
            if self.end:
                raise damaged(self.path, "it is gone") from None
        except OSError as error:
            raise disk_error(error, self.path) from None

    def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append rows and sync them; the caller has read all lines and holds the lock (`locked`)."""
        tip, data = self.tip, b""
        for row in rows:
            tip, line = sealed(tip, row)
            data += line
        try:
            descriptor = os.open(self.path, _APPENDED, 0o600)
            try:
                end = _write_whole(descriptor, data, after=self.end)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise disk_error(error, self.path) from None
        self.tip, self.end, self.sealed = tip, end, True
        self.lines += len(rows)

    def _lacks_line_break(self, raw: bytes) -> bool:
        """Whether a last line lacks its line break only; otherwise a crash cut it off."""
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
        return raw.rstrip(b"\n"), _parsed_earlier(raw)


def body_of(row: Mapping[str, Any]) -> bytes:
    """A row as JSON with sorted keys, so that equal rows have equal bytes."""
    return json.dumps(row, sort_keys=True).encode()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Lock a file, created if missing, so that no other process appends to it."""
    try:
        descriptor = os.open(path, _LOCKED, 0o600)
    except OSError as error:
        raise disk_error(error, path) from None
    try:
        with suppress(OSError):  # on a file system without locks, two runs at once are not kept apart
            lock(descriptor, wait=True)
        yield
    finally:
        os.close(descriptor)


def _linked(tip: str, body: bytes) -> str:
    return sha256(tip.encode() + body).hexdigest()


def _parsed_earlier(raw: bytes) -> Any:
    """The value of an earlier build's line; None if a crash cut it, and a later run added the line break."""
    try:
        return json.loads(raw)
    except ValueError:
        return None
    except RecursionError:
        return ...  # too deep for any line that was ever written


def _write_whole(descriptor: int, data: bytes, *, after: int) -> int:
    """Append and sync; cut off what a crash left `after` the last whole line. Returns the new end."""
    if os.fstat(descriptor).st_size > after:
        os.ftruncate(descriptor, after)
    if after and read_at(descriptor, 1, after - 1) != b"\n":
        data = b"\n" + data
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    sync_file(descriptor)
    return after + len(data)
