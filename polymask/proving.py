"""What is asked of masks afterwards, in a folder or a dataset: to be proven again."""

from typing import Unpack

from polymask.dataloop.target import is_dataloop
from polymask.errors import InputError, ProofError
from polymask.formats.options import ReadingOptions
from polymask.labels.as_label_map import Labels
from polymask.limits import Limits
from polymask.option_types import ReadingOptionsDict
from polymask.painting.painting import Rules
from polymask.parallel.progress import Progress
from polymask.results import Report
from polymask.storage.remote.urls import located
from polymask.undo import PathOrUrl, refuse_journal


def verify(
    dest: PathOrUrl,
    *,
    source: PathOrUrl | None = None,
    labels: Labels | None = None,
    split: str | None = None,
    rules: Rules | None = None,
    journal: PathOrUrl | None = None,
    limits: Limits | None = None,
    **reading: Unpack[ReadingOptionsDict],
) -> Report:
    """Prove stored masks again, in a folder (see `polymask.analysis.verify.verify_folder`) or a dataset.

    A dataset's masks record what they were painted from. `journal` is the journal of a dataset, if it is not
    in the usual place; it reveals masks that were deleted with their polygons. A folder contains its journal.

    Raises `ProofError` naming the masks that are damaged, missing, doubled or different, or the lost journal
    or backup without which polygons that were deleted from a folder's source cannot be restored;
    `LimitError` above `limits`.

    Examples:
        >>> import tempfile
        >>> from polymask import convert
        >>> with tempfile.TemporaryDirectory() as dest:
        ...     _ = convert("fixtures/shapes/instances.json", dest)
        ...     verify(dest).unchanged
        3
    """
    from polymask.analysis.verify import failures_text

    report = examine(
        dest,
        source=source,
        labels=labels,
        split=split,
        rules=rules,
        journal=journal,
        limits=limits,
        **reading,
    )
    if report.failed:
        raise ProofError(
            failures_text(report, dest, of_masks=not is_dataloop(dest)), advice="" if report.notes else None
        )
    return report


def examine(
    dest: PathOrUrl,
    *,
    source: PathOrUrl | None = None,
    labels: Labels | None = None,
    split: str | None = None,
    rules: Rules | None = None,
    journal: PathOrUrl | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
    **reading: Unpack[ReadingOptionsDict],
) -> Report:
    """As `verify`, but failed masks are the report's `failures`, and their causes its `notes`."""
    if is_dataloop(dest):
        if source is not None:
            raise InputError(
                "a dataset's masks record what they were painted from", advice="leave --source out"
            )
        if split is not None:
            raise InputError("a dataset's items are of no split", advice="leave --split out")
        from polymask.dataloop.jobs.verification import verify_dataset

        options = ReadingOptions.of(reading, limits=limits)
        return verify_dataset(
            str(dest),
            journal=journal,
            query=options.filter,
            where=options.where,
            limits=options.limits,
            progress=progress,
        )
    refuse_journal(journal)
    from polymask.analysis.verify import verify_folder

    report = verify_folder(
        dest,
        source=source,
        labels=labels,
        split=split,
        rules=rules,
        limits=limits,
        progress=progress,
        **reading,
    )
    from polymask.conversion.dest.losses import report_lost_backups
    from polymask.conversion.dest.way_back import damage_advice

    if source is None:
        report.notes += damage_advice(located(dest), [failure.name for failure in report.failures])
    report_lost_backups(located(dest), report)
    return report
