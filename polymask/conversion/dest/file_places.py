"""Where a file lies that polygons were deleted from, also once DEST was moved or copied.

A journal notes the file's absolute path, the path from DEST to it, and where DEST was. In its old place DEST
means the file that it always meant. Elsewhere it means the file that lies beside it as before, so that
a project that was moved or copied whole restores its own file, never that of another project.
"""

import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from polymask.conversion.dest.deletion_journal import JOURNAL, FileDeletion
from polymask.errors import BackendError, NotFound, SourceChanged
from polymask.storage.local_disk.durable import read_whole
from polymask.storage.roots.local import Root


def facts_of_place(root: Root, source: Path) -> dict[str, str]:
    """What the journal notes of places: the file's, DEST's own, and the way from there to the file."""
    here = root.path.resolve()
    return {"source": str(source), "dest": str(here), "relative": os.path.relpath(source, here)}


def place_of(root: Root, deletion: FileDeletion) -> Path:
    """The file that polygons of a deletion are put back into.

    Raises `NotFound` where DEST is a copy without such a file beside it: the original's is not its own; and
    `SourceChanged` where a journal of an earlier build leaves open which file it is.
    """
    here, source = root.path.resolve(), Path(deletion.source)
    if deletion.dest == str(here):
        return source
    if not deletion.dest:
        return _place_by_name(root, here, deletion)
    beside = Path(os.path.normpath(here / deletion.relative))
    if beside.is_file():
        return beside
    if (Path(deletion.dest) / JOURNAL).exists():
        raise NotFound(
            (
                f"{beside}: no such file; polygons were deleted from {source} when this folder was "
                f"{deletion.dest}, which is still there, with a journal of its own"
            ),
            advice=(
                f"`polymask restore {deletion.dest}` puts that file back; to have it here, copy "
                f"{root.path / deletion.backup} to {beside}"
            ),
        )
    return source if source.is_file() else beside  # DEST alone was moved, or the file is gone


def _place_by_name(root: Root, here: Path, deletion: FileDeletion) -> Path:
    """As a journal tells that does not say where DEST was: the file, unless one beside DEST may be meant."""
    source = Path(deletion.source)
    for folder in (here.parent, here):
        path = folder / source.name
        state = _digest(path)
        if state not in (deletion.before, deletion.after) or (source.exists() and path.samefile(source)):
            continue
        if state == deletion.before:  # it was put back by hand
            return path
        raise SourceChanged(
            (
                f"{source}, or {path}? The journal of an earlier build tells of the first, and the second is "
                "as a deletion left it: this folder may have been copied; neither was changed"
            ),
            advice=f"copy {root.path / deletion.backup} by hand to the one that is to be put back",
        )
    return source


def _digest(path: Path) -> str:
    with suppress(BackendError):
        if path.is_file():
            return sha256(read_whole(path)).hexdigest()
    return ""
