"""Reports, findings, comparisons and statistics as text for people."""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from polymask.layouts.common.lookup import BACKGROUND, VOID
from polymask.ledger import reasons_text
from polymask.model import Finding, Skipped
from polymask.results import Report
from polymask.wording import counted

if TYPE_CHECKING:
    from polymask.analysis.compare import Comparison
    from polymask.analysis.findings import Findings
    from polymask.analysis.stats import Statistics

MOST_LINES = 12
MOST_WORST = 5
MOST_EXAMPLES = 3
NOTHING = "nothing-painted"
FOR_PEOPLE = ("overlay", "dataloop")  # layouts that are looked at as they are, or on the platform
NOT_BLACK = ("voc", "camvid", "binary", "coco", "coco-panoptic", "onehot")  # colors, white, or no pictures


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows in columns, the first aligned left, numbers aligned right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return [
        "  "
        + "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in (head, *rows)
    ]


def _unlisted(total: int, shown: int, noun: str = "") -> list[str]:
    """The line with the number of rows that are not shown, if there are any."""
    count = f"{total - shown} more {noun}".rstrip()
    return [f"  … and {count} (all with --json)"] if total > shown else []


def _percent(pixels: int, total: int) -> str:
    return f"{100 * pixels / (total or 1):.1f} %"


def summary(report: Report, dest: object) -> str:
    """The report of a conversion in some ten lines."""
    rate = report.images / report.seconds if report.seconds else 0.0
    lines = [
        f"{counted(report.images, 'image')}, {counted(report.instances, 'instance')} → {dest}",
        f"{report.written:,} written, {report.unchanged:,} unchanged, {report.failed:,} failed "
        f"in {report.seconds:.1f} s ({rate:,.0f} images/s, {report.kernel} kernel)",
    ]
    if report.dry_run:
        lines.append(f"Dry run: nothing was written; {counted(report.deleted, 'polygon')} would be deleted.")
    elif report.deleted:
        deleted = counted(report.deleted, "polygon was", "polygons were")
        lines.append(f"{deleted} deleted; how to undo it is noted below.")
    if report.retracted:
        verbs = ("mask would be", "masks would be") if report.dry_run else ("mask was", "masks were")
        retracted = counted(report.retracted, *verbs)
        lines.append(f"{retracted} retracted: what they held is gone, or other masks hold it.")
    elif report.images and report.unchanged == report.images and not report.deleted:
        lines.append(_unchanged(report))
    return "\n".join([*lines, *_painted_labels(report), *_conflicts(report), *_omissions(report)])


def how_to_look(dest: str, layout: str) -> str:
    """How to see the masks in a folder, which a viewer of pictures mostly shows as black; empty for overlays.

    Examples:
        >>> how_to_look("my masks", "index")
        "Label values look black in a viewer. To see them: polymask preview 'my masks' -o look.html"
    """
    if not dest or layout in FOR_PEOPLE:
        return ""
    command = shlex.join(["polymask", "preview", dest, "-o", "look.html"])
    if layout in NOT_BLACK:
        return f"To look at the masks: {command}"
    return f"Label values look black in a viewer. To see them: {command}"


def _unchanged(report: Report) -> str:
    """Why a run wrote nothing; without painted labels, it must not claim that masks exist."""
    if report.nothing_painted:
        return "Nothing was written: there is no label to show."
    if report.declared and not report.instances:
        return "Nothing was written: no annotation is chosen."
    return "Nothing to do: every mask is there already."


def _painted_labels(report: Report) -> list[str]:
    used = {name: counts for name, counts in report.labels.items() if counts["instances"]}
    total = sum(counts["pixels"] for counts in used.values())
    rows = [
        (name, f"{counts['instances']:,}", f"{counts['pixels']:,}", _percent(counts["pixels"], total))
        for name, counts in sorted(used.items(), key=lambda item: -item[1]["pixels"])
    ]
    if not rows:
        return []
    unused = len(report.labels) - len(used)
    return [
        "",
        *text_table(("label", "instances", "painted px", "share"), rows[:MOST_LINES]),
        *_unlisted(len(rows), MOST_LINES, "labels"),
        *([f"  {counted(unused, 'label has', 'labels have')} no instance"] if unused else []),
    ]


