"""The record of every call: what was asked, what was answered, what it changed."""

from pathlib import Path
from typing import Any

import msgspec

from polymask.dataloop.emulator.database.store import Change

DROPPED = 0
"""The status of a call that got no answer."""


class AuditEntry(msgspec.Struct, frozen=True):
    """One call. `path` starts after /api/v1; `status` is 0 where the connection was dropped."""

    number: int
    method: str
    path: str
    raw: bytes
    status: int
    changes: tuple[Change, ...]
    query: str = ""
    fault: str = ""

    @property
    def body(self) -> Any:
        """The JSON that was sent, decoded; None where none was.

        Examples:
            >>> AuditEntry(1, "POST", "/items/5/annotations", b"[]", 200, ()).body
            []
        """
        return msgspec.json.decode(self.raw) if self.raw else None

    def line(self) -> bytes:
        """Return the entry as a line of JSON."""
        body = msgspec.Raw(self.raw or b"null")
        # In the order that a person reads a line.
        shown = {"number": self.number, "method": self.method, "path": self.path, "query": self.query}
        return msgspec.json.encode(
            {**shown, "status": self.status, "fault": self.fault, "changes": self.changes, "body": body}
        )


class Audit:
    """All calls so far, oldest answered first; also a file that only grows, if asked.

    Examples:
        >>> audit = Audit()
        >>> audit.add(AuditEntry(1, "GET", "/projects", b"", 200, ()))
        >>> [entry.path for entry in audit.entries]
        ['/projects']
    """

    def __init__(self, path: Path | None = None, *, bodies: bool = True) -> None:
        self.entries: list[AuditEntry] = []
        self._bodies = bodies
        # Unbuffered, as the log of changes is, so that both end at the same call.
        self._file = path.open("ab", buffering=0) if path else None

    def add(self, entry: AuditEntry) -> None:
        """Record a call."""
        self.entries.append(entry if self._bodies else msgspec.structs.replace(entry, raw=b""))
        if self._file:
            self._file.write(entry.line() + b"\n")

    def close(self) -> None:
        """Close the file, if there is any."""
        if self._file:
            self._file.close()
