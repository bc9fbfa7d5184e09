"""The journal of an in-place run: a synced record of its deletions, and a backup of the deleted instances.

A journal is a private folder (mode 0700) with two files that only grow. `backup.jsonl` has every instance
as the source stored it, written before the first deletion from its item. `journal.jsonl` has the
deletions and what became of them. Both serve as evidence and for undo; a run that has lost its journal
still decides correctly, from the stored masks, but takes more time.

Each line carries a digest of itself and of all earlier lines (`provenance.chain`), and each file records
the length of the other: a deletion is noted with the digest of the backup's last line, and then the
backup is sealed with the digest of that note, as it is with that of a restoration. So a damaged or missing
line on these, or file, is an error; it never means that fewer polygons are restored, or others.
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
from polymask.parallel.shards import FOLDER_PREFIX, Shard
from polymask.provenance.chain import START, Chain, Line, body_of, damaged, locked
from polymask.storage.disk import disk_error
from polymask.storage.local_disk.durable import make_private, sync_folder
from polymask.storage.local_disk.user_dirs import state_folder

BACKUP = "backup.jsonl"
EVENTS = "journal.jsonl"
SEALED = ("deleting", "restored")  # events that tell what to put back: a missing one would be silent
OF_MASKS = ("removing", "removed")  # events that say nothing of polygons


class Journal(Evidence):
    """An append-only journal in a folder, which is created if it is missing.

    Threads may share it, and several processes may append to it at once.

    Raises:
        ProofError: The journal is damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._named: set[str] = set()
        make_private(self.path)
        self._last_lines = _LastLines()
        self._backup, self._events = Chain(self.path / BACKUP), Chain(self.path / EVENTS)
        self._was_empty = True  # or all its lines are lost
        self._examine()

    @property
    def is_new(self) -> bool:
        """Whether it told of no deletion when it was opened."""
        return self._was_empty

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.path)

    def back_up(
        self, item: str, name: str, instances: Sequence[Mapping[str, Any]], *, ids: Sequence[str] = ()
    ) -> None:
        """Keep instances as the source stored them; one that is backed up already is not repeated."""
        rows = rows_of(item, name, instances, ids)
        with self._exclusive():
            fresh = [(body, row) for row in rows if not self._last_lines.holds(body := body_of(row), row)]
            self._append(self._backup, [row for _, row in fresh])
            self._last_lines.add(fresh)

    def note(self, event: str, item: str, **facts: Any) -> None:
        """Append an event; once this returns without an error, a line on a deletion is synced to disk."""
        row = {"event": event, "item": item, **facts}
        with self._exclusive():
            if event == "deleting":
                row["backup"] = self._backup.tip
            self._append(self._events, [row])
            if event in SEALED:
                self._append(self._backup, [{"sealed": self._events.tip}])

    def backups(self) -> Iterator[dict[str, Any]]:
        """Every line of the backup that has an instance, in order."""
        return (row for _, row in _read(Chain(self.path / BACKUP)) if "instance" in row)

    def events(self) -> Iterator[dict[str, Any]]:
        """What was noted, in order."""
        return (row for _, row in _read(Chain(self.path / EVENTS)))

    def backup_lacks(self, ids: Sequence[str]) -> ProofError:
        """The error that instances were deleted that are not in the backup."""
        return damaged(self.path / BACKUP, f"lacks {', '.join(ids)}")

    def deleted(self) -> list[dict[str, Any]]:
        """The backups of the instances that runs set out to delete, the last version of each.

        Raises:
            ProofError: An instance is not in the backup, or the list of deletions is lost.
        """
        if self._backup.lines and not self._backup.sealed and not self._events.path.exists():
            raise damaged(self._events.path, "it is gone")
        return super().deleted()

    def _examine(self) -> None:
        """Read both files, and check that each is at least as long as the other records."""
        witness = seal = START
        for _, row in _read(Chain(self._events.path)):
            witness = row.get("backup", witness)
            self._was_empty &= row["event"] in OF_MASKS
        is_complete = witness == START
        for body, row in _read(self._backup):
            seal, self._was_empty = row.get("sealed", seal), False
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
    def _exclusive(self) -> Iterator[None]:
        """Keep other threads and processes from appending, and read what they have appended so far."""
        with self._lock, locked(self._backup.path):
            for body, row in _read(self._backup):
                self._keep(body, row)
            for _ in _read(self._events):
                pass
            yield

    def _append(self, chain: Chain, rows: Sequence[Mapping[str, Any]]) -> None:
        if not rows:
            return
        chain.append(rows)
        if chain.path.name not in self._named:  # an earlier run may have died right after it made the file
            try:
                sync_folder(self.path)
            except OSError as error:
                raise disk_error(error, self.path) from None
            self._named.add(chain.path.name)


def _read(chain: Chain) -> Iterator[Line]:
    """The lines that were not read yet; raises `ProofError` for a line that does not belong in the file."""
    for body, row in chain.unread():
        if row is None:
            continue
        if not _IS_LINE[chain.path.name](row):
            raise damaged(chain.path, "holds a line of something else")
        yield body, row


class _LastLines:
    """The digest of each instance's last line, in an SQLite table that moves to a temporary file as it grows.

    A `Spill` would not do: even the keys, one per instance, may be too many for memory.
    """

    def __init__(self) -> None:
        import sqlite3  # only a run that deletes needs it

        self._error = sqlite3.Error
        self._table = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._table.execute("PRAGMA cache_size = -256")  # KiB
        self._table.execute("CREATE TABLE kept (place BLOB PRIMARY KEY, digest BLOB) WITHOUT ROWID")

    def holds(self, line: bytes, row: Mapping[str, Any]) -> bool:
        """Whether a line repeats the last line of its instance."""
        query = "SELECT digest FROM kept WHERE place = ?"
        with self._disk_errors():
            stored = self._table.execute(query, [_place(row)]).fetchone()
        return bool(stored == (_digest(line),))

    def add(self, lines: Iterable[tuple[bytes, Mapping[str, Any]]]) -> None:
        """Record lines with their rows; a later line of an instance replaces an earlier one."""
        rows = ((_place(row), _digest(line)) for line, row in lines)
        with self._disk_errors():
            self._table.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?)", rows)

    @contextmanager
    def _disk_errors(self) -> Iterator[None]:
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
    """The folder of a dataset's journal unless `--journal` names another: in the user's state folder."""
    return state_folder() / "journals" / dataset_id


def shard_folder(path: Path, shard: Shard | None) -> Path:
    """The folder, within a journal's folder, for one shard of a run: shards do not write to the same file."""
    return path / shard.folder if shard else path


def open_existing(path: Path) -> list[Journal]:
    """The journals of earlier runs and their shards, in the order in which they were last written.

    Raises:
        NotFound: There is no journal.
    """
    folders = [
        folder
        for folder in (path, *path.glob(f"{FOLDER_PREFIX}*"))
        if (folder / BACKUP).exists() or (folder / EVENTS).exists()
    ]
    if not folders:
        raise NotFound(
            "no journal with a backup",
            file=path,
            advice="name the folder that the deleting run named, or leave --journal out for the usual one",
            exit_code=2,
        )
    return [Journal(folder) for folder in sorted(folders, key=_last_written)]


def _last_written(folder: Path) -> tuple[float, str]:
    name = EVENTS if (folder / EVENTS).exists() else BACKUP
    return (folder / name).stat().st_mtime, folder.name
