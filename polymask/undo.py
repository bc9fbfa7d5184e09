"""The way back: polygons that were deleted are put back, masks that were written are taken away."""

from pathlib import Path

from polymask.dataloop.target import is_dataloop
from polymask.errors import InputError
from polymask.limits import Limits
from polymask.parallel.progress import Progress
from polymask.results import Report
from polymask.storage.remote.urls import located

PathOrUrl = str | Path


def restore(
    dest: PathOrUrl,
    *,
    journal: PathOrUrl | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Put deleted polygons back, into a dataset or into the annotation files of a folder of masks.

    With `dry_run`, only report how many there are.

    Of several files, those that cannot be restored are the report's `failures`. Raises `NotFound`
    where nothing was deleted, `SourceChanged` where the only file has changed since, `ProofError`
    where the journal or the backup is damaged or missing.

    Examples:
        >>> restore("fixtures/shapes")
        Traceback (most recent call last):
        polymask.errors.NotFound: fixtures/shapes: nothing was deleted from here
    """
    if not is_dataloop(dest):
        refuse_journal(journal)
        from polymask.conversion.undoing.restore import restore_folder  # imported late for a quick start

        return restore_folder(located(dest), dry_run=dry_run)
    from polymask.dataloop.jobs.undoing.restoration import restore_dataset

    return restore_dataset(str(dest), journal=journal, dry_run=dry_run, progress=progress)


def remove_masks(
    dest: PathOrUrl,
    *,
    journal: PathOrUrl | None = None,
    dry_run: bool = False,
    workers: int = 1,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Report:
    """Remove what polymask wrote, and nothing else: the masks of a dataset, or a folder of masks.

    Only proven masks are removed: by their claim and digest on a dataset, by the manifest in a folder.
    `retracted` counts the removed masks (of a folder: the images). Masks that somebody changed stay, and
    so do masks that polygons were deleted for (`restore` them first): both are the report's `failures`.
    With `dry_run`, nothing is removed. Safe to repeat.

    Raises `NotFound` for a missing folder or dataset, `InputError` for a folder while polygons are
    deleted for its masks.

    Examples:
        >>> import tempfile, polymask
        >>> with tempfile.TemporaryDirectory() as dest:
        ...     _ = polymask.convert("fixtures/shapes/instances.json", dest)
        ...     remove_masks(dest).retracted, list(Path(dest).iterdir())
        (3, [])
    """
    if is_dataloop(dest):
        from polymask.dataloop.jobs.undoing.removal import remove_dataset_masks

        return remove_dataset_masks(
            str(dest), journal=journal, dry_run=dry_run, workers=workers, limits=limits, progress=progress
        )
    refuse_journal(journal)
    from polymask.conversion.undoing.removal import remove_folder_masks  # imported late for a quick start

    return remove_folder_masks(located(dest), dry_run=dry_run, limits=limits)


def refuse_journal(journal: PathOrUrl | None) -> None:
    """Raise `InputError` where a journal is named for a folder, which has its own."""
    if journal is not None:
        raise InputError(
            "--journal is for datasets (dataloop://…)",
            advice="a folder contains its journal: leave --journal out",
        )
