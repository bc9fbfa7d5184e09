"""DEST before a run: which files the images take there, what lies there already, and what is refused.

From the manifest and from `.polymask/run.json` (there while a run is unfinished) a run knows what it
meets: masks that it would make as well, or something else, which it does not overwrite unasked.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from polymask.conversion.dest.deleted import Entry, IsDeleted, refuse_repainting
from polymask.conversion.dest.standing import Standing
from polymask.conversion.dest.way_back import may_have_deleted, way_back
from polymask.errors import InputError, naming
from polymask.layouts import Drawn, Layout, LayoutOptions, layout_named
from polymask.layouts.common.lookup import value_tables
from polymask.layouts.common.shared_files import DEFAULT_SPLIT, stored_rows
from polymask.painting.painting import Rules
from polymask.raster import rule_versions
from polymask.storage.manifest import MANIFEST
from polymask.storage.remote.urls import Location
from polymask.storage.roots.local import Root
from polymask.storage.roots.object_store import open_root
from polymask.storage.safe_names import refuse_collisions, safe_path

LABELS = "labels.json"
_LESS_USED = {"priority": (), "crowd": "keep", "border": 0, "holes": None}


class Dest:
    """A folder of masks under one layout: the names of its files, and what its manifest says of the rules."""

    def __init__(
        self, location: str | Location, layout: str, *, options: LayoutOptions, rules: Rules
    ) -> None:
        self.root = open_root(location)
        self.layout_name, self.options, self.rules = layout, options, rules

    @property
    def layout(self) -> Layout:
        """The layout's module, which cannot be sent to other processes as its name can."""
        return layout_named(self.layout_name)

    def paths(self, name: str) -> Sequence[str]:
        """The paths that an image takes, its mask's first."""
        return self.layout.paths(safe_path(name), self.options)

    @property
    def shared(self) -> list[str]:
        """The paths of what all images have in common."""
        return [MANIFEST, *self.tables, *(path for path, _ in self.layout.finish((), self.options))]

    @cached_property
    def tables(self) -> dict[str, bytes]:
        """What names the values: it depends on the labels alone, so it is true of all masks or of none."""
        return {LABELS: self.options.label_map.to_json(), **value_tables(self.layout, self.options)}

    @cached_property
    def rules_entry(self) -> dict[str, Any]:
        """What an image's entry says of the rules that painted it."""
        entry = {"pixel_rule": self.rules.pixel_rule, **rule_versions(self.rules.pixel_rule)}
        entry["overlap"] = self.rules.overlap
        chosen = {name: getattr(self.rules, name) for name in _LESS_USED}
        return entry | {name: value for name, value in chosen.items() if value != _LESS_USED[name]}

    def is_under_rules(self, entry: Entry) -> bool:
        """Whether an image was painted under these rules."""
        names = ("pixel_rule", "pillow", "overlap", *_LESS_USED)
        stored = {name: entry[name] for name in names if name in entry}
        if "priority" in stored:
            stored["priority"] = tuple(stored["priority"])
        return stored == self.rules_entry

    def is_of_layout(self, entry: Entry) -> bool:
        """Whether an image's mask lies where this layout puts it, in the split that it was given."""
        options = replace(self.options, split=entry.get("split", DEFAULT_SPLIT), splits={})
        return str(entry["mask"]) == self.layout.paths(safe_path(entry["name"]), options)[0]

    @property
    def other_tables(self) -> list[str]:
        """The tables of values that lie there and name other values."""
        return [path for path, data in self.tables.items() if self.root.read(path) not in (None, data)]

    @property
    def is_relabeled(self) -> bool:
        """Whether what lies there was not made under these tables."""
        return bool(self.other_tables) or self.is_unnamed

    @property
    def is_unnamed(self) -> bool:
        """Whether no table tells what the values of the masks that lie there mean."""
        return not any(self.root.holds(path) for path in self.tables)

    def contradiction(self, name: str, entry: Entry) -> str:
        """What a run says otherwise than the line of an image's mask does; empty where nothing."""
        if not self.is_under_rules(entry):
            return "was made under other rules"
        if entry["mask"] != self.paths(name)[0] or not self.is_of_layout(entry):
            return "is of another layout or split"
        if self.options.split_of(name) != entry.get("split", DEFAULT_SPLIT):
            return "is of another split"
        return ""

    def stored_rows(self, entries: Mapping[str, Entry]) -> Mapping[str, bytes]:
        """What the files of all images hold of those of earlier runs, by name."""
        return stored_rows(self.layout, map(Drawn.of, entries.values()), self.root.read)

    def refusal(self, path: str, problem: str) -> InputError:
        """The error for what is in the way at a path."""
        return InputError(
            f"{self.root.path / path} {problem}", advice="pass --overwrite, or choose another DEST"
        )


