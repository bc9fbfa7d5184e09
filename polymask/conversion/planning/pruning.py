"""Images that are gone from the source: which of their masks go too, and which stay, and why.

Only what the manifest proves to be as polymask wrote it is removed: the mask by its digest, the files beside
it by theirs. What is left of deleted polygons stays, whatever the source says.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from polymask.conversion.dest.check import Dest
from polymask.conversion.dest.companions import is_as_written
from polymask.conversion.dest.deleted import Entry
from polymask.conversion.dest.state import DestState
from polymask.conversion.dest.way_back import may_have_deleted
from polymask.conversion.options import ConvertOptions
from polymask.conversion.planning.tile_names import TileNames
from polymask.errors import InputError
from polymask.formats import Annotations
from polymask.layouts.common.read_back import Folder, MaskFolder
from polymask.results import Report
from polymask.storage.manifest import file_and_part
from polymask.storage.roots.local import Root
from polymask.storage.roots.object_store import ObjectRoot

MOST_NAMED = 3


class Pruning(msgspec.Struct, frozen=True):
    """Takes the images that are gone from the annotations out of the state of DEST."""

    dest: Dest
    annotations: Annotations
    options: ConvertOptions

    def __call__(self, state: DestState) -> DestState:
        """The state without them; what goes is in its `pruned`, what stays and why in `unpruned`.

        Raises:
            InputError: No mask is of an image of the source: it may be the wrong DEST.
        """
        names, absent = set(self.annotations.names), self._absent(state.entries)
        if not absent:
            return state
        if not names.intersection(map(self.dest.options.image_of, state.entries)):
            raise InputError(
                f"none of the {len(absent)} masks in {self.dest.root.path} is of an image of the source",
                advice="leave --prune out, or choose the DEST of this source",
            )
        masks = self._masks()
        reasons = {name: self._why_it_stays(state.entries[name], masks) for name in sorted(absent)}
        pruned = {name: state.entries[name] for name, reason in reasons.items() if not reason}
        unpruned = {name: reason for name, reason in reasons.items() if reason}
        return replace(state.without(pruned), pruned=pruned, unpruned=unpruned)

    def _absent(self, entries: Mapping[str, Entry]) -> set[str]:
        """The names of masks whose image is gone, and of tiles that their image no longer has."""
        names = set(self.annotations.names)
        absent = {name for name in entries if self.dest.options.image_of(name) not in names}
        if not self.options.tiling:
            return absent
        tiles = TileNames(self.annotations, range(len(self.annotations.names)), self.options)
        return absent.union(tiles.outgrown(entries))

    def _masks(self) -> MaskFolder | None:
        from polymask.analysis.masks.mask_folders import open_mask_folder  # quick to start without

        return open_mask_folder(Folder(self.dest.root.path))

    def _why_it_stays(self, entry: Entry, masks: MaskFolder | None) -> str:
        """Why a mask is not removed though its image is gone; empty where it may go."""
        if self.annotations.skipped or self.annotations.images_left_out:
            return "its image may be among those that could not be read"
        if "remaining_sha256" in entry or (entry.get("sources") and may_have_deleted(self.dest.root)):
            return "its polygons are deleted, and it is all that is left of them"
        if not _stored_files(self.dest.root, entry):
            return ""  # removed already, by hand or by a run that was stopped
        if not is_as_written(self.dest.root, masks, entry):
            return "it was edited since polymask wrote it"
        return ""


def _stored_files(root: Root | ObjectRoot, entry: Entry) -> list[str]:
    """The files of an image that exist; not the one that all images share."""
    return [path for path in _files(root, entry) if root.holds(path)]


def _files(root: Root | ObjectRoot, entry: Entry) -> Iterator[str]:
    mask, part = file_and_part(str(entry["mask"]))
    if not part and root.holds(mask):
        yield mask
    elif not part:
        yield from (f"{mask}/{label}.png" for label in entry.get("labels", {}))
    yield from entry.get("files", {})


def remove_pruned(root: Root | ObjectRoot, pruned: Mapping[str, Entry]) -> None:
    """Remove the files of images that are gone; the manifest that no longer lists them is written after."""
    for entry in pruned.values():
        for path in _stored_files(root, entry):
            root.remove(path)


def note_pruned(report: Report, state: DestState) -> None:
    """Tell a report which masks of images that are gone go too, and which stay."""
    report.retracted += len(state.pruned)
    if state.pruned:
        done = "would be removed" if report.dry_run else "were removed"
        report.notes.append(f"masks of images that are gone {done}: {_names(sorted(state.pruned))}")
    report.notes += [
        f"{name}: the image is gone, but its mask stays: {state.unpruned[name]}" for name in state.unpruned
    ]


def _names(names: Sequence[str]) -> str:
    others = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + others
