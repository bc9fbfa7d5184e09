"""Comparisons and statistics as text that a person wants to read."""

from typing import TYPE_CHECKING

from polymask.cli.summary import MOST_LINES, text_table
from polymask.layouts.common.lookup import BACKGROUND, VOID

if TYPE_CHECKING:
    from polymask.analysis.compare import Comparison
    from polymask.analysis.stats import Statistics

MOST_WORST = 5


def comparison_text(result: "Comparison") -> str:
    """The mean, the labels from worst to best, the worst images, and what is mistaken for what."""
    lines = [
        f"{len(result.images):,} images compared, {result.differing_pixels:,} px differ",
        f"mean IoU {result.mean_iou:.4f} over {len(result)} labels",
        *_labels(result),
        *_worst(result),
        *_mistaken(result),
        *_left_out(result),
    ]
    return "\n".join(lines)


def _more(total: int, shown: int, what: str) -> list[str]:
    return [f"  … and {total - shown} more {what} (all with --json)"] if total > shown else []


def _labels(result: "Comparison") -> list[str]:
    ordered = sorted(result.labels.items(), key=lambda item: (item[1].iou, item[0]))
    rows = [
        (name, f"{score.iou:.4f}", f"{score.truth_pixels:,}", f"{score.other_pixels:,}")
        for name, score in ordered[:MOST_LINES]
    ]
    if not rows:
        return []
    more = _more(len(ordered), len(rows), "labels")
    return ["", *text_table(("label", "IoU", "px in TRUTH", "px in OTHER"), rows), *more]


def _worst(result: "Comparison") -> list[str]:
    rows = [(name, f"{iou:.4f}") for name, iou in result.worst[:MOST_WORST]]
    return ["", *text_table(("worst images", "mean IoU"), rows)] if rows else []


def _mistaken(result: "Comparison") -> list[str]:
    rows = [(truth, other, f"{pixels:,}") for truth, other, pixels in result.mistaken[:MOST_LINES]]
    more = _more(len(result.mistaken), len(rows), "pairs")
    return ["", *text_table(("in TRUTH", "in OTHER", "px"), rows), *more] if rows else []


def _left_out(result: "Comparison") -> list[str]:
    lines = [f"not compared: {failure.name}: {failure.reason}" for failure in result.failures[:MOST_WORST]]
    lines += _more(len(result.failures), len(lines), "failures")
    for names, where in ((result.only_in_truth, "TRUTH"), (result.only_in_other, "OTHER")):
        if names:
            lines.append(f"{len(names):,} images are in {where} only, e.g. {names[0]}")
    return ["", *lines] if lines else []


def statistics_text(found: "Statistics") -> str:
    """Labels by painted pixels, and what is background and void."""
    labels = {name: counts for name, counts in found.labels.items() if counts["images"]}
    total = sum(counts["pixels"] or 0 for counts in labels.values()) or 1
    rows = [
        (
            name,
            "—" if counts["instances"] is None else f"{counts['instances']:,}",
            f"{counts['images']:,}",
            f"{counts['pixels']:,}",
            f"{100 * (counts['pixels'] or 0) / total:.1f} %",
        )
        for name, counts in sorted(labels.items(), key=lambda item: -(item[1]["pixels"] or 0))
    ]
    unused = len(found.labels) - len(labels)
    return "\n".join(
        [
            f"{len(found.images):,} images",
            "",
            *text_table(("label", "instances", "images", "painted px", "share"), rows[:MOST_LINES]),
            *_more(len(rows), MOST_LINES, "labels"),
            *([f"  {unused} labels are not used"] if unused else []),
            f"background {found.pixels_of(BACKGROUND):,} px, void {found.pixels_of(VOID):,} px",
        ]
    )
