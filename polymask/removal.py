"""Deleting local polygons that stored masks prove, and putting them back byte for byte.

The order, under the lock of DEST: every mask is durable and in the manifest → the annotation
file is read again and must be what was read first → every mask is painted again from it and
compared with what is stored → the file is backed up below DEST/backup (fsync) → the journal
notes what is about to happen (fsync) → the file is replaced by one without those polygons
(temporary, fsync, rename, fsync of the folder).
"""

import fcntl
import os
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from polymask.errors import FormatError, InputError, NotFound, PolymaskError, ProofError, SourceChanged
from polymask.files import Root, disk_error
from polymask.formats import Annotations, open_annotations
from polymask.formats.content import members
from polymask.journal import sync_folder
from polymask.layouts.reading import MaskFolder
from polymask.masks import open_mask_folder
from polymask.model import ImageRecord
from polymask.names import safe_path
from polymask.proofs import damage
from polymask.report_model import Report
from polymask.strips import painting as striped
from polymask.urls import Location, Url

if TYPE_CHECKING:
    from polymask.job import Job

BACKUP = "backup"
JOURNAL = "journal.jsonl"
PREFIX, SUFFIX = ".polymask-", ".tmp"  # of what is to replace an annotation file
MOST_BYTES = 4 << 30  # of a file that polygons are taken out of
LAYOUTS = ("index", "binary", "voc")  # those that keep nothing of an image but its own files


def refuse_undeletable(annotations: Annotations, dest: Location, layout: str) -> None:
    """Raise `InputError` where polygons cannot be deleted from the source, or be proven by the layout."""
    for place in (annotations.path, dest):
        if isinstance(place, Url):
            raise InputError(
                "--delete-source is for disks: a store cannot replace a file only if it is unchanged; "
                f"copy {place} here, or leave --delete-source out"
            )
    if annotations.without is None or not annotations.path.is_file():
        raise InputError("--delete-source takes polygons out of a COCO file; this source is none")
    assert isinstance(annotations.path, Path)
    if annotations.path.stat().st_size > MOST_BYTES:
        raise InputError(
            f"{annotations.path} is too large for --delete-source, which needs its file in memory twice "
            f"(at most {MOST_BYTES >> 30} GiB); split it first"
        )
    if layout not in LAYOUTS:
        raise InputError(f"--delete-source goes with --to {', '.join(LAYOUTS)}; convert to one of them first")


def delete_accounted(job: "Job", report: Report) -> None:
    """Delete the polygons of every image whose stored masks are proven; tells how many in the report.

    Raises `SourceChanged` where the file is no longer what was read, `ProofError` where a
    mask is not what the file says, `PolymaskError` above `max_delete`; then nothing is deleted.
    """
    path, root = job.annotations.path, job.sink.root
    assert isinstance(path, Path)
    assert isinstance(root, Root)
    _clear_stale(path.resolve().parent)
    text = _bytes(path)
    if sha256(text).hexdigest() != job.source_sha256:
        raise SourceChanged(f"{path} was changed while its masks were made; run again")
    annotations = open_annotations(path, format=job.options.from_, options=job.options.reading)
    if annotations.without is None:
        raise SourceChanged(f"{path} is no longer a file that polygons can be taken out of")
    proven = _proven(job, annotations)
    after, deleted = annotations.without(lambda name, label: label in proven.get(name, ()))
    if not deleted:
        return
    most = job.options.max_delete
    if most is not None and deleted > most:
        raise PolymaskError(f"{deleted} polygons would be deleted, more than --max-delete {most}; none was")
    _replace(root, path, text, after, deleted=deleted)
    report.deleted = deleted
    report.notes.append(f"{deleted} polygons deleted from {path}; `polymask restore {root.path}` undoes it")


def _proven(job: "Job", annotations: Annotations) -> dict[str, set[str]]:
    """The labels of every image whose stored mask equals one painted from the file as it is."""
    folder = open_mask_folder(job.sink.root.path, job.options.limits)
    lines = job.sink.written
    proven: dict[str, set[str]] = {}
    for index in job.indices:
        name = annotations.names[index]
        if name not in lines:  # it failed
            continue
        record = job.chosen(annotations.decode(index))
        proven[name] = _prove(job, folder, msgspec.json.decode(lines[name]), record)
    return proven


def _prove(job: "Job", folder: MaskFolder | None, entry: dict[str, Any], record: ImageRecord) -> set[str]:
    if reason := damage(job.sink.root.path, folder, entry):
        raise ProofError(f"{record.name}: {reason}; nothing was deleted")
    if job.sink.finished(record) is None:
        again = job.layout.draw(striped(record, job.label_map, job.rules), job.layout_options)
        if again.pixels_sha256 != entry["pixels_sha256"]:
            raise ProofError(
                f"{record.name}: {entry['mask']} is not the mask of its polygons; nothing was deleted"
            )
    return {instance.label for instance in record.instances}


