"""Deleting local polygons that stored masks prove: what is tried first, and the order of it.

The order, under the lock of DEST: there is a journal → every mask is durable and in the manifest →
the annotation file is read again and must be what was read first → every mask is painted again from
it and compared with what is stored → the file is backed up (fsync) → the journal notes what is about
to happen (fsync) → the file is replaced by one without those polygons (temporary, fsync, rename,
fsync of the folder). Only instances go of which the proven mask shows something: see `accounted`.
"""

import os
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from polymask.analysis.mask_sets import open_mask_folder
from polymask.analysis.verify import damage
from polymask.conversion.deletion_journal import (
    BACKUP,
    Deletion,
    backups_in,
    begin,
    clear_stale,
    read_log,
    temporary_name,
)
from polymask.errors import Denied, FormatError, InputError, PolymaskError, ProofError, SourceChanged
from polymask.formats import Annotations, open_annotations
from polymask.formats.coco.cutting import outline_in_memory, rows_of, sections_of
from polymask.layouts.common.read_back import MaskFolder
from polymask.model import ImageRecord, Runs, Skipped
from polymask.painting.accounted import BEFORE, deletable, unaccounted, without
from polymask.painting.strips import painting as striped
from polymask.provenance.digest import record_sha256
from polymask.results import Report
from polymask.storage.durable import read_whole, replace_file
from polymask.storage.local import Root
from polymask.storage.safe_names import WORK
from polymask.storage.urls import Location, Url

if TYPE_CHECKING:
    from polymask.conversion.job import Job

MOST_BYTES = 4 << 30  # of a file that polygons are taken out of
MOST_NAMED = 3
LAYOUTS = ("index", "binary", "voc")  # those that keep nothing of an image but its own files


def refuse_undeletable(annotations: Annotations, dest: Location, layout: str) -> None:
    """Raise `InputError` where polygons cannot be deleted from the source, or be proven by the layout."""
    for place in (annotations.path, dest):
        if isinstance(place, Url):
            raise InputError(
                "--delete-source is for disks: a store cannot replace a file only if it is unchanged",
                advice=f"copy {place} here, or leave --delete-source out",
            )
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
    if layout not in LAYOUTS:
        raise InputError(
            f"--delete-source goes with --to {', '.join(LAYOUTS)}", advice="convert to one of them first"
        )


