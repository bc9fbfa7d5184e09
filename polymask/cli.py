"""The command line: commands, flags, progress and exit codes; no logic."""

import json
import signal
import sys
from collections import Counter
from dataclasses import asdict
from types import FrameType
from typing import Any, NoReturn

import click
from tqdm import tqdm

import polymask
from polymask.checks import KINDS
from polymask.commands import compare_command, stats_command, verify_command
from polymask.errors import PolymaskError
from polymask.formats import FORMATS
from polymask.job import convert
from polymask.layouts import LAYOUTS
from polymask.model import Frame, Limits
from polymask.raster import KERNEL, PIXEL_RULES
from polymask.report.summary import findings_text, summary
from polymask.semantic import CROWD_RULES, HOLE_RULES, OVERLAP_RULES
from polymask.workers import available


class _Bar:
    """A bar on stderr, and nothing where stderr is no terminal."""

    def __init__(self, *, quiet: bool) -> None:
        self._off = True if quiet else None
        self._bar: Any = None

    def start(self, images: int) -> None:
        self._bar = tqdm(total=images, unit=" images", disable=self._off, file=sys.stderr, leave=False)

    def advance(self, images: int) -> None:
        self._bar.update(images)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


class _Size(click.ParamType[Frame]):
    """WxH, as (height, width)."""

    name = "WxH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Frame:
        width, _, height = str(value).lower().partition("x")
        if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
            self.fail(f"{value!r} is not WIDTHxHEIGHT in pixels, e.g. 128x128", param, ctx)
        return int(height), int(width)


