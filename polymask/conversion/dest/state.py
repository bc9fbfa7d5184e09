"""The state of DEST at the start of a run: the manifest's entries, and traces of an unfinished run."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from polymask.conversion.dest.deletion_journal import read_log
from polymask.storage.manifest import read_manifest
from polymask.storage.roots.local import BEFORE, Root
from polymask.storage.roots.object_store import ObjectRoot
from polymask.storage.safe_names import WORK


class DestState(msgspec.Struct, frozen=True):
    """The state of DEST at the start of a run.

    Attributes:
        entries: The manifest's entries by image name.
        resumes: Whether the run completes an earlier, unfinished run.
        before: The images in the manifest from before the unfinished run; None if that run did not get as
            far as the manifest.
        has_deleted: Whether polygons of masks here may be deleted.
        pruned: The entries of images that are gone from the source, whose files the run removes.
        unpruned: Why the masks of other images that are gone stay, by image name.
        edited: The files of all images that somebody edited, with what polymask wrote there, by path.
    """

    entries: Mapping[str, dict[str, Any]] = {}
    resumes: bool = False
    before: frozenset[str] | None = None
    has_deleted: bool = False
    pruned: Mapping[str, dict[str, Any]] = {}
    unpruned: Mapping[str, str] = {}
    edited: Mapping[str, bytes] = {}

    @classmethod
    def of(cls, root: Root | ObjectRoot, *, resumes: bool) -> "DestState":
        """The present state of a root."""
        entries = read_manifest(root)
        data = root.read(f"{WORK}/{BEFORE}") if resumes else None
        if data is None or not isinstance(root, Root):
            return cls(entries, resumes)
        log = read_log(root)
        has_deleted = log is None or any(not deletion.undone for deletion in log.deletions)
        return cls(entries, resumes, msgspec.json.decode(data, type=frozenset[str]), has_deleted)

    def without(self, names: Collection[str]) -> "DestState":
        """The state without the entries of some images."""
        names = set(names)
        return replace(self, entries={name: self.entries[name] for name in self.entries if name not in names})

    def is_of_this_run(self, name: str) -> bool:
        """Whether the unfinished run that is completed has written an image's mask."""
        if not self.resumes:
            return False
        return name not in self.entries or (self.before is not None and name not in self.before)
