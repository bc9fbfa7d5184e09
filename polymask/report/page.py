"""The tables of a report: labels, co-occurrence, conflicts, findings."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any

from polymask.analysis.findings import FINDING_KINDS
from polymask.labels.label_map import LabelMap
from polymask.model import Conflict, Finding
from polymask.painting.conflicts import ConflictSum
from polymask.report.survey import ImageFacts

MOST_ROWS = 200  # of conflicts and images; further rows are only counted
MOST_FINDINGS = 50  # of each kind
MOST_COMMON = 16  # labels in the table of co-occurrence


def label_rows(facts: Iterable[ImageFacts], label_map: LabelMap, *, counted: bool) -> list[dict[str, Any]]:
    """Instances, images, pixels and share of each used label, the most painted first."""
    instances, pixels, images = Counter[str](), Counter[str](), Counter[str]()
    for image in facts:
        instances.update(image.instances)
        pixels.update(image.pixels)
        images.update(image.labels)
    total = pixels.total() or 1
    rows = [
        {
            "place": place,
            "name": label.name,
            "value": label.value,
            "instances": instances[label.name] if counted else None,
            "images": images[label.name],
            "pixels": pixels[label.name],
            "share": 100 * pixels[label.name] / total,
        }
        for place, label in enumerate(label_map.labels)
        if images[label.name]
    ]
    return sorted(rows, key=lambda row: (-row["pixels"], row["place"]))


def co_occurrence(facts: Iterable[ImageFacts], names: Sequence[str]) -> list[dict[str, Any]]:
    """For each of the first names, the images that have it, and those that have it with each other name."""
    shown = list(names[:MOST_COMMON])
    together, counts = Counter[tuple[str, str]](), Counter[str]()
    for image in facts:
        labels = [name for name in shown if name in image.pixels or name in image.instances]
        counts.update(labels)
        together.update(combinations(labels, 2))
    largest = max(together.values(), default=0) or 1
    return [
        {"name": name, "cells": [_cell(name, beside, together, counts, largest) for beside in shown]}
        for name in shown
    ]


def _cell(
    name: str, beside: str, together: Counter[tuple[str, str]], counts: Counter[str], largest: int
) -> dict[str, Any]:
    if name == beside:
        return {"count": counts[name], "own": True, "heat": 0}
    count = together[name, beside] + together[beside, name]
    return {"count": count, "own": False, "heat": round(100 * count / largest)}


def conflict_rows(facts: Iterable[ImageFacts]) -> list[dict[str, Any]]:
    """Pixels that a label lost to another, the largest loss first.

    Pixels that neither of two labels won, but a third label or nobody, have a separate row.
    """
    total = ConflictSum()
    for image in facts:
        total.add(image.conflicts)
    rows = [row for conflict in total.conflicts for row in _losses(conflict)]
    return sorted(rows, key=lambda row: (-row["pixels"], row["loser"], row["winner"]))


def _losses(conflict: Conflict) -> list[dict[str, Any]]:
    first, second = conflict.labels
    elsewhere = conflict.pixels - conflict.won.get(first, 0) - conflict.won.get(second, 0)
    rows = [
        {"loser": loser, "winner": winner, "pixels": conflict.won.get(winner, 0), "of": conflict.pixels}
        for loser, winner in ((first, second), (second, first))
    ]
    nobody = {"loser": f"{first} and {second}", "winner": "", "pixels": elsewhere, "of": conflict.pixels}
    return [row for row in (*rows, nobody) if row["pixels"]]


def worst_images(facts: Sequence[ImageFacts]) -> list[dict[str, Any]]:
    """The images with the most contested pixels, and their worst pair."""
    worst = sorted(
        (image for image in facts if image.contested), key=lambda image: (-image.contested, image.name)
    )
    return [
        {
            "name": image.name,
            "pixels": image.contested,
            "share": 100 * image.contested / (image.frame[0] * image.frame[1]),
            "pair": max(image.conflicts, key=lambda conflict: conflict.pixels),
        }
        for image in worst[:MOST_ROWS]
    ]


def finding_groups(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """The findings by kind, in the order of `FINDING_KINDS`, each kind with its meaning."""
    by_kind: dict[str, list[Finding]] = {}
    for finding in findings:
        by_kind.setdefault(finding.kind, []).append(finding)
    return [
        {
            "kind": kind,
            "means": FINDING_KINDS[kind],
            "count": len(by_kind[kind]),
            "rows": by_kind[kind][:MOST_FINDINGS],
        }
        for kind in FINDING_KINDS
        if kind in by_kind
    ]
