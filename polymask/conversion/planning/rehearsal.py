"""Rehearsing --delete-source: what it must do at the end is tried before the first write."""

import os
from hashlib import sha256
from pathlib import Path

from polymask.conversion.dest.losses import require_backups
from polymask.errors import Denied, FormatError, InputError
from polymask.formats import Annotations
from polymask.formats.parsing.cutting import is_restorable
from polymask.storage.archives.packing import is_packed_text
from polymask.storage.local_disk.durable import lost_links, read_whole
from polymask.storage.remote.urls import Location, Url
from polymask.storage.roots.local import Root
from polymask.storage.safe_names import WORK

MOST_BYTES = 4 << 30  # the size of a file from which polygons can be deleted
PROVABLE = ("index", "binary", "voc")  # the layouts in which no file is shared by several images


def refuse_undeletable(annotations: Annotations, dest: Location, layout: str) -> None:
    """Raise `InputError` if polygons cannot be deleted from the source, or the layout cannot prove them."""
    for place in (annotations.path, dest):
        if isinstance(place, Url):
            raise InputError(
                "--delete-source is for disks: a store cannot replace a file only if it is unchanged",
                advice=f"copy {place} here, or leave --delete-source out",
            )
    _refuse_packed(annotations)
    if annotations.without is None or not annotations.path.is_file():
        raise InputError(
            "--delete-source takes polygons out of a COCO file with `images` and `annotations`",
            advice="this source is none: leave --delete-source out",
        )
    assert isinstance(annotations.path, Path)
    if annotations.path.stat().st_size > MOST_BYTES:
        raise InputError(
            (
                f"{annotations.path} is too large for --delete-source, which needs its file in memory "
                f"twice (at most {MOST_BYTES >> 30} GiB)"
            ),
            advice="split it first",
        )
    if layout not in PROVABLE:
        raise InputError(
            f"--delete-source goes with --to {', '.join(PROVABLE)}", advice="convert to one of them first"
        )


def _refuse_packed(annotations: Annotations) -> None:
    path = annotations.path
    archive = next((folder for folder in getattr(path, "parents", ()) if folder.is_file()), None)
    if archive or is_packed_text(path.name):
        raise InputError(
            "--delete-source takes polygons out of a file of its own, and "
            + (f"{path.name} lies in a zip" if archive else "this one is packed"),
            file=archive or path,
            advice="unpack it and name the unpacked file, or leave --delete-source out",
        )


def rehearse(path: Location, dest: Location) -> str:
    """Try everything that the deletion needs, without writing; returns the file's digest.

    Raises:
        FormatError: The file could not be rewritten and restored.
        Denied: The file could not be replaced.
        InputError: The file is among polymask's files in DEST.
        ProofError: The journal is damaged, or a backup is missing or damaged.
    """
    assert isinstance(path, Path)
    assert isinstance(dest, Path)
    real = path.resolve()
    if real.is_relative_to((dest / WORK).resolve()):
        raise InputError(
            f"{path} lies in {dest / WORK}, which is polymask's own", advice="move it elsewhere first"
        )
    if not os.access(real.parent, os.W_OK | os.X_OK):
        raise Denied(f"{real.parent} cannot be written to, so {path} cannot be replaced")
    data = read_whole(path)
    if not is_restorable(data):
        raise FormatError(
            "--delete-source could not put it back: no `images` and `annotations` in it", file=path
        )
    if dest.is_dir():
        require_backups(Root(dest))
    return sha256(data).hexdigest()


def what_replacing_loses(path: Location) -> list[str]:
    """A dry run's notes on what a file would lose by being replaced."""
    assert isinstance(path, Path)
    return [f"{path} would be replaced, but {lost} could not be kept" for lost in lost_links(path)]
