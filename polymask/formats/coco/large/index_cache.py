"""Indexes of large files, kept in the user's cache folder: one is made once for a file as it is.

An index lies in a folder of its own, named after the file's path, size and time of change; it
appears whole or not at all. Where the cache cannot be written to, the index serves one run.
"""

import os
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from polymask._version import __version__
from polymask.formats.coco.rows import Key
from polymask.ledger import Ledger, Reason
from polymask.model import Finding, Skipped
from polymask.storage.local_disk import user_dirs

_ARRAYS = ("marks", "order", "cuts", "frames")
_FACTS = "facts.json"
KEPT = 30 * 86_400  # seconds that an index is kept unused


@dataclass(frozen=True, slots=True)
class Stamp:
    """Which state of which file an index is of, and what it was asked for."""

    path: str
    size: int
    changed: int
    skip_invalid: bool
    max_pixels: int
    boxes: bool = False
    default_label: str | None = None

    @classmethod
    def of(
        cls,
        path: Path,
        *,
        skip_invalid: bool,
        max_pixels: int,
        boxes: bool = False,
        default_label: str | None = None,
    ) -> "Stamp":
        """A file as it is now."""
        real = path.resolve()
        facts = real.stat()
        asked = skip_invalid, max_pixels, boxes, default_label
        return cls(str(real), facts.st_size, facts.st_mtime_ns, *asked)

    @property
    def folder(self) -> Path:
        """Where the index lies."""
        asked = f"{int(self.skip_invalid)}{int(self.boxes)}-{self.max_pixels}"
        if self.default_label is not None:
            asked += f"-{sha256(self.default_label.encode(errors='surrogateescape')).hexdigest()[:16]}"
        return cache_folder() / f"{self.state}{asked}-{__version__}"

    @property
    def outdated(self) -> list[Path]:
        """Indexes of earlier states of the same file."""
        return [
            index
            for index in cache_folder().glob(f"{self._prefix}*")
            if not index.name.startswith(self.state)
        ]

    @property
    def state(self) -> str:
        """How the names of all indexes of this state begin."""
        return f"{self._prefix}{self.size}-{self.changed}-"

    @property
    def _prefix(self) -> str:
        return sha256(self.path.encode(errors="surrogateescape")).hexdigest()[:24] + "-"


class IndexFacts(msgspec.Struct, kw_only=True):
    """What a reader tells of a file beside its columns.

    `left_out` are kinds and texts of reasons, with the annotations of each image that are left out for it;
    `remarks` count what was read loosely.
    """

    names: list[str]
    ids: list[Key]
    categories: list[tuple[Key, str]]
    used: dict[str, int]
    skipped: tuple[Skipped, ...]
    declared: int
    invalid: int
    left_out: list[tuple[str, str, dict[int, int]]]
    findings: tuple[Finding, ...]
    remarks: dict[str, int]


@dataclass(eq=False, kw_only=True)
class FileIndex:
    """What is known of a file: its columns, and the facts that a reader tells of it.

    The annotations of image i are the rows `order[cuts[i] : cuts[i + 1]]` of the list, and row j
    lies between the bytes `marks[j]` and `marks[j + 1]`.
    """

    marks: NDArray[np.int64]
    order: NDArray[np.uint32]
    cuts: NDArray[np.int64]
    frames: NDArray[np.int64]
    facts: IndexFacts
    folder: Path | None = None

    @property
    def ledger(self) -> Ledger:
        """What becomes of all annotations."""
        ledger, facts = Ledger(), self.facts
        ledger.left_out = {Reason(kind, text): counts for kind, text, counts in facts.left_out}
        ledger.close(declared=facts.declared, instances=np.diff(self.cuts).tolist(), invalid=facts.invalid)
        return ledger

    def __reduce__(self) -> Any:
        """By its folder, where it has one: a worker elsewhere on this machine opens it itself."""
        if self.folder:
            return _opened, (self.folder,)
        return _made, ({part.name: getattr(self, part.name) for part in fields(self)},)


def cache_folder() -> Path:
    """Where indexes lie: the user's cache folder."""
    return user_dirs.cache_folder() / "indexes"


def is_stored(path: Path) -> bool:
    """Whether there is any index of the file as it is."""
    state = Stamp.of(path, skip_invalid=False, max_pixels=0).state
    return any(True for _ in cache_folder().glob(f"{state}*"))


def load(stamp: Stamp) -> FileIndex | None:
    """The index of a file in this state, or None."""
    try:
        os.utime(stamp.folder)  # it is used
        return _opened(stamp.folder)
    except (OSError, ValueError, msgspec.MsgspecError):
        return None


def save(stamp: Stamp, stored: FileIndex) -> FileIndex:
    """Keep an index for the next run, and drop those of earlier states; returns it as it is kept."""
    try:
        cache_folder().mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = Path(tempfile.mkdtemp(dir=cache_folder(), prefix="."))
    except OSError:
        return stored
    try:
        _write(folder, stored)
        with suppress(OSError):  # another run was first
            folder.rename(stamp.folder)
        for outdated in (*stamp.outdated, *_unused()):
            shutil.rmtree(outdated, ignore_errors=True)
    except OSError:
        return stored
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return load(stamp) or stored


def _unused() -> list[Path]:
    """Indexes that no run has opened for long, and what is left of runs that were killed meanwhile."""
    since = time.time() - KEPT
    return [index for index in cache_folder().iterdir() if index.stat().st_mtime < since]


def _write(folder: Path, stored: FileIndex) -> None:
    for name in _ARRAYS:
        np.save(folder / f"{name}.npy", getattr(stored, name))
    (folder / _FACTS).write_bytes(msgspec.json.encode(stored.facts))


def _opened(folder: Path) -> FileIndex:
    facts = msgspec.json.decode((folder / _FACTS).read_bytes(), type=IndexFacts)
    arrays = {
        name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False).view(np.ndarray)
        for name in _ARRAYS
    }
    return FileIndex(**arrays, facts=facts, folder=folder)


def _made(values: dict[str, Any]) -> FileIndex:
    return FileIndex(**values)