def _conflicts(report: Report) -> list[str]:
    if not report.conflict_pixels:
        return ["", "No conflicts: no pixel is claimed by two labels."]
    worst = sorted(report.conflicts, key=lambda conflict: -conflict.pixels)
    share = f"{report.conflict_percent:.2f} % of the labeled pixels"
    rows = [
        (" / ".join(conflict.labels), f"{conflict.pixels:,}", conflict.winner or "—") for conflict in worst
    ]
    return [
        "",
        f"Conflicts: {report.conflict_pixels:,} px ({share}) are claimed by several labels:",
        *text_table(("labels", "px", "mostly won by"), rows[:MOST_LINES]),
        *_unlisted(len(rows), MOST_LINES, "pairs"),
    ]


def _omissions(report: Report) -> list[str]:
    """Annotations that were not painted, were skipped or failed, with reasons."""
    reasons = reasons_text(report.left_out)
    lists = (reasons, report.notes, report.skipped, report.unsupported, report.failures)
    lines = [""] if any(lists) else []
    if reasons:
        joined = f" ({report.joined:,} as parts of others)" if report.joined else ""
        painted = f"{report.painted + report.joined:,} of {report.declared:,}"
        lines.append(f"{painted} annotations are painted{joined}; the others are not:")
        lines += [f"  {reason}" for reason in reasons]
    lines += _section("Noted", report.notes)
    lines += _section("Left out", _with_reasons(report.skipped))
    lines += _section("Not supported, left alone", _with_reasons(report.unsupported))
    return lines + _section("Failed", _with_reasons(report.failures))


def _with_reasons(rows: Sequence[Skipped]) -> list[str]:
    return [f"{row.name}: {row.reason}" for row in rows]


