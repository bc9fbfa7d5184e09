"""The commands except convert, check and formats."""

import sys
from dataclasses import asdict, fields
from typing import Any

import click

from polymask.cli.flags import (
    JSON,
    NO_BAR,
    QUIET,
    WORKERS,
    GroupedCommand,
    RealNumber,
    WholeNumber,
    extra,
    limit_flags,
    option_named,
    reading_flags,
    rule_flags,
)
from polymask.cli.outcomes import named_reason, preview_text, proven_text, restored_text
from polymask.cli.terminal import Bar, emphasized, fail, print_json, styled, with_advice
from polymask.cli.text import capped, comparison_text, statistics_text, weights_text
from polymask.dataloop.target import is_dataloop
from polymask.errors import ProofError
from polymask.limits import Limits
from polymask.parallel.pool import available
from polymask.proving import examine
from polymask.results import Report
from polymask.undo import remove_masks, restore
from polymask.wording import counted


@click.command("compare", cls=GroupedCommand)
@click.argument("truth")
@click.argument("other")
@reading_flags
@extra("--with-background", is_flag=True, help="Count background as a label.")
@extra(
    "--ignore",
    multiple=True,
    metavar="LABEL",
    help="Leave out the pixels that TRUTH has this label at, as void; repeatable.",
)
@WORKERS
@NO_BAR
@JSON
def compare_command(
    truth: str,
    other: str,
    *,
    workers: int | None,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Compare two sets of masks: IoU by label.

    \b
    polymask compare truth/ predicted/
    polymask compare instances.json masks/ --json
    polymask compare dataloop://project/dataset predicted/

    TRUTH and OTHER are folders of masks in any layout, annotation files or datasets. Images are
    matched by name without suffix, labels by name. Pixels that are void in
    TRUTH do not count, nor do labels that the scorers of its layout ignore. Exits 1 where images
    of TRUTH could not be compared.
    """
    from polymask.analysis.compare import compare

    with Bar(quiet=quiet) as bar:
        result = compare(truth, other, workers=workers or available(), progress=bar, **options)
    if as_json:
        print_json(result.to_dict())
    else:
        click.echo(emphasized(comparison_text(result)))
    if result.failures or result.only_in_truth:
        sys.exit(1)


@click.command("verify", cls=GroupedCommand)
@click.argument("dest")
@extra("--source", metavar="SOURCE", help="Annotations to verify any tool's masks against.")
@extra("--journal", metavar="DIR", help="A dataset's journal, where it is not in its default place.")
@reading_flags
@rule_flags("with --source, where no manifest names it: ")
@NO_BAR
@JSON
def verify_command(
    dest: str,
    *,
    source: str | None,
    journal: str | None,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Prove that stored masks are still what they should be.

    \b
    polymask verify masks/
    polymask verify theirs/ --source instances.json

    The masks are read back and compared with their manifest or, with --source, with annotations.
    With --source the masks may be any tool's; where they differ, likely causes are named.
    For a dataset, the journal of its deletions reveals masks that are gone with their polygons.
    Exits 5 where a mask is damaged, missing or different, or deleted polygons cannot be restored.
    """
    from polymask.analysis.verify import failures_text

    with Bar(quiet=quiet) as bar:
        report = examine(dest, source=source, journal=journal, progress=bar, **options)
    if as_json:
        failures = [{"name": failure.name, "reason": failure.reason} for failure in report.failures]
        print_json(
            {
                "images": report.images,
                "proven": report.unchanged,
                "failed": report.failed,
                "failures": failures,
                "notes": report.notes,
            }
        )
    if report.failed:
        text = failures_text(report, dest, of_masks=not is_dataloop(dest))
        error = ProofError(text, advice="" if report.notes else None)
        fail(with_advice(error), error.exit_code)
    if not as_json:
        against = "" if is_dataloop(dest) else "annotations give" if source else "manifest says"
        click.echo(proven_text(report, against))


@click.command("stats", cls=GroupedCommand)
@click.argument("path")
@reading_flags
@extra("--weights", is_flag=True, help="Weights of the labels for a loss: median frequency balancing.")
@WORKERS
@NO_BAR
@JSON
def stats_command(
    path: str, *, weights: bool, workers: int | None, as_json: bool, quiet: bool, **options: Any
) -> None:
    """Count instances and painted pixels by label.

    \b
    polymask stats instances.json
    polymask stats masks/ --json
    polymask stats masks/ --split train --weights
    polymask stats dataloop://project/dataset --predictions keep

    PATH is an annotation file, a dataset, or a folder of masks (which do not separate instances).
    """
    from polymask.analysis.stats import stats
    from polymask.training.classes import class_weights

    with Bar(quiet=quiet) as bar:
        statistics = stats(path, workers=workers or available(), progress=bar, **options)
    weight_of = class_weights(statistics) if weights else {}
    if as_json:
        print_json(statistics.to_dict() | ({"weights": dict(weight_of)} if weights else {}))
    else:
        click.echo(emphasized(statistics_text(statistics)))
        if weights:
            click.echo(weights_text(weight_of))
    if statistics.failures:
        sys.exit(1)


@click.command("preview", cls=GroupedCommand)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@extra(
    "-o",
    "--output",
    required=True,
    metavar="FILE",
    help="The file to write: .html for a report, .png for a picture.",
)
@reading_flags
@extra(
    "--limit",
    type=WholeNumber(1),
    metavar="N",
    help="The most images to show (1200; in a picture 48); the others are counted.",
)
@extra(
    "--max-mb",
    type=RealNumber(min=0, min_open=True),
    metavar="N",
    help="The largest report, in megabytes (24).",
)
@option_named("palette", help="Colors to begin with: color-blind safe, or the label map's own.")
@rule_flags()
@WORKERS
@QUIET
def preview_command(
    paths: tuple[str, ...],
    *,
    output: str,
    workers: int | None,
    quiet: bool,
    **options: Any,
) -> None:
    """Look at annotations and masks: an HTML report or a PNG.

    \b
    polymask preview instances.json -o report.html
    polymask preview dataloop://project/dataset -o report.html
    polymask preview instances.json masks/ --images pictures/ -o report.html
    polymask preview masks/ --where 'street_01*' -o look.png

    An HTML report opens from disk, offline, on a phone: a gallery, polygons and mask on a slider,
    labels to switch on and off, conflicts, and the findings of `check`. It needs polymask[report].
    A PNG shows one image large, with title and legend; several images become a contact sheet.
    """
    from polymask.report.html import preview

    with Bar(quiet=quiet) as bar:
        page = preview(paths, output, workers=workers or available(), progress=bar, **options)
    if not quiet:
        click.echo(preview_text(page, output))


@click.command("restore", cls=GroupedCommand)
@click.argument("dest")
@extra("--journal", metavar="DIR", help="A dataset's journal, where it is not in its default place.")
@extra("--dry-run", is_flag=True, help="Report what would be put back; write nothing.")
@NO_BAR
@JSON
def restore_command(dest: str, *, journal: str | None, dry_run: bool, quiet: bool, as_json: bool) -> None:
    """Put back the polygons that --delete-source deleted.

    \b
    polymask restore masks/
    polymask restore dataloop://project/dataset --dry-run

    DEST is the folder of masks or the dataset that was converted. Polygons that exist already
    are not added again, so the command can be repeated. A file that has changed since is
    named and not touched; the others are restored.
    """
    noun = "polygon" if is_dataloop(dest) else "annotation file"
    with Bar(quiet=quiet, unit=f"{noun}s") as bar:
        report = restore(dest, journal=journal, dry_run=dry_run, progress=bar)
    if as_json:
        counts = {"restored": report.written, "there": report.unchanged, "edited": len(report.skipped)}
        _print_undo(report, counts, dry_run=dry_run)
    else:
        click.echo(restored_text(report, noun, dry_run=dry_run))
    _exit_with_failures(report)


@click.command("remove-masks", cls=GroupedCommand)
@click.argument("dest")
@extra("--journal", metavar="DIR", help="A dataset's journal, where it is not in its default place.")
@extra("--dry-run", is_flag=True, help="Tell what would be removed; remove nothing.")
@option_named("workers", help="Calls at once, for datasets.")
@limit_flags
@NO_BAR
@JSON
def remove_masks_command(
    dest: str, *, dry_run: bool, workers: int | None, quiet: bool, as_json: bool, **options: Any
) -> None:
    """Take back the masks that polymask wrote, and nothing else.

    \b
    polymask remove-masks masks/
    polymask remove-masks dataloop://project/dataset --dry-run

    Removes only masks that polymask provably wrote: claim and digest prove it on a dataset, the
    manifest in a folder. A mask that somebody changed stays and is named (exit 4), and so does a mask
    for which polygons were deleted: `polymask restore` them first (exit 2). It can be repeated.
    """
    with Bar(quiet=quiet, unit="items" if is_dataloop(dest) else "images") as bar:
        limits = Limits(**{limit.name: options.pop(limit.name) for limit in fields(Limits)})
        report = remove_masks(
            dest, dry_run=dry_run, workers=workers or available(), limits=limits, progress=bar, **options
        )
    if as_json:
        _print_undo(report, {"images": report.images, "removed": report.retracted}, dry_run=dry_run)
    else:
        what = ("mask",) if is_dataloop(dest) else ("image's mask", "images' masks")
        done = "would be removed (dry run: nothing was removed)" if dry_run else "removed"
        click.echo("\n".join([f"{counted(report.retracted, *what)} {done}.", *report.notes]))
    _exit_with_failures(report)


def _print_undo(report: Report, counts: dict[str, int], *, dry_run: bool) -> None:
    """What was put back or removed, as one JSON document."""
    lists = {"failures": report.failures, "skipped": report.skipped}
    plain = {name: [asdict(row) for row in rows] for name, rows in lists.items()}
    print_json(counts | plain | {"notes": report.notes, "dry_run": dry_run})


def _exit_with_failures(report: Report) -> None:
    """Name what could not be done, one by one, and exit as it asks; return where all was."""
    for reason in capped([named_reason(failure) for failure in report.failures]):
        click.echo(f"{styled('polymask:', sys.stderr, fg='red', bold=True)} {reason.strip()}", err=True)
    if report.exit_code:
        sys.exit(report.exit_code)
