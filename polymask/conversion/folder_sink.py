"""The local sink: a folder of masks, its `labels.json` and its `manifest.jsonl`.

The manifest is written last, after everything it speaks of is durable. From it and from
`.polymask/run.json` (there while a run is unfinished) a next run knows what it finds: masks
that it would make as well, or something else, which it does not overwrite unasked.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import Any

import msgspec

from polymask._version import __version__
from polymask.codecs.png import same_picture
from polymask.errors import InputError
from polymask.labels.label_map import LabelMap
from polymask.layouts import Drawn, Layout, LayoutOptions, layout_named
from polymask.layouts.common.lookup import value_tables
from polymask.layouts.common.shared_files import DEFAULT_SPLIT, stored_rows, with_earlier_splits, with_rows
from polymask.layouts.common.splits import LISTS, SPLITS
from polymask.model import ImageRecord, Runs
from polymask.painting.painting import Rules
from polymask.provenance.digest import geometry_sha256, record_sha256
from polymask.raster import rule_versions
from polymask.storage.local import Root
from polymask.storage.manifest import MANIFEST, Lines, in_blocks, is_made_of, manifest_line, read_manifest
from polymask.storage.object_store import open_root
from polymask.storage.safe_names import refuse_collisions, safe_path
from polymask.storage.urls import Location

LABELS = "labels.json"
_LESS_USED = {"priority": (), "crowd": "keep", "border": 0, "holes": None}


class FolderSink:
    """The masks of many images below one folder.

    Without `overwrite`, nothing that is there already and differs is replaced; only what an
    unfinished run with the same `options` left is completed.
    """

    def __init__(
        self,
        path: str | Location,
        layout: str,
        *,
        rules: Rules,
        options: LayoutOptions,
        overwrite: bool = False,
        keep_sources: bool = False,
    ) -> None:
        self.root = open_root(path)
        self.layout_name, self.rules, self.options = layout, rules, options
        self.overwrite, self.keep_sources = overwrite, keep_sources
        self.label_map: LabelMap = options.label_map
        self.before: Mapping[str, dict[str, Any]] = {}
        self.written = Lines()
        self.resumes = False

    @property
    def layout(self) -> Layout:
        """The layout's module, which cannot be sent to other processes as its name can."""
        return layout_named(self.layout_name)

    def plan(
        self, names: Iterable[str], options: Mapping[str, Any], *, inputs: Iterable[Location] = ()
    ) -> None:
        """Refuse, before anything is written, what could not be written or would be overwritten.

        Raises `InputError` for unsafe or colliding names, for links in the way, for a file of
        `inputs` that would be written to, and for what is in the folder that a run with these
        options would not make.
        """
        self._planned = list(names), dict(options), list(inputs)
        for path, _ in self._paths():
            safe_path(path.partition("#")[0])
        refuse_collisions(self._paths)
        try:
            self.look()
        except InputError:
            if not (isinstance(self.root, Root) and self.root.path.is_dir()):
                raise
            with self.root.held():  # what it saw may have been another run's, half done
                self.look()

    def _paths(self) -> Iterator[tuple[str, str]]:
        """Every path that an image takes, with the image's name; worked out anew: there may be millions."""
        for name in self._planned[0]:
            for path in self.layout.paths(safe_path(name), self.options):
                yield path, name

    def join(self, *, resumes: bool) -> None:
        """Take part in a run that another process has planned, and holds the root for."""
        self.before, self.resumes = read_manifest(self.root), resumes

    def look(self) -> None:
        """The part of the plan that others can change: what is in the folder now."""
        names, options, inputs = self._planned
        if self.root.is_empty():
            return
        self.before = read_manifest(self.root)
        unfinished = self.root.unfinished()
        self.resumes = unfinished == options
        if unfinished is not None and not (self.resumes or self.overwrite):
            raise InputError(self._told("", "holds an unfinished run with other options"))
        shared = [MANIFEST, *self._tables, *(path for path, _ in self.layout.finish((), self.options))]
        self._refuse_inputs(chain(shared, (path for path, _ in self._paths())), inputs)
        self._look_at_shared(shared, set(names))
        self._look_at(self._paths())

    def _refuse_inputs(self, paths: Iterable[str], inputs: Sequence[Location]) -> None:
        for path in paths if inputs else ():
            file = path.partition("#")[0]
            if any(self.root.same(file, given) for given in inputs):
                raise InputError(
                    f"{self.root.path / file} is what is read",
                    advice="it would be written over: choose another DEST",
                )

    def _look_at_shared(self, shared: Iterable[str], names: set[str]) -> None:
        """What all images of the folder have in common: the label map, lists, files of all images."""
        others = self.before.keys() - names
        other_maps = [path for path, data in self._tables.items() if self.root.read(path) not in (None, data)]
        if other_maps and not self.overwrite:
            raise InputError(self._told(other_maps[0], "holds another label map"))
        if other_maps and others:
            raise InputError(
                f"{self.root.path} holds {len(others)} more masks under another label map",
                advice="convert them too, or choose another DEST",
            )
        if others and any("#" in self.before[name]["mask"] for name in others):
            raise InputError(
                f"{self.root.path} holds {len(others)} more images in the same file",
                advice="convert all of them in one run, or choose another DEST",
            )
        for path in shared:
            if self.root.holds(path) and not (self.before or self.overwrite or self.resumes):
                raise InputError(self._told(path, "is there already, and of no run of polymask"))
        if others or (self.before and not self.overwrite):
            self._stored_rows()  # that these can be added to

    def _look_at(self, paths: Iterable[tuple[str, str]]) -> None:
        for path, name in paths:
            file = path.partition("#")[0]
            there = self.root.holds(file)
            if self.overwrite:
                continue
            before = self.before.get(name)
            if before and self._rules != _rules_of(before):
                raise InputError(self._told(file, "was made under other rules"))
            if before and before["mask"] != self._mask_path(name):
                raise InputError(self._told(before["mask"], "is of another layout or split"))
            if there and not before and file == path and not self.resumes:
                raise InputError(self._told(file, "is there already, and not in the manifest"))

    def _mask_path(self, name: str) -> str:
        return self.layout.paths(name, self.options)[0]

    def _told(self, relative: str, what: str) -> str:
        return f"{self.root.path / relative} {what}; pass --overwrite, or choose another DEST"

    @cached_property
    def _rules(self) -> dict[str, Any]:
        named = {"pixel_rule": self.rules.pixel_rule, **rule_versions(self.rules.pixel_rule)}
        named["overlap"] = self.rules.overlap
        chosen = {name: getattr(self.rules, name) for name in _LESS_USED}
        return named | {name: value for name, value in chosen.items() if value != _LESS_USED[name]}

    def line(
        self, record: ImageRecord, source_sha256: str, drawn: Drawn, *, remaining: ImageRecord | None = None
    ) -> bytes:
        """An image's line in the manifest. It holds no time and no host.

        `remaining` is the record once the polygons are deleted that the mask accounts for.
        """
        height, width = record.frame
        line = {"name": record.name, "mask": drawn.mask, "height": height, "width": width}
        line |= {"pixels_sha256": drawn.pixels_sha256, "source_sha256": source_sha256}
        line |= self._rules
        line["version"] = __version__
        if (split := self.options.split_of(record.name)) != DEFAULT_SPLIT:
            line["split"] = split
        if self.keep_sources:
            line["sources"] = [[i.id, geometry_sha256(i.shape)] for i in record.instances]
        if remaining is not None and len(remaining.instances) < len(record.instances):
            line["remaining_sha256"] = record_sha256(remaining)
        if drawn.labels is not None:
            line["labels"] = dict(drawn.labels)
        return manifest_line(line)

    def differs(self, name: str, line: bytes) -> bool:
        """Whether the manifest had another line for an image, or none."""
        return name not in self.before or self.before[name] != msgspec.json.decode(line)

    def finished(self, record: ImageRecord) -> dict[str, Any] | None:
        """The manifest's line of a mask whose polygons are deleted, or None where its sources are all there.

        Raises `InputError` for a record that is neither what the mask was made of nor what a deletion
        leaves of it: new instances cannot join the mask, and what else is gone was somebody's edit.
        """
        entry = self.before.get(record.name, {})
        known = {(str(key), digest) for key, digest in entry.get("sources", ())}
        if not known:
            return None
        present = {(str(i.id), geometry_sha256(i.shape)) for i in record.instances}
        if "remaining_sha256" in entry:
            is_rest = entry["remaining_sha256"] == record_sha256(record)
        else:  # a line of an earlier build, which deleted all but runs
            is_rest = present < known and all(isinstance(i.shape, Runs) for i in record.instances)
        if is_rest:
            return entry
        if known <= present:
            return None
        raise InputError(
            f"{record.name} lacks instances that its mask was made of, and has others",
            advice=(
                "if they were deleted, choose another DEST for what is there now, or put them back "
                f"first: `polymask restore {self.root.path}` does, or names the backup to merge by "
                "hand if the file was edited since"
            ),
        )

    def write(self, drawn: Drawn) -> bool:
        """Put an image's files in place; False where all of them are there already.

        Raises `InputError` where one is there that differs and may not be replaced.
        """
        missing = []
        replaceable = self.overwrite or (self.resumes and drawn.name not in self.before)
        for path, data in drawn.files:
            there = self.root.read(path)
            if there is not None and not replaceable and same_picture(there, data):
                continue
            if there is not None and there != data and not replaceable:
                raise InputError(
                    self._told(path, "is not what this run would write (edited, or of a changed source)")
                )
            if there != data:
                missing.append((path, data))
        for path, data in missing:
            self.root.write(path, data)
        self._remove_stale(drawn)
        return bool(missing)

    def _remove_stale(self, drawn: Drawn) -> None:
        """A mask that went elsewhere, and masks of labels that the image no longer has."""
        before = self.before.get(drawn.name, {})
        labels = before.get("labels", {})
        if self.overwrite and not labels and before.get("mask", drawn.mask) != drawn.mask:
            self.root.remove(before["mask"])
        for label in labels if self.overwrite and "#" not in drawn.mask else ():
            if label not in (drawn.labels or {}):
                self.root.remove(f"{drawn.mask}/{label}.png")

    def finish(self, rows: Mapping[str, bytes], *, changed: bool = True) -> None:
        """The files that all images share, then, once all is durable, the manifest of what was `written`.

        `rows` are the images' shares of files that they have in common, by name; `changed` tells
        whether any image's file was written.
        """
        for path, data in (*self._tables.items(), *self._shared(rows)):
            if self.root.read(path) != data:
                self.root.write(path, data)
        names = sorted(self.before.keys() | self.written.keys())
        same = is_made_of(self.root.read(MANIFEST), map(self._line_of, names))
        # A mask may be new though its line is old: one was removed by hand, or its writer died.
        if changed or not same or self.keep_sources or self.resumes:
            self.root.sync()
        if not same:
            self.root.write(MANIFEST, in_blocks(map(self._line_of, names)), durable=True)

    def _line_of(self, name: str) -> bytes:
        return self.written[name] if name in self.written else manifest_line(self.before[name])

    def _shared(self, rows: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
        """Files of all images, also of earlier runs: in order of name, or of a source that has all."""
        names: Iterable[str] = self.written
        stored: Mapping[str, bytes] = {}
        if not (rows.keys() >= self.before.keys() and getattr(self.layout, "SOURCE_ORDER", False)):
            names = sorted(self.before.keys() | self.written.keys())
        if not rows.keys() >= self.before.keys():
            stored = self._stored_rows()
        listed = any(self.root.holds(LISTS.format(split=split)) for split in SPLITS)
        options = with_earlier_splits(self.options, self.before, self.written, listed=listed)
        return self.layout.finish(with_rows(map(self._drawn, names), rows, stored), options)

    def _stored_rows(self) -> Mapping[str, bytes]:
        return stored_rows(self.layout, map(Drawn.of, self.before.values()), self.root.read)

    @cached_property
    def _tables(self) -> dict[str, bytes]:
        """What names the values: it depends on the labels alone, so it is true of all masks or of none."""
        return {LABELS: self.label_map.to_json(), **value_tables(self.layout, self.options)}

    def _drawn(self, name: str) -> Drawn:
        return Drawn.of(msgspec.json.decode(self._line_of(name)))


def _rules_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    named = ("pixel_rule", "pillow", "overlap", *_LESS_USED)
    return {
        name: tuple(entry[name]) if name == "priority" else entry[name] for name in named if name in entry
    }
