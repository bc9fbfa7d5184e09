"""The way back to deleted polygons: `polymask restore`, a backup, or a copy, as the journal tells.

A journal notes the absolute path of the file, the path from DEST to it, and where DEST was. There, DEST
means the file that it always meant. Elsewhere it means the file that lies beside it as before, so that
a project that was moved or copied whole restores its own file, never that of another project.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from polymask.conversion.dest.deletion_journal import (
    BACKUP,
    JOURNAL,
    FileDeletion,
    Log,
    backups_in,
    read_log,
    speaks_of_deletions,
)
from polymask.errors import BackendError, NotFound, ProofError, SourceChanged
from polymask.storage.local_disk.durable import read_whole
from polymask.storage.manifest import read_manifest
from polymask.storage.remote.urls import Location
from polymask.storage.roots.local import Root
from polymask.storage.roots.object_store import ObjectRoot, open_root


def may_have_deleted(root: Root | ObjectRoot) -> bool:
    """Whether polygons may be gone that masks here account for; only a whole journal tells that none is."""
    if not isinstance(root, Root):
        return True
    try:
        log = read_log(root)
        if (log is None and speaks_of_deletions(root)) or (log and log.lost):
            return True
        deletions = (log or Log(root, [])).all_deletions
    except ProofError:
        return True
    return not (log or deletions) or not all(deletion.undone for deletion in deletions)


def way_back(root: Root | ObjectRoot) -> str:
    """What to do first where polygons are gone: advice that works with what lies in DEST."""
    if isinstance(root, Root) and _can_restore(root):
        return (
            f"put them back first: `polymask restore {root.path}` does, or names the backup to merge by hand"
        )
    if isinstance(root, Root) and backups_in(root):
        return f"put them back first, by hand, from {root.path / BACKUP}"
    return "put them back first, from a copy of your own"


def _can_restore(root: Root) -> bool:
    """Whether the journal has deletions that were not undone."""
    try:
        log = read_log(root)
        if log is None and speaks_of_deletions(root):
            return False
        return any(not deletion.undone for deletion in (log or Log(root, [])).all_deletions)
    except ProofError:
        return False


def on_damage(dest: Location, names: Iterable[str]) -> list[str]:
    """What to do about damaged masks, by their images' names, that were to account for deleted polygons."""
    root = open_root(dest)
    entries = read_manifest(root)
    if not any("remaining_sha256" in entries[name] for name in names):
        return []
    if not may_have_deleted(root):
        return ["the polygons of such masks are in their file: convert again with --overwrite"]
    return [f"polygons of such masks may be deleted; {way_back(root)}, then convert again with --overwrite"]


def facts_of_place(root: Root, source: Path) -> dict[str, str]:
    """What the journal notes of places: the file's, DEST's own, and the way from there to the file."""
    here = root.path.resolve()
    return {"source": str(source), "dest": str(here), "relative": os.path.relpath(source, here)}


def place_of(root: Root, deletion: FileDeletion) -> Path:
    """The file that polygons of a deletion are put back into.

    Raises `NotFound` where DEST is a copy without such a file beside it: the original's is not its own; and
    `SourceChanged` where a journal of an earlier build leaves open which file it is.
    """
    here, source = root.path.resolve(), Path(deletion.source)
    if deletion.dest == str(here):
        return source
    if not deletion.dest:
        return _place_by_name(root, here, deletion)
    beside = Path(os.path.normpath(here / deletion.relative))
    if beside.is_file():
        return beside
    if (Path(deletion.dest) / JOURNAL).exists():
        raise NotFound(
            (
                f"{beside}: no such file; polygons were deleted from {source} when this folder was "
                f"{deletion.dest}, which is still there, with a journal of its own"
            ),
            advice=(
                f"`polymask restore {deletion.dest}` puts that file back; to have it here, copy "
                f"{root.path / deletion.backup} to {beside}"
            ),
        )
    return source if source.is_file() else beside  # DEST alone was moved, or the file is gone


def _place_by_name(root: Root, here: Path, deletion: FileDeletion) -> Path:
    """As a journal tells that does not say where DEST was: the file, unless one beside DEST may be meant."""
    source = Path(deletion.source)
    for folder in (here.parent, here):
        path = folder / source.name
        state = _digest(path)
        if state not in (deletion.before, deletion.after) or (source.exists() and path.samefile(source)):
            continue
        if state == deletion.before:  # it was put back by hand
            return path
        raise SourceChanged(
            (
                f"{source}, or {path}? The journal of an earlier build tells of the first, and the second is "
                "as a deletion left it: this folder may have been copied; neither was changed"
            ),
            advice=f"copy {root.path / deletion.backup} by hand to the one that is to be put back",
        )
    return source


def _digest(path: Path) -> str:
    with suppress(BackendError):
        if path.is_file():
            return sha256(read_whole(path)).hexdigest()
    return ""
