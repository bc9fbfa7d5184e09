"""A file that is read in parts, and opened anew in each process and thread."""

import os
import threading
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

from polymask.errors import SourceChanged
from polymask.operating_system import read_at
from polymask.storage.disk import disk_error

CHUNK = 1 << 22  # bytes read at once when a whole file is scanned


class Ranges:
    """Byte ranges of a seekable file; picklable, and safe to share with threads and forked workers.

    `open_file` is called with the path and returns the file, opened for reading. It must be picklable
    if the `Ranges` are pickled.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        size: int | None = None,
        open_file: "Callable[[Any], BinaryIO] | None" = None,
    ) -> None:
        self.path, self._open_file = path, open_file or _open
        self._opened: dict[tuple[int, int], BinaryIO] = {}
        self.size = os.stat(path).st_size if size is None else size  # noqa: PTH116

    def read(self, start: int, stop: int) -> bytes:
        """The bytes of a half-open range; raises `SourceChanged` where the file is shorter."""
        try:
            data = self._read(self._file, start, stop - start)
        except OSError as error:
            raise disk_error(error, self.path) from None
        if len(data) != stop - start:
            raise SourceChanged(f"{self.path} became shorter while it was read", advice="run again")
        return data

    def chunks(self, size: int = CHUNK) -> Iterator[bytes]:
        """The whole file in consecutive parts of at most `size` bytes."""
        for start in range(0, self.size, size):
            yield self.read(start, min(start + size, self.size))

    @staticmethod
    def _read(file: BinaryIO, start: int, size: int) -> bytes:
        if isinstance(file, FileIO):
            return read_at(file.fileno(), size, start)
        file.seek(start)
        data = file.read(size)
        while len(data) < size and (chunk := file.read(size - len(data))):
            data += chunk
        return data

    @property
    def _file(self) -> BinaryIO:
        """This thread's own open file: threads must not share a read position."""
        key = os.getpid(), threading.get_ident()
        if key not in self._opened:
            self._opened[key] = self._open_file(self.path)
        return self._opened[key]

    def __del__(self) -> None:
        for file in getattr(self, "_opened", {}).values():
            file.close()

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_opened": {}}


def _open(path: str | Path) -> BinaryIO:
    return Path(path).open("rb", buffering=0)
