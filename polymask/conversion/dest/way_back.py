"""The way back to deleted polygons: `polymask restore`, a backup, or a copy, as the journal tells."""

from collections.abc import Iterable

from polymask.conversion.dest.deletion_journal import (
    BACKUP,
    Log,
    backups_in,
    read_log,
    speaks_of_deletions,
)
from polymask.errors import ProofError
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
