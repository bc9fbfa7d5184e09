"""Temporary storage for pieces of bytes: in memory while they are few, then in an unnamed file."""

import weakref
from array import array
from typing import IO

from polymask.operating_system import read_at, write_at
from polymask.storage.disk import disk_error

IN_MEMORY = 1 << 26  # bytes, before a file is created
WRITTEN_TOGETHER = 1 << 20


class Spill:
    """Numbered pieces, stored by one thread and read by any thread or forked process.

    Reading moves no file position, so readers do not disturb each other. The file disappears with the
    last process that has it open.

    Raises:
        BackendError: The disk for temporary files fails.

    Examples:
        >>> spill = Spill()
        >>> spill.put(b"one"), spill.put(b"three"), spill.get(1)
        (0, 1, b'three')
    """

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._cuts = array("q", [0])  # piece i lies between cuts i and i + 1
        self._memory, self._in_file = bytearray(), 0  # the last pieces, and the number of bytes in the file

    def put(self, piece: bytes) -> int:
        """Store a piece; returns its number."""
        self._memory += piece
        self._cuts.append(self._in_file + len(self._memory))
        if len(self._memory) > (WRITTEN_TOGETHER if self._file else IN_MEMORY):
            self._write()
        return len(self._cuts) - 2

    def get(self, number: int) -> bytes:
        """The piece with a number."""
        start, stop = self._cuts[number : number + 2]
        if start >= self._in_file:
            return bytes(self._memory[start - self._in_file : stop - self._in_file])
        assert self._file is not None
        return read_at(self._file.fileno(), stop - start, start)

    def _write(self) -> None:
        import tempfile  # quick to start without

        try:
            self._file = self._file or self._opened()
            written = 0
            while written < len(self._memory):
                unwritten = bytes(self._memory[written:])
                written += write_at(self._file.fileno(), unwritten, self._in_file + written)
        except OSError as error:
            raise disk_error(error, tempfile.gettempdir()) from None
        self._in_file, self._memory = self._in_file + written, bytearray()

    def _opened(self) -> IO[bytes]:
        import tempfile  # quick to start without

        file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed when the spill is collected
        weakref.finalize(self, file.close)
        return file
