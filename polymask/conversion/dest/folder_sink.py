"""The local sink: it writes a folder of masks, its `labels.json` and its `manifest.jsonl`.

The manifest is written last, when all files that it lists are durable.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from typing import Any

import msgspec

from polymask._version import __version__
from polymask.codecs.png import same_picture
from polymask.conversion.dest.check import Dest
from polymask.conversion.dest.companions import (
    FileChange,
    companions,
    contradicted,
    edited,
    is_as_written,
    kept_files,
    lost_labels,
    require_whole,
    stale_files,
)
from polymask.conversion.dest.deleted import Choose, Entry, is_deleted
from polymask.conversion.dest.outdated import outdated, set_aside
from polymask.conversion.dest.state import DestState
from polymask.conversion.dest.way_back import Takings, recovery
from polymask.conversion.options import ConvertOptions
from polymask.errors import InputError
from polymask.layouts import Drawn
from polymask.layouts.common.kept_splits import drawing_of
from polymask.layouts.common.read_back import Folder, MaskFolder
from polymask.layouts.common.shared_files import DEFAULT_SPLIT, with_earlier_images, with_edits, with_rows
from polymask.layouts.common.splits import LISTS, SPLITS
from polymask.model import Frame, ImageRecord
from polymask.painting.batch import PaintedImage
from polymask.provenance.digest import geometry_sha256, record_sha256
from polymask.storage.manifest import MANIFEST, Lines, file_and_part, in_blocks, is_made_of, manifest_line
from polymask.storage.roots.local import BEFORE, Root
from polymask.storage.roots.object_store import ObjectRoot
from polymask.storage.safe_names import WORK


class FolderSink:
    """Writes the masks of many images below DEST, beside existing masks.

    `state` is the state of DEST, set while planning and again once the run holds DEST. `written` has the
    manifest's lines of this run. With `keep_sources`, a line lists the instances of its mask, so that they
    can be deleted. With `update`, untouched masks follow their source; in a dry run, `write` only looks.
    """

    def __init__(self, dest: Dest, options: ConvertOptions, *, keep_sources: bool = False) -> None:
        self.dest, self.keep_sources, self.dry_run = dest, keep_sources, options.dry_run
        self.overwrite, self.update = options.overwrite, options.update
        self.state, self.written = DestState(), Lines()
        self._takings: Takings | None = None  # of earlier runs

    @property
    def root(self) -> Root | ObjectRoot:
        """The root of DEST."""
        return self.dest.root

    def line(
        self,
        record: ImageRecord,
        source_sha256: str,
        drawn: Drawn,
        *,
        remaining: ImageRecord | None = None,
        changed: bool = True,
        source_name: str = "",
    ) -> bytes:
        """An image's line in the manifest; equal runs give equal lines, so it has no time and no host.

        `source_name` is the image's name in the source; `remaining` is the record without the polygons that
        the mask accounts for, which are to be deleted.
        """
        line, labels = self._line(
            record.name, record.frame, source_sha256, drawn, changed=changed, source_name=source_name
        )
        if self.keep_sources:
            line["sources"] = [[i.id, geometry_sha256(i.shape)] for i in record.instances]
        if remaining is not None and len(remaining.instances) < len(record.instances):
            line["remaining_sha256"] = record_sha256(remaining)
        return manifest_line(line | labels)

    def line_of_painted(self, painted: PaintedImage, drawn: Drawn, *, changed: bool) -> bytes:
        """As `line`, for an image that was painted without a record."""
        source = painted.record_sha256
        line, labels = self._line(painted.name, painted.frame, source, drawn, changed=changed)
        return manifest_line(line | labels)

    def _line(
        self,
        name: str,
        frame: Frame,
        source_sha256: str,
        drawn: Drawn,
        *,
        changed: bool,
        source_name: str = "",
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The members of a line, and its members on labels, which come last."""
        height, width = frame
        digests = drawn.digests_after(self.state.entries.get(name, {}))
        labels = {"labels": digests.pop("labels")} if "labels" in digests else {}
        line = {"name": name, "mask": drawn.mask, "height": height, "width": width}
        if drawn.tile is not None:
            line["tile"] = drawn.tile
        if source_name not in ("", self.dest.options.image_of(name)):
            line["source_name"] = source_name
        line |= {**digests, "source_sha256": source_sha256, **self.dest.rules_entry}
        line["version"] = __version__
        split = self.dest.options.split_of(name)
        line |= ({} if split == DEFAULT_SPLIT else {"split": split}) | self._drawing(name)
        if files := self._companions(drawn, source_sha256, changed=changed):
            line["files"] = files
        return line, labels

    def _drawing(self, name: str) -> dict[str, Any]:
        """How the split of an image was drawn: a run that keeps splits draws those of new images only."""
        entry, options = self.state.entries.get(name), self.dest.options
        return drawing_of(entry if entry is not None and options.keeps_splits else options.drawing)

    def _is_anew(self, entry: Entry, source_sha256: str) -> bool:
        """Whether an image is written anew, so that its earlier companions would be stale."""
        return self.overwrite or entry.get("source_sha256") != source_sha256

    def _companions(self, drawn: Drawn, source_sha256: str, *, changed: bool) -> dict[str, str]:
        """The companions of an image's mask, for its line; empty if an earlier build's line stays."""
        entry = self.state.entries.get(drawn.name)
        if entry is None:
            return companions(drawn)
        if not (changed or "files" in entry):
            return {}
        return kept_files(self.dest, entry, is_anew=self._is_anew(entry, source_sha256)) | companions(drawn)

    def differs(self, name: str, line: bytes) -> bool:
        """Whether the manifest had no line for an image, or a different one."""
        return name not in self.state.entries or self.state.entries[name] != msgspec.json.decode(line)

    def finished(self, declared: ImageRecord, choose: Choose) -> dict[str, Any] | None:
        """The manifest's entry of a mask whose polygons are deleted, or None if the image is to be painted.

        `choose` returns a record with the instances that the run paints.

        Raises:
            InputError: The record is neither what the mask was made of nor what a deletion leaves: new
                instances cannot join the mask, and other missing instances were erased.
            ProofError: The mask is missing or damaged.
        """
        entry = self.state.entries.get(declared.name, {})
        if self.state.is_of_this_run(declared.name) and not self.state.has_deleted:
            return None  # that run deleted nothing: missing instances were erased, and the mask follows
        deleted = is_deleted(entry, declared, choose)
        if deleted:
            if not self.keep_sources:  # otherwise it is proven before the deletion
                require_whole(self.dest, self._stored, entry)
            return entry
        self._takings = self._takings or Takings(self.root)
        if deleted is not None or not self._takings.may_include(declared.name):
            return None  # polygons were restored and edited since: the mask follows
        raise InputError(
            f"{declared.name} lacks instances that its mask was made of, and has others",
            advice=f"if they were deleted, choose another DEST for the others, or {recovery(self.root)}",
        )

    @cached_property
    def _stored(self) -> MaskFolder | None:
        """The masks in DEST from before the run."""
        from polymask.analysis.masks.mask_folders import open_mask_folder  # quick to start without

        return open_mask_folder(Folder(self.root.path))

    def write(self, drawn: Drawn, source_sha256: str) -> bool:
        """Write an image's files; returns False if all of them exist already.

        Raises:
            InputError: A file differs and may not be replaced.
        """
        entry = self.state.entries.get(drawn.name, {})
        stored_files = [self.root.read(path) for path, _ in drawn.files]
        if not entry and all(data is None for data in stored_files):
            for path, data in () if self.dry_run else drawn.files:  # a new image: nothing to follow or remove
                self.root.write(path, data)
            return bool(drawn.files)
        missing, same = [], getattr(self.dest.layout, "same", same_picture)
        replaceable = self.overwrite or self._is_untouched(drawn.name, source_sha256)
        if labels := [] if replaceable else contradicted(entry, drawn):
            problem = f"holds a mask of '{labels[0]}' that this run would not write (of a changed source)"
            path = drawn.mask
            raise edited(self.root.path / path) if self.update else self.dest.refusal(path, problem)
        for (path, data), stored in zip(drawn.files, stored_files, strict=True):
            if stored is not None and same(stored, data):
                continue
            if stored is not None and not (replaceable or self._follows_its_picture(entry, path, stored)):
                change = FileChange.of(self.dest, entry, path, stored=stored, data=data, source=source_sha256)
                raise change.refusal(self.dest, path, update=self.update)
            missing.append((path, data))
        if self.dry_run:
            return bool(missing)
        stale = stale_files(self.dest, entry, drawn) if entry and self._is_anew(entry, source_sha256) else []
        for path, data in missing:
            self.root.write(path, data)
        for path in stale:
            self.root.remove(path)
        if replaceable:
            self._remove_stale(drawn)
        return bool(missing)

    def _follows_its_picture(self, entry: Entry, path: str, stored: bytes) -> bool:
        """Whether a file beside a mask, such as the copy of a picture that changed, may be written anew."""
        return self.update and sha256(stored).hexdigest() == entry.get("files", {}).get(path)

    def _is_untouched(self, name: str, source_sha256: str) -> bool:
        """Whether the unfinished run, or with `update` any, wrote a mask that nobody has changed since."""
        entry = self.state.entries.get(name)
        follows = self.update and entry is not None and entry.get("source_sha256") != source_sha256
        is_ours = follows or self.state.is_of_this_run(name)
        return is_ours and (entry is None or is_as_written(self.root, self._stored, entry))

    def _remove_stale(self, drawn: Drawn) -> None:
        """Remove a mask that an earlier run wrote elsewhere, and masks of labels that the image lost."""
        entry = self.state.entries.get(drawn.name, {})
        if not entry.get("labels") and entry.get("mask", drawn.mask) != drawn.mask:
            self.root.remove(entry["mask"])
        is_file = file_and_part(drawn.mask)[1] or any(path == drawn.mask for path, _ in drawn.files)
        for label in [] if is_file else lost_labels(entry, drawn):
            self.root.remove(f"{drawn.mask}/{label}.png")

    def finish(self, rows: Mapping[str, bytes], *, changed: bool = True) -> None:
        """Write the files that all images share, and then, when everything is durable, the manifest.

        Outdated masks of failed images are moved away first. If all images failed, the tables stay. `rows`
        are of the shared files, by image name; `changed` says whether any image's file was written.
        """
        removed = [*self.state.pruned.values()]
        if names := self.outdated:
            set_aside(self.dest, self.state, names)
            removed += [self.state.entries[name] for name in names]
            self.state = self.state.without(names)
        if self.state.entries and not self.written and self.dest.is_relabeled:
            return
        emptied = [str(entry.get("split", DEFAULT_SPLIT)) for entry in removed]
        files, base = self.dest.tables | dict(self._shared(rows, emptied)), self.state.edited
        files |= with_edits({path: self.root.read(path) or b"" for path in base}, base, files)
        for path, data in files.items():
            if not data and (path not in base or self.root.read(path)):
                self.root.remove(path)
            elif data and self.root.read(path) != data:
                self.root.write(path, data)
        names = self._all_names
        is_same = is_made_of(self.root.read(MANIFEST), map(self._line_of, names))
        # A mask may be new though its line is old: the mask was removed by hand, or an earlier run died.
        if changed or not is_same or self.keep_sources or self.state.resumes:
            self.root.sync()
        if not is_same:
            self._note_earlier_images()
            self.root.write(MANIFEST, in_blocks(map(self._line_of, names)), durable=True)

    @property
    def outdated(self) -> list[str]:
        """The images whose earlier masks the new tables misdescribe, and which this run did not paint."""
        return outdated(self.dest, self.state, self.written)

    def _note_earlier_images(self) -> None:
        """Before a deletion, note the images of earlier runs, whose masks a repeated run may not replace."""
        if self.keep_sources and self.state.before is None:
            self.root.write(f"{WORK}/{BEFORE}", msgspec.json.encode(sorted(self.state.entries)), durable=True)

    def _line_of(self, name: str) -> bytes:
        return self.written[name] if name in self.written else manifest_line(self.state.entries[name])

    def _shared(self, rows: Mapping[str, bytes], emptied: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """The files that all images, also of earlier runs, share, in order of name.

        `emptied` are splits that may have lost their last image.
        """
        entries, options, names = self.state.entries, self.dest.options, self._all_names
        stored = {} if rows.keys() >= entries.keys() else self.dest.stored_rows(entries)
        listed = any(self.root.holds(LISTS.format(split=split)) for split in SPLITS)
        layout = self.dest.layout
        options = with_earlier_images(
            options, entries, self.written, layout=layout, listed=listed, emptied=emptied
        )
        return layout.finish(with_rows(map(self._drawn, names), rows, stored), options)

    @property
    def _all_names(self) -> list[str]:
        """The images of this run and of earlier runs, in the manifest's order."""
        return sorted(self.state.entries.keys() | self.written.keys())

    def _drawn(self, name: str) -> Drawn:
        return Drawn.of(msgspec.json.decode(self._line_of(name)))
