"""The companions of an image's mask: files of instance ids, other encodings, a copy of the picture.

The manifest's line lists these files with their digests (`files`). When an image is written anew,
companions that are not written with it would be stale: they are removed if polymask wrote them and nobody
has changed them since. Beside masks of deleted polygons, which cannot be painted again, no companions
that show polygons can be added.
"""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import NamedTuple

import msgspec
import numpy as np
from msgspec.structs import replace

from polymask.conversion.dest.check import Dest
from polymask.conversion.dest.deleted import Entry
from polymask.conversion.dest.way_back import recovery
from polymask.conversion.options import ConvertOptions
from polymask.errors import ConflictError, InputError, PolymaskError, ProofError
from polymask.layouts import Drawn, picture_path
from polymask.layouts.common.read_back import Folder, MaskFolder
from polymask.layouts.common.shared_files import DEFAULT_SPLIT, as_stored
from polymask.painting.label_choice import LabelChoice
from polymask.storage.image_names import stem
from polymask.storage.manifest import file_and_part
from polymask.storage.remote.urls import Location
from polymask.storage.roots.local import Root
from polymask.storage.roots.object_store import ObjectRoot


def companions(drawn: Drawn) -> dict[str, str]:
    """The digests of an image's files, by path, without its mask or the masks of its labels."""
    mask = file_and_part(drawn.mask)[0]
    files = ((path, data) for path, data in drawn.files if path != mask and not path.startswith(f"{mask}/"))
    return {path: sha256(data).hexdigest() for path, data in files}


def kept_files(dest: Dest, entry: Entry, *, is_anew: bool) -> dict[str, str]:
    """The listed companions that stay: all, or only the picture if the image is written anew."""
    files: dict[str, str] = entry.get("files", {})
    if not is_anew:
        return files
    suffixes = as_stored(dest.options, entry, dest.layout).picture_suffixes
    options = replace(dest.options, picture_suffixes=suffixes)
    picture = picture_path(dest.layout, entry["name"], options) if files else ""
    return {path: digest for path, digest in files.items() if path == picture}


def stale_files(dest: Dest, entry: Entry, drawn: Drawn) -> list[str]:
    """The files of an image's earlier mask that would be stale beside the new mask, and are to be removed.

    Raises:
        InputError: Such a file is not as polymask wrote it; then nothing of the image is written.
    """
    staying = {path for path, _ in drawn.files} | kept_files(dest, entry, is_anew=True).keys()
    paths = [path for path in dict.fromkeys(_earlier_files(dest, entry)) if path not in staying]
    for path in paths:
        data = dest.root.read(path)
        if data is not None and sha256(data).hexdigest() != entry.get("files", {}).get(path):
            raise InputError(
                (
                    f"{dest.root.path / path} would lie stale beside the new {drawn.mask}, and is not as "
                    "polymask wrote it"
                ),
                advice="move it away, or choose another DEST",
            )
    return paths


def refuse_lost_pictures(dest: Dest, names: Iterable[str], entries: Mapping[str, Entry]) -> None:
    """Raise `InputError` for a copied picture that a run without pictures would remove with an old mask."""
    for name in names:
        entry = entries.get(name, {})
        if not (files := entry.get("files")):
            continue
        copy = stem(picture_path(dest.layout, name, as_stored(dest.options, entry, dest.layout)))
        kept = kept_files(dest, entry, is_anew=True)
        if lost := [path for path in files if stem(path) == copy and path not in kept]:
            raise InputError(
                f"{dest.root.path / lost[0]} is a copied picture, which this run would remove",
                advice="pass --images and --copy-images too, to have it copied anew, or choose another DEST",
            )


def files_of(dest: Dest, entry: Entry) -> list[str]:
    """The file of an image's earlier mask and its companions, without a copy of its picture."""
    file = file_and_part(str(entry["mask"]))[0]
    pictures = kept_files(dest, entry, is_anew=True)
    return [path for path in dict.fromkeys([file, *_earlier_files(dest, entry)]) if path not in pictures]


def _earlier_files(dest: Dest, entry: Entry) -> Iterator[str]:
    yield from entry.get("files", {})
    options = dest.options.of_split(entry.get("split", DEFAULT_SPLIT))
    if not entry.get("labels"):
        for path in dest.layout.paths(entry["name"], options)[1:]:
            yield file_and_part(path)[0]


def is_as_written(root: Root | ObjectRoot, masks: MaskFolder | None, entry: Entry) -> bool:
    """Whether an image's mask, and all files beside it, are as their entry in the manifest says."""
    from polymask.analysis.verify import damage  # quick to start without

    stored = ((root.read(path), digest) for path, digest in entry.get("files", {}).items())
    is_same = all(data is None or sha256(data).hexdigest() == digest for data, digest in stored)
    return is_same and not damage(root.path, masks, entry)


def require_whole(dest: Dest, masks: MaskFolder | None, entry: Entry) -> None:
    """Raise `ProofError` if a mask that cannot be painted again is damaged or lacks files."""
    from polymask.analysis.verify import damage  # quick to start without

    files = entry.get("files", {}).keys() & set(dest.paths(entry["name"]))
    lost = [f"{path}: missing" for path in sorted(files) if not dest.root.holds(path)]
    if reason := damage(dest.root.path, masks, entry) or "; ".join(lost):
        raise ProofError(
            f"{entry['name']}: {reason}, and its polygons are deleted",
            advice=f"{recovery(dest.root)}, then convert again with --overwrite",
        )


