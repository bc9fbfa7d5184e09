"""Putting annotation files back as they were before polygons were deleted from them, byte for byte."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from polymask.conversion.dest.deletion_journal import (
    JOURNAL,
    RESTORED,
    FileDeletion,
    Log,
    clear_stale,
    implies_deletions,
    lost_journal,
    read_log,
    temporary_name,
)
from polymask.conversion.dest.way_back import file_of
from polymask.errors import FormatError, InputError, NotFound, PolymaskError, ProofError, SourceChanged
from polymask.formats.parsing.cutting import is_restorable
from polymask.model import Skipped
from polymask.results import Report
from polymask.storage.local_disk.durable import lost_links, make_lasting, read_whole, replace_file
from polymask.storage.remote.urls import Location, Url
from polymask.storage.roots.local import Root


def restore_folder(dest: Location, *, dry_run: bool = False) -> Report:
    """Put annotation files back as they were before polygons were deleted from them.

    Several deletions from one file are undone from the last to the first. A file that cannot be put
    back does not keep the others from it: it is one of the report's `failures`, and where it is the
    only file, its error is raised: `SourceChanged` where the file is neither as it was after the deletion
    nor as it was before, `NotFound` where it is gone, `ProofError` where its backup is damaged or missing.

    Raises `NotFound` where nothing was deleted, `ProofError` where the journal is damaged or
    missing, `Locked` while a run holds the folder.
    """
    if isinstance(dest, Url):
        raise InputError(
            f"{dest}: nothing is deleted from a store, so nothing can be restored", advice="name a folder"
        )
    root = Root(dest)
    if not dest.is_dir():
        raise NotFound(f"{dest}: nothing was deleted from here")
    with root.held():
        return _Undo(root, _log_of(root), dry_run=dry_run).report()


def _log_of(root: Root) -> Log:
    """The journal; an empty journal where only earlier builds wrote one."""
    log = read_log(root)
    if log is None and implies_deletions(root):
        raise lost_journal(root)
    return log or Log(root, [])


class _Undo:
    """The undoing of all deletions of a folder, source by source."""

    def __init__(self, root: Root, log: Log, *, dry_run: bool) -> None:
        self.root, self.log, self.dry_run, self.notes = root, log, dry_run, list[str]()
        self.deletions = log.all_deletions
        if not self.deletions and not log.lost:
            raise NotFound("nothing was deleted from here", file=root.path)

    def report(self) -> Report:
        """Undo all deletions; what went wrong with a source is reported when all others are done."""
        report = Report()
        if not self.dry_run:
            self.root.clear_temporaries()
        errors = dict(self._undone(report))
        if self.log.lines and not self.dry_run:
            make_lasting(self.root.path / JOURNAL)  # what a restore noted before may have died on the way
        if self.log.lost:
            errors[str(self.root.path / JOURNAL)] = ProofError(self.log.lost)
        if len(errors) == 1 and not (report.written or report.unchanged):
            raise next(iter(errors.values()))
        report.notes = self.notes
        report.failures = [Skipped(source, str(error)) for source, error in errors.items()]
        report.exit_code = max((error.exit_code for error in errors.values()), default=0)
        return report

    def _undone(self, report: Report) -> Iterable[tuple[str, PolymaskError]]:
        places, errors = self._places()
        report.images += len({*places, *map(Path, errors)})
        yield from errors.items()
        for path, deletions in places.items():
            try:
                changed = self._undo(path, deletions)
            except PolymaskError as error:
                yield str(path), error
            else:
                report.written += changed
                report.unchanged += not changed
                self._tell(path, deletions, changed=changed)

    def _places(self) -> tuple[dict[Path, list[FileDeletion]], dict[str, PolymaskError]]:
        """The deletions by file, in order, that of the last first; and why some have none."""
        places: dict[Path, list[FileDeletion]] = {}
        errors: dict[str, PolymaskError] = {}
        for deletion in reversed(self.deletions):
            try:
                places.setdefault(file_of(self.root, deletion), []).insert(0, deletion)
            except PolymaskError as error:
                if not deletion.undone:  # nothing is expected of its file any more
                    errors.setdefault(deletion.source, error)
        return places, errors

    def _tell(self, path: Path, deletions: list[FileDeletion], *, changed: bool) -> None:
        """Name a file that was put back, and one that is not where the journal has it."""
        if changed:
            self.notes.append(f"{'would be put back' if self.dry_run else 'put back'}: {path}")
        if earlier := {deletion.dest for deletion in deletions} - {"", str(self.root.path.resolve())}:
            self.notes.append(
                f"{path}: when its polygons were deleted, DEST was {', '.join(sorted(earlier))}"
            )

    def _undo(self, path: Path, deletions: list[FileDeletion]) -> bool:
        """Undo the deletions from one file, the last first; whether that changed anything."""
        if not self.dry_run:
            clear_stale(self.root, [replace(deletion, source=str(path)) for deletion in deletions])
        changed, current = False, self._digest(path, deletions)
        for deletion in reversed(deletions):
            if current == deletion.after:
                self._put_back(path, deletion)
                current, changed = deletion.before, True
            elif current == deletion.before and not self.dry_run:
                make_lasting(path)  # a restore before may have died on the way
            elif current != deletion.before and not (deletion.undone or self._is_all_there(path, deletion)):
                raise SourceChanged(
                    f"{path} was changed since its polygons were deleted",
                    advice=f"merge it with {self.root.path / deletion.backup} by hand",
                )
            self._note(deletion)
        return changed

    def _is_all_there(self, path: Path, deletion: FileDeletion) -> bool:
        """Whether a changed file holds what was to go: it never went, or was merged by hand."""
        backup = self.root.read(deletion.backup) or b""
        if sha256(backup).hexdigest() != deletion.before:
            return False
        known = _annotations(backup)
        return bool(known) and not known - _annotations(read_whole(path))

    def _digest(self, path: Path, deletions: list[FileDeletion]) -> str:
        """The digest of the file as it is; empty where it is gone, after all its deletions were undone."""
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
            self.notes = list(dict.fromkeys([*self.notes, *notes]))  # it may take several deletions
            return
        if not (is_restorable(data) and is_restorable(backup)):  # a folder from elsewhere may name any file
            raise FormatError(f"{path} is no annotation file, but the journal names it; it was left as it is")
        if sha256(data).hexdigest() != deletion.after:
            raise SourceChanged(f"{path} was changed meanwhile", advice="it was left as it is, run again")
        name = temporary_name(self.root, path, deletion.after, deletion.before)
        for attribute in replace_file(path, backup, temporary=name):
            self.notes.append(f"{path} was put back, but {attribute} could not be kept")

    def _note(self, deletion: FileDeletion) -> None:
        """Note that a deletion is undone, so that nothing is expected of its file any more."""
        if not (self.dry_run or deletion.undone):
            self.log.note(RESTORED, source=deletion.source, before=deletion.before, after=deletion.after)


def _annotations(data: bytes) -> Counter[str]:
    """A file's annotations, each as one text; none where it is no annotation file."""
    try:
        annotations = json.loads(data.decode("utf-8-sig"))["annotations"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return Counter()
    return Counter(json.dumps(annotation, sort_keys=True) for annotation in annotations)
