"""The functions of the library; each picks the job for local folders, Dataloop datasets, or both."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from polymask.conversion.options import ConvertOptions, chosen_options
from polymask.conversion.plan import make_plan
from polymask.conversion.planning.effects import refuse_dataset_options
from polymask.conversion.run import run_plan
from polymask.dataloop.target import is_dataloop
from polymask.errors import InputError
from polymask.formats import Annotations, open_annotations
from polymask.formats.drawing.shares import in_pixels
from polymask.formats.selection import refuse_unknown_labels
from polymask.limits import Limits
from polymask.log import log
from polymask.model import ImageRecord
from polymask.option_types import ConvertOptionsDict
from polymask.parallel.progress import Progress
from polymask.results import Report, judge_source
from polymask.storage.remote.urls import Url, located
from polymask.undo import PathOrUrl

if TYPE_CHECKING:
    from concurrent.futures import Executor


Records = ImageRecord | Iterable[ImageRecord]


def convert(
    source: PathOrUrl | Records,
    dest: PathOrUrl | None = None,
    *,
    executor: "Executor | None" = None,
    progress: Progress | None = None,
    preview: PathOrUrl | None = None,
    limits: Limits | None = None,
    **options: Unpack[ConvertOptionsDict],
) -> Report:
    """Convert polygon annotations to masks; the options are the flags of the command, with underscores.

    `source` and `dest` are paths, URLs such as `s3://bucket/folder`, or
    `dataloop://PROJECT/DATASET[/folder]`. `source` may also be an iterable of image records; all of them are
    checked before anything is written. A dataset without `dest` is converted in place. `executor`, a
    `concurrent.futures.Executor` of any library, does the work; its processes open the source themselves.

    Raises `InputError` for input that cannot be used (nothing was written), `BackendError` if the disk or
    the service fails, and `Locked` if another run holds `dest`. If single images fail, the run goes on, and
    they are the report's `failures`.

    Examples:
        >>> import tempfile
        >>> import polymask
        >>> with tempfile.TemporaryDirectory() as dest:
        ...     report = convert("fixtures/shapes/instances.json", dest, overlap="smallest")
        ...     report.images, report.written, report.failed
        (3, 3, 0)
        >>> with tempfile.TemporaryDirectory() as dest:
        ...     convert(polymask.read("fixtures/shapes/instances.json"), dest).written
        3
    """
    chosen = chosen_options(options, limits=limits)
    if isinstance(source, str | Path | Url):
        opened: PathOrUrl | Annotations = source
    else:
        from polymask.conversion.planning.of_records import opened_records  # quick to start without

        opened = opened_records(source, chosen, executor)
    log.info("convert %s to %s", opened.path if isinstance(opened, Annotations) else opened, dest or "itself")
    report = _convert(opened, dest, chosen, executor, progress, preview)
    report.log()
    return report


def _convert(
    source: PathOrUrl | Annotations,
    dest: PathOrUrl | None,
    chosen: ConvertOptions,
    executor: "Executor | None",
    progress: Progress | None,
    preview: PathOrUrl | None,
) -> Report:
    """The job that SOURCE and DEST call for."""
    if preview is not None:
        _refuse_preview(preview, source, dest, chosen)
    if is_dataloop(source) and chosen.boxes:
        raise InputError(
            "--boxes paints the boxes of files",
            advice="boxes of a dataset are never painted: leave --boxes out",
        )
    if is_dataloop(source) and (dest is None or str(dest) == str(source)):
        return _in_place(str(source), chosen, progress, preview)
    if dest is None:
        raise InputError(
            "DEST is missing", advice="name a folder for the masks (only a dataset is converted in place)"
        )
    if is_dataloop(source) and is_dataloop(dest):
        raise InputError("from one dataset to another takes two runs: convert to a folder first")
    if is_dataloop(dest):
        return _upload(source, str(dest), chosen, progress)
    if is_dataloop(source):
        return _download(str(source), dest, chosen, progress)
    return _local(source, dest, chosen, executor, progress, preview)


def _refuse_preview(
    preview: PathOrUrl, source: PathOrUrl | Annotations, dest: PathOrUrl | None, options: ConvertOptions
) -> None:
    """Raise `InputError` where a preview has no before and after to show, or is no page."""
    from polymask.report.html import require_page

    require_page(preview)
    if not options.dry_run:
        raise InputError("--preview shows what a run would change", advice="add --dry-run")
    in_place = is_dataloop(source) and (dest is None or str(dest) == str(source))
    if not in_place and (dest is None or is_dataloop(source) or is_dataloop(dest)):
        raise InputError("--preview is for folders, and for datasets in place", advice="leave it out here")


def _local(
    source: PathOrUrl | Annotations,
    dest: PathOrUrl,
    options: ConvertOptions,
    executor: "Executor | None",
    progress: Progress | None,
    preview: PathOrUrl | None,
) -> Report:
    refuse_dataset_options(options)
    plan = make_plan(source, dest, options)
    report = run_plan(plan, executor=executor, progress=progress)
    if preview is not None:
        from polymask.conversion.dry_run import preview_of_plan
        from polymask.report.html import write

        write(preview_of_plan(plan, located(dest)), preview)
    return report


def _in_place(
    url: str, options: ConvertOptions, progress: Progress | None, preview: PathOrUrl | None
) -> Report:
    from polymask.dataloop.jobs.options import in_place_options
    from polymask.dataloop.jobs.run import convert_in_place

    if options.annotated_only:
        raise InputError("in place, only items with polygons are read", advice="leave --annotated-only out")
    if options.max_delete is not None and not options.delete_source:
        raise InputError(
            "--max-delete limits what --delete-source deletes", advice="leave it out, or add --delete-source"
        )
    run: Callable[..., Report] = convert_in_place
    if preview is not None:
        from polymask.dataloop.jobs.dry_run import convert_with_preview

        run = partial(convert_with_preview, output=preview)
    return run(
        url,
        options=in_place_options(options),
        query=options.filter,
        journal=options.journal,
        where=options.where,
        progress=progress,
    )


def _upload(
    source: PathOrUrl | Annotations, url: str, options: ConvertOptions, progress: Progress | None
) -> Report:
    from polymask.dataloop.jobs.options import in_place_options
    from polymask.dataloop.jobs.upload import upload

    _refuse_update(options)
    annotations = (
        source
        if isinstance(source, Annotations)
        else open_annotations(source, format=options.from_, options=options.reading)
    )
    refuse_unknown_labels(annotations, options)
    annotations = in_pixels(annotations)
    report = upload(
        annotations,
        url,
        in_place_options(options),
        where=options.where,
        start=progress.start if progress else None,
        advance=progress.advance if progress else None,
    )
    judge_source(report, annotations.ledger)
    return report


def _refuse_update(options: ConvertOptions) -> None:
    if options.update:
        raise InputError("--update is for folders, and datasets in place", advice="leave --update out")


def _download(url: str, dest: PathOrUrl, options: ConvertOptions, progress: Progress | None) -> Report:
    from concurrent.futures import ThreadPoolExecutor

    from polymask.dataloop.jobs.download import annotations_of
    from polymask.dataloop.jobs.run import open_dataset

    if options.delete_source:
        raise InputError("--delete-source deletes in place", advice="leave DEST out")
    if options.add_labels:
        raise InputError("--add-labels is for masks that go to a dataset", advice="leave it out")
    dataset = open_dataset(url, workers=options.workers)
    annotations = annotations_of(
        dataset, options.reading, query=options.filter, check_images=options.check_images
    )
    with ThreadPoolExecutor(options.workers) as threads:
        return run_plan(make_plan(annotations, dest, options), executor=threads, progress=progress)
