"""Indexes of large files, kept in the user's cache folder and reused while a file is unchanged.

Each index has a folder, named after the file's path, size and time of change. It appears whole or not
at all. Where the cache is not writable, the index serves a single run.
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
RETENTION = 30 * 86_400  # seconds after which an unused index is deleted


@dataclass(frozen=True, slots=True)
class Stamp:
    """Identifies an index: the file, its state, and the reading options that matter."""

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
        """The stamp of a file in its present state."""
        real = path.resolve()
        facts = real.stat()
        options = skip_invalid, max_pixels, boxes, default_label
        return cls(str(real), facts.st_size, facts.st_mtime_ns, *options)

    @property
    def folder(self) -> Path:
        """The folder of the index."""
        options = f"{int(self.skip_invalid)}{int(self.boxes)}-{self.max_pixels}"
        if self.default_label is not None:
            options += f"-{sha256(self.default_label.encode(errors='surrogateescape')).hexdigest()[:16]}"
        return cache_folder() / f"{self.state}{options}-{__version__}"

    @property
    def outdated_indexes(self) -> list[Path]:
        """Indexes of earlier states of the same file."""
        return [
            index
            for index in cache_folder().glob(f"{self._prefix}*")
            if not index.name.startswith(self.state)
        ]

    @property
    def state(self) -> str:
        """The prefix of the names of all indexes of this state of the file."""
        return f"{self._prefix}{self.size}-{self.changed}-"

    @property
    def _prefix(self) -> str:
        return sha256(self.path.encode(errors="surrogateescape")).hexdigest()[:24] + "-"


class IndexFacts(msgspec.Struct, kw_only=True):
    """The facts about a file that accompany its columns.

    `left_out` lists reasons, as kind and text, each with the number of annotations left out by image;
    `remarks` counts loosely written records.
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
    """The index of a file: its columns, and the facts about it.

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
            return _load_folder, (self.folder,)
        return _file_index, ({part.name: getattr(self, part.name) for part in fields(self)},)


def cache_folder() -> Path:
    """The folder of all indexes, in the user's cache folder."""
    return user_dirs.cache_folder() / "indexes"


def is_stored(path: Path) -> bool:
    """Whether the cache holds any index of the file's present state."""
    state = Stamp.of(path, skip_invalid=False, max_pixels=0).state
    with suppress(OSError):
        return any(True for _ in cache_folder().glob(f"{state}*"))
    return False


def load(stamp: Stamp) -> FileIndex | None:
    """The cached index with this stamp, or None."""
    try:
        os.utime(stamp.folder)  # marks the index as used
        return _load_folder(stamp.folder)
    except (OSError, ValueError, msgspec.MsgspecError):
        return None


def save(stamp: Stamp, stored: FileIndex) -> FileIndex:
    """Store an index for later runs, delete indexes of earlier states, and return the stored index."""
    try:
        cache_folder().mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = Path(tempfile.mkdtemp(dir=cache_folder(), prefix="."))
    except OSError:
        return stored
    try:
        _write(folder, stored)
        with suppress(OSError):  # another run stored the same index first
            folder.rename(stamp.folder)
        for outdated_indexes in (*stamp.outdated_indexes, *_unused_indexes()):
            shutil.rmtree(outdated_indexes, ignore_errors=True)
    except OSError:
        return stored
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return load(stamp) or stored


def _unused_indexes() -> list[Path]:
    """Indexes that no run has opened for a long time, and unfinished ones of killed runs."""
    oldest = time.time() - RETENTION
    return [index for index in cache_folder().iterdir() if index.stat().st_mtime < oldest]


def _write(folder: Path, stored: FileIndex) -> None:
    for name in _ARRAYS:
        np.save(folder / f"{name}.npy", getattr(stored, name))
    (folder / _FACTS).write_bytes(msgspec.json.encode(stored.facts))


def _load_folder(folder: Path) -> FileIndex:
    facts = msgspec.json.decode((folder / _FACTS).read_bytes(), type=IndexFacts)
    arrays = {
        name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False).view(np.ndarray)
        for name in _ARRAYS
    }
    return FileIndex(**arrays, facts=facts, folder=folder)


def _file_index(values: dict[str, Any]) -> FileIndex:
    return FileIndex(**values)
