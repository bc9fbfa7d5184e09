"""Records and reports in notebooks: HTML without external styles or scripts."""

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape

from polymask.labels.palettes import safe_color
from polymask.model import ImageRecord
from polymask.report.svg import path_of
from polymask.results import Report

MOST_TABLE_ROWS = 20
_WIDTH = 480  # px on the page
_CELL = "style='text-align:left;padding:2px 10px 2px 0'"


def record_html(record: ImageRecord) -> str:
    """A record's instances, drawn as SVG in their labels' colors, with a legend.

    Examples:
        >>> record_html(ImageRecord(1, "a.jpg", (2, 4)))[:44]
        "<figure style='margin:0'><figcaption><b>a.jp"
    """
    height, width = record.frame
    counts = Counter(instance.label for instance in record.instances)
    colors = {label: "#{:02x}{:02x}{:02x}".format(*safe_color(n)) for n, label in enumerate(counts)}
    shapes = "".join(
        f"<path d='{path_of(instance.shape)}' "
        f"fill='{colors[instance.label]}' stroke='{colors[instance.label]}' "
        f"fill-opacity='.4' fill-rule='evenodd' stroke-width='1.5' vector-effect='non-scaling-stroke'>"
        f"<title>{escape(instance.label)} #{escape(str(instance.id))}</title></path>"
        for instance in record.instances
    )
    legend = ", ".join(
        f"<span style='color:{colors[label]}'>■</span> {escape(label)} × {count}"
        for label, count in counts.items()
    )
    title = f"<b>{escape(record.name)}</b> {height} × {width} px, {len(record.instances)} instances"
    return (
        f"<figure style='margin:0'><figcaption>{title}</figcaption>"
        f"<svg viewBox='0 0 {width} {height}' width='{min(_WIDTH, 4 * width)}' role='img' "
        f"aria-label='{escape(record.name)}' style='background:#6d7178;max-width:100%'>{shapes}</svg>"
        f"<div>{legend}</div></figure>"
    )


def report_html(report: Report) -> str:
    """A report's counts, labels and conflicts as tables.

    Examples:
        >>> "<b>3</b> images" in report_html(Report(images=3))
        True
    """
    used = [(name, counts) for name, counts in report.labels.items() if counts["instances"]]
    used.sort(key=lambda item: -item[1]["pixels"])
    worst = sorted(report.conflicts, key=lambda conflict: -conflict.pixels)
    labels = [(name, f"{c['instances']:,}", f"{c['pixels']:,}") for name, c in used]
    pairs = [(" / ".join(c.labels), f"{c.pixels:,}", c.winner or "—") for c in worst]
    failures = [(failure.name, failure.reason) for failure in report.failures]
    counts_line = (
        f"<p><b>{report.images:,}</b> images, <b>{report.instances:,}</b> instances: "
        f"{report.written:,} written, {report.unchanged:,} unchanged, {report.failed:,} failed, "
        f"{report.deleted:,} polygons deleted</p>"
    )
    return (
        counts_line
        + _table(("label", "instances", "painted px"), labels)
        + _table(("conflict", "px", "mostly won by"), pairs)
        + _table(("failed", "why"), failures)
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    hidden = len(rows) - MOST_TABLE_ROWS
    body = "".join(_row(row, "td") for row in rows[:MOST_TABLE_ROWS])
    remark = f"<p>… and {hidden:,} more</p>" if hidden > 0 else ""
    return f"<table><thead>{_row(head, 'th')}</thead><tbody>{body}</tbody></table>{remark}"


def _row(cells: Iterable[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag} {_CELL}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"
