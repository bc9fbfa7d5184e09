"""How to get deleted polygons back: by `polymask restore`, from a backup, or from a copy.

A journal has the absolute path of the annotation file, its path relative to DEST, and the path of DEST.
While DEST is at that path, the absolute path counts. If DEST was moved or copied, the relative path
counts, so that a project that was moved or copied as a whole restores its own file, never that of
another project.
"""

import json
import os
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from polymask.conversion.dest.deletion_journal import (
    BACKUP,
    JOURNAL,
    FileDeletion,
    Log,
    backups_in,
    implies_deletions,
    read_log,
    temporary_name,
)
from polymask.errors import BackendError, NotFound, PolymaskError, ProofError, SourceChanged
from polymask.storage.local_disk.durable import read_whole
from polymask.storage.manifest import read_manifest
from polymask.storage.remote.urls import Location
from polymask.storage.roots.local import Root
from polymask.storage.roots.object_store import ObjectRoot, open_root


def may_have_deleted(root: Root | ObjectRoot) -> bool:
    """Whether polygons of masks here may be deleted; only an intact journal can show that none are."""
    if not isinstance(root, Root):
        return True
    try:
        log = read_log(root)
        if (log is None and implies_deletions(root)) or (log and log.lost):
            return True
        deletions = (log or Log(root, [])).all_deletions
    except ProofError:
        return True
    return not (log or deletions) or not all(deletion.undone for deletion in deletions)


def recovery(root: Root | ObjectRoot) -> str:
    """Advice on getting deleted polygons back that works with the content of DEST."""
    if isinstance(root, Root) and _can_restore(root):
        return (
            f"put them back first: `polymask restore {root.path}` does, or names the backup to merge by hand"
        )
    if isinstance(root, Root) and backups_in(root):
        return f"put them back first, by hand, from {root.path / BACKUP}"
    return "put them back first, from a copy of your own"


def _can_restore(root: Root) -> bool:
    """Whether the journal has deletions that can be undone."""
    try:
        log = read_log(root)
        if log is None and implies_deletions(root):
            return False
        return any(not deletion.undone for deletion in (log or Log(root, [])).all_deletions)
    except ProofError:
        return False


def damage_advice(dest: Location, names: Iterable[str]) -> list[str]:
    """Advice on damaged masks, by the names of their images, whose polygons may be deleted."""
    root = open_root(dest)
    entries = read_manifest(root)
    if not any("remaining_sha256" in entries[name] for name in names):
        return []
    if not may_have_deleted(root):
        return ["the polygons of such masks are in their file: convert again with --overwrite"]
    return [f"polygons of such masks may be deleted; {recovery(root)}, then convert again with --overwrite"]


def place_facts(root: Root, source: Path) -> dict[str, str]:
    """The paths that the journal notes: those of the file and of DEST, and the relative path between them."""
    dest = root.path.resolve()
    return {"source": str(source), "dest": str(dest), "relative": os.path.relpath(source, dest)}


def file_of(root: Root, deletion: FileDeletion) -> Path:
    """The file from which a deletion took polygons.

    Raises:
        NotFound: DEST is a copy without such a file beside it; the original's file is not its own.
        SourceChanged: A journal of an earlier build leaves open which file is meant.
    """
    dest, source = root.path.resolve(), Path(deletion.source)
    if deletion.dest == str(dest):
        return source
    if not deletion.dest:
        return _file_by_name(root, dest, deletion)
    beside = Path(os.path.normpath(dest / deletion.relative))
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
    return source if source.is_file() else beside  # only DEST was moved, or the file is missing


def _file_by_name(root: Root, dest: Path, deletion: FileDeletion) -> Path:
    """As `file_of`, for a journal without the path of DEST: the file, unless one beside DEST may be meant."""
    source = Path(deletion.source)
    for folder in (dest.parent, dest):
        path = folder / source.name
        digest = _digest(path)
        if digest not in (deletion.before, deletion.after) or (source.exists() and path.samefile(source)):
            continue
        if digest == deletion.before:  # somebody restored it by hand
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


def clear_stale(root: Root, deletions: Iterable[FileDeletion]) -> None:
    """Remove the temporary files of killed runs; the caller holds the root, so no living run needs them."""
    for deletion in deletions:
        source = Path(deletion.source)
        for edge in ((deletion.before, deletion.after), (deletion.after, deletion.before)):
            path = source.with_name(temporary_name(root, source, *edge))
            if path.is_file() and not path.is_symlink():
                path.unlink(missing_ok=True)


class Takings:
    """From which images of a folder the deletions that are not undone took polygons."""

    def __init__(self, root: Root | ObjectRoot) -> None:
        self.root = root

    def may_include(self, name: str) -> bool:
        """Whether polygons of an image may be deleted; not where its file has all that the backups have."""
        return self._may_be_any and name not in self._whole_images

    @cached_property
    def _may_be_any(self) -> bool:
        return may_have_deleted(self.root)

    @cached_property
    def _whole_images(self) -> set[str]:
        """The images that each deletion left as they were; none where nobody can tell."""
        if not isinstance(self.root, Root):
            return set()
        try:
            log = read_log(self.root)
            deletions = (log or Log(self.root, [])).all_deletions
            whole = [self._whole(deletion) for deletion in deletions if not deletion.undone]
        except PolymaskError:
            return set()
        return set.intersection(*whole) if whole and log and not log.lost else set()

    def _whole(self, deletion: FileDeletion) -> set[str]:
        """The images whose annotations in a deletion's backup are all in the file of now."""
        backup = self.root.read(deletion.backup) or b""
        if sha256(backup).hexdigest() != deletion.before or not isinstance(self.root, Root):
            return set()
        now = annotations_by_image(read_whole(file_of(self.root, deletion)))
        before = annotations_by_image(backup)
        return {name for name, annotations in before.items() if not annotations - now.get(name, Counter())}


def annotations_by_image(data: bytes) -> dict[str, Counter[str]]:
    """A file's annotations as texts, with their counts, by the names of images; empty if it has none."""
    by_name: dict[str, Counter[str]] = {}
    try:
        value = json.loads(data.decode("utf-8-sig"))
        names = {json.dumps(image["id"]): str(image["file_name"]) for image in value["images"]}
        by_name |= {name: Counter() for name in names.values()}
        for annotation in value["annotations"]:
            name = names.get(json.dumps(annotation["image_id"]), "")
            by_name.setdefault(name, Counter())[json.dumps(annotation, sort_keys=True)] += 1
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    return by_name
