"""Detecting losses after deletions: a manifest without its masks, a missing journal or backup."""

from hashlib import sha256
from pathlib import Path

from polymask.conversion.dest.deletion_journal import (
    JOURNAL,
    JOURNAL_GONE,
    Log,
    backups_in,
    implies_deletions,
    lost_journal,
    read_log,
)
from polymask.conversion.dest.way_back import recovery
from polymask.errors import ProofError
from polymask.results import Report
from polymask.storage.manifest import MANIFEST
from polymask.storage.remote.urls import Location
from polymask.storage.roots.local import Root


def refuse_lost_manifest(root: Root) -> None:
    """Raise `ProofError` if the journal has deletions whose masks are not in the manifest.

    Without these lines, a run would take masks of deleted polygons for foreign files, or paint them empty.
    """
    log = read_log(root)
    images = [deletion.images for deletion in log.deletions if not deletion.undone] if log else []
    if (root.read(MANIFEST) or b"").count(b'"remaining_sha256"') < max(images, default=0):
        raise ProofError(
            f"{root.path / MANIFEST} is missing, or lacks masks whose polygons are deleted",
            advice=f"{recovery(root)}, then convert again with --overwrite",
        )


def require_restorable(root: Root) -> None:
    """Raise `ProofError` if polygons are deleted and the journal or a backup is lost or damaged."""
    log = read_log(root)
    if log is None and implies_deletions(root):
        raise lost_journal(root)
    if log and log.lost:
        raise ProofError(log.lost)
    require_backups(root, ending="; the masks are what they should be")


def report_lost_backups(dest: Location, report: Report) -> None:
    """Note in a report if deleted polygons cannot be restored; raise that error if all masks are sound."""
    if not isinstance(dest, Path):
        return
    root = Root(dest)
    try:
        require_restorable(root)
        if backups_in(root) and read_log(root) is None:  # the files were put back by hand
            report.notes.append(JOURNAL_GONE.format(journal=root.path / JOURNAL))
    except ProofError as error:
        if not report.failed:
            raise
        report.notes.append(str(error))


def require_backups(root: Root, *, ending: str = "; nothing more was deleted") -> None:
    """Raise `ProofError` if a backup is missing or damaged; `ending` is the end of its message."""
    log = read_log(root)
    for deletion in (log or Log(root, [])).all_deletions:
        backup = None if deletion.undone else root.read(deletion.backup)
        if not deletion.undone and sha256(backup or b"").hexdigest() != deletion.before:
            raise ProofError(
                f"{root.path / deletion.backup} is missing or damaged, so what was deleted could not be "
                f"put back{ending}",
                advice="put it there from a copy of your own, or choose another DEST",
            )
