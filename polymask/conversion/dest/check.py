"""Checking DEST before a run: the files that the run would write, those that exist, and what is refused.

The manifest and `.polymask/run.json` (which exists while a run is unfinished) show whether existing files
are masks that the run would write as well. A run overwrites other files only if it is asked to.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from polymask.conversion.dest.deleted import Entry, IsDeleted, refuse_repainting
from polymask.conversion.dest.state import DestState
from polymask.conversion.dest.way_back import may_have_deleted, recovery
from polymask.errors import ConflictError, InputError, naming
from polymask.labels.as_label_map import extends
from polymask.layouts import Drawn, Layout, LayoutOptions, layout_named, picture_path
from polymask.layouts.common.lookup import value_tables
from polymask.layouts.common.shared_files import DEFAULT_SPLIT, as_stored, stored_rows
from polymask.painting.painting import Rules
from polymask.painting.tiles import tiling_of
from polymask.raster import rule_versions
from polymask.storage.image_names import stem
from polymask.storage.manifest import MANIFEST, file_and_part
from polymask.storage.remote.urls import Location
from polymask.storage.roots.local import Root
from polymask.storage.roots.object_store import open_root
from polymask.storage.safe_names import refuse_collisions, safe_path

LABELS = "labels.json"
_LESS_USED = {"priority": (), "crowd": "keep", "border": 0, "holes": None}


class Dest:
    """A folder of masks under a layout: the paths of its files, its tables, and the rules in its manifest."""

    def __init__(
        self, location: str | Location, layout: str, *, options: LayoutOptions, rules: Rules
    ) -> None:
        self.root = open_root(location)
        self.layout_name, self.options, self.rules = layout, options, rules

    @property
    def layout(self) -> Layout:
        """The layout's module, looked up by name, for a module cannot be sent to other processes."""
        return layout_named(self.layout_name)

    def paths(self, name: str) -> Sequence[str]:
        """The paths of an image's files, that of the mask first."""
        return self.layout.paths(safe_path(name), self.options)

    @property
    def shared(self) -> list[str]:
        """The paths of the files that all images share."""
        return [MANIFEST, *self.tables, *(path for path, _ in self.layout.finish((), self.options))]

    @cached_property
    def tables(self) -> dict[str, bytes]:
        """The tables that name the values, by path; they depend on the labels only."""
        return {LABELS: self.options.label_map.to_json(), **value_tables(self.layout, self.options)}

    @cached_property
    def rules_entry(self) -> dict[str, Any]:
        """The part of an image's manifest entry with the rules that painted it."""
        entry = {"pixel_rule": self.rules.pixel_rule, **rule_versions(self.rules.pixel_rule)}
        entry["overlap"] = self.rules.overlap
        chosen = {name: getattr(self.rules, name) for name in _LESS_USED}
        return entry | {name: value for name, value in chosen.items() if value != _LESS_USED[name]}

    def is_under_rules(self, entry: Entry) -> bool:
        """Whether an image was painted by the rules of this run."""
        names = ("pixel_rule", "pillow", "overlap", *_LESS_USED)
        stored = {name: entry[name] for name in names if name in entry}
        if "priority" in stored:
            stored["priority"] = tuple(stored["priority"])
        return stored == self.rules_entry

    def is_of_layout(self, entry: Entry) -> bool:
        """Whether an image's mask has the path and the tiling of this layout, in the split of its entry."""
        options = as_stored(self.options, entry, self.layout)
        is_here = str(entry["mask"]) == self.layout.paths(safe_path(entry["name"]), options)[0]
        return is_here and tiling_of(entry) == self.options.tiling

    @property
    def other_tables(self) -> list[str]:
        """The paths of existing tables that name other values."""
        return [path for path, data in self.tables.items() if self.root.read(path) not in (None, data)]

    @property
    def is_relabeled(self) -> bool:
        """Whether the existing masks were made under other tables, or under none."""
        return bool(self.other_tables) or self.is_unnamed

    @property
    def is_extended(self) -> bool:
        """Whether this run's labels are the stored ones and more."""
        return extends(self.options.label_map, self.root.read(LABELS) or b"")

    @property
    def is_unnamed(self) -> bool:
        """Whether no table exists that names the values of existing masks."""
        return not any(self.root.holds(path) for path in self.tables)

    def other_copy(self, entry: Entry) -> str:
        """The copy of an image's picture in another format than that of this run; empty if there is none."""
        if not (files := entry.get("files")):
            return ""
        options = as_stored(self.options, entry, self.layout)
        expected = picture_path(self.layout, entry["name"], options)
        copies = [path for path in files if path != expected and stem(path) == stem(expected)]
        return next(iter(copies), "") if expected not in files else ""

    def contradiction(self, name: str, entry: Entry) -> str:
        """How an image's entry contradicts this run, in words; empty if it does not."""
        if not self.is_under_rules(entry):
            return "was made under other rules"
        if entry["mask"] != self.paths(name)[0] or not self.is_of_layout(entry):
            return "is of another layout or split"
        if self.options.split_of(name) != entry.get("split", DEFAULT_SPLIT):
            return "is of another split"
        return ""

    def stored_rows(self, entries: Mapping[str, Entry]) -> Mapping[str, bytes]:
        """The rows of earlier images in the files that all images share, by image name."""
        return stored_rows(self.layout, map(Drawn.of, entries.values()), self.root.read)

    def refusal(self, path: str, problem: str) -> InputError:
        """The error for a file that is in the way."""
        where = self.root.path / path
        return InputError(f"{where} {problem}", advice="pass --overwrite, or choose another DEST")


