"""The commands except convert, check and formats."""

import sys
from typing import Any

import click

from polymask.cli.flags import (
    JSON,
    NO_BAR,
    QUIET,
    WORKERS,
    GroupedCommand,
    extra,
    option_named,
    reading_flags,
    rule_flags,
)
from polymask.cli.terminal import Bar, emphasized, fail, print_json, with_advice
from polymask.cli.text import comparison_text, statistics_text, weights_text
from polymask.dataloop.target import is_dataloop
from polymask.errors import ProofError
from polymask.parallel.pool import available
from polymask.proving import examine
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
    """IoU by label between two mask sets: folders of any layout, or annotation files.

    \b
    polymask compare truth/ predicted/
    polymask compare instances.json masks/ --json
    polymask compare dataloop://project/dataset predicted/

    Images are matched by name without suffix, labels by name. Pixels that are void in
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
    """Prove stored masks again: against their manifest, or with --source against annotations.

    \b
    polymask verify masks/
    polymask verify theirs/ --source instances.json

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
        error = ProofError(
            failures_text(report, dest, of_masks=not is_dataloop(dest)), advice="" if report.notes else None
        )
        fail(with_advice(error), error.exit_code)
    if is_dataloop(dest) and not as_json:
        masks, items = counted(report.unchanged, "mask"), counted(report.images, "item")
        verb = "is what it claims" if report.unchanged == 1 else "are what they claim"
        click.echo(f"{masks} on {items} {verb} to be.")
    elif not as_json:
        against = "annotations give" if source else "manifest says"
        click.echo("\n".join([f"{report.images:,} masks are what the {against}.", *report.notes]))


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
    """Count instances and painted pixels by label, of annotations or of a folder of masks.

    \b
    polymask stats instances.json
    polymask stats masks/ --json
    polymask stats masks/ --split train --weights
    polymask stats dataloop://project/dataset --predictions keep
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


@click.command("preview", cls=GroupedCommand)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@extra("-o", "--output", required=True, metavar="FILE", help="The HTML file to write.")
@reading_flags
@extra(
    "--limit",
    type=click.IntRange(1),
    default=1200,
    show_default=True,
    metavar="N",
    help="The most images to show; the others are counted.",
)
@extra(
    "--max-mb",
    type=click.FloatRange(min=0, min_open=True),
    default=24.0,
    show_default=True,
    metavar="N",
    help="The largest file, in megabytes.",
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
    """Look at it: an HTML report of annotations, of converted masks, or of both.

    \b
    polymask preview instances.json -o report.html
    polymask preview dataloop://project/dataset -o report.html
    polymask preview instances.json masks/ --images pictures/ -o report.html

    A single file that opens from disk, offline, on a phone: a gallery with polygons and mask on a
    slider, labels to switch, conflicts, and the findings of `check`. Needs polymask[report].
    """
    from polymask.report.html import preview

    with Bar(quiet=quiet) as bar:
        page = preview(paths, output, workers=workers or available(), progress=bar, **options)
    if not quiet:
        images = f"{len(page.shots):,} of {len(page.facts):,} images"
        click.echo(f"{images}, {page.pictures:,} with their picture → {output}")
