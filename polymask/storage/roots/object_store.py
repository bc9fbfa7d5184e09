"""Writing whole objects below one prefix of an object store, each proven to be stored, by one run at a time.

A store has no rename and no lock, but a put stores the whole object or nothing. Each stored object
is compared at once with the bytes that were sent, by the store's checksum or by reading it back. A run
puts a note below `.polymask/` and then lists the notes there: if it finds the note of another living
run, it removes its note and ends. So at most one of two runs continues, in any store whose listings
show all earlier puts.
"""

import json
import os
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from hashlib import md5
from threading import Event, Lock, Thread
from typing import Any

from polymask.errors import BackendError, InputError, Locked, NotFound, ProofError, Unavailable
from polymask.operating_system import host, machine
from polymask.storage.remote.connections import WRITABLE
from polymask.storage.remote.urls import Location, Url, located
from polymask.storage.roots.local import Root
from polymask.storage.safe_names import WORK

BEAT = 30.0  # seconds between two signs of life
END = 1.0  # seconds that an interrupted run may wait for the store
DEAD = 4 * BEAT  # seconds without a sign of life, by the store's clock


def open_root(place: str | Location) -> "Root | ObjectRoot":
    """The root for writing to a folder or a URL; raises `InputError` for a place that is not valid."""
    place = located(place)
    return ObjectRoot(place) if isinstance(place, Url) else Root(place)


