"""Products that forget one sync, to see that the check of order would tell.

Each is made by replacing a function while a forked_runs starts; the product knows nothing of it.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from polymask import operating_system
from polymask.conversion import delete_source as removal
from polymask.conversion.dest.deletion_journal import BACKUP, JOURNAL
from polymask.storage.roots import local as files

FORGETFUL = {
    "no fsync of files below DEST": ("_write_new", "file"),
    "no fsync of folders below DEST": ("write", "folder"),
    "no fsync of the new source": ("_replaced", "file"),
    "no fsync of the source's folder": ("sync_folder", "folder"),
}


def without_fsync(caller: str, kind: str) -> None:
    """Leave out the fsync of one function, told by who asks for it."""
    honest = os.fsync

    def forgetful(descriptor: int) -> None:
        is_folder = Path(f"/proc/self/fd/{descriptor}").is_dir()
        frame = sys._getframe(1)
        while frame.f_back and frame.f_globals["__name__"] == operating_system.__name__:
            frame = frame.f_back
        if frame.f_code.co_name == caller and is_folder == (kind == "folder"):
            return
        honest(descriptor)

    os.fsync = forgetful


def without_sync() -> None:
    """Leave out the one sync before the manifest."""
    files.Root.sync = lambda _root: None  # type: ignore[method-assign]


def not_durable(name: str) -> None:
    """Write one kind of file below DEST without syncing it."""
    honest = files.Root.write

    def careless(root: files.Root, relative: str, data: bytes, **given: Any) -> None:
        durable = given.pop("durable", False) and not relative.startswith(name)
        honest(root, relative, data, durable=durable, **given)

    files.Root.write = careless  # type: ignore[method-assign]


def source_first() -> None:
    """Replace the source before the backup and the journal are written."""
    honest = removal._replace

    def hasty(root: Any, path: Path, before: bytes, after: bytes, *, deleted: int, images: int) -> list[str]:
        removal.replace_file(path, after, temporary="hasty.tmp")
        path.write_bytes(before)
        return honest(root, path, before, after, deleted=deleted, images=images)

    removal._replace = hasty


def in_place() -> None:
    """Write over the source instead of replacing it."""
    removal.replace_file = lambda path, data, **_: [str(path.write_bytes(data))]


MUTANTS: dict[str, Callable[[], None]] = {
    **{name: partial(without_fsync, *rule) for name, rule in FORGETFUL.items()},
    "no sync before the manifest": without_sync,
    "backup not durable": partial(not_durable, BACKUP),
    "journal not durable": partial(not_durable, JOURNAL),
    "manifest not durable": partial(not_durable, "manifest.jsonl"),
    "the source first": source_first,
    "the source in place": in_place,
}


@contextmanager
def mutated(name: str) -> Iterator[None]:
    """A mutant in this process, for a while."""
    kept = os.fsync, files.Root.sync, files.Root.write, removal._replace, removal.replace_file
    MUTANTS[name]()
    try:
        yield
    finally:
        os.fsync, files.Root.sync, files.Root.write, removal._replace, removal.replace_file = kept  # type: ignore[method-assign]