class _Group(click.Group):
    """Commands in the order of a day's work, and errors as one line with the right exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PolymaskError as error:
            _fail(str(error), error.exit_code)


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"polymask: {message}", err=True)
    sys.exit(code)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(polymask.__version__, prog_name="polymask")
def cli() -> None:
    """Polygons in, one mask per label out.

    \b
    polymask convert instances.json masks/            index masks, labels.json, manifest.jsonl
    polymask convert instances.json out/ --to voc     a PASCAL VOC folder
    polymask check instances.json                     what is odd about the annotations
    polymask compare truth/ other/                    IoU by label between two mask sets

    Exit codes: 0 done, 1 some items failed, 2 your input, 3 the service or the disk,
    4 somebody else holds it or changed it, 5 a proof failed, 130 or 143 interrupted.
    """


@cli.command("convert")
@click.argument("source")
@click.argument("dest")
@click.option(
    "--from", "from_", metavar="FORMAT", help="The source's format, where its content does not tell."
)
@click.option("--to", default="index", show_default=True, metavar="LAYOUT", help=", ".join(LAYOUTS) + ".")
@click.option("--images", metavar="DIR", help="Where the pictures are.")
@click.option("--copy-images", is_flag=True, help="Copy the pictures beside the masks.")
@click.option(
    "--labels", metavar="FILE", help="Label map: labels.txt, labelmap.txt, id2label.json, labels.json."
)
@click.option(
    "--ids",
    type=click.Choice(["contiguous", "source"]),
    default="contiguous",
    show_default=True,
    help="Pixel values: 1…N in the label map's order, or the source's category ids.",
)
@click.option("--only", multiple=True, metavar="LABEL", help="Paint this label only; repeatable.")
@click.option(
    "--where", multiple=True, metavar="GLOB", help="Convert images with such names only; repeatable."
)
@click.option(
    "--overlap",
    type=click.Choice(list(OVERLAP_RULES)),
    default="last",
    show_default=True,
    help="Who owns a pixel that several labels claim.",
)
@click.option(
    "--priority",
    multiple=True,
    metavar="A,B,C",
    help="Labels, the first on top, for --overlap priority; repeat it for labels with commas.",
)
@click.option(
    "--max-conflict",
    type=click.FloatRange(0, 100),
    metavar="PERCENT",
    help="Exit 1 when more of the labeled pixels than this are claimed by several labels.",
)
@click.option(
    "--pixel-rule",
    type=click.Choice(list(PIXEL_RULES)),
    default="center",
    show_default=True,
    help="Which pixels belong to a polygon.",
)
@click.option(
    "--holes",
    type=click.Choice(HOLE_RULES),
    help="What several rings of an instance mean, if not as the format says.",
)
@click.option(
    "--crowd",
    type=click.Choice(CROWD_RULES),
    default="keep",
    show_default=True,
    help="What becomes of regions marked as a crowd.",
)
@click.option(
    "--border",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="A void ring, N px wide on both sides of instance boundaries.",
)
@click.option("--instances", is_flag=True, help="Write instance ids too.")
@click.option("--size", type=_Size(), help="Scale to this size, in pixels, before drawing.")
@click.option(
    "--split", default="train", show_default=True, metavar="NAME", help="The split that the images belong to."
)
@click.option(
    "--label-attribute", metavar="NAME", help="The region attribute that tells the label, in VIA files."
)
@click.option("--default-label", metavar="NAME", help="The label of regions that have none, in VIA files.")
@click.option(
    "--split-ratio",
    metavar="A,B,C",
    help="Shares of train, val and test, e.g. 0.8,0.1,0.1, instead of --split.",
)
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Draws the splits.")
@click.option("--skip-invalid", is_flag=True, help="Leave malformed records out, and list them.")
@click.option(
    "--max-pixels",
    type=click.IntRange(1),
    default=Limits().max_pixels,
    show_default=True,
    metavar="N",
    help="The largest frame, height × width.",
)
@click.option("--workers", type=click.IntRange(1), metavar="N", help="Processes.  [default: the processors]")
@click.option("--overwrite", is_flag=True, help="Replace what is there and differs.")
@click.option("--dry-run", is_flag=True, help="Do everything but write.")
@click.option("--json", "as_json", is_flag=True, help="One JSON report on stdout.")
@click.option("--quiet", is_flag=True, help="No bar and no summary.")
def convert_command(
    source: str, dest: str, *, as_json: bool, quiet: bool, max_conflict: float | None, **options: Any
) -> None:
    """Convert polygon annotations to masks."""
    options["priority"] = _split_priority(options["priority"])
    options["workers"] = options["workers"] or available()
    bar = _Bar(quiet=quiet)
    try:
        report = convert(source, dest, progress=bar, **options)
    finally:
        bar.close()
    if as_json:
        click.echo(json.dumps(report.to_dict(), ensure_ascii=False))
    elif not quiet:
        click.echo(summary(report, f"{dest} (dry run: nothing was written)" if options["dry_run"] else dest))
    if max_conflict is not None and report.conflict_percent > max_conflict:
        _fail(
            f"conflicts on {report.conflict_percent:.3f} % of the labeled pixels, more than --max-conflict "
            f"{max_conflict:g}; look at the pairs above, or choose an --overlap rule and raise the limit",
            1,
        )
    if report.failed:
        first = report.failures[0]
        _fail(f"{report.failed} of {report.images} images failed: {first.name}: {first.reason}", 1)
    if report.unsupported:
        first = report.unsupported[0]
        _fail(
            f"{len(report.unsupported)} instances are not supported and were left alone; "
            f"the first is of {first.name}: {first.reason}",
            1,
        )


def _split_priority(given: tuple[str, ...]) -> tuple[str, ...]:
    """One value is a list with commas; of several, each is one label, commas and all."""
    return tuple(given[0].split(",")) if len(given) == 1 else given


@cli.command("check")
@click.argument("source")
@click.option(
    "--from", "from_", metavar="FORMAT", help="The source's format, where its content does not tell."
)
@click.option("--images", metavar="DIR", help="Where the pictures are: compares their sizes.")
@click.option(
    "--label-attribute", metavar="NAME", help="The region attribute that tells the label, in VIA files."
)
@click.option("--default-label", metavar="NAME", help="The label of regions that have none, in VIA files.")
@click.option(
    "--max-pixels",
    type=click.IntRange(1),
    default=Limits().max_pixels,
    show_default=True,
    metavar="N",
    help="The largest frame, height × width.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def check_command(source: str, *, max_pixels: int, as_json: bool, **options: Any) -> None:
    """Find what is wrong with the annotations before it costs anything.

    Exits 2 where `convert` would refuse records, else 0.
    """
    found = polymask.check(source, limits=Limits(max_pixels=max_pixels), **options)
    counts = Counter(finding.kind for finding in found)
    if as_json:
        document = {
            "findings": [asdict(finding) for finding in found],
            "counts": {kind: counts[kind] for kind in KINDS if counts[kind]},
        }
        click.echo(json.dumps(document, ensure_ascii=False))
    else:
        click.echo(findings_text(found))
    if counts["invalid"]:
        sys.exit(2)


for _command in (stats_command, compare_command, verify_command):
    cli.add_command(_command)


@cli.command("formats")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def formats_command(*, as_json: bool) -> None:
    """List what can be read and written, and by which rules."""
    tables = {
        "formats": FORMATS,
        "layouts": LAYOUTS,
        "pixel_rules": {name: rule[0] for name, rule in PIXEL_RULES.items()},
        "overlap_rules": OVERLAP_RULES,
    }
    if as_json:
        document: dict[str, Any] = {
            title: [{"name": name, "summary": told} for name, told in table.items()]
            for title, table in tables.items()
        }
        click.echo(json.dumps(document | {"kernel": KERNEL}, ensure_ascii=False))
        return
    for title, table in tables.items():
        click.echo(title.replace("_", " "))
        for name, told in table.items():
            click.echo(f"  {name:<13} {told}")
    click.echo(f"kernel: {KERNEL}")


def _interrupted(number: int, _: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def main() -> None:
    """The `polymask` command."""
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        cli.main(prog_name="polymask", standalone_mode=False)
    except click.exceptions.Abort:
        _fail("interrupted; run the same command again to finish", 130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
