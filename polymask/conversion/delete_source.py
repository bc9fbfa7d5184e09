"""Deleting proven polygons from an annotation file, in an order that loses none if it is interrupted.

The order, under the lock of DEST: a journal exists → every mask is durable and in the manifest →
the annotation file is read again and must be unchanged → every mask is painted again from it and
compared with the stored mask → the file is backed up (fsync) → the journal notes the coming deletion
(fsync) → the file is replaced by one without those polygons (temporary file, fsync, rename, fsync of
the folder). Only instances that a proven mask accounts for are deleted: see `Account`.
"""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from polymask.analysis.masks.mask_folders import open_mask_folder
from polymask.analysis.verify import damage
from polymask.codecs.png import same_picture
from polymask.conversion.dest.deleted import is_deleted
from polymask.conversion.dest.deletion_journal import (
    BACKUP,
    CALLED_OFF,
    FileDeletion,
    backups_in,
    begin,
    read_log,
    temporary_name,
)
from polymask.conversion.dest.way_back import clear_stale, place_facts, recovery
from polymask.conversion.plan import Plan
from polymask.errors import PolymaskError, ProofError, SourceChanged
from polymask.formats import Annotations, open_annotations
from polymask.formats.parsing.cutting import is_restorable
from polymask.layouts import Drawn
from polymask.layouts.common.read_back import Folder, MaskFolder
from polymask.ledger import Reason
from polymask.model import ImageRecord, Runs, Skipped
from polymask.painting.painting import Painting
from polymask.provenance.digest import kind_of, record_sha256
from polymask.results import Report, note_why_polygons_stay
from polymask.storage.local_disk.durable import read_whole, replace_file
from polymask.storage.roots.local import Root
from polymask.storage.safe_names import WORK

EARLIER = Reason("deleted", "which an earlier deletion left there: its mask does not hold it")


def begin_deleting(plan: Plan) -> None:
    """Write a journal to DEST before its manifest lists polygons that may be deleted."""
    assert isinstance(plan.sink.root, Root)
    begin(plan.sink.root)


def delete_accounted(plan: Plan, report: Report) -> None:
    """Delete the polygons that proven masks account for; the report gets their number, and those that stay.

    If an error is raised, nothing was deleted.

    Raises:
        SourceChanged: The file has changed since it was read.
        ProofError: A mask is not the mask of the polygons in the file.
        PolymaskError: More polygons would be deleted than `max_delete` allows.
    """
    path, root = plan.annotations.path, plan.sink.root
    assert isinstance(path, Path)
    assert isinstance(root, Root)
    _clear_stale(plan)
    data = read_whole(path)
    if sha256(data).hexdigest() != plan.source_sha256:
        raise SourceChanged(f"{path} was changed while its masks were made", advice="run again")
    annotations = open_annotations(path, format=plan.options.from_, options=plan.options.reading)
    if annotations.without is None:
        raise SourceChanged(f"{path} is no longer a file that polygons can be taken out of")
    proven = _proven(plan, annotations, report)
    note_why_polygons_stay(report, str(path))
    deleted = sum(map(len, proven.values()))
    if not deleted:
        return
    limit = plan.options.max_delete
    if limit is not None and deleted > limit:
        raise PolymaskError(f"{deleted} polygons would be deleted, more than --max-delete {limit}; none was")
    after = annotations.without(data, proven)
    lost = _replace(root, path, data, after, deleted=deleted, images=len(proven))
    report.deleted = deleted
    report.notes += [f"{path} was replaced, but {attribute} could not be kept" for attribute in lost]
    report.notes.append(f"{deleted} polygons deleted from {path}; `polymask restore {root.path}` undoes it")


def _proven(plan: Plan, annotations: Annotations, report: Report) -> dict[int, list[int]]:
    """By image index, the positions in its record of the polygons that its mask proves.

    Each stored mask must equal the mask that is painted from the present file. The report gets the polygons
    that stay.
    """
    folder = open_mask_folder(Folder(plan.sink.root.path, plan.options.limits))
    lines = plan.sink.written
    proven: dict[int, list[int]] = {}
    for index in plan.indices:
        name = annotations.names[index]
        if name not in lines:  # the image failed
            continue
        entry = msgspec.json.decode(lines[name])
        if positions := _prove(plan, folder, entry, annotations.decode(index), report):
            proven[index] = positions
    return proven


