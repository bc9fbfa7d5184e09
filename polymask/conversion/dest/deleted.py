"""Images whose polygons are deleted: their masks are all that is left of them, and cannot be painted anew.

The manifest's line of a mask that was to account for deleted polygons lists its `sources`; what a
record has of them now tells whether they are there, deleted, or something in between.
"""

from collections.abc import Callable, Mapping
from typing import Any

from polymask.conversion.dest.way_back import way_back
from polymask.errors import InputError
from polymask.model import ImageRecord, Runs
from polymask.provenance.digest import geometry_sha256, record_sha256
from polymask.raster.resize import resized
from polymask.storage.roots.local import Root
from polymask.storage.roots.object_store import ObjectRoot

Entry = Mapping[str, Any]  # a line of the manifest
Choose = Callable[[ImageRecord], ImageRecord]
IsDeleted = Callable[[str, Entry], bool]  # by an image's name and line


def is_deleted(entry: Entry, declared: ImageRecord, choose: Choose) -> bool | None:
    """Whether a record is what a deletion left of the one that the line's mask was made of.

    `declared` is the record as its source has it, `choose` takes what the run paints of one. None where
    it is neither that nor what the mask was made of, with or without more: new instances cannot join
    the mask, and other instances that are gone were erased.
    """
    known = {(str(key), digest) for key, digest in entry.get("sources", ())}
    if not known:
        return False
    frame = entry.get("height", declared.frame[0]), entry.get("width", declared.frame[1])
    record = declared if frame == declared.frame else resized(declared, frame)  # as the mask was made of it
    states = [_is_rest(entry, known, present) for present in (choose(record), record)]
    return False if False in states else True if True in states else None


def _is_rest(entry: Entry, known: set[tuple[str, str]], record: ImageRecord) -> bool | None:
    present = {(str(i.id), geometry_sha256(i.shape)) for i in record.instances}
    if "remaining_sha256" in entry:
        is_rest = entry["remaining_sha256"] == record_sha256(record)
    else:  # a line of an earlier build, which deleted all but runs
        is_rest = present < known and all(isinstance(i.shape, Runs) for i in record.instances)
    if is_rest:
        return True
    return False if known <= present else None


def refuse_repainting(root: Root | ObjectRoot, name: str, problem: str) -> InputError:
    """The error for a run that would leave the mask of deleted polygons beside what is not true of it."""
    return InputError(
        (
            f"{root.path}: {name}: {problem}, and the polygons of its mask are deleted, so that it "
            "cannot be painted anew"
        ),
        advice=f"choose another DEST, or {way_back(root)}",
    )