class FileChange(NamedTuple):
    """What changed since polymask wrote a file: a file of the image, and what the file is made of."""

    edited: str  # the path of the file that somebody edited; empty if nobody did
    source: str  # empty if that is what it was

    @classmethod
    def of(
        cls, dest: Dest, entry: Entry, path: str, *, stored: bytes, data: bytes, source: str
    ) -> "FileChange":
        """The change of a file that is `stored` and would be `data`, of a record with the digest `source`."""
        digest = entry.get("files", {}).get(path)
        if digest and path in kept_files(dest, entry, is_anew=True):
            has_changed = sha256(data).hexdigest() != digest
            is_edited = sha256(stored).hexdigest() != digest
            return cls(path if is_edited else "", "its picture" if has_changed else "")
        has_changed = bool(entry) and entry.get("source_sha256") != source
        return cls(_edited_file(dest, entry) if entry else "", "its source" if has_changed else "")

    def refusal(self, dest: Dest, path: str, *, update: bool) -> PolymaskError:
        """The error for a file that a run would write otherwise, which says what changed."""
        if update and self.edited:
            return edited(dest.root.path / self.edited)
        changes = [f"{'it' if self.edited == path else self.edited} was edited"] if self.edited else []
        changes += [f"{self.source} changed"] if self.source else []
        since = f": {' and '.join(changes)} since polymask wrote it" if changes else ""
        error = dest.refusal(path, f"is not what this run would write{since}")
        if self.source and not self.edited and not update:
            return error.within(advice=f"pass --update to follow it, or {error.advice}")
        return error


def _edited_file(dest: Dest, entry: Entry) -> str:
    """The file of an image that is not as its line in the manifest says; empty if all are."""
    from polymask.analysis.masks.mask_folders import open_mask_folder  # quick to start without
    from polymask.analysis.verify import damage

    if damage(dest.root.path, open_mask_folder(Folder(dest.root.path)), entry):
        return file_and_part(str(entry["mask"]))[0]
    stored = {path: dest.root.read(path) for path in entry.get("files", {})}
    changed = (
        path for path, data in stored.items() if data and sha256(data).hexdigest() != entry["files"][path]
    )
    return next(changed, "")


def edited(path: Location) -> ConflictError:
    """The error for a mask that somebody changed, and which would have to follow its source."""
    return ConflictError(
        f"{path} was edited since polymask wrote it, and stays",
        advice="pass --overwrite to replace it, or move it away to have both",
    )


def lost_labels(entry: Entry, drawn: Drawn) -> list[str]:
    """The labels in an image's entry that have no mask in its new drawing."""
    return [label for label in entry.get("labels", {}) if label not in (drawn.labels or {})]


def contradicted(entry: Entry, drawn: Drawn) -> list[str]:
    """The labels whose masks a run would remove, or change in files that several images share."""
    lost = lost_labels(entry, drawn)
    if lost or drawn.files or not entry.get("labels"):
        return lost
    labels = drawn.digests_after(entry).get("labels", {})
    return [label for label, digest in entry["labels"].items() if labels.get(label) != digest]


class UnmetOptions(msgspec.Struct, frozen=True):
    """A function of an image's name and entry: how its stored mask fails to meet the options of a run."""

    dest: Dest
    labels: LabelChoice
    options: ConvertOptions

    def __call__(self, name: str, entry: Entry) -> str:
        """The problem in words; empty if there is none."""
        mask, frame = entry["mask"], (entry.get("height"), entry.get("width"))
        if self.options.size and frame != self.options.size:
            return f"its mask is {frame[1]} x {frame[0]} px large"
        if self.options.scale not in (None, 1):
            return f"{mask} is not scaled"
        if self.options.instances and self._lacks(entry, *self.dest.paths(name)[1:]):
            return f"{mask} has no instance ids beside it"
        if self.options.copy_images and self._lacks(
            entry, picture_path(self.dest.layout, name, self.dest.options)
        ):
            return f"{mask} has no copy of its picture beside it"
        if self.options.only and (labels := self._unchosen_labels(entry)):
            return f"{mask} shows '{labels[0]}', which --only leaves out"
        return ""

    def _lacks(self, entry: Entry, *paths: str) -> bool:
        return any(path not in entry.get("files", {}) and not self.dest.root.holds(path) for path in paths)

    def _unchosen_labels(self, entry: Entry) -> list[str]:
        """The labels of a mask that the run would not paint; empty if the mask is damaged."""
        if labels := entry.get("labels"):
            shown = list(labels)
        else:
            from polymask.analysis.masks.mask_folders import open_mask_folder  # quick to start without

            try:
                folder = open_mask_folder(Folder(self.dest.root.path, self.options.limits))
                counts = np.bincount(folder.decode(entry["mask"]).reshape(-1)) if folder else ()
            except PolymaskError:
                return []
            values = set(np.flatnonzero(counts).tolist())
            shown = [label.name for label in self.dest.options.label_map.labels if label.value in values]
        return [label for label in shown if not self.labels.is_painted(label)]
