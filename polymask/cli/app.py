"""The command line: commands, flags, progress and exit codes; no logic."""

import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import Any, NoReturn

import click

import polymask
from polymask.cli import signals
from polymask.cli.commands import (
    compare_command,
    preview_command,
    remove_masks_command,
    restore_command,
    stats_command,
    verify_command,
)
from polymask.cli.config import json_wanted
from polymask.cli.emulate import emulate_command
from polymask.cli.flags import JSON, NO_BAR, QUIET, GroupedCommand, convert_flags, extra, reading_flags
from polymask.cli.terminal import (
    Bar,
    discard,
    emphasized,
    fail,
    print_json,
    tolerating_full_disk,
    with_advice,
)
from polymask.cli.text import findings_text, how_to_look, summary
from polymask.dataloop.target import is_dataloop
from polymask.errors import InputError, PolymaskError, Unavailable, nearest
from polymask.formats import FORMATS
from polymask.layouts import LAYOUTS
from polymask.painting.painting import OVERLAP_RULES
from polymask.parallel.pool import available
from polymask.raster import KERNEL, PIXEL_RULES
from polymask.results import Report


class _Group(click.Group):
    """Lists commands in order of use, and suggests the nearest name for a mistyped command."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands and (near := nearest(args[0], self.commands)):
            raise click.UsageError(f"no command '{args[0]}'; {near}", ctx)
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(polymask.__version__, prog_name="polymask")
def cli() -> None:
    """Polygon annotations in, semantic masks out.

    \b
    polymask convert instances.json masks/            index masks, labels.json, manifest.jsonl
    polymask convert instances.json out/ --to voc     a PASCAL VOC folder
    polymask check instances.json                     what is odd about the annotations
    polymask compare truth/ other/                    IoU by label between two mask sets
    polymask preview instances.json -o report.html    look at it in a browser

    Exit codes: 0 done, 1 some items failed or nothing could be painted, 2 your input, 3 the service
    or the disk, 4 somebody else holds it or changed it, 5 a proof failed, 130 or 143 interrupted.
    """


@cli.command("convert", cls=GroupedCommand)
@click.argument("source")
@click.argument("dest", required=False)
@convert_flags
@extra(
    "--preview",
    metavar="FILE",
    group="safety",
    help="With --dry-run: an HTML page of what would change, item by item.",
)
@JSON
@QUIET
def convert_command(
    source: str, dest: str | None, *, as_json: bool, quiet: bool, max_conflict: float | None, **options: Any
) -> None:
    """Convert polygon annotations to masks.

    \b
    polymask convert instances.json masks/
    polymask convert instances.json out/ --to voc --images pictures/ --copy-images
    polymask convert dataloop://project/dataset --delete-source --dry-run --preview changes.html

    SOURCE and DEST are files and folders, URLs such as s3://bucket/folder, or
    dataloop://PROJECT/DATASET[/folder]. A dataset without DEST is converted in place: masks
    are added, and with --delete-source the polygons go once their masks are proven.
    """
    options["workers"] = options["workers"] or available()
    preview = options.pop("preview")
    with Bar(quiet=quiet) as bar:
        report = polymask.convert(source, dest, progress=bar, preview=preview, **options)
    if as_json:
        print_json(report.to_dict())
    elif not quiet:
        target = dest or source
        target = f"{target} (dry run: nothing was written)" if options["dry_run"] else target
        click.echo(emphasized(summary(report, target)))
        in_folder = dest if dest and not is_dataloop(dest) else ""
        if report.written and not report.dry_run and (hint := how_to_look(in_folder, options["to"])):
            click.echo(f"\n{hint}")
        if preview:
            click.echo(f"\nBefore and after: {preview}")
    if max_conflict is not None and report.conflict_percent > max_conflict:
        fail(
            f"conflicts on {report.conflict_percent:.3f} % of the labeled pixels, more than --max-conflict "
            f"{max_conflict:g}; look at the pairs above, or choose an --overlap rule and raise the limit",
            1,
        )
    _exit_as_failed(report)


def _exit_as_failed(report: Report) -> None:
    """Exit with the code of the worst failure, and name the first; return if nothing failed."""
    if report.failed:
        first = report.failures[0]
        message = f"{report.failed} of {report.images} images failed: {first.name}: {first.reason}"
        fail(message, report.exit_code)
    if report.nothing_painted:
        fail(report.nothing_painted, report.exit_code)
    if report.unsupported:
        first = report.unsupported[0]
        message = f"{len(report.unsupported)} instances are not supported and were left alone"
        fail(f"{message}: {first.name}: {first.reason}", report.exit_code)


@cli.command("check", cls=GroupedCommand)
@click.argument("source")
@reading_flags
@NO_BAR
@JSON
def check_command(source: str, *, as_json: bool, quiet: bool, **options: Any) -> None:
    """Find what is wrong with annotations before converting them.

    \b
    polymask check instances.json
    polymask check instances.json --images pictures/ --json
    polymask check dataloop://project/dataset/folder

    Lists findings that block (`convert` would refuse the source), are dropped (not painted), or are odd:
    the number and the first few of each kind; --json has all. Exits 2 where anything blocks, else 0; what
    --skip-invalid leaves out is dropped.
    """
    with Bar(quiet=quiet) as bar:
        findings = polymask.check(source, progress=bar, **options)
    from polymask.analysis.findings import BLOCKS  # quick to start without

    if as_json:
        print_json(findings.to_dict())
    else:
        click.echo(findings_text(findings))
    if BLOCKS in findings.ranks:
        sys.exit(2)


for _command in (
    stats_command,
    compare_command,
    preview_command,
    verify_command,
    restore_command,
    remove_masks_command,
    emulate_command,
):
    cli.add_command(_command)


@cli.command("formats", cls=GroupedCommand)
@JSON
def formats_command(*, as_json: bool) -> None:
    """List the formats, layouts, pixel rules and overlap rules.

    \b
    polymask formats
    polymask formats --json
    """
    tables = {
        "formats": FORMATS,
        "layouts": LAYOUTS,
        "pixel_rules": {name: rule[0] for name, rule in PIXEL_RULES.items()},
        "overlap_rules": OVERLAP_RULES,
    }
    if as_json:
        document: dict[str, Any] = {
            title: [{"name": name, "summary": row} for name, row in table.items()]
            for title, table in tables.items()
        }
        print_json(document | {"kernel": KERNEL})
        return
    for title, table in tables.items():
        click.echo(title.replace("_", " "))
        for name, row in table.items():
            click.echo(f"  {name:<13} {row}")
    click.echo(f"kernel: {KERNEL}")


def main() -> None:
    """Run the `polymask` command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # names may have characters outside the terminal's encoding
            # must not be interrupted: a half-reconfigured stream is unusable
            stream.reconfigure(errors="backslashreplace")
    try:
        signals.listen(connected=any("://" in argument for argument in sys.argv))
        _run()
    except BaseException as error:
        # An interrupt while a class is being created, in an import, becomes a `RuntimeError`.
        if isinstance(error, KeyboardInterrupt) or signals.received():
            _stop()
        raise