def _replace(root: Root, path: Path, before: bytes, after: bytes, *, deleted: int) -> None:
    """Swap the annotation file for one without the polygons, with a backup and a note of both."""
    kept = f"{BACKUP}/{sha256(before).hexdigest()}.json"
    # Written anew even if it is there: the run that wrote it may have died before its name was durable.
    root.write(kept, before, durable=True)
    line = {
        "event": "deleting",
        "source": str(path.resolve()),
        "backup": kept,
        "before": sha256(before).hexdigest(),
        "after": sha256(after).hexdigest(),
        "polygons": deleted,
    }
    root.write(JOURNAL, (root.read(JOURNAL) or b"") + msgspec.json.encode(line) + b"\n", durable=True)
    if _bytes(path) != before:
        raise SourceChanged(f"{path} was changed meanwhile; nothing was deleted, run again")
    replace_file(path, after)


def replace_file(path: Path, data: bytes) -> None:
    """Put bytes at a path whole and durably, or not at all; its mode stays. Links are followed."""
    real = path.resolve()
    try:
        _clear_stale(real.parent)
        descriptor, temporary = tempfile.mkstemp(dir=real.parent, prefix=PREFIX, suffix=SUFFIX)
        try:
            with os.fdopen(descriptor, "wb") as file:
                with suppress(OSError):  # not every file system has locks
                    fcntl.flock(file, fcntl.LOCK_EX)
                os.fchmod(file.fileno(), real.stat().st_mode & 0o7777)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                Path(temporary).replace(real)
        except BaseException:
            with suppress(OSError):
                Path(temporary).unlink()
            raise
        sync_folder(real.parent)
    except OSError as error:
        raise disk_error(error, path) from None


def make_lasting(path: Path) -> None:
    """Make a file's name last."""
    try:
        sync_folder(path.resolve().parent)
    except OSError as error:
        raise disk_error(error, path) from None


def _clear_stale(folder: Path) -> None:
    """Remove what runs left that were killed while they replaced a file; a living one holds its own."""
    for path in folder.glob(f"{PREFIX}*{SUFFIX}"):
        with suppress(OSError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise disk_error(error, path) from None


class _Deletion(msgspec.Struct, frozen=True):
    """What a line of the journal must hold."""

    source: str
    backup: str
    before: str
    after: str


def restore_folder(dest: Location) -> Report:
    """Put an annotation file back as it was before polygons were deleted from it.

    Several deletions are undone from the last to the first. Raises `NotFound` where nothing was
    deleted, `SourceChanged` where the file is neither what was left nor what was there before,
    `Locked` while a run holds the folder.
    """
    if isinstance(dest, Url):
        raise InputError(
            f"{dest}: nothing is deleted from a store, so nothing can be restored; name a folder"
        )
    root, report = Root(dest), Report()
    if not dest.is_dir() or root.read(JOURNAL) is None:
        raise NotFound(f"{dest}: nothing was deleted from here")
    with root.held():
        for deletion in reversed(_deletions(root)):
            _restore_one(root, deletion, report)
    return report


def _deletions(root: Root) -> list[_Deletion]:
    """What the journal tells, in order; a deletion that took two runs was noted by both."""
    lines = (root.read(JOURNAL) or b"").splitlines()
    try:
        deletions = [msgspec.json.decode(line, type=_Deletion) for line in lines]
        for deletion in deletions:
            _refuse_strange(deletion)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, InputError):
        raise FormatError(
            f"{root.path / JOURNAL} is damaged; the files as they were are in {root.path / BACKUP}"
        ) from None
    return [
        one for one, following in zip(deletions, [*deletions[1:], None], strict=False) if one != following
    ]


def _restore_one(root: Root, deletion: _Deletion, report: Report) -> None:
    path, backup = Path(deletion.source), root.read(deletion.backup)
    if backup is None or sha256(backup).hexdigest() != deletion.before:
        raise ProofError(f"{root.path / deletion.backup} is missing or damaged; {path} was left as it is")
    data = _bytes(path)
    there = sha256(data).hexdigest()
    report.images += 1
    if there == deletion.before:
        make_lasting(path)  # a restore before may have died on the way
        report.unchanged += 1
    elif there == deletion.after:
        if not (_is_coco(data) and _is_coco(backup)):  # a folder from elsewhere may name any file
            raise FormatError(f"{path} is no annotation file, but the journal names it; it was left as it is")
        replace_file(path, backup)
        report.written += 1
    else:
        raise SourceChanged(
            f"{path} was changed since its polygons were deleted; "
            f"merge it with {root.path / deletion.backup} by hand"
        )


def _refuse_strange(deletion: _Deletion) -> None:
    safe_path(deletion.backup)
    if "\0" in deletion.source:
        raise InputError("no path")


def _is_coco(data: bytes) -> bool:
    return {"images", "annotations"} <= members(data).keys()
