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
from polymask.operating_system import (
    SYNC_WAITS,
    OpenFolder,
    host,
    lock,
    move,
    open_new,
    open_to_lock,
    open_to_read,
    remove_file,
    remove_folder,
    set_mode,
    status,
    sync_file,
    sync_folder,
)
from polymask.storage.disk import disk_error, read_regular
from polymask.storage.remote.urls import Location
from polymask.storage.roots.folders import Folders, name_of, parent_of
from polymask.storage.safe_names import WORK

RUN = "run.json"
BEFORE = "before.json"  # lists the images of the manifest from before the unfinished run
_TEMPORARY = re.compile(r"\d+-(?:[0-9a-f]{8}-)?\d+\.tmp").fullmatch  # as `Root.write` names them


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
            parent = self._folders.opened(parent_of(relative), create=False)
            descriptor = open_to_read(parent, name_of(relative))
        except (NotFound, FileNotFoundError):
            return None
        except OSError as error:
            raise self._folders.refusal(error, relative) from None
        return read_regular(descriptor, self.path / relative)

    def holds(self, relative: str) -> bool:
        """Whether a file exists; raises `InputError` for a link, a device and the like in its place."""
        try:
            parent = self._folders.opened(parent_of(relative), create=False)
            mode = status(parent, name_of(relative)).st_mode
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
            return sorted(os.listdir(self._folders.opened(relative, create=False)))
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
        work = self._folders.opened(WORK, create=True)
        temporary = f"{os.getpid()}-{self._token}-{next(self._numbers)}.tmp"
        try:
            parent = self._folders.opened(parent_of(relative), create=True)
            self._write_new(temporary, data, work, durable=durable, mode=mode)
            move(work, temporary, parent, name_of(relative))
            if durable:
                sync_folder(parent)
        except OSError as error:
            with suppress(OSError):
                remove_file(work, temporary)
            raise self._folders.refusal(error, relative) from None

    @staticmethod
    def _write_new(
        name: str, data: bytes | Iterable[bytes], folder: OpenFolder, *, durable: bool, mode: int | None
    ) -> None:
        descriptor = open_new(folder, name, 0o666 if mode is None else 0o600)
        try:
            if mode is not None:
                set_mode(descriptor, mode)
            for part in (data,) if isinstance(data, bytes) else data:
                view = memoryview(part)
                while view:
                    view = view[os.write(descriptor, view) :]
            if durable or not SYNC_WAITS:
                sync_file(descriptor)
        finally:
            os.close(descriptor)

    def sync(self) -> None:
        """Make everything written so far durable."""
        if SYNC_WAITS:  # else each file was synced when it was written
            os.sync()

    def remove(self, relative: str) -> None:
        """Remove a file if it exists."""
        try:
            remove_file(self._folders.opened(parent_of(relative), create=False), name_of(relative))
        except (FileNotFoundError, NotFound):
            return
        except OSError as error:
            raise self._folders.refusal(error, relative) from None

    def prune(self, folders: Iterable[str]) -> None:
        """Remove those of the folders that are empty, the deepest first."""
        self._folders.close()
        for relative in sorted(folders, key=lambda path: -path.count("/")):
            with suppress(OSError, NotFound, InputError):
                parent = self._folders.opened(parent_of(relative), create=False)
                remove_folder(parent, name_of(relative))

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
            holder = {"options": options, "process": os.getpid(), "host": host()}
            self.write(f"{WORK}/{RUN}", json.dumps(holder).encode(), durable=True)
            yield unfinished
            self.remove(f"{WORK}/{BEFORE}")
            self.remove(f"{WORK}/{RUN}")
            self.clear_temporaries()
            with suppress(OSError):
                remove_folder(self._folders.opened("", create=False), WORK)

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
            return open_to_lock(self.path)
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