class DestCheck:
    """Whether a run may write to DEST: what it would write, against what lies there.

    Without `overwrite`, nothing that is there already and differs is replaced; only what an
    unfinished run with the same `fingerprint` left is completed. Refused are unsafe or colliding names,
    links in the way, a file of `inputs` or `pictures` that would be written to, and what is in the folder
    that such a run would not make; and whatever is asked, what the mask of an image that `is_deleted`
    would contradict, or what such a mask lacks (`beyond`), and masks of another layout.
    """

    def __init__(
        self,
        dest: Dest,
        names: Sequence[str],
        *,
        fingerprint: dict[str, Any],
        inputs: Sequence[Location] = (),
        overwrite: bool = False,
        is_deleted: IsDeleted = lambda _name, _entry: False,
        beyond: Callable[[str, Entry], str] = lambda _name, _entry: "",
        pictures: Callable[[], Iterable[Location]] = tuple,
    ) -> None:
        self.dest, self.names, self.overwrite = dest, names, overwrite
        self.is_deleted, self.pictures, self.beyond = is_deleted, pictures, beyond
        self.fingerprint, self.inputs = fingerprint, inputs

    def first_look(self) -> Standing:
        """As `look`, before a run holds DEST; raises `InputError` for the names of its files too."""
        with naming(self.inputs[0] if self.inputs else None):
            refuse_collisions(self._safe_paths)
        root = self.dest.root
        try:
            return self.look()
        except InputError:
            if not (isinstance(root, Root) and root.path.is_dir()):
                raise
            with root.held():  # what was seen may have been half of another run's work
                return self.look()

    def look(self) -> Standing:
        """What is in DEST now; raises `InputError` where the run may not write beside it or over it."""
        root = self.dest.root
        if root.is_empty():
            return Standing()
        unfinished = root.unfinished()
        standing = Standing.of(root, resumes=unfinished == self.fingerprint)
        self._refuse_repainting(standing)
        if unfinished is not None and not (standing.resumes or self.overwrite):
            raise self.dest.refusal("", "holds an unfinished run with other options")
        self._refuse_inputs()
        self._look_at_shared(standing)
        for path, name in self._paths():
            self._look_at(path, name, standing)
        return standing

    def _paths(self) -> Iterator[tuple[str, str]]:
        """Every path that an image takes, with the image's name; worked out anew: there may be millions."""
        for name in self.names:
            for path in self.dest.paths(name):
                yield path, name

    def _safe_paths(self) -> Iterator[tuple[str, str]]:
        """The same, each checked as it comes."""
        for path, name in self._paths():
            safe_path(_file(path))
            yield path, name

    def _refuse_repainting(self, standing: Standing) -> None:
        """Masks whose polygons are deleted stay as they are: the run must not say otherwise of them."""
        changed = ["labels.json is missing"] if standing.entries and not self.dest.root.holds(LABELS) else []
        changed += [f"{path} holds another label map" for path in self.dest.other_tables]
        for name in self.names if standing.entries else ():
            entry = standing.entries.get(name)
            if entry is None or not entry.get("sources"):
                continue
            problem = changed[0] if changed else self._contradiction(name, entry)
            if problem and self.is_deleted(name, entry):
                raise refuse_repainting(self.dest.root, name, problem)

    def _contradiction(self, name: str, entry: Entry) -> str:
        problem = self.dest.contradiction(name, entry)
        return f"{entry['mask']} {problem}" if problem else self.beyond(name, entry)

    def _refuse_inputs(self) -> None:
        if not self.inputs:
            return
        root = self.dest.root
        pictures = {os.path.realpath(path) for path in self.pictures() if isinstance(path, Path)}
        for file in map(_file, chain(self.dest.shared, (path for path, _ in self._paths()))):
            is_picture = bool(pictures) and os.path.realpath(f"{root.path / file}") in pictures
            if is_picture or any(root.same(file, location) for location in self.inputs):
                raise InputError(
                    f"{root.path / file} is what is read, and would be written over",
                    advice="choose another DEST",
                )

    def _look_at_shared(self, standing: Standing) -> None:
        """What all images of the folder have in common: the label map, lists, files of all images."""
        root, entries = self.dest.root, standing.entries
        others = entries.keys() - set(self.names)
        self._look_at_tables(others, standing)
        self._refuse_other_layouts(standing)
        for path in self.dest.shared:
            if root.holds(path) and not (root.holds(MANIFEST) or self.overwrite or standing.resumes):
                raise self.dest.refusal(path, "is there already, and of no run of polymask")
        if others or (entries and not self.overwrite):
            self.dest.stored_rows(entries)  # that these can be added to

    def _look_at_tables(self, others: Collection[str], standing: Standing) -> None:
        """Of the values' tables, and images of earlier runs which they must stay true of."""
        other_maps = self.dest.other_tables
        if other_maps and not self.overwrite:
            raise self.dest.refusal(other_maps[0], "holds another label map")
        if others and self.dest.is_unnamed:
            raise InputError(
                f"{self.dest.root.path / LABELS} is missing, which names the values of {len(others)} masks",
                advice="put it back from a copy, convert them too, or choose another DEST",
            )
        if other_maps and others:
            is_claimed = any("remaining_sha256" in standing.entries[name] for name in others)
            is_deleted = is_claimed and may_have_deleted(self.dest.root)
            advice = f"; polygons of theirs may be deleted: {way_back(self.dest.root)}" if is_deleted else ""
            raise InputError(
                f"{self.dest.root.path} holds {len(others)} more masks under another label map",
                advice=f"convert them too, or choose another DEST{advice}",
            )

    def _refuse_other_layouts(self, standing: Standing) -> None:
        """The lists and tables of one layout are not true of the masks of another."""
        for entry in standing.entries.values():
            if not self.dest.is_of_layout(entry):
                raise InputError(
                    f"{self.dest.root.path / _file(entry['mask'])} is of another layout or split, and its "
                    "lists and tables would be mixed with those of this run",
                    advice="choose another DEST",
                )

    def _look_at(self, path: str, name: str, standing: Standing) -> None:
        """One of an image's files, and what the manifest says of the image."""
        file = _file(path)
        is_there = self.dest.root.holds(file)
        if self.overwrite:
            return
        entry = standing.entries.get(name)
        if entry and not self.dest.is_under_rules(entry):
            raise self.dest.refusal(file, "was made under other rules")
        if entry and entry["mask"] != self.dest.paths(name)[0]:
            raise self.dest.refusal(entry["mask"], "is of another layout or split")
        if is_there and not entry and file == path and not standing.resumes:
            raise self.dest.refusal(file, "is there already, and not in the manifest")


def _file(path: str) -> str:
    """The file of a mask's path, which may name a part of it after a `#`."""
    return path.partition("#")[0]