class DestCheck:
    """The check whether a run may write to DEST, given the content of DEST.

    Without `overwrite`, existing files that differ are not replaced; only an unfinished run with the same
    `fingerprint` is completed. The check refuses unsafe or colliding names, links in the way, writing over
    the `inputs` or `pictures`, and existing files that such a run would not write. Even with `overwrite`,
    masks of another layout, and a run that contradicts a mask of deleted polygons or asks for more (`unmet`).
    """

    def __init__(  # noqa: PLR0913 - what a run may do, each by name
        self,
        dest: Dest,
        names: Sequence[str],
        *,
        fingerprint: dict[str, Any],
        inputs: Sequence[Location] = (),
        overwrite: bool = False,
        update: bool = False,
        prune: Callable[[DestState], DestState] = lambda state: state,
        at_last: Callable[[DestState], DestState] = lambda state: state,
        is_deleted: IsDeleted = lambda _name, _entry: False,
        unmet: Callable[[str, Entry], str] = lambda _name, _entry: "",
        pictures: Callable[[], Iterable[Location]] = tuple,
    ) -> None:
        self.dest, self.names, self.fingerprint, self.inputs = dest, names, fingerprint, inputs
        self.overwrite, self.update, self.prune, self.at_last = overwrite, update, prune, at_last
        self.is_deleted, self.pictures, self.unmet = is_deleted, pictures, unmet

    def first_look(self) -> DestState:
        """As `look`, but before the run holds DEST; raises `InputError` for unsafe or colliding names too."""
        with naming(self.inputs[0] if self.inputs else None):
            refuse_collisions(self._safe_paths)
        root = self.dest.root
        try:
            return self.look()
        except (InputError, ConflictError):
            if not (isinstance(root, Root) and root.path.is_dir()):
                raise
            with root.held():  # another run may have been writing at that moment
                return self.look()

    def look(self) -> DestState:
        """The present content of DEST; raises `InputError` if the run may not add to it or overwrite it."""
        root = self.dest.root
        if root.is_empty():
            return DestState()
        unfinished = root.unfinished()
        state = self.prune(DestState.of(root, resumes=unfinished == self.fingerprint))
        self._refuse_repainting(state)
        if unfinished is not None and not (state.resumes or self.overwrite):
            raise self.dest.refusal("", "holds an unfinished run with other options")
        self._refuse_inputs()
        self._look_at_shared(state)
        for path, name in self._paths():
            self._look_at(path, name, state)
        return self.at_last(state)

    def _paths(self) -> Iterator[tuple[str, str]]:
        """The paths of all images' files with the images' names; not stored, as there may be millions."""
        for name in self.names:
            for path in self.dest.paths(name):
                yield path, name

    def _safe_paths(self) -> Iterator[tuple[str, str]]:
        """As `_paths`, each checked to be safe and possible in this locale; tiles have their image's name."""
        for path, name in self._paths():
            os.fsencode(safe_path(_file(path)))
            yield path, self.dest.options.image_of(name)

    def _refuse_repainting(self, state: DestState) -> None:
        """Refuse a run that contradicts a mask whose polygons are deleted, as it cannot be painted again."""
        problems = ["labels.json is missing"] if state.entries and not self.dest.root.holds(LABELS) else []
        problems += [f"{path} holds another label map" for path in self.dest.other_tables]
        for name in self.names if state.entries else ():
            entry = state.entries.get(name)
            if entry is None or not entry.get("sources"):
                continue
            problem = problems[0] if problems else self._contradiction(name, entry)
            if problem and self.is_deleted(name, entry):
                raise refuse_repainting(self.dest.root, name, problem)

    def _contradiction(self, name: str, entry: Entry) -> str:
        problem = self.dest.contradiction(name, entry)
        return f"{entry['mask']} {problem}" if problem else self.unmet(name, entry)

    def _refuse_inputs(self) -> None:
        if not self.inputs:
            return
        root = self.dest.root
        pictures = {os.path.realpath(path) for path in self.pictures() if isinstance(path, Path)}
        for file in map(_file, chain(self.dest.shared, (path for path, _ in self._paths()))):
            is_picture = bool(pictures) and os.path.realpath(f"{root.path / file}") in pictures
            if is_picture or any(root.same(file, location) for location in self.inputs):
                problem = "is what is read, and would be written over"
                raise InputError(f"{root.path / file} {problem}", advice="choose another DEST")

    def _look_at_shared(self, state: DestState) -> None:
        """Check the files that all images share: tables, lists and joint files."""
        root, entries = self.dest.root, state.entries
        others = entries.keys() - set(self.names)
        self._look_at_tables(others, state)
        self._refuse_other_layouts(state)
        self._refuse_other_copies(others if self.overwrite else entries, state)
        for path in self.dest.shared:
            if root.holds(path) and not (root.holds(MANIFEST) or self.overwrite or state.resumes):
                raise self.dest.refusal(path, "is there already, and of no run of polymask")
        if others or (entries and not self.overwrite):
            self.dest.stored_rows(entries)  # raises if these files cannot be extended

    def _look_at_tables(self, others: Collection[str], state: DestState) -> None:
        """Check the tables of values, which must stay true of images from earlier runs."""
        other_tables = self.dest.other_tables
        other_tables = [] if self.update and self.dest.is_extended else other_tables  # they stay true
        if other_tables and not self.overwrite:
            raise self.dest.refusal(other_tables[0], "holds another label map")
        if others and self.dest.is_unnamed:
            raise InputError(
                f"{self.dest.root.path / LABELS} is missing, which names the values of {len(others)} masks",
                advice="put it back from a copy, convert them too, or choose another DEST",
            )
        if other_tables and others:
            is_claimed = any("remaining_sha256" in state.entries[name] for name in others)
            is_deleted = is_claimed and may_have_deleted(self.dest.root)
            advice = f"; polygons of theirs may be deleted: {recovery(self.dest.root)}" if is_deleted else ""
            raise InputError(
                f"{self.dest.root.path} holds {len(others)} more masks under another label map",
                advice=f"convert them too, or choose another DEST{advice}",
            )

    def _refuse_other_layouts(self, state: DestState) -> None:
        """Refuse masks of another layout: their lists and tables would be mixed with those of this run."""
        for entry in state.entries.values():
            if not self.dest.is_of_layout(entry):
                raise InputError(
                    f"{self.dest.root.path / _file(entry['mask'])} is of another layout or split, or of "
                    "other tiles, and its lists and tables would be mixed with those of this run",
                    advice="choose another DEST",
                )

    def _refuse_other_copies(self, names: Iterable[str], state: DestState) -> None:
        """Refuse pictures in another format: this run's lists would name copies that do not exist."""
        for path in filter(None, (self.dest.other_copy(state.entries[name]) for name in names)):
            raise InputError(
                f"{self.dest.root.path / path} is a picture in another format than this run's copies",
                advice="give the --picture-format of the earlier run, if it had any, convert all images "
                "again with --overwrite, or choose another DEST",
            )

    def _look_at(self, path: str, name: str, state: DestState) -> None:
        """Check one of an image's files, and the image's entry in the manifest."""
        file = _file(path)
        exists = self.dest.root.holds(file)
        if self.overwrite:
            return
        entry = state.entries.get(name)
        if entry and not self.dest.is_under_rules(entry):
            raise self.dest.refusal(file, "was made under other rules")
        if entry and entry["mask"] != self.dest.paths(name)[0]:
            raise self.dest.refusal(entry["mask"], "is of another layout or split")
        if exists and not entry and file == path and not state.resumes:
            raise self.dest.refusal(file, "is there already, and not in the manifest")


def _file(path: str) -> str:
    """The file of a mask's path, without the image within it."""
    return file_and_part(path)[0]
