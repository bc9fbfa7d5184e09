"""Restoring annotation files, byte for byte, as they were before polygons were deleted from them."""

import json
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from msgspec.structs import replace

from polymask.conversion.dest.deletion_journal import (
    JOURNAL,
    JOURNAL_GONE,
    RESTORED,
    FileDeletion,
    Log,
    backups_in,
    implies_deletions,
    lost_journal,
    put_back,
    read_log,
    temporary_name,
)
from polymask.conversion.dest.way_back import clear_stale, file_of
from polymask.errors import FormatError, InputError, NotFound, PolymaskError, ProofError, SourceChanged
from polymask.formats.parsing.cutting import is_restorable
from polymask.model import Skipped
from polymask.results import Report
from polymask.storage.local_disk.durable import lost_links, make_lasting, read_whole, replace_file
from polymask.storage.remote.urls import Location, Url
from polymask.storage.roots.local import Root


def restore_folder(dest: Location, *, dry_run: bool = False) -> Report:
    """Restore annotation files as they were before polygons were deleted from them.

    Several deletions from one file are undone from the last to the first. If a file cannot be restored,
    the others are restored all the same: it is one of the report's `failures`. If it is the only file, its
    error is raised.

    Raises:
        SourceChanged: The only file is neither as it was after the deletion nor as it was before.
        NotFound: Nothing was deleted, or the only file is missing.
        ProofError: The journal, or the backup of the only file, is damaged or missing.
        Locked: A run holds the folder.
    """
    if isinstance(dest, Url):
        raise InputError(
            f"{dest}: nothing is deleted from a store, so nothing can be restored", advice="name a folder"
        )
    root = Root(dest)
    if not dest.is_dir():
        raise NotFound("no such folder", file=dest, exit_code=2)
    with root.held():
        if report := _put_back_by_hand(root):
            return report
        return _Undo(root, _log_of(root), dry_run=dry_run).report()


def _put_back_by_hand(root: Root) -> Report | None:
    """The report where the journal is gone, and all that the backups have is in files beside the folder."""
    names = backups_in(root)
    if not names or read_log(root) is not None or implies_deletions(root):
        return None
    files = put_back(root, names)
    notes = [
        JOURNAL_GONE.format(journal=root.path / JOURNAL),
        *(f"{path} is as it was" for path in files.values()),
    ]
    return Report(images=len(files), unchanged=len(files), notes=notes)


def _log_of(root: Root) -> Log:
    """The journal; an empty one if only earlier builds wrote a journal."""
    log = read_log(root)
    if log is None and implies_deletions(root):
        raise lost_journal(root)
    return log or Log(root, [])