def _prove(
    plan: Plan, folder: MaskFolder | None, entry: dict[str, Any], declared: ImageRecord, report: Report
) -> list[int]:
    """The positions in a record of the polygons that its stored mask proves."""
    if reason := damage(plan.sink.root.path, folder, entry):
        is_gone = is_deleted(entry, declared, plan.choose)
        advice = f"; its polygons are: {recovery(plan.sink.root)}" if is_gone else ""
        raise ProofError(f"{declared.name}: {reason}; nothing was deleted{advice}")
    record = plan.chosen(declared)
    if plan.sink.finished(declared, plan.choose) is not None:
        _list_kept(plan, declared, dict.fromkeys(range(len(declared.instances)), EARLIER), report)
        return []
    painting = Painting(record, plan.label_map, plan.rules, limits=plan.options.limits)
    redrawn = plan.layout.draw(painting, plan.layout_options)
    account = plan.account(painting, declared)
    remaining = entry.get("remaining_sha256", record_sha256(record))
    kind = kind_of(entry)
    if redrawn.digests(kind)[kind] != entry[kind] or record_sha256(account.remaining) != remaining:
        raise ProofError(
            f"{record.name}: {entry['mask']} is not the mask of its polygons; nothing was deleted"
        )
    _require_companions(plan, redrawn)
    _list_kept(plan, declared, account.unaccounted, report)
    return account.deletable


def _require_companions(plan: Plan, drawn: Drawn) -> None:
    """Raise `ProofError` if a companion of a mask, such as its instance ids, differs from the redrawn one."""
    for path, data in drawn.files:
        stored = plan.sink.root.read(path)
        if stored is None or not same_picture(stored, data):
            raise ProofError(f"{drawn.name}: {path} is not what its polygons give; nothing was deleted")


def _list_kept(plan: Plan, declared: ImageRecord, reasons: Mapping[int, Reason], report: Report) -> None:
    """Add the chosen polygons that no mask holds to the report."""
    for position, reason in sorted(reasons.items()):
        instance = declared.instances[position]
        if not isinstance(instance.shape, Runs) and plan.labels.is_painted(instance.label):
            report.kept.append(Skipped(f"{declared.name}: instance {instance.id}", reason.text))


def _replace(root: Root, path: Path, before: bytes, after: bytes, *, deleted: int, images: int) -> list[str]:
    """Replace the annotation file by one without the polygons, after a backup and a line in the journal.

    Returns the attributes of the file that could not be kept.
    """
    if not is_restorable(after):
        raise ProofError("what would be left of it is no annotation file; nothing was deleted", file=path)
    real, digests = path.resolve(), (sha256(before).hexdigest(), sha256(after).hexdigest())
    backup = f"{BACKUP}/{digests[0]}.json"
    # Written even if it exists: the run that wrote it may have died before its name was durable.
    root.write(backup, before, durable=True, mode=real.stat().st_mode & 0o666)
    log = read_log(root)
    if log is None:
        raise ProofError(
            f"{root.path / WORK} lost its journal meanwhile", advice="nothing was deleted, run again"
        )
    log.note(
        "deleting",
        **place_facts(root, real),
        backup=backup,
        before=digests[0],
        after=digests[1],
        polygons=deleted,
        images=images,
    )
    if read_whole(path) != before:
        log.note(CALLED_OFF, source=str(real), before=digests[0], after=digests[1])
        raise SourceChanged(f"{path} was changed meanwhile", advice="nothing was deleted, run again")
    return replace_file(path, after, temporary=temporary_name(root, real, *digests))


def _source(plan: Plan) -> str:
    assert isinstance(plan.annotations.path, Path)
    return str(plan.annotations.path.resolve())


def _clear_stale(plan: Plan) -> None:
    """Remove the temporary files of killed runs beside the sources in the journal and the backups."""
    root = plan.sink.root
    assert isinstance(root, Root)
    log, source = read_log(root), _source(plan)
    backups = (FileDeletion(source, "", name, plan.source_sha256) for name in backups_in(root))
    clear_stale(root, [*(log.deletions if log else ()), *backups])
