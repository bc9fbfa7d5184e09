"""The commands that take back what was done."""

import sys
from dataclasses import asdict, fields
from typing import Any

import click

from polymask.cli.flags import JSON, NO_BAR, GroupedCommand, extra, limit_flags, option_named
from polymask.cli.terminal import Bar, print_json, styled
from polymask.cli.text import capped
from polymask.dataloop.target import is_dataloop
from polymask.limits import Limits
from polymask.model import Skipped
from polymask.parallel.pool import available
from polymask.results import Report
from polymask.undo import remove_masks, restore
from polymask.wording import counted, were


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
    unit = "polygons" if is_dataloop(dest) else "annotation files"
    with Bar(quiet=quiet, unit=unit) as bar:
        report = restore(dest, journal=journal, dry_run=dry_run, progress=bar)
    if as_json:
        counts = {"restored": report.written, "there": report.unchanged, "edited": len(report.skipped)}
        _print_undo(report, counts, dry_run=dry_run)
    else:
        restored = counted(report.written, unit.removesuffix("s"))
        outcome = "would be put back (dry run: nothing was written)" if dry_run else "put back"
        there = f"{report.unchanged:,} {were(report.unchanged)} there already"
        changed = len(report.skipped)
        edited = f", {changed:,} {were(changed)} edited or erased since" if changed else ""
        click.echo(f"{restored} {outcome}, {there}{edited}.")
        for line in [*capped([_named_reason(polygon) for polygon in report.skipped]), *report.notes]:
            click.echo(line)
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

    Only what is proven to be polymask's goes: by claim and digest on a dataset, by the manifest in a
    folder. What somebody changed stays and is named (exit 4), and so does a mask that polygons
    were deleted for: `polymask restore` them first (exit 2). It can be run again.
    """
    with Bar(quiet=quiet, unit="items" if is_dataloop(dest) else "images") as bar:
        limits = Limits(**{limit.name: options.pop(limit.name) for limit in fields(Limits)})
        report = remove_masks(
            dest, dry_run=dry_run, workers=workers or available(), limits=limits, progress=bar, **options
        )
    if as_json:
        _print_undo(report, {"images": report.images, "removed": report.retracted}, dry_run=dry_run)
    else:
        what = "mask" if is_dataloop(dest) else "image's mask"
        done = "would be removed (dry run: nothing was removed)" if dry_run else "removed"
        removed = counted(report.retracted, what, "" if is_dataloop(dest) else "images' masks")
        click.echo("\n".join([f"{removed} {done}.", *report.notes]))
    _exit_with_failures(report)


def _print_undo(report: Report, counts: dict[str, int], *, dry_run: bool) -> None:
    """What was put back or removed, as one JSON document."""
    lists = {"failures": report.failures, "skipped": report.skipped}
    plain = {name: [asdict(row) for row in rows] for name, rows in lists.items()}
    print_json(counts | plain | {"notes": report.notes, "dry_run": dry_run})


def _named_reason(row: Skipped) -> str:
    return row.reason if row.name in row.reason else f"{row.name}: {row.reason}"


def _exit_with_failures(report: Report) -> None:
    """Name what could not be done, one by one, and exit as it asks; return where all was."""
    for reason in capped([_named_reason(failure) for failure in report.failures]):
        click.echo(f"{styled('polymask:', sys.stderr, fg='red', bold=True)} {reason.strip()}", err=True)
    if report.exit_code:
        sys.exit(report.exit_code)
