"""Persistence: a file that only grows, a line for each write.

A write of many documents is a single line, so that a process killed at any moment
leaves whole writes and at most one torn last line, which the next start cuts off.
Lines reach the operating system before the answer is sent; they are not synced
to the disk, so a power cut may lose the last of them.
"""

import mmap
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from polymask.errors import FormatError, Locked, Unavailable
from polymask.operating_system import lock
from polymask.storage.disk import disk_error

LogLine = tuple[str, str, msgspec.Raw]
"""(kind, id, JSON of the document, or null where it was deleted)."""

_LINE = msgspec.json.Decoder(list[LogLine])
_NULL = b"null"


class ChangeLog:
    """The file in which a persistent emulator keeps its documents; locked while open.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     log = ChangeLog(Path(folder) / "changes.jsonl")
        ...     log.append([("project", "1", b'{"id":"1"}'), ("item", "2", None)])
        ...     log.close()
        ...     again = ChangeLog(Path(folder) / "changes.jsonl")
        ...     print(list(again.replay()))
        ...     again.close()
        [('project', '1', b'{"id":"1"}'), ('item', '2', None)]
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # Unbuffered: what a killed process kept in a buffer would be lost.
        self._file = path.open("a+b", buffering=0)
        self._lock()
        self._cut_torn_line()

    def append(self, changes: Sequence[tuple[str, str, bytes | None]]) -> None:
        """Add a write."""
        line = [(kind, key, msgspec.Raw(_NULL if body is None else body)) for kind, key, body in changes]
        data = msgspec.json.encode(line) + b"\n"
        end = self._file.seek(0, 2)
        if self._file.write(data) != len(data):
            # Half a line followed by a whole line would be read as a single broken line.
            self._file.truncate(end)
            raise Unavailable("the disk took only a part of a change", file=self._path)

    def replay(self) -> Iterator[tuple[str, str, bytes | None]]:
        """Yield every change since the beginning, in order.

        Raises
        ------
        FormatError
            A line that is no write: the file was edited or is somebody else's.
        """
        # Read through a separate handle; the other stays at the end.
        with self._path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                yield from self._changes(line, number)

    def close(self) -> None:
        """Release the file and its lock."""
        self._file.close()

    def _changes(self, line: bytes, number: int) -> Iterator[tuple[str, str, bytes | None]]:
        try:
            entries = _LINE.decode(line)
        except msgspec.MsgspecError as error:
            raise FormatError(f"{self._path}:{number}: not a line of an emulator's store: {error}") from error
        for kind, key, body in entries:
            yield kind, key, None if bytes(body) == _NULL else bytes(body)

    def _lock(self) -> None:
        try:
            # A kernel lock: it goes with the process, however that ends.
            is_locked = lock(self._file.fileno())
        except OSError as error:
            self._file.close()
            raise disk_error(error, self._path) from None
        if not is_locked:
            self._file.close()
            raise Locked("another emulator has this store open", file=self._path)

    def _cut_torn_line(self) -> None:
        if not self._path.stat().st_size:
            return
        # Searched backwards in place: the torn line of a large seed can be most of the file.
        with mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            whole = content.rfind(b"\n") + 1
        self._file.truncate(whole)
