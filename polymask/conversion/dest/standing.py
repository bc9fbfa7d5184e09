"""What a run meets in DEST: the manifest's lines, and what an earlier run that it completes has left."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from polymask.conversion.dest.deletion_journal import read_log
from polymask.storage.manifest import read_manifest
from polymask.storage.roots.local import BEFORE, Root
from polymask.storage.roots.object_store import ObjectRoot
from polymask.storage.safe_names import WORK


@dataclass(frozen=True, slots=True)
class Standing:
    """What a run meets in DEST: the manifest's entries by image, and whether it completes an earlier run.

    `before` are the images that the manifest had when that run began, or None where it did not get to
    the manifest; `has_deleted`, whether polygons may be gone that masks here account for.
    """

    entries: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    resumes: bool = False
    before: frozenset[str] | None = None
    has_deleted: bool = False

    @classmethod
    def of(cls, root: Root | ObjectRoot, *, resumes: bool) -> "Standing":
        """What lies below a root now."""
        entries = read_manifest(root)
        data = root.read(f"{WORK}/{BEFORE}") if resumes else None
        if data is None or not isinstance(root, Root):
            return cls(entries, resumes)
        log = read_log(root)
        has_deleted = log is None or any(not deletion.undone for deletion in log.deletions)
        return cls(entries, resumes, msgspec.json.decode(data, type=frozenset[str]), has_deleted)

    def is_of_this_run(self, name: str) -> bool:
        """Whether an image's mask is what the run that is completed has written itself."""
        if not self.resumes:
            return False
        return name not in self.entries or (self.before is not None and name not in self.before)
