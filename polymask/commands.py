"""Commands that look at masks without making any: compare, verify, stats."""

import json
import sys
from typing import Any

import click

from polymask.comparison import compare
from polymask.counts import stats
from polymask.errors import ProofError
from polymask.labels import LabelMap
from polymask.proofs import examine, told
from polymask.raster import PIXEL_RULES
from polymask.report.tables import comparison_text, statistics_text
from polymask.semantic import OVERLAP_RULES, Rules
from polymask.workers import available

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
_LABELS = click.option(
    "--labels", metavar="FILE", help="Label map, where nothing beside the masks names their values."
)
_WORKERS = click.option(
    "--workers", type=click.IntRange(1), metavar="N", help="Processes.  [default: the processors]"
)
_FROM = click.option("--from", "from_", metavar="FORMAT", help="The annotations' format.")


def _print_json(document: dict[str, Any]) -> None:
    click.echo(json.dumps(document, ensure_ascii=False))


def _label_map(path: str | None) -> LabelMap | None:
    return LabelMap.load(path) if path else None


@click.command("compare")
@click.argument("truth")
@click.argument("other")
@_LABELS
@click.option("--with-background", is_flag=True, help="Count background as a label.")
@_WORKERS
@_JSON
def compare_command(
    truth: str, other: str, *, labels: str | None, with_background: bool, workers: int | None, as_json: bool
) -> None:
    """IoU by label between two mask sets: folders of any layout, or annotation files.

    Images are matched by name without suffix, labels by name. Pixels that are void in
    TRUTH are left out. Exits 1 where images of TRUTH could not be compared.
    """
    result = compare(
        truth, other, _label_map(labels), with_background=with_background, workers=workers or available()
    )
    if as_json:
        _print_json(result.to_dict())
    else:
        click.echo(comparison_text(result))
    if result.failures or result.only_in_truth:
        sys.exit(1)


@click.command("verify")
@click.argument("dest")
@click.option("--source", metavar="SOURCE", help="Annotations to verify any tool's masks against.")
@_FROM
@_LABELS
@click.option(
    "--pixel-rule",
    type=click.Choice(list(PIXEL_RULES)),
    default="center",
    show_default=True,
    help="With --source, where no manifest tells: which pixels belong to a polygon.",
)
@click.option(
    "--overlap",
    type=click.Choice([rule for rule in OVERLAP_RULES if rule not in ("priority", "error")]),
    default="last",
    show_default=True,
    help="With --source, where no manifest tells: who owns a pixel that several labels claim.",
)
@_JSON
def verify_command(
    dest: str,
    *,
    source: str | None,
    from_: str | None,
    labels: str | None,
    pixel_rule: str,
    overlap: str,
    as_json: bool,
) -> None:
    """Prove stored masks again: against their manifest, or with --source against annotations.

    With --source the masks may be any tool's; where they differ, likely causes are named.
    Exits 5 where a mask is damaged, missing or different.
    """
    rules = Rules(pixel_rule=pixel_rule, overlap=overlap)
    report = examine(dest, source=source, from_=from_, labels=_label_map(labels), rules=rules)
    if as_json:
        failures = [{"name": failure.name, "reason": failure.reason} for failure in report.failures]
        _print_json(
            {
                "images": report.images,
                "proven": report.unchanged,
                "failed": report.failed,
                "failures": failures,
                "notes": report.notes,
            }
        )
    if report.failed:
        raise ProofError(told(report, dest))
    if not as_json:
        against = "annotations give" if source else "manifest says"
        click.echo("\n".join([f"{report.images:,} masks are what the {against}.", *report.notes]))


@click.command("stats")
@click.argument("path")
@_FROM
@_LABELS
@_WORKERS
@_JSON
def stats_command(
    path: str, *, from_: str | None, labels: str | None, workers: int | None, as_json: bool
) -> None:
    """Count instances and painted pixels by label, of annotations or of a folder of masks."""
    found = stats(path, from_=from_, labels=_label_map(labels), workers=workers or available())
    if as_json:
        _print_json(found.to_dict())
    else:
        click.echo(statistics_text(found))