class ObjectRoot:
    """A prefix below which objects are put, with the methods of `polymask.storage.roots.local.Root`.

    The objects are listed once per process, instead of one request per object.
    """

    def __init__(self, url: Url) -> None:
        self.path = url
        self._listed: set[str] | None = None
        self._listing = Lock()
        self._note = ""

    def __reduce__(self) -> tuple[type["ObjectRoot"], tuple[Url]]:
        return ObjectRoot, (self.path,)

    @property
    def _names(self) -> set[str]:
        with self._listing:
            if self._listed is None:
                self._listed = self._list()
            return self._listed

    def _list(self) -> set[str]:
        if self.path.listing is not None:
            return set(self.path.listing.files)
        if (self.path.info() or {}).get("type") == "file":
            raise InputError(f"{self.path} is an object; DEST is a prefix, as a folder is")
        try:
            return set(self.path.snapshot().listed.files)
        except NotFound:
            return set()

    def read(self, relative: str) -> bytes | None:
        """An object's bytes, or None if there is no object."""
        return self._read(relative) if relative in self._names else None

    def _read(self, relative: str) -> bytes | None:
        try:
            return (self.path / relative).read_bytes()
        except NotFound:
            return None

    def holds(self, relative: str) -> bool:
        """Whether an object exists."""
        return relative in self._names

    def is_empty(self) -> bool:
        """Whether the prefix has no objects; those of an unfinished run count too."""
        return not self._names

    def same(self, relative: str, other: Location) -> bool:
        """Whether a path below the root and another place are the same."""
        return self.path / relative == other

    def write(self, relative: str, data: bytes | Iterable[bytes], *, durable: bool = False) -> None:  # noqa: ARG002 - a put is durable
        """Put a whole object in place of any other; raises `ProofError` if other bytes are stored then."""
        data = data if isinstance(data, bytes) else b"".join(data)
        if ".." in relative.split("/"):
            raise InputError(f"{relative!r} leads out of {self.path}")
        place = self.path / relative
        _refuse_unwritable(place)
        place.call("pipe_file", data)
        if not _has_checksum(place.call("info"), data) and place.read_bytes() != data:
            raise ProofError(f"{place}: what is stored is not what was written")
        if self._listed is not None:
            self._listed.add(relative)

    def sync(self) -> None:
        """Raise `Locked` if another run has taken over; there is nothing to sync, as every put is durable."""
        notes = self._notes()
        if self._note and (self._note not in notes or self._rival(notes)):
            raise Locked(f"{self.path} was taken over by another run", advice="run again when it is done")

    def remove(self, relative: str) -> None:
        """Remove an object if it exists."""
        with suppress(NotFound):
            (self.path / relative).call("rm_file")
        if self._listed is not None:
            self._listed.discard(relative)

    @contextmanager
    def run(
        self, options: dict[str, Any], *, look: Callable[[], None] = lambda: None
    ) -> Iterator[dict[str, Any] | None]:
        """Hold the prefix for a run; yields the options of an earlier, unfinished run, or None.

        As `Root.run`. A run that is killed holds the prefix for two more minutes, or until the next run
        on the same machine.
        """
        _refuse_unwritable(self.path)
        earlier = self._notes()
        self._note = f"run-{os.urandom(8).hex()}.json"
        self._sign(options)
        try:
            self._refuse_rival()
            self._listed = None
            look()
        except BaseException:
            self._forget([self._note])
            self._note = ""
            raise
        self._forget(earlier)
        try:
            with self._renewed(options):
                yield _options_of(self._latest(earlier))
        except BaseException:
            # an interrupted run must end soon, even if the store does not answer
            release = Thread(target=self._renew, args=(options,), kwargs={"held": False}, daemon=True)
            release.start()
            release.join(END)
            self._note = ""
            raise
        self._forget([self._note])
        self._note = ""

    def _sign(self, options: dict[str, Any], *, held: bool = True) -> None:
        """Put the run's note, or put it again."""
        holder = {"process": os.getpid(), "host": host(), "machine": machine()}
        self.write(f"{WORK}/{self._note}", json.dumps({"options": options, "held": held, **holder}).encode())

    def _renew(self, options: dict[str, Any], *, held: bool) -> None:
        """Put the note again, unless it was removed; errors are left to the run itself."""
        note = self._note
        with suppress(BackendError, ProofError):
            if (self.path / WORK / note).info():
                self._sign(options, held=held)

    def _notes(self) -> dict[str, dict[str, Any]]:
        """The notes of runs by name; `at` is the time at which the store says that the note was put."""
        try:
            entries = (self.path / WORK).call("ls", detail=True)
        except NotFound:
            return {}
        names = {info["name"].rpartition("/")[2]: info for info in entries}
        return {name: self._timed(name, info) for name, info in names.items() if name.startswith("run-")}

    def _timed(self, name: str, info: dict[str, Any]) -> dict[str, Any]:
        try:
            note = dict(json.loads(self._read(f"{WORK}/{name}") or b"{}"))
        except (ValueError, TypeError):
            note = {}
        return note | {"at": _modified(info)}

    def _rival(self, notes: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
        """The note of another living run, or None."""
        now = notes[self._note]["at"]
        rivals = (note for name, note in notes.items() if name != self._note)
        return next((note for note in rivals if note.get("held") and not _is_dead(note, now)), None)

    def _refuse_rival(self) -> None:
        notes = self._notes()
        if self._note not in notes:
            raise Unavailable(
                f"{self.path} does not list what was put there", advice="no run can hold such a store"
            )
        rival = self._rival(notes)
        if rival is not None:
            holder = f"process {rival.get('process')} on {rival.get('host')}"
            raise Locked(
                f"{self.path} is held by {holder}",
                advice=f"wait for it, or stop it (of a run that was killed this is known after {DEAD:.0f} s)",
            )

    def _forget(self, notes: "dict[str, dict[str, Any]] | list[str]") -> None:
        for name in notes:
            self.remove(f"{WORK}/{name}")

    @contextmanager
    def _renewed(self, options: dict[str, Any]) -> Iterator[None]:
        """Renew the note regularly during the run, unless it was removed."""
        done = Event()

        def beat() -> None:
            while not done.wait(BEAT):
                self._renew(options, held=True)

        thread = Thread(target=beat, daemon=True, name="polymask-beat")
        thread.start()
        try:
            yield
        except BaseException:
            done.set()
            thread.join(END)
            raise
        done.set()
        thread.join()

    def unfinished(self) -> dict[str, Any] | None:
        """The options of an unfinished run, or None."""
        return _options_of(self._latest({n: note for n, note in self._notes().items() if n != self._note}))

    @staticmethod
    def _latest(notes: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
        return max(notes.values(), key=lambda note: note["at"], default=None)

    def close(self) -> None:
        """Do nothing: no connection is held open."""


def _options_of(note: dict[str, Any] | None) -> dict[str, Any] | None:
    options = note.get("options") if note is not None else None
    return dict(options) if isinstance(options, dict) else None if note is None else {}


def _refuse_unwritable(place: Url) -> None:
    if place.protocol not in WRITABLE:
        writable = ", ".join(f"{protocol}://" for protocol in WRITABLE)
        raise InputError(
            f"{place}: masks are written to folders and to {writable}; {place.protocol}:// is read"
        )


def _has_checksum(info: dict[str, Any], data: bytes) -> bool:
    """Whether the store's checksum is that of the data; some stores have no MD5 of an object."""
    digest = md5(data, usedforsecurity=False)
    is_etag = str(info.get("ETag", "")).strip('"') == digest.hexdigest()
    is_md5 = info.get("md5Hash") == b64encode(digest.digest()).decode()
    return info.get("size") == len(data) and (is_etag or is_md5)


def _modified(info: dict[str, Any]) -> datetime:
    """The time at which the store says that an object was put."""
    stated = next(
        info[name]
        for name in ("LastModified", "last_modified", "updated", "mtime", "created")
        if info.get(name)
    )
    if isinstance(stated, float | int):
        return datetime.fromtimestamp(stated, UTC)
    moment = (
        stated if isinstance(stated, datetime) else datetime.fromisoformat(str(stated).replace("Z", "+00:00"))
    )
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _is_dead(note: dict[str, Any], now: datetime) -> bool:
    """Whether a run has given no sign of life for long, or was a process of this machine that has ended."""
    if now - note["at"] > timedelta(seconds=DEAD):
        return True
    if note.get("machine") != machine() or not isinstance(note.get("process"), int):
        return False
    try:
        os.kill(note["process"], 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
