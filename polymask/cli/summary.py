"""A run's report, and findings, as text that a person wants to read."""

from collections import Counter
from collections.abc import Iterable, Sequence

from polymask.ledger import told
from polymask.model import Finding, Skipped
from polymask.results import Report

MOST_LINES = 12


def summary(report: Report, dest: object) -> str:
    """The report of a conversion in some ten lines."""
    rate = report.images / report.seconds if report.seconds else 0.0
    lines = [
        f"{report.images:,} images, {report.instances:,} instances → {dest}",
        f"{report.written:,} written, {report.unchanged:,} unchanged, {report.failed:,} failed "
        f"in {report.seconds:.1f} s ({rate:,.0f} images/s, {report.kernel} kernel)",
    ]
    if report.dry_run:
        lines.append(f"Dry run: nothing was written; {report.deleted:,} polygons would be deleted.")
    elif report.deleted:
        lines.append(f"{report.deleted:,} polygons were deleted; how to undo it is noted below.")
    if report.images and report.unchanged == report.images:
        lines.append("Nothing to do: every mask is there already.")
    return "\n".join([*lines, *_labels(report), *_conflicts(report), *_left_out(report)])


def _labels(report: Report) -> list[str]:
    used = {name: counts for name, counts in report.labels.items() if counts["instances"]}
    total = sum(counts["pixels"] for counts in used.values()) or 1
    rows = [
        (name, f"{counts['instances']:,}", f"{counts['pixels']:,}", f"{100 * counts['pixels'] / total:.1f} %")
        for name, counts in sorted(used.items(), key=lambda item: -item[1]["pixels"])
    ]
    unused = len(report.labels) - len(used)
    if not rows:
        return []
    table = text_table(("label", "instances", "painted px", "share"), rows[:MOST_LINES])
    more = (
        [f"  … and {len(rows) - MOST_LINES} more labels (all with --json)"] if len(rows) > MOST_LINES else []
    )
    return ["", *table, *more, *([f"  {unused} labels have no instance"] if unused else [])]


def _conflicts(report: Report) -> list[str]:
    if not report.conflict_pixels:
        return ["", "No conflicts: no pixel is claimed by two labels."]
    worst = sorted(report.conflicts, key=lambda conflict: -conflict.pixels)
    share = f"{report.conflict_percent:.2f} % of the labeled"
    rows = [
        (" / ".join(conflict.labels), f"{conflict.pixels:,}", conflict.winner or "—") for conflict in worst
    ]
    more = (
        [f"  … and {len(rows) - MOST_LINES} more pairs (all with --json)"] if len(rows) > MOST_LINES else []
    )
    table = text_table(("labels", "px", "mostly won by"), rows[:MOST_LINES])
    return [
        "",
        f"Conflicts: {report.conflict_pixels:,} px ({share}) are claimed by several labels:",
        *table,
        *more,
    ]


def _left_out(report: Report) -> list[str]:
    counted = told(report.left_out)
    lines = [""] if any((counted, report.notes, report.skipped, report.unsupported, report.failures)) else []
    if counted:
        joined = f" ({report.joined:,} as parts of others)" if report.joined else ""
        painted = f"{report.painted + report.joined:,} of {report.declared:,}"
        lines.append(f"Painted are {painted} annotations{joined}; the others are not:")
        lines += [f"  {line}" for line in counted]
    lines += _listed("Noted", report.notes)
    lines += _listed("Left out", _told(report.skipped))
    lines += _listed("Not supported, left alone", _told(report.unsupported))
    return lines + _listed("Failed", _told(report.failures))


def _told(many: Sequence[Skipped]) -> list[str]:
    return [f"{one.name}: {one.reason}" for one in many]


def _listed(title: str, lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    more = len(lines) - MOST_LINES
    shown = [f"  {line}" for line in lines[:MOST_LINES]]
    return [
        f"{title} ({len(lines):,}):",
        *shown,
        *([f"  … and {more} more (all with --json)"] if more > 0 else []),
    ]


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows in columns, the first aligned left, numbers aligned right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return [
        "  "
        + "  ".join(
            c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in (head, *rows)
    ]


def findings_text(findings: Iterable[Finding]) -> str:
    """Findings, a line each, and how many there are of each kind."""
    findings = list(findings)
    lines = [
        f"{finding.image or '(file)'}: {finding.kind}: "
        + (f"instance {finding.instance}: " if finding.instance is not None else "")
        + finding.message
        for finding in findings
    ]
    counts = Counter(finding.kind for finding in findings)
    told = [f"{count:,} {kind}" for kind, count in counts.most_common()]
    return "\n".join([*lines, ", ".join(told) if told else "Nothing odd found."])
