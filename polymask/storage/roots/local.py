"""Writing whole files below one folder and nowhere else, by one run at a time.

A file appears under its name only when it is complete (temporary file, then rename). Temporary files
are in `.polymask/` below the root, which is removed at the end of a run.
"""

import json
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

from polymask.errors import InputError, Locked, NotFound
from polymask.storage.disk import disk_error, read_regular
from polymask.storage.local_disk.locks import lock
from polymask.storage.remote.urls import Location
from polymask.storage.roots.folders import Folders, name_of, parent_of
from polymask.storage.safe_names import WORK

RUN = "run.json"
BEFORE = "before.json"  # lists the images of the manifest from before the unfinished run
_TEMPORARY = re.compile(r"\d+-(?:[0-9a-f]{8}-)?\d+\.tmp").fullmatch  # as `Root.write` names them
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # does not wait for a pipe
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Root:
    """A folder below which each file is written whole, or not at all.

    Paths are relative, with forward slashes, and safe (see `safe_path`). Disk errors become `NotFound`,
    `Denied` or `Unavailable`, each with the path.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._folders = Folders(self.path)
        self._numbers = count()
        self._token = os.urandom(4).hex()  # processes of two machines may have the same number

    def __reduce__(self) -> tuple[type["Root"], tuple[Path]]:
        return Root, (self.path,)  # descriptors belong to their process

    def read(self, relative: str) -> bytes | None:
        """A regular file's bytes, or None if there is no file."""
        try:
            parent = self._folders.descriptor(parent_of(relative), create=False)
            descriptor = os.open(name_of(relative), _READ, dir_fd=parent)
        except (NotFound, FileNotFoundError):
            return None
        except OSError as error:
            raise self._folders.refusal(error, relative) from None
        return read_regular(descriptor, self.path / relative)

    def holds(self, relative: str) -> bool:
        """Whether a file exists; raises `InputError` for a link, a device and the like in its place."""
        try:
            parent = self._folders.descriptor(parent_of(relative), create=False)
            mode = os.stat(name_of(relative), dir_fd=parent, follow_symlinks=False).st_mode
        except (NotFound, FileNotFoundError):
            return False
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise InputError(
                f"{self.path / relative} is in the way: it is no regular file", advice="remove it"
            )
        return stat.S_ISREG(mode)

    def names(self, relative: str) -> list[str]:
        """The sorted names in a folder; empty if there is no folder."""
        try:
            return sorted(os.listdir(self._folders.descriptor(relative, create=False)))
        except (NotFound, InputError):
            return []
        except OSError as error:
            raise self._folders.refusal(error, relative) from None

    def is_empty(self) -> bool:
        """Whether the root is empty or missing; files of an unfinished run count too."""
        try:
            with os.scandir(self.path) as entries:
                return next(entries, None) is None
        except FileNotFoundError:
            return True
        except OSError as error:
            raise self._folders.refusal(error, "") from None

    def same(self, relative: str, other: Location) -> bool:
        """Whether a path below the root and another path are the same existing file."""
        path = self.path / relative
        return isinstance(other, Path) and path.is_file() and other.is_file() and path.samefile(other)

    def write(
        self,
        relative: str,
        data: bytes | Iterable[bytes],
        *,
        durable: bool = False,
        mode: int | None = None,
    ) -> None:
        """Write a whole file, given as bytes or as parts, in place of any file at the path.

        With `durable`, it is synced to disk. With `mode`, it never has more than these permissions.
        """
        work = self._folders.descriptor(WORK, create=True)
        temporary = f"{os.getpid()}-{self._token}-{next(self._numbers)}.tmp"
        try:
            parent = self._folders.descriptor(parent_of(relative), create=True)
            self._write_new(temporary, data, work, durable=durable, mode=mode)
            os.rename(temporary, name_of(relative), src_dir_fd=work, dst_dir_fd=parent)
            if durable:
                os.fsync(parent)
        except OSError as error:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=work)
            raise self._folders.refusal(error, relative) from None

    @staticmethod
    def _write_new(
        name: str, data: bytes | Iterable[bytes], folder: int, *, durable: bool, mode: int | None
    ) -> None:
        descriptor = os.open(name, _NEW, 0o666 if mode is None else 0o600, dir_fd=folder)
        try:
            if mode is not None:
                os.fchmod(descriptor, mode)
            for part in (data,) if isinstance(data, bytes) else data:
                view = memoryview(part)
                while view:
                    view = view[os.write(descriptor, view) :]
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def sync(self) -> None:
        """Make everything written so far durable."""
        os.sync()

    def remove(self, relative: str) -> None:
        """Remove a file if it exists."""
        try:
            os.unlink(name_of(relative), dir_fd=self._folders.descriptor(parent_of(relative), create=False))
        except (FileNotFoundError, NotFound):
            return
        except OSError as error:
            raise self._folders.refusal(error, relative) from None

    def prune(self, folders: Iterable[str]) -> None:
        """Remove those of the folders that are empty, the deepest first."""
        self._folders.close()
        for relative in sorted(folders, key=lambda path: -path.count("/")):
            with suppress(OSError, NotFound, InputError):
                parent = self._folders.descriptor(parent_of(relative), create=False)
                os.rmdir(name_of(relative), dir_fd=parent)

    @contextmanager
    def run(
        self, options: dict[str, Any], *, look: Callable[[], None] = lambda: None
    ) -> Iterator[dict[str, Any] | None]:
        """Hold the root for a run; yields the options of an earlier, unfinished run, or None.

        `look` is called once no other run can change the root, and may refuse its content. During the
        run, `.polymask/run.json` has the options, the process and the host. It stays if the run fails, so
        that the next run knows that one is unfinished. Raises as `held` does.
        """
        self._create_root()
        with self.held():
            look()
            unfinished = self.unfinished()
            if unfinished not in (None, options):
                self.remove(f"{WORK}/{BEFORE}")
            self.clear_temporaries()
            holder = {"options": options, "process": os.getpid(), "host": os.uname().nodename}
            self.write(f"{WORK}/{RUN}", json.dumps(holder).encode(), durable=True)
            yield unfinished
            self.remove(f"{WORK}/{BEFORE}")
            self.remove(f"{WORK}/{RUN}")
            self.clear_temporaries()
            with suppress(OSError):
                os.rmdir(WORK, dir_fd=self._folders.descriptor("", create=False))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other runs out of the root; raises `Locked` if another living process holds it."""
        descriptor = self._open_root()
        try:
            self._lock(descriptor)
            self.close()  # the run that held it before may have removed folders that are open here
            yield
        finally:
            os.close(descriptor)
            self.close()

    def _create_root(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise InputError(f"{self.path} is a file; DEST is a folder") from None
        except OSError as error:
            raise disk_error(error, self.path) from None

    def _lock(self, descriptor: int) -> None:
        try:
            is_locked = lock(descriptor)
        except OSError as error:
            raise disk_error(error, self.path) from None
        if not is_locked:
            raise Locked(f"{self.path} is held by {self._holder()}", advice="wait for it, or stop it")

    def _open_root(self) -> int:
        try:
            return self._folders.opened_root()
        except OSError as error:
            raise disk_error(error, self.path) from None

    def _holder(self) -> str:
        try:
            run = json.loads(self.read(f"{WORK}/{RUN}") or b"")
            return f"process {run['process']} on {run['host']}"
        except (ValueError, KeyError, TypeError, RecursionError):
            return "another run"

    def unfinished(self) -> dict[str, Any] | None:
        """The options of an unfinished run, or None."""
        data = self.read(f"{WORK}/{RUN}")
        try:
            return dict(json.loads(data)["options"]) if data else None
        except (ValueError, KeyError, TypeError, RecursionError):
            return {}

    def clear_temporaries(self) -> None:
        """Remove the temporary files of killed runs; only the holder of the root may do so."""
        for name in self.names(WORK):
            if _TEMPORARY(name):
                self.remove(f"{WORK}/{name}")

    def close(self) -> None:
        """Close all folders; they are opened again when needed."""
        self._folders.close()