def rehearse(path: Location, dest: Location) -> str:
    """Try all that deleting will have to do, before anything is written; returns the file's digest.

    Raises `FormatError` where the file could not be rewritten and put back, `Denied` where it could
    not be replaced, `InputError` where it lies among our own files, `ProofError` for a damaged journal.
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
        read_log(Root(dest))
    return sha256(data).hexdigest()


def is_restorable(data: bytes) -> bool:
    """Whether bytes are an annotation file that polygons can be taken out of, and put back."""
    try:
        rows_of(data, "annotations")
        return "images" in sections_of(outline_in_memory(data))
    except FormatError:
        return False


def begin_deleting(job: "Job") -> None:
    """Have a journal in DEST before its manifest speaks of what may be deleted."""
    assert isinstance(job.sink.root, Root)
    begin(job.sink.root)


def delete_accounted(job: "Job", report: Report) -> None:
    """Delete the polygons that proven masks account for; tells in the report how many, and what stays.

    Raises `SourceChanged` where the file is no longer what was read, `ProofError` where a
    mask is not what the file says, `PolymaskError` above `max_delete`; then nothing is deleted.
    """
    path, root = job.annotations.path, job.sink.root
    assert isinstance(path, Path)
    assert isinstance(root, Root)
    _clear_stale(job)
    data = _bytes(path)
    if sha256(data).hexdigest() != job.source_sha256:
        raise SourceChanged(f"{path} was changed while its masks were made", advice="run again")
    annotations = open_annotations(path, format=job.options.from_, options=job.options.reading)
    if annotations.without is None:
        raise SourceChanged(f"{path} is no longer a file that polygons can be taken out of")
    gone = _proven(job, annotations, report)
    _tell_what_stays(report, path)
    deleted = sum(map(len, gone.values()))
    if not deleted:
        return
    most = job.options.max_delete
    if most is not None and deleted > most:
        raise PolymaskError(f"{deleted} polygons would be deleted, more than --max-delete {most}; none was")
    after = annotations.without(data, gone)
    lost = _replace(root, path, data, after, deleted=deleted)
    report.deleted = deleted
    report.notes += [f"{path} was replaced, but {what} could not be kept" for what in lost]
    report.notes.append(f"{deleted} polygons deleted from {path}; `polymask restore {root.path}` undoes it")


def _proven(job: "Job", annotations: Annotations, report: Report) -> dict[int, list[int]]:
    """What may go: for an image's place, the positions in its record of the polygons that its mask holds.

    Each stored mask equals one painted from the file as it is. What stays is told in the report.
    """
    folder = open_mask_folder(job.sink.root.path, job.options.limits)
    lines = job.sink.written
    proven: dict[int, list[int]] = {}
    for index in job.indices:
        name = annotations.names[index]
        if name not in lines:  # it failed
            continue
        record = annotations.decode(index)
        chosen = [place for place, one in enumerate(record.instances) if job.is_painted(one.label)]
        positions = _prove(job, folder, msgspec.json.decode(lines[name]), job.chosen(record), report)
        if positions:
            proven[index] = [chosen[position] for position in positions]
    return proven


def _prove(
    job: "Job", folder: MaskFolder | None, entry: dict[str, Any], record: ImageRecord, report: Report
) -> list[int]:
    """The positions in a record of the polygons that its stored mask holds."""
    if reason := damage(job.sink.root.path, folder, entry):
        raise ProofError(f"{record.name}: {reason}; nothing was deleted")
    if job.sink.finished(record) is not None:
        _note_what_stays(record, dict.fromkeys(range(len(record.instances)), BEFORE), report)
        return []
    painting = striped(record, job.label_map, job.rules)
    again = job.layout.draw(painting, job.layout_options)
    reasons = unaccounted(painting, index=job.layout.INDEX)
    remaining = entry.get("remaining_sha256", record_sha256(record))
    if again.pixels_sha256 != entry["pixels_sha256"] or record_sha256(without(record, reasons)) != remaining:
        raise ProofError(
            f"{record.name}: {entry['mask']} is not the mask of its polygons; nothing was deleted"
        )
    _note_what_stays(record, reasons, report)
    return deletable(record, reasons)


def _note_what_stays(record: ImageRecord, reasons: dict[int, str], report: Report) -> None:
    for place, reason in reasons.items():
        instance = record.instances[place]
        if not isinstance(instance.shape, Runs):
            report.kept.append(Skipped(f"{record.name}: instance {instance.id}", reason))


def _tell_what_stays(report: Report, path: Path) -> None:
    """A note for each reason why polygons stay in their file."""
    for reason, count in Counter(one.reason for one in report.kept).items():
        names = [one.name for one in report.kept if one.reason == reason][:MOST_NAMED]
        more = f" and {count - len(names)} more" if count > len(names) else ""
        report.notes.append(f"{count} polygons stay in {path} ({reason}): {', '.join(names)}{more}")


def _replace(root: Root, path: Path, before: bytes, after: bytes, *, deleted: int) -> list[str]:
    """Swap the annotation file for one without the polygons, with a backup and a note of both."""
    if not is_restorable(after):
        raise ProofError("what would be left of it is no annotation file; nothing was deleted", file=path)
    real, digests = path.resolve(), (sha256(before).hexdigest(), sha256(after).hexdigest())
    kept = f"{BACKUP}/{digests[0]}.json"
    # Written anew even if it is there: the run that wrote it may have died before its name was durable.
    root.write(kept, before, durable=True, mode=real.stat().st_mode & 0o666)
    log = read_log(root)
    if log is None:
        raise ProofError(
            f"{root.path / WORK} lost its journal meanwhile", advice="nothing was deleted, run again"
        )
    log.note(
        "deleting",
        source=str(real),
        backup=kept,
        before=digests[0],
        after=digests[1],
        polygons=deleted,
    )
    if _bytes(path) != before:
        raise SourceChanged(f"{path} was changed meanwhile", advice="nothing was deleted, run again")
    return replace_file(path, after, temporary=temporary_name(root, real, *digests))


def _source(job: "Job") -> str:
    assert isinstance(job.annotations.path, Path)
    return str(job.annotations.path.resolve())


def _clear_stale(job: "Job") -> None:
    """Remove what killed runs left beside sources: those that the journal tells of, or else the backups."""
    root = job.sink.root
    assert isinstance(root, Root)
    log, source = read_log(root), _source(job)
    backups = (Deletion(source, "", name, job.source_sha256) for name in backups_in(root))
    clear_stale(root, [*(log.deletions if log else ()), *backups])


def _bytes(path: Path) -> bytes:
    return read_whole(path)
