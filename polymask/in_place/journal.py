"""Fsynced evidence of an in-place run, and the backup of what it deletes.

A journal is a private folder (0700) with two files that are only ever appended to:
`backup.jsonl`, every instance as the source wrote it, before anything of its item is deleted;
and `journal.jsonl`, what was proven and deleted. It is evidence and undo, never the only truth:
a run without its journal costs time, not data.

Each line carries a digest of itself and of all before it (`provenance.chain`), and each file tells how far
the other had come: a deletion is noted with the digest of the backup's last line, and then the backup
is sealed with the digest of that note. So a line, or a file, that is damaged or missing is an
error, and never fewer polygons.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from polymask.errors import NotFound, ProofError, Unavailable
from polymask.in_place.evidence import Evidence, is_backup, is_event, rows_of
from polymask.parallel.shards import FOLDERS, Shard
from polymask.provenance.chain import START, Chain, Line, alone, body_of, damaged
from polymask.storage.disk import disk_error
from polymask.storage.local_disk.durable import make_private, sync_folder
from polymask.storage.local_disk.user_dirs import state_folder

BACKUP = "backup.jsonl"
EVENTS = "journal.jsonl"


class Journal(Evidence):
    """An append-only journal in a folder, which is made where it is not there; safe to share by threads.

    Several processes may add to it at once. Raises `ProofError` where it is damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._named: set[str] = set()
        make_private(self.path)
        self._last_lines = _LastLines()
        self._backup, self._events = Chain(self.path / BACKUP), Chain(self.path / EVENTS)
        self._examine()
        self._was_empty = not (self._backup.lines or self._events.lines)

    @property
    def is_new(self) -> bool:
        """Whether nothing was there when it was opened."""
        return self._was_empty

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.path)

    def back_up(
        self, item: str, name: str, instances: Sequence[Mapping[str, Any]], *, ids: Sequence[str] = ()
    ) -> None:
        """Keep instances as the source wrote them; what is kept already is not kept twice."""
        rows = rows_of(item, name, instances, ids)
        with self._alone():
            fresh = [(body, row) for row in rows if not self._last_lines.holds(body := body_of(row), row)]
            self._append(self._backup, [row for _, row in fresh])
            self._last_lines.add(fresh)

    def note(self, event: str, item: str, **facts: Any) -> None:
        """Add a line of evidence; one of a deletion is there once this returns, or the error says so."""
        row = {"event": event, "item": item, **facts}
        with self._alone():
            if event != "deleting":
                self._append(self._events, [row])
                return
            self._append(self._events, [row | {"backup": self._backup.tip}])
            self._append(self._backup, [{"sealed": self._events.tip}])

    def backups(self) -> Iterator[dict[str, Any]]:
        """Every instance that was backed up, in order."""
        return (row for _, row in _read(Chain(self.path / BACKUP)) if "instance" in row)

    def events(self) -> Iterator[dict[str, Any]]:
        """What was noted, in order."""
        return (row for _, row in _read(Chain(self.path / EVENTS)))

    def backup_lacks(self, ids: Sequence[str]) -> ProofError:
        """The error that instances were deleted that are not in the backup."""
        return damaged(self.path / BACKUP, f"lacks {', '.join(ids)}")

    def deleted(self) -> list[dict[str, Any]]:
        """The backups of the instances that a run set out to delete, the last version of each.

        Raises `ProofError` where one is not in the backup, or nothing tells what was deleted.
        """
        if self._backup.lines and not self._backup.sealed and not self._events.path.exists():
            raise damaged(self._events.path, "it is gone")
        return super().deleted()

    def _examine(self) -> None:
        """Read both files, and see that each has come as far as the other says."""
        witness = seal = START
        for _, row in _read(Chain(self._events.path)):
            witness = row.get("backup", witness)
        is_complete = witness == START
        for body, row in _read(self._backup):
            seal = row.get("sealed", seal)
            is_complete |= self._backup.tip == witness
            self._keep(body, row)
        if not is_complete:
            raise damaged(self._backup.path, f"lacks lines that {EVENTS} speaks of")
        is_complete = seal == START
        for _ in _read(self._events):
            is_complete |= self._events.tip == seal
        if not is_complete:
            raise damaged(self._events.path, f"lacks lines that {BACKUP} speaks of")

    def _keep(self, body: bytes, row: Mapping[str, Any]) -> None:
        if "instance" in row:
            self._last_lines.add([(body, row)])

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other thread or process adds lines in this block, and all that others added were read."""
        with self._lock, alone(self._backup.path):
            for body, row in _read(self._backup):
                self._keep(body, row)
            for _ in _read(self._events):
                pass
            yield

    def _append(self, chain: Chain, rows: Sequence[Mapping[str, Any]]) -> None:
        if not rows:
            return
        chain.append(rows)
        if chain.path.name not in self._named:  # a run before may have died between making the file and this
            try:
                sync_folder(self.path)
            except OSError as error:
                raise disk_error(error, self.path) from None
            self._named.add(chain.path.name)


def _read(chain: Chain) -> Iterator[Line]:
    """The lines after those that were read, each of the kind that its file holds."""
    for body, row in chain.unread():
        if row is None:
            continue
        if not _IS_LINE[chain.path.name](row):
            raise damaged(chain.path, "holds a line of something else")
        yield body, row


class _LastLines:
    """The digest of each instance's last line: a table that goes to a temporary file when it is large.

    A table and no `Spill`: even its keys, one for each instance, may be too many for memory.
    """

    def __init__(self) -> None:
        import sqlite3  # only a run that deletes needs it

        self._error = sqlite3.Error
        self._table = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._table.execute("PRAGMA cache_size = -256")  # KiB
        self._table.execute("CREATE TABLE kept (place BLOB PRIMARY KEY, digest BLOB) WITHOUT ROWID")

    def holds(self, line: bytes, row: Mapping[str, Any]) -> bool:
        """Whether a line is the last one of its instance."""
        query = "SELECT digest FROM kept WHERE place = ?"
        with self._typed():
            row_there = self._table.execute(query, [_place(row)]).fetchone()
        return bool(row_there == (_digest(line),))

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


def _is_line_of_backup(value: Any) -> bool:
    if isinstance(value, dict) and value.keys() == {"sealed"}:
        return isinstance(value["sealed"], str)
    return is_backup(value)


_IS_LINE = {BACKUP: _is_line_of_backup, EVENTS: is_event}


def _place(row: Mapping[str, Any]) -> bytes:
    return f"{row['item']}\0{row['instance']['id']}".encode(errors="surrogatepass")


def _digest(line: bytes) -> bytes:
    return blake2b(line, digest_size=16).digest()


def default_folder(dataset_id: str) -> Path:
    """Where the journal of a dataset lies without `--journal`: in the user's state folder."""
    return state_folder() / "journals" / dataset_id


def own_folder(path: Path, shard: Shard | None) -> Path:
    """Where in a journal's folder a part of a run has its own journal: parts do not write to one file."""
    return path / shard.folder if shard else path


def open_existing(path: Path) -> list[Journal]:
    """The journals of earlier runs and their parts, in the order in which they were last written.

    Raises `NotFound` where there is none.
    """
    folders = [
        folder
        for folder in (path, *path.glob(f"{FOLDERS}*"))
        if (folder / BACKUP).exists() or (folder / EVENTS).exists()
    ]
    if not folders:
        raise NotFound("no journal with a backup", file=path, advice="name its folder with --journal")
    return [Journal(folder) for folder in sorted(folders, key=_last_written)]


def _last_written(folder: Path) -> tuple[float, str]:
    name = EVENTS if (folder / EVENTS).exists() else BACKUP
    return (folder / name).stat().st_mtime, folder.name
