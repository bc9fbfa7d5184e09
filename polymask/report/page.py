"""The page of a report: its tables of labels, co-occurrence, conflicts and findings, and the HTML."""

import json
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from importlib.resources import files
from itertools import combinations
from typing import Any

from polymask._version import __version__
from polymask.analysis.findings import FINDING_KINDS
from polymask.labels.label_map import LabelMap
from polymask.labels.palettes import label_colors
from polymask.model import Conflict, Finding
from polymask.painting.conflicts import ConflictSum
from polymask.report.shots import Shot
from polymask.report.survey import ImageFacts
from polymask.wording import counted

MOST_ROWS = 200  # of conflicts and images; further rows are only counted
MOST_FINDINGS = 50  # of each kind
MOST_COMMON = 16  # labels in the table of co-occurrence
_SCRIPTS = ("data.js", "canvas.js", "tiles.js", "stage.js", "viewer.js", "gallery.js", "tabs.js")


@dataclass(frozen=True, slots=True)
class ImageChange:
    """A change to an image in words, and what it adds to the totals of a dry run."""

    text: str
    kind: str
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The content of a report: its title, the facts of all images, and the shots of the shown images.

    `changes` are the rows of changes, in the report of a dry run; `notes` name images that cannot be
    shown, `unshown` pictures, and `scaled` images whose picture has another size than their mask.
    `by_label` says that each label has a mask, and masks may overlap.
    """

    title: str
    label_map: LabelMap
    facts: Sequence[ImageFacts]
    shots: Sequence[Shot]
    findings: Sequence[Finding] = ()
    counts_instances: bool = True
    pictures: int = 0
    palette: str = "safe"
    changes: Sequence[dict[str, Any]] | None = None
    notes: list[str] = field(default_factory=list)
    unshown: list[str] = field(default_factory=list)
    scaled: list[str] = field(default_factory=list)
    by_label: bool = False


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
    lost = sum(row["pixels"] for row in rows)
    rows = [row | {"share": 100 * row["pixels"] / lost} for row in rows]
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


def change_kinds(rows: Iterable[Mapping[str, Any]], images: int) -> list[dict[str, Any]]:
    """How much changes of each kind, and in how many images, the kind of most images first.

    Examples:
        >>> change_kinds([{"changes": [ImageChange("delete 2 polygons", "polygons to delete", 2)]}], 4)
        [{'what': 'polygons to delete', 'count': 2, 'images': 1, 'share': 25.0}]
    """
    counts, images_of = Counter[str](), Counter[str]()
    for row in rows:
        images_of.update({change.kind for change in row["changes"]})
        for change in row["changes"]:
            counts[change.kind] += change.count
    ordered = sorted(images_of, key=lambda kind: (-images_of[kind], kind))
    return [
        {
            "what": kind,
            "count": counts[kind],
            "images": images_of[kind],
            "share": 100 * images_of[kind] / images,
        }
        for kind in ordered
    ]


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


def render(report: Preview) -> str:
    """The report as HTML."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True,
        loader=jinja2.PackageLoader("polymask.report", "."),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"count": lambda number: f"{number:,}", "counted": counted}
    script = "\n".join(_text(name) for name in _SCRIPTS)
    return environment.get_template("template.html.j2").render(
        report=report,
        version=__version__,
        style=_text("report.css"),
        script=script,
        script_sha256=b64encode(sha256(script.encode()).digest()).decode(),
        data=_data(report),
        **_tables(report),
    )


def _tables(report: Preview) -> dict[str, Any]:
    rows = label_rows(report.facts, report.label_map, counted=report.counts_instances)
    conflicts = conflict_rows(report.facts)
    return {
        "labels": rows,
        "colors": _colors(report.label_map),
        "common": co_occurrence(report.facts, [row["name"] for row in rows]),
        "conflicts": conflicts[:MOST_ROWS],
        "more_conflicts": max(0, len(conflicts) - MOST_ROWS),
        "contested": sum(image.contested for image in report.facts),
        "contested_images": sum(bool(image.contested) for image in report.facts),
        "worst": worst_images(report.facts),
        "findings": finding_groups(report.findings),
        "known": report.counts_instances,
        "changed_pixels": sum(row["pixels"] for row in report.changes or ()),
        "all_pixels": sum(image.frame[0] * image.frame[1] for image in report.facts),
        "change_kinds": change_kinds(report.changes or (), len(report.facts)),
        "instances": sum(row["instances"] or 0 for row in rows),
        "shown": {shot["name"] for shot in report.shots},
    }


def _colors(label_map: LabelMap) -> list[dict[str, str]]:
    """The color of each label, by palette."""
    palettes = {name: label_colors(label_map, name) for name in ("safe", "voc")}
    return [
        {name: "#{:02x}{:02x}{:02x}".format(*table[label.value]) for name, table in palettes.items()}
        for label in label_map.labels
    ]


def _data(report: Preview) -> str:
    """The data for the scripts as JSON, escaped for a script element."""
    labels = [
        {"name": label.name, "value": label.value, **colors}
        for label, colors in zip(report.label_map.labels, _colors(report.label_map), strict=True)
    ]
    document = {
        "labels": labels,
        "background": report.label_map.background,
        "void": report.label_map.void,
        "palette": report.palette,
        "counted": report.counts_instances,
        "shots": report.shots,
    }
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


@cache
def _text(name: str) -> str:
    return files("polymask.report").joinpath(name).read_text("utf-8")