class _Undo:
    """Undoes all deletions of a folder, file by file."""

    def __init__(self, root: Root, log: Log, *, dry_run: bool) -> None:
        self.root, self.log, self.dry_run, self.notes = root, log, dry_run, list[str]()
        self.deletions = log.all_deletions
        if not self.deletions and not log.lost:
            raise NotFound("nothing was deleted from here", file=root.path, exit_code=2)

    def report(self) -> Report:
        """Undo all deletions; errors of single files are reported at the end."""
        report = Report()
        if not self.dry_run:
            self.root.clear_temporaries()
        errors = dict(self._undo_all(report))
        if self.log.lines and not self.dry_run:
            make_lasting(self.root.path / JOURNAL)  # an earlier restore may have died before this
        if self.log.lost:
            errors[str(self.root.path / JOURNAL)] = ProofError(self.log.lost)
        if len(errors) == 1 and not (report.written or report.unchanged):
            raise next(iter(errors.values()))
        report.notes = self.notes
        report.failures = [Skipped(source, str(error)) for source, error in errors.items()]
        report.exit_code = max((error.exit_code for error in errors.values()), default=0)
        return report

    def _undo_all(self, report: Report) -> Iterable[tuple[str, PolymaskError]]:
        by_file, errors = self._deletions_by_file()
        report.images += len({*by_file, *map(Path, errors)})
        yield from errors.items()
        for path, deletions in by_file.items():
            try:
                changed = self._undo(path, deletions)
            except PolymaskError as error:
                yield str(path), error
            else:
                report.written += changed
                report.unchanged += not changed
                self._note_restored(path, deletions, changed=changed)

    def _deletions_by_file(self) -> tuple[dict[Path, list[FileDeletion]], dict[str, PolymaskError]]:
        """The deletions in order by file, the most recently changed file first; and errors by source."""
        by_file: dict[Path, list[FileDeletion]] = {}
        errors: dict[str, PolymaskError] = {}
        for deletion in reversed(self.deletions):
            try:
                by_file.setdefault(file_of(self.root, deletion), []).insert(0, deletion)
            except PolymaskError as error:
                if not deletion.undone:  # otherwise its file no longer matters
                    errors.setdefault(deletion.source, error)
        return by_file, errors

    def _note_restored(self, path: Path, deletions: list[FileDeletion], *, changed: bool) -> None:
        """Note that a file was restored, and where DEST was if it has moved since."""
        if changed:
            self.notes.append(f"{'would be put back' if self.dry_run else 'put back'}: {path}")
        if earlier := {deletion.dest for deletion in deletions} - {"", str(self.root.path.resolve())}:
            self.notes.append(
                f"{path}: when its polygons were deleted, DEST was {', '.join(sorted(earlier))}"
            )

    def _undo(self, path: Path, deletions: list[FileDeletion]) -> bool:
        """Undo the deletions from a file, the last first; returns whether the file changed."""
        if not self.dry_run:
            clear_stale(self.root, [replace(deletion, source=str(path)) for deletion in deletions])
        changed, current = False, self._digest(path, deletions)
        for deletion in reversed(deletions):
            if current == deletion.after:
                self._put_back(path, deletion)
                current, changed = deletion.before, True
            elif current == deletion.before and not self.dry_run:
                make_lasting(path)  # an earlier restore may have died before the name was durable
            elif current != deletion.before and not (deletion.undone or self._has_all(path, deletion)):
                raise SourceChanged(
                    f"{path} was changed since its polygons were deleted",
                    advice=f"merge it with {self.root.path / deletion.backup} by hand",
                )
            self._note(deletion)
        return changed

    def _has_all(self, path: Path, deletion: FileDeletion) -> bool:
        """Whether a changed file has all annotations of its backup: after no deletion, or a merge by hand."""
        backup = self.root.read(deletion.backup) or b""
        if sha256(backup).hexdigest() != deletion.before:
            return False
        known = _annotations(backup)
        return bool(known) and not known - _annotations(read_whole(path))

    def _digest(self, path: Path, deletions: list[FileDeletion]) -> str:
        """The file's present digest; empty if it is missing and all its deletions were undone."""
        try:
            return sha256(read_whole(path)).hexdigest()
        except NotFound as error:
            if all(deletion.undone for deletion in deletions):
                return ""
            backup = self.root.path / deletions[-1].backup
            raise NotFound(f"{error}", advice=f"as it was, it is {backup}: copy it there") from None

    def _put_back(self, path: Path, deletion: FileDeletion) -> None:
        backup = self.root.read(deletion.backup)
        if backup is None or sha256(backup).hexdigest() != deletion.before:
            raise ProofError(
                (f"{self.root.path / deletion.backup} is missing or damaged, and {path} was left as it is"),
                advice="put it back from a copy of your own (its name is its SHA-256)",
            )
        data = read_whole(path)
        if self.dry_run:
            notes = (f"{path} would be put back, but {lost} could not be kept" for lost in lost_links(path))
            self.notes = list(dict.fromkeys([*self.notes, *notes]))  # once, even after several deletions
            return
        if not (is_restorable(data) and is_restorable(backup)):  # a foreign journal may name any file
            raise FormatError(f"{path} is no annotation file, but the journal names it; it was left as it is")
        if sha256(data).hexdigest() != deletion.after:
            raise SourceChanged(f"{path} was changed meanwhile", advice="it was left as it is, run again")
        name = temporary_name(self.root, path, deletion.after, deletion.before)
        for attribute in replace_file(path, backup, temporary=name):
            self.notes.append(f"{path} was put back, but {attribute} could not be kept")

    def _note(self, deletion: FileDeletion) -> None:
        """Note in the journal that a deletion is undone, so that its file no longer matters."""
        if not (self.dry_run or deletion.undone):
            self.log.note(RESTORED, source=deletion.source, before=deletion.before, after=deletion.after)


def _annotations(data: bytes) -> Counter[str]:
    """A file's annotations as texts, with their counts; empty if it is no annotation file."""
    try:
        annotations = json.loads(data.decode("utf-8-sig"))["annotations"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return Counter()
    return Counter(json.dumps(annotation, sort_keys=True) for annotation in annotations)
