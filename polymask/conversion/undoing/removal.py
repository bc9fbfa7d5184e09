"""`polymask remove-masks DEST`: the masks that polymask wrote into a folder go, and nothing else.

A mask goes where its pixels have the digest that the manifest claims, a file beside it where its bytes do.
What all images share goes with the last of them, where it is what polymask writes for these masks and
no newer than the manifest, which is written last. All else stays and is told. The manifest goes last of all,
so that a removal that was stopped goes on.
"""

import os
import shlex
from collections.abc import Mapping
from functools import cached_property
from hashlib import sha256
from pathlib import PurePosixPath

from polymask.analysis.masks.mask_folders import open_mask_folder
from polymask.analysis.verify import damage
from polymask.conversion.dest.check import LABELS
from polymask.conversion.dest.deleted import Entry
from polymask.conversion.dest.deletion_journal import Log, implies_deletions, lost_journal, read_log
from polymask.conversion.undoing.shared_by_all import shared_files, written_by
from polymask.errors import InputError, NotFound, PolymaskError, ProofError, SourceChanged
from polymask.layouts.common.read_back import Folder, MaskFolder
from polymask.layouts.common.shared_files import is_list, with_edits
from polymask.layouts.overlay import overlays
from polymask.limits import Limits
from polymask.model import Skipped
from polymask.provenance.digest import DIGESTS, kind_of
from polymask.results import Report
from polymask.storage.manifest import MANIFEST, file_and_part, manifest_line, read_manifest
from polymask.storage.remote.urls import Location, Url
from polymask.storage.roots.local import Root
from polymask.storage.safe_names import WORK, safe_path

CHANGED = "{path}: not as polymask wrote it, so it stays; remove it by hand"


def remove_folder_masks(dest: Location, *, dry_run: bool = False, limits: Limits | None = None) -> Report:
    """Remove what polymask wrote into a folder and nobody has touched since; `retracted` counts the images.

    What stays is among the report's `failures`, with exit code 4. A folder without a manifest is left as it
    is: there is nothing in it that polymask could prove its own. Raises `InputError` while polygons are
    deleted for the masks, or a run is unfinished, `Locked` while one holds the folder.
    """
    if isinstance(dest, Url):
        raise InputError(f"{dest}: masks in a store are removed by its own tools", advice="name a folder")
    if not dest.is_dir():
        raise NotFound("no such folder", file=dest, exit_code=2)
    root = Root(dest)
    with root.held():
        if root.unfinished() is not None:
            raise InputError(
                f"{root.path} holds an unfinished run", advice="run its command again, then remove the masks"
            )
        if not root.holds(MANIFEST):
            return Report(dry_run=dry_run, notes=[f"{dest} has no {MANIFEST}: nothing to remove"])
        return _Removal(root, limits or Limits(), dry_run=dry_run).report()


def _refuse_deleted(root: Root) -> Log | None:
    """The journal of deletions; raises where polygons are deleted that the masks hold."""
    log = read_log(root)
    if log is None and implies_deletions(root):
        raise lost_journal(root)
    if log is not None and log.lost:
        raise ProofError(log.lost)
    if not all(deletion.undone for deletion in (log or Log(root, [])).all_deletions):
        command = f"polymask restore {shlex.quote(str(root.path))}"
        raise InputError(
            f"{root.path}: polygons were deleted for its masks", advice=f"put them back first: `{command}`"
        )
    return log


