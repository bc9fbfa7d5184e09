"""Folders below a root, opened component by component and never through a symbolic link.

So a link planted in the destination leads nowhere, whenever it is planted.
"""

import errno
import os
import threading
from contextlib import suppress
from pathlib import Path

from polymask.errors import BackendError, InputError
from polymask.storage.disk import disk_error
from polymask.storage.safe_names import WORK

MOST_FOLDERS = 64  # kept open at once
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ROOT = _FOLDER & ~os.O_NOFOLLOW


class Folders:
    """The folders below a root, each held open by a descriptor; every thread has its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._threads = threading.local()

    @property
    def _opened(self) -> dict[str, int]:
        """The folders that this thread has open; another's may be closed while they are used."""
        if not hasattr(self._threads, "opened"):
            self._threads.opened = _Descriptors()
        opened: dict[str, int] = self._threads.opened
        return opened

    def opened_root(self) -> int:
        """A new descriptor of the root, for the caller to close; raises `OSError`."""
        return os.open(self.path, _ROOT)

    def descriptor(self, relative: str, *, create: bool) -> int:
        """A descriptor of a folder below the root, opened without following links."""
        if relative in self._opened:
            return self._opened[relative]
        if relative and any(part in ("", ".", "..") for part in relative.split("/")):
            raise InputError(f"{relative!r} leads out of {self.path}")
        try:
            if not relative:
                descriptor = self.opened_root()
            else:
                parent = self.descriptor(parent_of(relative), create=create)
                descriptor = self._open_below(parent, name_of(relative), create=create)
        except OSError as error:
            raise self.refusal(error, relative) from None
        if len(self._opened) > MOST_FOLDERS:
            os.close(self._opened.pop(next(name for name in self._opened if name not in ("", WORK))))
        self._opened[relative] = descriptor
        return descriptor

    @staticmethod
    def _open_below(parent: int, name: str, *, create: bool) -> int:
        if create:
            with suppress(FileExistsError):
                os.mkdir(name, dir_fd=parent)
        return os.open(name, _FOLDER, dir_fd=parent)

    def refusal(self, error: OSError, relative: str) -> Exception:
        """The error for what the disk refused at a path below the root."""
        if isinstance(error, BackendError):
            return error
        path = self.path / relative
        if error.errno in (errno.ELOOP, errno.ENOTDIR) and path.is_symlink():
            return InputError(f"{path} is a symbolic link; polymask follows none below DEST, remove it")
        if error.errno in (errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY):
            return InputError(f"{path} is in the way: it is not of the kind that goes there")
        return disk_error(error, path)

    def close(self) -> None:
        """Let go of all folders; they are opened anew when needed."""
        while self._opened:
            os.close(self._opened.popitem()[1])


def parent_of(relative: str) -> str:
    """The folder of a path below a root; "" is the root itself."""
    return relative.rpartition("/")[0]


def name_of(relative: str) -> str:
    """The last part of a path below a root; raises `InputError` where that is no file's name."""
    name = relative.rpartition("/")[2]
    if name in ("", ".", ".."):
        raise InputError(f"{relative!r} is no file's path")
    return name


class _Descriptors(dict[str, int]):
    """Descriptors by folder, closed when their thread or their root goes."""

    def __del__(self) -> None:
        with suppress(OSError, AttributeError, TypeError):  # at the end of a process, much is gone already
            for descriptor in self.values():
                os.close(descriptor)
