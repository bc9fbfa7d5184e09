"""Writing below one prefix of an object store: whole objects, proven as they are put, one run at a time.

A store has no rename and no lock. A put is whole or not at all; what is stored is compared at once
with what was sent, by the store's checksum or read back. A run puts a note of its own below
`.polymask/` and then lists the notes: where another's is alive it takes its own away and ends. So
of two runs at most one goes on, in any store whose listings show what was put before.
"""

import json
import os
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from hashlib import md5
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from polymask.errors import BackendError, InputError, Locked, NotFound, ProofError, Unavailable
from polymask.storage.remote.connections import WRITABLE
from polymask.storage.remote.urls import Location, Url, located
from polymask.storage.roots.local import Root
from polymask.storage.safe_names import WORK

BEAT = 30.0  # seconds between two signs of life
SOON = 1.0  # seconds that the end of a run may wait for the store
DEAD = 4 * BEAT  # by the store's own clock


def open_root(place: str | Location) -> "Root | ObjectRoot":
    """What is written to at a folder or a URL; raises `InputError` where nothing can be."""
    place = located(place)
    return ObjectRoot(place) if isinstance(place, Url) else Root(place)


class ObjectRoot:
    """A prefix below which objects are put; it offers what `polymask.storage.roots.local.Root` does.

    What is there is listed once in each process, not asked for object by object.
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
        """An object's bytes, or None where there is none."""
        return self._read(relative) if relative in self._names else None

    def _read(self, relative: str) -> bytes | None:
        try:
            return (self.path / relative).read_bytes()
        except NotFound:
            return None

    def holds(self, relative: str) -> bool:
        """Whether an object is there."""
        return relative in self._names

    def is_empty(self) -> bool:
        """Whether nothing is there, not even what a run left."""
        return not self._names

    def same(self, relative: str, other: Location) -> bool:
        """Whether a path below the root is another place."""
        return self.path / relative == other

    def write(self, relative: str, data: bytes | Iterable[bytes], *, durable: bool = False) -> None:  # noqa: ARG002 - a put is durable
        """Put a whole object, replacing what is there; raises `ProofError` where another is stored."""
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
        """Every object is stored and proven already; raises `Locked` where another run has taken over."""
        notes = self._notes()
        if self._note and (self._note not in notes or self._rival(notes)):
            raise Locked(f"{self.path} was taken over by another run", advice="run again when it is done")

    def remove(self, relative: str) -> None:
        """Remove an object, if it is there."""
        with suppress(NotFound):
            (self.path / relative).call("rm_file")
        if self._listed is not None:
            self._listed.discard(relative)

    @contextmanager
    def run(
        self, options: dict[str, Any], *, look: Callable[[], None] = lambda: None
    ) -> Iterator[dict[str, Any] | None]:
        """Hold the prefix for one run; yields the options of a run that did not finish, or None.

        As `Root.run`. A run that is killed holds it for two minutes more, or until the next one on
        the same machine.
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
            with self._beating(options):
                yield _options_of(self._latest(earlier))
        except BaseException:
            # an interrupted run must end soon, also where the store does not answer
            last = Thread(target=self._renew, args=(options,), kwargs={"held": False}, daemon=True)
            last.start()
            last.join(SOON)
            self._note = ""
            raise
        self._forget([self._note])
        self._note = ""

    def _sign(self, options: dict[str, Any], *, held: bool = True) -> None:
        """Put the run's note, or renew it."""
        holder = {"process": os.getpid(), "host": os.uname().nodename, "machine": _machine()}
        self.write(f"{WORK}/{self._note}", json.dumps({"options": options, "held": held, **holder}).encode())

    def _renew(self, options: dict[str, Any], *, held: bool) -> None:
        """Put the note again, unless somebody took it away; what is wrong the run itself meets."""
        note = self._note
        with suppress(BackendError, ProofError):
            if (self.path / WORK / note).info():
                self._sign(options, held=held)

    def _notes(self) -> dict[str, dict[str, Any]]:
        """The notes of runs by name, with the time that the store says each was put at."""
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
        """Another run's note that is alive."""
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
    def _beating(self, options: dict[str, Any]) -> Iterator[None]:
        """Renew the note while the run lasts, unless somebody took it away."""
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
            thread.join(SOON)
            raise
        done.set()
        thread.join()

    def unfinished(self) -> dict[str, Any] | None:
        """The options of a run that did not finish, or None."""
        return _options_of(self._latest({n: note for n, note in self._notes().items() if n != self._note}))

    @staticmethod
    def _latest(notes: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
        return max(notes.values(), key=lambda note: note["at"], default=None)

    def close(self) -> None:
        """Nothing is held open."""


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
    """Whether the store says itself that it holds these bytes; it may know no MD5 of them."""
    digest = md5(data, usedforsecurity=False)
    checksums = (str(info.get("ETag", "")).strip('"'), info.get("md5Hash"))
    return info.get("size") == len(data) and (
        checksums[0] == digest.hexdigest() or checksums[1] == b64encode(digest.digest()).decode()
    )


def _modified(info: dict[str, Any]) -> datetime:
    """When the store says that an object was put."""
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
    """Whether a run gave no sign of life for long, or was a process of this machine that is gone."""
    if now - note["at"] > timedelta(seconds=DEAD):
        return True
    if note.get("machine") != _machine() or not isinstance(note.get("process"), int):
        return False
    try:
        os.kill(note["process"], 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _machine() -> str:
    """What tells machines, their boots and their containers apart, whose process numbers mean others."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{os.uname().nodename} {boot} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - no path
    except OSError:
        return os.urandom(8).hex()  # no other is this one
