"""Records, label maps and results in notebooks: HTML without external styles or scripts."""

from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING

from polymask.analysis.findings import RANKS, rank_of
from polymask.codecs.pixels import reduced, size_problem
from polymask.codecs.png import encode_color
from polymask.errors import InputError
from polymask.labels.label_map import LabelMap
from polymask.labels.palettes import safe_color
from polymask.layouts.overlay import overlay
from polymask.model import ImageRecord
from polymask.raster.resize import resized
from polymask.report.shots import path_of
from polymask.report.thumbnails import small_jpeg
from polymask.results import Report
from polymask.validation import Color

if TYPE_CHECKING:
    from polymask.analysis.compare import Comparison
    from polymask.analysis.findings import Findings
    from polymask.analysis.stats import Statistics

MOST_TABLE_ROWS = 20
_WIDTH = 480  # px on the page
_PHOTO = (960, 80)  # the longer side of a picture in px, and its quality as JPEG
_CELL = "style='text-align:left;padding:2px 10px 2px 0'"


def record_html(record: ImageRecord) -> str:
    """A record's instances, drawn as SVG in their labels' colors, with a legend.

    Examples:
        >>> record_html(ImageRecord(1, "a.jpg", (2, 4)))[:44]
        "<figure style='margin:0'><figcaption><b>a.jp"
    """
    height, width = record.frame
    below = _photo(record)
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
        f"aria-label='{escape(record.name)}' style='background:#6d7178;max-width:100%'>{below}{shapes}</svg>"
        f"<div>{legend}</div></figure>"
    )


def _photo(record: ImageRecord) -> str:
    """The record's picture in SVG, as large as its frame; nothing where there is none, or none that opens."""
    data, (height, width) = _picture_of(record), record.frame
    try:
        held = b64encode(small_jpeg(data, record.frame, _PHOTO)).decode() if data else ""
    except InputError:
        return ""
    href = f"data:image/jpeg;base64,{held}"
    size = f"width='{width}' height='{height}' preserveAspectRatio='none'"
    return f"<image href='{href}' {size}/>" if held else ""


def _picture_of(record: ImageRecord) -> bytes | None:
    """The record's picture; None where there is none, or one of another size: labels would lie wrongly."""
    try:
        data = record.picture() if record.picture else None
        return None if data is None or size_problem(BytesIO(data), record.frame) else data
    except (OSError, ValueError):  # a drawing without the picture is better than none
        return None


def record_png(record: ImageRecord) -> bytes:
    """A record's mask over its picture, small, as PNG.

    Examples:
        >>> record_png(ImageRecord(1, "a.jpg", (2, 4)))[1:4]
        b'PNG'
    """
    share = min(1.0, _PHOTO[0] / max(record.frame))
    height, width = (max(1, round(side * share)) for side in record.frame)
    small, data = resized(record, (height, width)), _picture_of(record)
    try:
        photo = reduced(BytesIO(data), record.frame, _PHOTO[0]).resize((width, height)) if data else None
    except InputError:
        photo = None
    return encode_color(overlay(small, photo))


def label_map_html(label_map: LabelMap) -> str:
    """A label map's names, values and colors.

    Examples:
        >>> "<td " in label_map_html(LabelMap.from_names(["cat"]))
        True
    """
    rows = [(_swatch(label.color), escape(label.name), f"{label.value}") for label in label_map.labels]
    ends = f"<p>background {label_map.background}, void {label_map.void}</p>"
    return _table_of_html(("", "label", "value"), rows) + ends


def _swatch(color: Color) -> str:
    return "<span style='color:#{:02x}{:02x}{:02x}'>■</span>".format(*color)


def statistics_html(statistics: "Statistics") -> str:
    """Instances, images and pixels by label, most pixels first."""
    ordered = sorted(statistics.labels.items(), key=lambda item: -(item[1]["pixels"] or 0))
    rows = [
        (name, *(_number(row[key]) for key in ("instances", "images", "pixels"))) for name, row in ordered
    ]
    images = f"<p><b>{len(statistics.images):,}</b> images</p>"
    return images + _table(("label", "instances", "images", "painted px"), rows)


def _number(count: int | None) -> str:
    return "—" if count is None else f"{count:,}"


def comparison_html(comparison: "Comparison") -> str:
    """The mean, each label's score from the worst on, and what is mistaken for what."""
    ordered = sorted(comparison.labels.items(), key=lambda item: (item[1].iou, item[0]))
    scores = [(n, f"{s.iou:.4f}", f"{s.truth_pixels:,}", f"{s.other_pixels:,}") for n, s in ordered]
    mistaken = [(truth, other, f"{pixels:,}") for truth, other, pixels in comparison.mistaken]
    failures = [(failure.name, failure.reason) for failure in comparison.failures]
    mean = f"<p>mean IoU <b>{comparison.mean_iou:.4f}</b>, {len(comparison.images):,} images</p>"
    return (
        mean
        + _table(("label", "IoU", "px in TRUTH", "px in OTHER"), scores)
        + _table(("in TRUTH", "in OTHER", "px"), mistaken)
        + _table(("not compared", "why"), failures)
    )


def findings_html(findings: "Findings") -> str:
    """Findings by rank, what blocks first."""
    rows: dict[str, list[Sequence[str]]] = {rank: [] for rank in RANKS}
    for f in findings:
        instance = "" if f.instance is None else f"{f.instance}"
        rows[rank_of(f.kind)].append((f.kind, f.image, instance, f.message))
    tables = [_table((rank, "image", "instance", "message"), rows[rank]) for rank in RANKS]
    return "".join(tables) or "<p>Nothing odd found.</p>"


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
    return _table_of_html(head, [[escape(cell) for cell in row] for row in rows])


def _table_of_html(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that are HTML already; nothing where there are no rows."""
    if not rows:
        return ""
    hidden = len(rows) - MOST_TABLE_ROWS
    body = "".join(_row(row, "td") for row in rows[:MOST_TABLE_ROWS])
    remark = f"<p>… and {hidden:,} more</p>" if hidden > 0 else ""
    return f"<table><thead>{_row(head, 'th')}</thead><tbody>{body}</tbody></table>{remark}"


def _row(cells: Iterable[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag} {_CELL}>{cell}</{tag}>" for cell in cells) + "</tr>"