def _section(title: str, lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    shown = [f"  {line}" for line in lines[:MOST_LINES]]
    return [f"{title} ({len(lines):,}):", *shown, *_unlisted(len(lines), MOST_LINES)]


def capped(lines: Sequence[str]) -> list[str]:
    """The first lines of a list, and how many there are beyond.

    Examples:
        >>> capped(list("abcdefghijklmn"))[-2:]
        ['l', '  … and 2 more (all with --json)']
    """
    return [*lines[:MOST_LINES], *_unlisted(len(lines), MOST_LINES)]


def findings_text(findings: "Findings") -> str:
    """Findings by rank and kind: the number and the first few of each kind."""
    from polymask.analysis.findings import RANKS

    kinds: dict[str, list[Finding]] = {}
    for finding in findings:
        kinds.setdefault(finding.kind, []).append(finding)
    lines: list[str] = []
    rank_by_kind = {kind: findings.rank(group[0]) for kind, group in kinds.items()}
    for rank, meaning in RANKS.items():
        ranked = {kind: group for kind, group in kinds.items() if rank_by_kind[kind] == rank}
        if ranked:
            lines += [f"{rank.capitalize()}: {meaning}{_way_out(rank, ranked)}", *_folded(ranked), ""]
    counts = sorted(kinds, key=lambda kind: (list(RANKS).index(rank_by_kind[kind]), -len(kinds[kind])))
    totals = ", ".join(f"{len(kinds[kind]):,} {kind}" for kind in counts)
    return "\n".join([*lines, totals or "Nothing odd found."])


def _way_out(rank: str, kinds: Iterable[str]) -> str:
    """The flag that leaves out the blocking findings, if it leaves out all of them."""
    from polymask.analysis.findings import BLOCKS, LEFT_OUT

    return ", unless --skip-invalid leaves it out" if rank == BLOCKS and set(kinds) <= set(LEFT_OUT) else ""


def _folded(kinds: Mapping[str, Sequence[Finding]]) -> Iterator[str]:
    """The lines of each kind, the most frequent first; but "nothing can be painted" comes before all."""
    for kind, group in sorted(kinds.items(), key=lambda item: (item[0] != NOTHING, -len(item[1]))):
        yield f"  {kind} ({len(group):,}):"
        for finding in group[:MOST_EXAMPLES]:
            yield f"    {finding_line(finding)}"
        yield from (f"  {line}" for line in _unlisted(len(group), MOST_EXAMPLES))


def finding_line(finding: Finding) -> str:
    """A finding as a line: place and message.

    Examples:
        >>> finding_line(Finding("self-touch", "a.jpg", 7, "ring 0 touches itself"))
        'a.jpg: instance 7: ring 0 touches itself'
    """
    place = [finding.image] if finding.image else []
    place += [f"instance {finding.instance}"] if finding.instance is not None else []
    return ": ".join([*place, finding.message])


def comparison_text(comparison: "Comparison") -> str:
    """The mean, the labels from worst to best, the worst images, and the most confused labels."""
    lines = [
        f"{counted(len(comparison.images), 'image')} compared, {comparison.differing_pixels:,} px differ",
        f"mean IoU {comparison.mean_iou:.4f} over {counted(len(comparison), 'label')}"
        if comparison.images
        else "no image could be compared, so there is no IoU",
        *_scores(comparison),
        *_splits(comparison),
        *_worst_images(comparison),
        *_mistaken(comparison),
        *_not_compared(comparison),
    ]
    return "\n".join(lines)


def _scores(comparison: "Comparison") -> list[str]:
    ordered = sorted(comparison.labels.items(), key=lambda item: (item[1].iou, item[0]))
    rows = [
        (name, f"{score.iou:.4f}", f"{score.truth_pixels:,}", f"{score.other_pixels:,}")
        for name, score in ordered[:MOST_LINES]
    ]
    if not rows:
        return []
    table = text_table(("label", "IoU", "px in TRUTH", "px in OTHER"), rows)
    return ["", *table, *_unlisted(len(ordered), len(rows), "labels")]


def _splits(comparison: "Comparison") -> list[str]:
    from polymask.analysis.compare import mean_iou

    rows = [(split, f"{mean_iou(labels):.4f}") for split, labels in comparison.splits.items()]
    return ["", *text_table(("split", "mean IoU"), rows)] if rows else []


def _worst_images(comparison: "Comparison") -> list[str]:
    rows = [(name, f"{iou:.4f}") for name, iou in comparison.worst[:MOST_WORST]]
    return ["", *text_table(("worst images", "mean IoU"), rows)] if rows else []


def _mistaken(comparison: "Comparison") -> list[str]:
    rows = [(truth, other, f"{pixels:,}") for truth, other, pixels in comparison.mistaken[:MOST_LINES]]
    closing = _unlisted(len(comparison.mistaken), len(rows), "pairs")
    return ["", *text_table(("in TRUTH", "in OTHER", "px"), rows), *closing] if rows else []


def _not_compared(comparison: "Comparison") -> list[str]:
    failures = comparison.failures
    lines = [f"not compared: {failure.name}: {failure.reason}" for failure in failures[:MOST_WORST]]
    lines += _unlisted(len(failures), len(lines), "failures")
    for names, side in ((comparison.only_in_truth, "TRUTH"), (comparison.only_in_other, "OTHER")):
        if names:
            lines.append(f"{counted(len(names), 'image is', 'images are')} in {side} only, e.g. {names[0]}")
    return ["", *lines] if lines else []


def statistics_text(statistics: "Statistics") -> str:
    """Labels by painted pixels, and the pixels of background and void."""
    labels = {name: counts for name, counts in statistics.labels.items() if counts["images"]}
    total = sum(counts["pixels"] or 0 for counts in labels.values())
    rows = [
        (
            name,
            "—" if counts["instances"] is None else f"{counts['instances']:,}",
            f"{counts['images']:,}",
            f"{counts['pixels']:,}",
            _percent(counts["pixels"] or 0, total),
        )
        for name, counts in sorted(labels.items(), key=lambda item: -(item[1]["pixels"] or 0))
    ]
    unused = len(statistics.labels) - len(labels)
    return "\n".join(
        [
            counted(len(statistics.images), "image"),
            "",
            *text_table(("label", "instances", "images", "painted px", "share"), rows[:MOST_LINES]),
            *_unlisted(len(rows), MOST_LINES, "labels"),
            *([f"  {counted(unused, 'label is', 'labels are')} not used"] if unused else []),
            f"background {statistics.pixels_of(BACKGROUND):,} px, void {statistics.pixels_of(VOID):,} px",
            *_section("Annotations that are not counted", reasons_text(statistics.left_out)),
            *_section("Failed", _with_reasons(statistics.failures)),
        ]
    )


def weights_text(weights: Mapping[str, float]) -> str:
    """The weight of background and each label, in the order of their values."""
    rows = [(name, f"{weight:.4f}") for name, weight in weights.items()]
    return "\n".join(["", *text_table(("label", "weight"), rows)])
