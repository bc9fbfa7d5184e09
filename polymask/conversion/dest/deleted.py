"""Images whose polygons are deleted: only their masks exist, which cannot be painted again.

The manifest's line of a mask lists the mask's `sources` if polygons were to be deleted. A comparison with
the record of now shows whether these are present, deleted, or neither.
"""

from collections.abc import Callable, Mapping
from typing import Any

from polymask.conversion.dest.way_back import recovery
from polymask.errors import InputError
from polymask.model import ImageRecord, Runs
from polymask.provenance.digest import geometry_sha256, record_sha256
from polymask.raster.resize import resized
from polymask.storage.roots.local import Root
from polymask.storage.roots.object_store import ObjectRoot

Entry = Mapping[str, Any]  # a line of the manifest
Choose = Callable[[ImageRecord], ImageRecord]
IsDeleted = Callable[[str, Entry], bool]  # a function of an image's name and entry


def is_deleted(entry: Entry, declared: ImageRecord, choose: Choose) -> bool | None:
    """Whether the polygons of a mask are deleted from its record.

    Args:
        entry: The mask's entry in the manifest.
        declared: The record as its source has it now.
        choose: A function that returns a record with the instances that the run paints.

    Returns:
        True if the record is what the deletion left; False if all instances of the mask are present,
        with or without new ones; None otherwise: then somebody erased or changed instances.
    """
    known = {(str(key), digest) for key, digest in entry.get("sources", ())}
    if not known:
        return False
    frame = entry.get("height", declared.frame[0]), entry.get("width", declared.frame[1])
    record = declared if frame == declared.frame else resized(declared, frame)  # the mask's size
    states = [_is_remainder(entry, known, present) for present in (choose(record), record)]
    return False if False in states else True if True in states else None


def _is_remainder(entry: Entry, known: set[tuple[str, str]], record: ImageRecord) -> bool | None:
    present = {(str(i.id), geometry_sha256(i.shape)) for i in record.instances}
    if "remaining_sha256" in entry:
        is_remainder = entry["remaining_sha256"] == record_sha256(record)
    else:  # a line of an earlier build, which deleted everything but runs
        is_remainder = present < known and all(isinstance(i.shape, Runs) for i in record.instances)
    if is_remainder:
        return True
    return False if known <= present else None


def refuse_repainting(root: Root | ObjectRoot, name: str, problem: str) -> InputError:
    """The error for a run that contradicts the mask of deleted polygons."""
    return InputError(
        (
            f"{root.path}: {name}: {problem}, and the polygons of its mask are deleted, so that it "
            "cannot be painted anew"
        ),
        advice=f"choose another DEST, or {recovery(root)}",
    )
