"""Pieces of bytes put by for later: in memory while they are few, else in a file without a name."""

import os
import weakref
from array import array
from typing import IO

from polymask.storage.disk import disk_error

IN_MEMORY = 1 << 26  # bytes, before a file is made
WRITTEN_TOGETHER = 1 << 20


class Spill:
    """Numbered pieces, put by one thread, then read by any thread or forked process: reading moves nothing.

    The file is gone when the last process that has it is. Raises a `BackendError` where the disk
    for temporary files refuses.

    >>> spill = Spill()
    >>> spill.put(b"one"), spill.put(b"three"), spill.get(1)
    (0, 1, b'three')
    """

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._cuts = array("q", [0])  # piece i lies between cuts i and i + 1
        self._memory, self._in_file = bytearray(), 0  # the last bytes, and how many lie in the file

    def put(self, piece: bytes) -> int:
        """Keep a piece; returns its number."""
        self._memory += piece
        self._cuts.append(self._in_file + len(self._memory))
        if len(self._memory) > (WRITTEN_TOGETHER if self._file else IN_MEMORY):
            self._write()
        return len(self._cuts) - 2

    def get(self, number: int) -> bytes:
        """The piece of a number."""
        start, stop = self._cuts[number : number + 2]
        if start >= self._in_file:
            return bytes(self._memory[start - self._in_file : stop - self._in_file])
        assert self._file is not None
        return os.pread(self._file.fileno(), stop - start, start)

    def _write(self) -> None:
        import tempfile  # quick to start without

        try:
            self._file = self._file or self._opened()
            written = 0
            while written < len(self._memory):
                rest = bytes(self._memory[written:])
                written += os.pwrite(self._file.fileno(), rest, self._in_file + written)
        except OSError as error:
            raise disk_error(error, tempfile.gettempdir()) from None
        self._in_file, self._memory = self._in_file + written, bytearray()

    def _opened(self) -> IO[bytes]:
        import tempfile  # quick to start without

        file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed with its last piece
        weakref.finalize(self, file.close)
        return file
