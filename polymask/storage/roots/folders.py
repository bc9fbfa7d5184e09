"""Folders below a root, opened part by part and never through a symbolic link.

So a symbolic link in DEST cannot lead a run out of it, even if it is planted during the run.
"""

import errno
import threading
from contextlib import suppress
from pathlib import Path

from polymask.errors import BackendError, InputError
from polymask.operating_system import OpenFolder, close_folder, make_folder, open_below, open_folder
from polymask.storage.disk import disk_error
from polymask.storage.safe_names import WORK

MOST_FOLDERS = 64  # kept open at once


class Folders:
    """The folders below a root, each held open; every thread has them open itself."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._threads = threading.local()

    @property
    def _opened(self) -> dict[str, OpenFolder]:
        """The open folders of this thread; those of other threads may be closed at any moment."""
        if not hasattr(self._threads, "opened"):
            self._threads.opened = _OpenFolders()
        opened: dict[str, OpenFolder] = self._threads.opened
        return opened

    def opened(self, relative: str, *, create: bool) -> OpenFolder:
        """A folder below the root, opened without following symbolic links."""
        if relative in self._opened:
            return self._opened[relative]
        if relative and any(part in ("", ".", "..") for part in relative.split("/")):
            raise InputError(f"{relative!r} leads out of {self.path}")
        try:
            if not relative:
                folder = open_folder(self.path)
            else:
                parent = self.opened(parent_of(relative), create=create)
                folder = self._open_below(parent, name_of(relative), create=create)
        except OSError as error:
            raise self.refusal(error, relative) from None
        if len(self._opened) > MOST_FOLDERS:
            close_folder(self._opened.pop(next(name for name in self._opened if name not in ("", WORK))))
        self._opened[relative] = folder
        return folder

    @staticmethod
    def _open_below(parent: OpenFolder, name: str, *, create: bool) -> OpenFolder:
        if create:
            with suppress(FileExistsError):
                make_folder(parent, name)
        return open_below(parent, name)

    def refusal(self, error: OSError, relative: str) -> Exception:
        """The polymask error for a disk error at a path below the root."""
        if isinstance(error, BackendError):
            return error
        path = self.path / relative
        if error.errno in (errno.ELOOP, errno.ENOTDIR) and path.is_symlink():
            return InputError(
                f"{path} is a symbolic link, and polymask follows none below DEST", advice="remove the link"
            )
        if error.errno in (errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY, errno.ENXIO):
            return InputError(
                f"{path} is in the way: it is not of the kind that goes there", advice="move it away"
            )
        return disk_error(error, path)

    def close(self) -> None:
        """Close all folders; they are opened again when needed."""
        while self._opened:
            close_folder(self._opened.popitem()[1])


def parent_of(relative: str) -> str:
    """The folder of a path below a root; "" is the root itself."""
    return relative.rpartition("/")[0]


def name_of(relative: str) -> str:
    """The last part of a path below a root; raises `InputError` if it cannot be a file's name."""
    name = relative.rpartition("/")[2]
    if name in ("", ".", ".."):
        raise InputError(f"{relative!r} is no file's path")
    return name


class _OpenFolders(dict[str, OpenFolder]):
    """Open folders by path, which are closed when their thread ends or their root is collected."""

    def __del__(self) -> None:
        with suppress(OSError, AttributeError, TypeError):  # at the end of a process, modules may be unloaded
            for folder in self.values():
                close_folder(folder)
