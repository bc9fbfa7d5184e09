"""What is missing of a deletion's traces: a manifest without its masks, a backup that is gone."""

from hashlib import sha256
from pathlib import Path

from polymask.conversion.dest.deletion_journal import Log, lost_journal, read_log
from polymask.conversion.dest.way_back import way_back
from polymask.errors import ProofError
from polymask.results import Report
from polymask.storage.manifest import MANIFEST
from polymask.storage.remote.urls import Location
from polymask.storage.roots.local import Root


def refuse_lost_manifest(root: Root) -> None:
    """Raise `ProofError` where the journal tells of deletions, and the manifest of none of their masks.

    Without its lines, masks of deleted polygons would be taken for others', or painted anew of nothing.
    """
    log = read_log(root)
    images = [deletion.images for deletion in log.deletions if not deletion.undone] if log else []
    if (root.read(MANIFEST) or b"").count(b'"remaining_sha256"') < max(images, default=0):
        raise ProofError(
            f"{root.path / MANIFEST} is missing, or lacks masks whose polygons are deleted",
            advice=f"{way_back(root)}, then convert again with --overwrite",
        )


def require_way_back(root: Root) -> None:
    """Raise `ProofError` where masks say that polygons are deleted, and the way back to them is lost.

    It is lost where the journal is missing or damaged, or a backup is.
    """
    log = read_log(root)
    if log is None and b'"remaining_sha256"' in (root.read(MANIFEST) or b""):
        raise lost_journal(root)
    if log and log.lost:
        raise ProofError(log.lost)
    require_backups(root, otherwise="; the masks are what they should be")


def look_for_way_back(dest: Location, report: Report) -> None:
    """Note, or raise where all masks are sound, that deleted polygons of a folder could not be put back."""
    if not isinstance(dest, Path):
        return
    try:
        require_way_back(Root(dest))
    except ProofError as error:
        if not report.failed:
            raise
        report.notes.append(str(error))


def require_backups(root: Root, *, otherwise: str = "; nothing more was deleted") -> None:
    """Raise `ProofError`, ending with `otherwise`, where what was deleted from here could not be put back."""
    log = read_log(root)
    for deletion in (log or Log(root, [])).all_deletions:
        backup = None if deletion.undone else root.read(deletion.backup)
        if not deletion.undone and sha256(backup or b"").hexdigest() != deletion.before:
            raise ProofError(
                f"{root.path / deletion.backup} is missing or damaged, so what was deleted could not be "
                f"put back{otherwise}",
                advice="put it there from a copy of your own, or choose another DEST",
            )
