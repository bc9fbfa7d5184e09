"""Outdated masks: masks of images that failed in a run that changed the labels.

The run's new tables are wrong for them, and the run could not paint them again. They are moved to a
folder below `.polymask`, which is a complete set of masks with their tables and manifest lines.
"""

from collections.abc import Collection, Sequence
from hashlib import sha256

from polymask.conversion.dest.check import Dest
from polymask.conversion.dest.companions import files_of
from polymask.conversion.dest.deleted import Entry
from polymask.conversion.dest.state import DestState
from polymask.storage.manifest import MANIFEST, file_and_part, manifest_line
from polymask.storage.safe_names import WORK

OUTDATED = f"{WORK}/outdated"
MOST_NAMED = 3


def outdated(dest: Dest, state: DestState, written: Collection[str]) -> list[str]:
    """The images of earlier runs whose masks the tables of this run, which has `written` others, misdescribe.

    Masks of single labels are named by their labels, so they stay true under any values.
    """
    entries = state.entries
    names = [name for name in entries if name not in written]
    if names and written and dest.is_relabeled and not dest.is_extended:  # without new masks, the tables stay
        return [name for name in names if not _is_described(dest, entries[name])]
    if names and state.resumes:
        place = outdated_place(dest)
        return [name for name in names if _is_moved(dest, place, entries[name])]
    return []


def outdated_place(dest: Dest) -> str:
    """The folder for outdated masks, named by their manifest's digest so that no two runs share it."""
    return f"{OUTDATED}/{sha256(dest.root.read(MANIFEST) or b'').hexdigest()[:12]}"


def _is_described(dest: Dest, entry: Entry) -> bool:
    """Whether an image has a mask per label, named by the label, and the tables have all these labels."""
    file, part = file_and_part(entry["mask"])
    if part or "labels" not in entry:
        return False
    # In a folder of label masks, readers refuse a file whose label is not in the tables.
    return entry["labels"].keys() <= set(dest.options.label_map.names) or not dest.root.holds(file)


def _is_moved(dest: Dest, place: str, entry: Entry) -> bool:
    """Whether a run that was stopped before it wrote its manifest has moved a mask already."""
    file, part = file_and_part(entry["mask"])
    return dest.root.holds(f"{place}/{file}") and (bool(part) or not dest.root.holds(file))


def set_aside(dest: Dest, state: DestState, names: Sequence[str]) -> None:
    """Move the masks of images away: all are stored in the new place before the first is removed."""
    root, place = dest.root, outdated_place(dest)
    for table in dest.tables:
        if (data := root.read(table)) is not None and not root.holds(f"{place}/{table}"):
            root.write(f"{place}/{table}", data)
    files = dict.fromkeys(path for name in names for path in files_of(dest, state.entries[name]))
    for path in files:
        if (data := root.read(path)) is not None:
            root.write(f"{place}/{path}", data)
    root.write(f"{place}/{MANIFEST}", b"".join(manifest_line(state.entries[name]) for name in names))
    root.sync()
    masks = (file_and_part(entry["mask"]) for entry in state.entries.values())
    shared = {file for file, part in masks if part}
    for path in files:
        if path not in shared:
            root.remove(path)


def note_on_outdated(dest: Dest, names: Sequence[str], *, dry_run: bool) -> str:
    """A report's note on outdated masks, with advice."""
    named = ", ".join([*names[:MOST_NAMED], *(["…"] if len(names) > MOST_NAMED else [])])
    moved = "would be moved" if dry_run else "were moved"
    return (
        f"{len(names)} masks of images that failed were painted under other labels than labels.json names "
        f"now; they {moved}, with their tables, to {dest.root.path / outdated_place(dest)} ({named}); "
        "correct these images and run again"
    )
