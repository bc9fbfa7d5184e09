"""The local sink: writes a folder of masks, its `labels.json` and its `manifest.jsonl`.

The manifest is written last, after everything it speaks of is durable.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import msgspec

from polymask._version import __version__
from polymask.codecs.png import same_picture
from polymask.conversion.dest.check import Dest
from polymask.conversion.dest.companions import companions, contradicted, kept, lost_labels, stale
from polymask.conversion.dest.deleted import Choose, Entry, is_deleted
from polymask.conversion.dest.outdated import outdated, set_aside
from polymask.conversion.dest.standing import Standing
from polymask.conversion.dest.way_back import may_have_deleted, way_back
from polymask.errors import InputError, ProofError
from polymask.layouts import Drawn
from polymask.layouts.common.read_back import Folder, MaskFolder
from polymask.layouts.common.shared_files import DEFAULT_SPLIT, with_earlier_splits, with_rows
from polymask.layouts.common.splits import LISTS, SPLITS
from polymask.model import Frame, ImageRecord
from polymask.painting.batch import PaintedImage
from polymask.provenance.digest import geometry_sha256, record_sha256
from polymask.storage.manifest import MANIFEST, Lines, in_blocks, is_made_of, manifest_line
from polymask.storage.roots.local import BEFORE, Root
from polymask.storage.roots.object_store import ObjectRoot
from polymask.storage.safe_names import WORK
from polymask.tally import Tally


@dataclass(slots=True)
class Batch:
    """Some images, converted: their outcomes, summed up, and by name what the sink needs of each."""

    tally: Tally = field(default_factory=Tally)
    lines: dict[str, bytes] | Lines = field(default_factory=dict)  # of the manifest
    rows: dict[str, bytes] = field(default_factory=dict)  # of files that all images have in common

    def add(self, other: "Batch") -> None:
        """Take other images in, after these."""
        self.tally.merge(other.tally)
        self.lines.update(other.lines)
        self.rows |= other.rows

    def keep(self, name: str, line: bytes, row: bytes = b"") -> None:
        """Take in what the sink needs of an image."""
        self.lines.update({name: line})
        if row:
            self.rows[name] = row


class FolderSink:
    """Writes the masks of many images below DEST, beside what was met there.

    `standing` is what is known of DEST: set while planning, and anew once the run holds it. `written`
    takes the manifest's lines of this run. With `keep_sources`, a line lists the instances that its
    mask is made of, so that they can be deleted.
    """

    def __init__(self, dest: Dest, *, overwrite: bool = False, keep_sources: bool = False) -> None:
        self.dest, self.overwrite, self.keep_sources = dest, overwrite, keep_sources
        self.standing = Standing()
        self.written = Lines()

    @property
    def root(self) -> Root | ObjectRoot:
        """The folder."""
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
        """An image's line in the manifest. It holds no time and no host.

        `source_name` is what the source calls the image, `remaining` the record once the polygons are
        deleted that the mask accounts for.
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
        """The same for an image that was painted without a record."""
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
        """What the line says, and what it says of labels after that."""
        height, width = frame
        digests = drawn.digests_after(self.standing.entries.get(name, {}))
        labels = {"labels": digests.pop("labels")} if "labels" in digests else {}
        line = {"name": name, "mask": drawn.mask, "height": height, "width": width}
        if source_name not in ("", name):
            line["source_name"] = source_name
        line |= {**digests, "source_sha256": source_sha256, **self.dest.rules_entry}
        line["version"] = __version__
        if (split := self.dest.options.split_of(name)) != DEFAULT_SPLIT:
            line["split"] = split
        if files := self._companions(drawn, source_sha256, changed=changed):
            line["files"] = files
        return line, labels

    def _is_anew(self, entry: Entry, source_sha256: str) -> bool:
        """Whether an image's files are all made anew, so that earlier ones beside them would be stale."""
        return self.overwrite or entry.get("source_sha256") != source_sha256

    def _companions(self, drawn: Drawn, source_sha256: str, *, changed: bool) -> dict[str, str]:
        """The files beside an image's mask, for its line; none where an earlier build's line stays."""
        entry = self.standing.entries.get(drawn.name)
        if entry is None:
            return companions(drawn)
        if not (changed or "files" in entry):
            return {}
        return kept(self.dest, entry, is_anew=self._is_anew(entry, source_sha256)) | companions(drawn)

    def differs(self, name: str, line: bytes) -> bool:
        """Whether the manifest had another line for an image, or none."""
        return name not in self.standing.entries or self.standing.entries[name] != msgspec.json.decode(line)

    def finished(self, declared: ImageRecord, choose: Choose) -> dict[str, Any] | None:
        """The manifest's line of a mask whose polygons are deleted, or None where its sources are all there.

        `choose` takes what the run paints of a record. Raises `InputError` for one that is neither what
        the mask was made of nor what a deletion leaves of it: new instances cannot join the mask, and other
        instances that are gone were erased. Raises `ProofError` where the mask is gone or damaged.
        """
        entry = self.standing.entries.get(declared.name, {})
        standing = self.standing
        if standing.is_of_this_run(declared.name) and not standing.has_deleted:
            return None  # it never came to delete: what is gone since was erased, and the mask follows
        deleted = is_deleted(entry, declared, choose)
        if deleted:
            if not self.keep_sources:  # else it is proven with all others before anything is deleted
                self._require_whole(entry)
            return entry
        if deleted is not None or not may_have_deleted(self.root):
            return None  # what was put back, and edited since, is its owner's: the mask follows
        raise InputError(
            f"{declared.name} lacks instances that its mask was made of, and has others",
            advice=(
                "if they were deleted, choose another DEST for what is there now, or " + way_back(self.root)
            ),
        )

    def _require_whole(self, entry: Entry) -> None:
        """Raise `ProofError` where a mask that nobody can paint anew is no longer what it was."""
        from polymask.analysis.verify import damage  # quick to start without

        files = entry.get("files", {}).keys() & set(self.dest.paths(entry["name"]))
        lost = [f"{path}: missing" for path in sorted(files) if not self.root.holds(path)]
        if reason := damage(self.root.path, self._stored, entry) or "; ".join(lost):
            raise ProofError(
                f"{entry['name']}: {reason}, and its polygons are deleted",
                advice=f"{way_back(self.root)}, then convert again with --overwrite",
            )

    @cached_property
    def _stored(self) -> MaskFolder | None:
        """The masks that lay there when the run began."""
        from polymask.analysis.masks.mask_sets import open_mask_folder  # quick to start without

        return open_mask_folder(Folder(self.root.path))

    def write(self, drawn: Drawn, source_sha256: str) -> bool:
        """Put an image's files in place; False where all of them are there already.

        Raises `InputError` where a file differs and may not be replaced.
        """
        missing = []
        same: Callable[[bytes, bytes], bool] = getattr(self.dest.layout, "same", same_picture)
        replaceable = self.overwrite or self._is_own(drawn.name)
        entry = self.standing.entries.get(drawn.name, {})
        if labels := [] if replaceable else contradicted(entry, drawn):
            problem = f"holds a mask of '{labels[0]}' that this run would not write (of a changed source)"
            raise self.dest.refusal(drawn.mask, problem)
        for path, data in drawn.files:
            stored = self.root.read(path)
            if stored is not None and same(stored, data):
                continue
            if stored is not None and not replaceable:
                problem = "is not what this run would write (edited, or of a changed source)"
                raise self.dest.refusal(path, problem)
            missing.append((path, data))
        leftovers = stale(self.dest, entry, drawn) if entry and self._is_anew(entry, source_sha256) else []
        for path, data in missing:
            self.root.write(path, data)
        for path in leftovers:
            self.root.remove(path)
        if replaceable:
            self._remove_stale(drawn)
        return bool(missing)

    def _is_own(self, name: str) -> bool:
        """Whether the run that is completed wrote an image's mask, and nobody has touched it since."""
        if not self.standing.is_of_this_run(name):
            return False
        from polymask.analysis.verify import damage  # quick to start without

        entry = self.standing.entries.get(name)
        return entry is None or not damage(self.root.path, self._stored, entry)

    def _remove_stale(self, drawn: Drawn) -> None:
        """Remove a mask that an earlier run put elsewhere, and those of labels that the image lost."""
        entry = self.standing.entries.get(drawn.name, {})
        if not entry.get("labels") and entry.get("mask", drawn.mask) != drawn.mask:
            self.root.remove(entry["mask"])
        is_file = "#" in drawn.mask or any(path == drawn.mask for path, _ in drawn.files)
        for label in [] if is_file else lost_labels(entry, drawn):
            self.root.remove(f"{drawn.mask}/{label}.png")

    def finish(self, rows: Mapping[str, bytes], *, changed: bool = True) -> None:
        """The files that all images share, then, once all is durable, the manifest of what was `written`.

        `rows` are the images' shares of files that they have in common, by name; `changed` tells
        whether any image's file was written. Masks of images that failed, which the tables do not describe,
        are set aside first; where all failed, the tables stay as they are.
        """
        if names := self.outdated:
            set_aside(self.dest, self.standing, names)
            entries, gone = self.standing.entries, set(names)
            entries = {name: entry for name, entry in entries.items() if name not in gone}
            self.standing = replace(self.standing, entries=entries)
        if self.standing.entries and not self.written and self.dest.is_relabeled:
            return
        for path, data in (*self.dest.tables.items(), *self._shared(rows)):
            if self.root.read(path) != data:
                self.root.write(path, data)
        names = self._all_names
        is_same = is_made_of(self.root.read(MANIFEST), map(self._line_of, names))
        # A mask may be new though its line is old: one was removed by hand, or its writer died.
        if changed or not is_same or self.keep_sources or self.standing.resumes:
            self.root.sync()
        if not is_same:
            self._note_what_was_there()
            self.root.write(MANIFEST, in_blocks(map(self._line_of, names)), durable=True)

    @property
    def outdated(self) -> list[str]:
        """The images whose earlier masks the tables do not describe, and which were not painted anew."""
        return outdated(self.dest, self.standing, self.written)

    def _note_what_was_there(self) -> None:
        """Of a run that deletes, which may have to be run again: then its masks follow a changed source."""
        if self.keep_sources and self.standing.before is None:
            self.root.write(
                f"{WORK}/{BEFORE}", msgspec.json.encode(sorted(self.standing.entries)), durable=True
            )

    def _line_of(self, name: str) -> bytes:
        return self.written[name] if name in self.written else manifest_line(self.standing.entries[name])

    def _shared(self, rows: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
        """Files of all images, also of earlier runs, in order of name."""
        entries, options, names = self.standing.entries, self.dest.options, self._all_names
        stored = {} if rows.keys() >= entries.keys() else self.dest.stored_rows(entries)
        listed = any(self.root.holds(LISTS.format(split=split)) for split in SPLITS)
        options = with_earlier_splits(options, entries, self.written, listed=listed)
        return self.dest.layout.finish(with_rows(map(self._drawn, names), rows, stored), options)

    @property
    def _all_names(self) -> list[str]:
        """The images of this run and of earlier ones, in the manifest's order."""
        return sorted(self.standing.entries.keys() | self.written.keys())

    def _drawn(self, name: str) -> Drawn:
        return Drawn.of(msgspec.json.decode(self._line_of(name)))