class _Removal:
    """The removal of a folder's masks, image by image."""

    def __init__(self, root: Root, limits: Limits, *, dry_run: bool) -> None:
        self.root, self.limits, self.dry_run = root, limits, dry_run
        self.log = _refuse_deleted(root)
        self.entries = dict(read_manifest(root))
        self._manifest_time = (root.path / MANIFEST).stat().st_mtime_ns
        self.writer = written_by(root, self.entries)  # while there are masks to make it of
        self.folders = set[str]()
        self._report = Report(images=len(self.entries), dry_run=dry_run)

    def report(self) -> Report:
        """Remove what is proven; tell of the rest."""
        if self.log is not None and not self.dry_run:
            self.log.note("removing", masks=sorted(entry["mask"] for entry in self.entries.values()))
        staying = {name: entry for name, entry in self.entries.items() if not self._remove_image(name, entry)}
        self._settle_shared(staying)
        self._finish(staying)
        return self._report

    def _remove_image(self, name: str, entry: Entry) -> bool:
        """Remove an image's files; whether its mask is gone."""
        try:
            proven, changed = self._files_of(entry)
        except PolymaskError as error:
            self._tell(name, error)
            return False
        for path in proven:
            self._remove(path)
        for path in changed:
            self._tell(name, SourceChanged(CHANGED.format(path=path)))
        self._report.retracted += not changed
        return not changed

    def _files_of(self, entry: Entry) -> tuple[list[str], list[str]]:
        """The files of an image that may go, and those that are there and are not as they were written.

        Beside a mask that stays, all stays.
        """
        mask = str(entry["mask"])
        named: dict[str, str] = entry.get("files", {})
        for path in (file_and_part(mask)[0], *named):
            safe_path(path)
        held = [path for path in named if self.root.holds(path)]
        changed = [path for path in held if sha256(self.root.read(path) or b"").hexdigest() != named[path]]
        proven, edited = self._mask_files(mask, entry)
        if edited:
            return [], [*edited, *changed]
        return [*proven, *(path for path in held if path not in changed)], changed

    def _mask_files(self, mask: str, entry: Entry) -> tuple[list[str], list[str]]:
        """The files of an image's mask that are proven, and those that are not; none that are gone.

        A mask in a file of all images is proven here, and goes with that file.
        """
        file, part = file_and_part(mask)
        if not self.root.holds(file):
            return self._label_files(mask, entry)
        is_edited = damage(self.root.path, self._masks, entry) or not (part or self._is_whole(file))
        return ([], [mask]) if is_edited else ([] if part else [mask], [])

    def _label_files(self, mask: str, entry: Entry) -> tuple[list[str], list[str]]:
        """The same of a folder with a file for each label."""
        labels: dict[str, str] = entry.get("labels", {})
        paths = {label: safe_path(f"{mask}/{label}.png") for label in labels}
        paths = {label: path for label, path in paths.items() if self.root.holds(path)}
        labels_of = self._masks.labels_of if self._masks else None
        if not paths or labels_of is None:
            return [], list(paths.values())
        digest = DIGESTS[kind_of(entry)]
        stored = {label: digest(label_mask) for label, label_mask in labels_of(mask) if label in paths}
        edited = [path for label, path in paths.items() if stored.get(label) != labels[label]]
        return ([], edited) if edited else (list(paths.values()), [])

    def _is_whole(self, path: str) -> bool:
        """Whether the digest of a mask speaks of its whole file; where it does not, time must."""
        return not path.endswith(".json") or self._is_older(path)

    def _is_older(self, path: str) -> bool:
        """Whether a file is no newer than the manifest, which is written after all that it speaks of."""
        return (self.root.path / path).stat().st_mtime_ns <= self._manifest_time

    @cached_property
    def _masks(self) -> MaskFolder | None:
        """The masks as they are read back; None where nothing can be."""
        folder = Folder(self.root.path, self.limits)
        if any(str(entry["mask"]).startswith("overlay/") for entry in self.entries.values()):
            return overlays(folder)
        return open_mask_folder(folder)

    def _settle_shared(self, staying: Mapping[str, Entry]) -> None:
        """Remove the files of all images, or leave them true of the masks that stay.

        The label map goes last: of it, all others can be made anew.
        """
        dest, rebuilt = self.writer
        after = dict(shared_files(dest, staying)) if dest and staying else {}
        after = {path: data for path, data in after.items() if data}
        edited = self._edited_lists(rebuilt, after)
        for path in [*reversed([path for path in rebuilt if path != LABELS]), LABELS]:
            data = self.root.read(path)
            if data is None or data == after.get(path):
                continue
            if data != rebuilt.get(path) or not self._is_older(path):
                if data != (kept := edited.get(path, data)):
                    self._rewrite(path, kept) if kept else self._remove(path)
                if not staying:
                    self._tell(path, SourceChanged(CHANGED.format(path=path)))
            elif path in after:
                self._rewrite(path, after[path])
            else:
                self._remove(path)

    def _edited_lists(self, rebuilt: Mapping[str, bytes], after: Mapping[str, bytes]) -> Mapping[str, bytes]:
        """The lists that somebody edited, without the images that are removed while others stay."""
        stored = {path: self.root.read(path) for path in rebuilt if after and is_list(path)}
        edited = {path: data for path, data in stored.items() if data not in (None, rebuilt[path])}
        return with_edits({path: data or b"" for path, data in edited.items()}, rebuilt, after)

    def _rewrite(self, path: str, data: bytes) -> None:
        """Replace a file that stays, and keep its time, by which it is seen whether it was edited since."""
        if not self.dry_run:
            self.root.write(path, data, durable=True)
            os.utime(self.root.path / path, ns=(self._manifest_time, self._manifest_time))

    def _remove(self, path: str) -> None:
        if not self.dry_run:
            self.root.remove(path)
            self.folders.update(map(str, PurePosixPath(path).parents))

    def _finish(self, staying: Mapping[str, Entry]) -> None:
        """The manifest, of what stays; the folders that are empty now; the line of what was removed."""
        if self.dry_run:
            return
        if staying:
            self._rewrite(MANIFEST, b"".join(map(manifest_line, staying.values())))
        else:
            self.root.remove(MANIFEST)
        self.root.prune(self.folders - {"."} | {WORK})
        if self.log is not None:
            removed = sorted(entry["mask"] for name, entry in self.entries.items() if name not in staying)
            self.log.note("removed", masks=removed)
            self._report.notes.append(f"{self.root.path / WORK} keeps the journal of its deletions")

    def _tell(self, name: str, error: PolymaskError) -> None:
        self._report.failures.append(Skipped(name, str(error)))
        self._report.exit_code = max(self._report.worst, error.exit_code)
