"""Folders below a root, opened part by part and never through a symbolic link.

So a symbolic link in DEST cannot lead a run out of it, even if it is planted during the run.
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
    """The folders below a root, each held open by a descriptor; every thread has its own descriptors."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._threads = threading.local()

    @property
    def _opened(self) -> dict[str, int]:
        """The descriptors of this thread by folder; those of other threads may be closed at any moment."""
        try:
            opened: dict[str, int] = self._threads.opened
        except AttributeError:  # this thread's first
            opened = self._threads.opened = _Descriptors()
        return opened

    def opened_root(self) -> int:
        """Open a new descriptor of the root, which the caller closes; raises `OSError`."""
        return os.open(self.path, _ROOT)

    def descriptor(self, relative: str, *, create: bool) -> int:
        """A descriptor of a folder below the root, opened without following symbolic links."""
        if (known := self._opened.get(relative)) is not None:
            return known
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
        """The polymask error for a disk error at a path below the root."""
        if isinstance(error, BackendError):
            return error
        path = self.path / relative
        if error.errno in (errno.ELOOP, errno.ENOTDIR) and path.is_symlink():
            return InputError(f"{path} is a symbolic link; polymask follows none below DEST, remove it")
        if error.errno in (errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY):
            return InputError(f"{path} is in the way: it is not of the kind that goes there")
        return disk_error(error, path)

    def close(self) -> None:
        """Close all descriptors; they are opened again when needed."""
        while self._opened:
            os.close(self._opened.popitem()[1])


def parent_of(relative: str) -> str:
    """The folder of a path below a root; "" is the root itself."""
    return relative.rpartition("/")[0]


def name_of(relative: str) -> str:
    """The last part of a path below a root; raises `InputError` if it cannot be a file's name."""
    name = relative.rpartition("/")[2]
    if name in ("", ".", ".."):
        raise InputError(f"{relative!r} is no file's path")
    return name


class _Descriptors(dict[str, int]):
    """Descriptors by folder, which are closed when their thread ends or their root is collected."""

    def __del__(self) -> None:
        with suppress(OSError, AttributeError, TypeError):  # at the end of a process, `os` may be unloaded
            for descriptor in self.values():
                os.close(descriptor)
