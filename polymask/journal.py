"""Fsynced evidence of an in-place run, and the backup of what it deletes.

A journal is a private folder (0700) with two files that are only ever appended to:
`backup.jsonl`, every instance as the source wrote it, before anything of its item is deleted;
and `journal.jsonl`, what was proven and deleted. It is evidence and undo, never the only truth:
a run without its journal costs time, not data.
"""

import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from polymask.errors import FormatError, NotFound, Unavailable
from polymask.files import disk_error
from polymask.shards import FOLDERS, Shard

BACKUP = "backup.jsonl"
EVENTS = "journal.jsonl"


class Journal:
    """An append-only journal in a folder, which is made where it is not there; safe to share by threads."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._named: set[str] = set()
        make_private(self.path)
        self._kept = _Kept()
        self._kept.add(self._read(BACKUP))

    def back_up(self, item: str, name: str, instances: Sequence[Mapping[str, Any]]) -> None:
        """Keep instances as the source wrote them; what is kept already is not kept twice.

        The last line of an instance is its last version, also where an edit was taken back.
        """
        rows = [{"item": item, "name": name, "instance": dict(instance)} for instance in instances]
        with self._lock:
            fresh = [(line, row) for row in rows if not self._kept.holds(line := _line(row), row)]
            self._append(BACKUP, [line for line, _ in fresh])
            self._kept.add(fresh)

    def note(self, event: str, item: str, **facts: Any) -> None:
        """Add a line of evidence."""
        with self._lock:
            self._append(EVENTS, [_line({"event": event, "item": item, **facts})])

    def backups(self) -> Iterator[dict[str, Any]]:
        """Every instance that was backed up, in order."""
        return (value for _, value in self._read(BACKUP))

    def deleted(self) -> list[dict[str, Any]]:
        """The backups of the instances that a run set out to delete, the last version of each.

        Raises `FormatError` where one is not in the backup.
        """
        deletions = (row for _, row in self._read(EVENTS) if row["event"] == "deleting")
        ids = {str(key) for row in deletions for key in row["ids"]}
        latest = {str(line["instance"]["id"]): line for line in self.backups()}
        if lost := sorted(ids - latest.keys()):
            raise FormatError(f"{self.path / BACKUP}: damaged, lacks {', '.join(lost)}")
        return [line for key, line in latest.items() if key in ids]

    def _append(self, name: str, lines: Sequence[bytes]) -> None:
        if not (data := b"".join(lines)):
            return
        path = self.path / name
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
            try:
                _write_whole(descriptor, data)
            finally:
                os.close(descriptor)
            if name not in self._named:  # a run before may have died between making the file and this
                sync_folder(self.path)
                self._named.add(name)
        except OSError as error:
            raise disk_error(error, path) from None

    def _read(self, name: str) -> Iterator[tuple[bytes, dict[str, Any]]]:
        """The whole lines of a file and what they say; a last one that a crash cut off is none."""
        try:
            with (self.path / name).open("rb") as file:
                for line in file:
                    # What a crash cut off was never acted upon: each line is synced before its deed.
                    if not line.endswith(b"\n"):
                        return
                    try:
                        value = json.loads(line)
                    except ValueError:
                        continue
                    except RecursionError:
                        value = None
                    if not _IS_LINE[name](value):
                        raise FormatError(f"{self.path / name}: damaged, holds a line of something else")
                    yield line, value
        except FileNotFoundError:
            return
        except OSError as error:
            raise disk_error(error, self.path / name) from None


class _Kept:
    """The digest of each instance's last line: a table that goes to a temporary file when it is large."""

    def __init__(self) -> None:
        import sqlite3  # only a run that deletes needs it

        self._error = sqlite3.Error
        self._table = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._table.execute("PRAGMA cache_size = -256")  # KiB
        self._table.execute("CREATE TABLE kept (place BLOB PRIMARY KEY, digest BLOB) WITHOUT ROWID")

    def holds(self, line: bytes, row: Mapping[str, Any]) -> bool:
        """Whether a line is the last one of its instance."""
        asked = "SELECT digest FROM kept WHERE place = ?"
        with self._typed():
            found = self._table.execute(asked, [_place(row)]).fetchone()
        return bool(found == (_digest(line),))

    def add(self, lines: Iterable[tuple[bytes, Mapping[str, Any]]]) -> None:
        """Take in lines and what they say, later ones in place of earlier ones."""
        rows = ((_place(row), _digest(line)) for line, row in lines)
        with self._typed():
            self._table.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?)", rows)

    @contextmanager
    def _typed(self) -> Iterator[None]:
        try:
            yield
        except self._error as error:
            raise Unavailable(f"{gettempdir()}: {error}") from None

    def __del__(self) -> None:
        self._table.close()


def _is_backup(value: Any) -> bool:
    if not isinstance(value, dict) or not {"item", "name", "instance"} <= value.keys():
        return False
    return isinstance(value["instance"], dict) and "id" in value["instance"]


def _is_event(value: Any) -> bool:
    if not isinstance(value, dict) or not {"event", "item"} <= value.keys():
        return False
    return value["event"] != "deleting" or isinstance(value.get("ids"), list)


_IS_LINE = {BACKUP: _is_backup, EVENTS: _is_event}


def _write_whole(descriptor: int, data: bytes) -> None:
    """Append and sync; a line that a crash cut off before is closed first."""
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        data = b"\n" + data
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    os.fsync(descriptor)


def sync_folder(path: Path) -> None:
    """Make the names in a folder last."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_private(path: Path) -> None:
    """Make a folder and those above it that are missing, each for this user only, and lasting."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        for folder in reversed(missing):
            folder.mkdir(mode=0o700, exist_ok=True)
            sync_folder(folder.parent)
    except OSError as error:
        raise disk_error(error, path) from None


def _line(row: Mapping[str, Any]) -> bytes:
    """A row as it is written: with its keys in order, so that it is known by its bytes."""
    return json.dumps(row, sort_keys=True).encode() + b"\n"


def _place(row: Mapping[str, Any]) -> bytes:
    return f"{row['item']}\0{row['instance']['id']}".encode(errors="surrogatepass")


def _digest(line: bytes) -> bytes:
    return blake2b(line, digest_size=16).digest()


def default_folder(dataset_id: str) -> Path:
    """Where the journal of a dataset lies unless told otherwise: the user's state folder."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "polymask" / "journals" / dataset_id


def own_folder(path: Path, shard: Shard | None) -> Path:
    """Where in a journal's folder a part of a run has its own journal: parts do not write to one file."""
    return path / shard.folder if shard else path


def open_existing(path: Path) -> list[Journal]:
    """The journals of earlier runs and their parts, the one last written to last.

    Raises `NotFound` where there is none.
    """
    found = [folder for folder in (path, *path.glob(f"{FOLDERS}*")) if (folder / BACKUP).exists()]
    if not found:
        raise NotFound(f"{path}: no journal with a backup; name its folder with --journal")
    return [Journal(folder) for folder in sorted(found, key=_last_written)]


def _last_written(folder: Path) -> tuple[float, str]:
    name = EVENTS if (folder / EVENTS).exists() else BACKUP
    return (folder / name).stat().st_mtime, folder.name
