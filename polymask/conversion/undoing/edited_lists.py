"""Lists and tables of DEST that somebody edited since polymask wrote them: no run takes the edits back.

What polymask wrote follows from the manifest and the label map; what differs is edited. Lists keep the edits,
and the lines of new images join them. Another file that the run would change is refused.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from msgspec.structs import replace

from polymask.conversion.dest.check import LABELS, Dest
from polymask.conversion.dest.deleted import Entry
from polymask.conversion.dest.state import DestState
from polymask.conversion.undoing.shared_by_all import shared_files
from polymask.errors import ConflictError, PolymaskError
from polymask.labels.label_map import LabelMap
from polymask.layouts import PICTURE_FORMATS
from polymask.layouts.common.shared_files import SharedFiles, is_list, stored_options
from polymask.results import Report
from polymask.storage.manifest import file_and_part
from polymask.storage.roots.folders import parent_of


def with_edited(dest: Dest, names: Iterable[str], state: DestState, *, update: bool = False) -> DestState:
    """The state with the files that somebody edited, for a run with some images.

    Raises:
        ConflictError: The run would change such a file, and it is no list whose lines can be added.
    """
    entries = {**state.entries, **state.pruned} if state.pruned else state.entries
    if not entries or state.resumes:
        return state
    edited = dict(_edited(dest, entries))
    if tables := [path for path in edited if not is_list(path)]:
        after = _after(dest, names, state, update=update)
        for path in tables:
            if after is None or after.get(path) != edited[path]:
                raise ConflictError(
                    f"{dest.root.path / path} was edited since polymask wrote it, and would change now",
                    advice="move it away to have it written anew, or pass --overwrite to replace it",
                )
    return replace(state, edited=edited)


def _edited(dest: Dest, entries: Mapping[str, Entry]) -> Iterator[tuple[str, bytes]]:
    """The paths of the edited files, with what polymask wrote there.

    A list that is missing beside an edited one counts too: its lines may have been moved.
    """
    versions = list(_versions(dest, entries))
    base = versions[0]() if versions else {}
    stored = {path: dest.root.read(path) for path in base}
    edited = {path for path, data in stored.items() if data is not None and data != base[path]}
    for version in versions[1:] if edited else ():
        edited -= {path for path in edited if stored[path] == version().get(path)}
    folders = {parent_of(path) for path in edited if is_list(path)}
    for path, data in base.items():
        is_missing = bool(data) and stored[path] is None and is_list(path) and parent_of(path) in folders
        if path in edited or is_missing:
            yield path, data


def _versions(dest: Dest, entries: Mapping[str, Entry]) -> Iterator[Callable[[], SharedFiles]]:
    """What polymask may have written for these images: with pictures as this run copies them, or others."""
    try:
        label_map = LabelMap.load(dest.root.path / LABELS)
    except PolymaskError:  # it is gone or damaged: nothing can be made of it
        return
    options = stored_options(dest.layout, replace(dest.options, label_map=label_map), dest.root.read)
    for suffix in dict.fromkeys([options.picture_format, "", *PICTURE_FORMATS]):
        chosen = replace(options, picture_format=suffix)
        version = Dest(dest.root.path, dest.layout_name, options=chosen, rules=dest.rules)
        yield partial(_lists_of, version, entries)


def _lists_of(dest: Dest, entries: Mapping[str, Entry], names: Iterable[str] = ()) -> SharedFiles:
    """The files that images share, without the tables of values and without one that holds masks."""
    files = dict(shared_files(dest, entries, names))
    mask, part = file_and_part(str(next(iter(entries.values()))["mask"])) if entries else ("", "")
    others = {*dest.tables, *([mask] if part else [])}
    return {path: data for path, data in files.items() if path not in others}


def _after(dest: Dest, names: Iterable[str], state: DestState, *, update: bool) -> SharedFiles | None:
    """What a run would write; None where that is not known before its images are painted."""
    if not hasattr(dest.layout, "stored_rows"):
        return _lists_of(dest, state.entries, names)
    is_same = not (update or state.pruned or any(name not in state.entries for name in names))
    return _lists_of(dest, state.entries) if is_same else None


def note_edited(report: Report, state: DestState) -> None:
    """Tell a report which files keep their edits."""
    if state.edited:
        first, *others = sorted(state.edited)
        more = f" and {len(others)} more" if others else ""
        report.notes.append(f"edited since polymask wrote it, and kept with its edits: {first}{more}")