def _run() -> None:
    try:
        cli.main(prog_name="polymask", standalone_mode=False)
    except click.exceptions.Abort:
        _stop()
    except PolymaskError as error:
        _refuse(error)
    except click.ClickException as error:
        if json_wanted(sys.argv):
            _print_error(_usage_error(error))
        with tolerating_full_disk():
            error.show()
        sys.exit(error.exit_code)
    except UnicodeEncodeError as error:
        if error.encoding == "utf-8":
            raise
        message = f"{error.object!r} cannot be a file name in this locale"
        _refuse(InputError(message, advice="set PYTHONUTF8=1"))
    except OSError as error:  # stdout is full; the work itself is done
        discard(sys.stdout)
        fail(f"{error.filename or 'stdout'}: {error.strerror or error}", Unavailable.exit_code)


def _refuse(error: PolymaskError) -> NoReturn:
    """Leave with an error on stderr, and on stdout where JSON is wanted."""
    if json_wanted(sys.argv):
        _print_error(error.to_dict())
    fail(with_advice(error), error.exit_code)


def _usage_error(error: click.ClickException) -> dict[str, Any]:
    """A mistake in the command line, as errors are printed for `--json`."""
    usage = InputError(error.format_message(), exit_code=error.exit_code)
    return usage.to_dict() | {"kind": type(error).__name__}


def _print_error(error: dict[str, Any]) -> None:
    with suppress(OSError):
        print_json({"error": error})


def _stop() -> NoReturn:
    """Leave at once: running calls must not hold the process, and the next run finishes their work."""
    with tolerating_full_disk():
        click.echo(signals.INTERRUPTED, err=True)
    with suppress(OSError):
        sys.stdout.flush()
    signals.end()


if __name__ == "__main__":
    main()
