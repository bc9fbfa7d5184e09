"""Masks that a run's tables would not be true of: those of images that failed while the labels changed.

With the new names their values would be read for others, and the run cannot paint them anew. They are
moved to a folder below `.polymask`, a set of masks by itself, with their own tables and lines.
"""

from collections.abc import Collection, Sequence
from hashlib import sha256

from polymask.conversion.dest.check import Dest
from polymask.conversion.dest.companions import files_of
from polymask.conversion.dest.deleted import Entry
from polymask.conversion.dest.standing import Standing
from polymask.storage.manifest import MANIFEST, manifest_line
from polymask.storage.safe_names import WORK

OUTDATED = f"{WORK}/outdated"
MOST_NAMED = 3


def outdated(dest: Dest, standing: Standing, written: Collection[str]) -> list[str]:
    """The images of earlier runs whose masks the tables of a run that has `written` others do not describe.

    Masks of single labels are named by their labels, so whatever values these have, they stay true.
    """
    entries = standing.entries
    names = [name for name in entries if name not in written]
    if names and written and dest.is_relabeled:  # where nothing was painted, the tables stay
        return [name for name in names if not _is_described(dest, entries[name])]
    if names and standing.resumes:
        place = outdated_place(dest)
        return [name for name in names if _is_moved(dest, place, entries[name])]
    return []


def outdated_place(dest: Dest) -> str:
    """Where such masks go: by the manifest that lists them, so that those of one run never meet another's."""
    return f"{OUTDATED}/{sha256(dest.root.read(MANIFEST) or b'').hexdigest()[:12]}"


def _is_described(dest: Dest, entry: Entry) -> bool:
    """Whether an image has a mask for each label, named by it, and the tables have these labels."""
    file, _, part = entry["mask"].partition("#")
    if part or "labels" not in entry:
        return False
    # Where each is a file of its own, a label that the tables lack is an error to whoever reads it.
    return entry["labels"].keys() <= set(dest.options.label_map.names) or not dest.root.holds(file)


def _is_moved(dest: Dest, place: str, entry: Entry) -> bool:
    """Whether a run that was stopped before its manifest has moved a mask; its tables may be new by now."""
    file, _, part = entry["mask"].partition("#")
    return dest.root.holds(f"{place}/{file}") and (bool(part) or not dest.root.holds(file))


def set_aside(dest: Dest, standing: Standing, names: Sequence[str]) -> None:
    """Move the masks of images out of the way: all are stored at their new place before any goes."""
    root, place = dest.root, outdated_place(dest)
    for table in dest.tables:
        if (data := root.read(table)) is not None and not root.holds(f"{place}/{table}"):
            root.write(f"{place}/{table}", data)
    files = dict.fromkeys(path for name in names for path in files_of(dest, standing.entries[name]))
    for path in files:
        if (data := root.read(path)) is not None:
            root.write(f"{place}/{path}", data)
    root.write(f"{place}/{MANIFEST}", b"".join(manifest_line(standing.entries[name]) for name in names))
    root.sync()
    shared = {entry["mask"].partition("#")[0] for entry in standing.entries.values() if "#" in entry["mask"]}
    for path in files:
        if path not in shared:
            root.remove(path)


def note_on_outdated(dest: Dest, names: Sequence[str], *, dry_run: bool) -> str:
    """What became of such masks, and the way to new ones."""
    named = ", ".join([*names[:MOST_NAMED], *(["…"] if len(names) > MOST_NAMED else [])])
    moved = "would be moved" if dry_run else "were moved"
    return (
        f"{len(names)} masks of images that failed were painted under other labels than labels.json names "
        f"now; they {moved}, with their tables, to {dest.root.path / outdated_place(dest)} ({named}); "
        "correct these images and run again"
    )
