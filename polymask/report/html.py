"""The report: a single HTML file with all its data, which loads nothing from the network."""

import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, Unpack

from polymask._version import __version__
from polymask.analysis.check import invalid, of_source
from polymask.errors import InputError
from polymask.formats.options import ReadingOptions
from polymask.labels.as_label_map import Labels
from polymask.labels.label_map import LabelMap
from polymask.labels.palettes import label_colors
from polymask.limits import Limits
from polymask.model import Finding
from polymask.option_types import ReadingOptionsDict
from polymask.painting.painting import Rules
from polymask.parallel.pool import run_chunks
from polymask.parallel.progress import Progress
from polymask.report import page
from polymask.report.sample import choose
from polymask.report.shots import (
    ReadPicture,
    Shot,
    add_pictures,
    plain_conflict,
    plain_finding,
    shot_of,
    size_of,
    step_of,
    within,
)
from polymask.report.survey import ImageFacts, Survey, open_survey
from polymask.storage.local_disk.durable import replace_whole
from polymask.storage.remote.urls import located

LIMIT = 1200  # images that a phone still scrolls through
MAX_MB = 24.0
_SCRIPTS = ("data.js", "canvas.js", "stage.js", "viewer.js", "gallery.js", "tabs.js")
_RESERVE = 100_000  # bytes for scripts, styles and text
_WITHOUT_PICTURES = 0.6  # share of the bytes for masks and shapes, if there are pictures too


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The content of a report: its title, the facts of all images, and the shots of the shown images.

    `changes` are the rows of changes, in the report of a dry run; `notes` name images that cannot be
    shown, `unshown` pictures. `by_label` says that each label has a mask, and masks may overlap.
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
    by_label: bool = False


def preview(
    paths: str | Path | Sequence[str | Path],
    dest: str | Path,
    *,
    labels: Labels | None = None,
    split: str | None = None,
    rules: Rules | None = None,
    limits: Limits | None = None,
    limit: int = LIMIT,
    max_mb: float = MAX_MB,
    palette: str = "safe",
    workers: int = 1,
    progress: Progress | None = None,
    **reading: Unpack[ReadingOptionsDict],
) -> Preview:
    """Write the report of annotations, of a folder of masks, or of both, as one HTML file.

    `labels` names the values of masks without names; `split` shows the images of that split only;
    `reading` are the options of reading.

    At most `limit` images are shown, in a file of at most `max_mb` megabytes; all are counted.
    Equal input gives equal bytes. Raises `NotFound`, `FormatError` and `InputError` for input that
    cannot be read, `LimitError` above `limits`, and `InputError` if polymask[report] is not installed.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     report = preview("fixtures/shapes/instances.json", f"{folder}/report.html")
        >>> len(report.facts), report.pictures
        (3, 3)
    """
    require_jinja()
    places = [located(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
    named = {"labels": labels, "split": split, "skip_invalid": True}
    options = ReadingOptions.of({**reading, **named}, limits=limits)
    survey = open_survey(places, options, rules=rules)
    if progress:
        progress.start(len(survey.names))
    title = " and ".join(place.name or str(place) for place in places)
    report = preview_of(
        survey, title, limit=limit, max_mb=max_mb, palette=palette, workers=workers, progress=progress
    )
    write(report, dest)
    return report


def preview_of(
    survey: Survey,
    title: str,
    *,
    limit: int = LIMIT,
    max_mb: float = MAX_MB,
    palette: str = "safe",
    workers: int = 1,
    progress: Progress | None = None,
) -> Preview:
    """The content of the report of a survey; nothing is written."""
    label_colors(survey.label_map, palette)
    facts: list[ImageFacts] = []
    for chunk in run_chunks(survey.look, range(len(survey.names)), workers):
        facts += chunk
        if progress:
            progress.advance(len(chunk))
    chosen = choose(facts, limit)
    draw = partial(_shot, survey=survey, facts=facts, chosen=chosen)
    shots = [shot for chunk in run_chunks(draw, list(chosen), workers) for shot in chunk]
    shots, pictures, unshown = fit(shots, _reader(survey), max_mb)
    findings = [*_of_file(survey), *(finding for image in facts for finding in image.findings)]
    return Preview(
        title=title,
        label_map=survey.label_map,
        facts=facts,
        shots=shots,
        findings=findings,
        counts_instances=survey.annotations is not None,
        pictures=pictures,
        palette=palette,
        unshown=unshown,
        by_label=survey.by_label,
        notes=[f"{image.name}: {image.problem}" for image in facts if image.problem],
    )


def _shot(index: int, *, survey: Survey, facts: Sequence[ImageFacts], chosen: dict[int, str]) -> Shot:
    image, step = facts[index], step_of(facts[index].frame)
    record, mask, contested = survey.view(index, step)
    shot = shot_of(record, mask, contested, label_map=survey.label_map)
    return shot | {
        "at": index,
        "why": chosen[index],
        "contested": image.contested,
        "differing": image.differing,
        "pixels": image.pixels,
        "conflicts": [plain_conflict(conflict) for conflict in image.conflicts],
        "findings": [plain_finding(finding) for finding in image.findings],
        **({"step": step, "full": image.frame} if step > 1 else {}),
        **survey.extras(index, step),
    }


def _reader(survey: Survey) -> ReadPicture:
    indices = {name: index for index, name in enumerate(survey.names)}

    def read(name: str) -> bytes | None:
        return survey.pictures.read(name, indices[name])

    return read


def fit(shots: Sequence[Shot], read: ReadPicture, max_mb: float) -> tuple[list[Shot], int, list[str]]:
    """The shots that fit into `max_mb` megabytes, with pictures as large as the remaining bytes allow.

    Also returns the number of shots with a picture, and the problems of pictures that cannot be shown.
    """
    budget = int(max_mb * 1e6) - _RESERVE
    if budget <= 0:
        raise InputError(f"--max-mb {max_mb:g} leaves no room for images", advice="allow 1 or more")
    with_pictures = any(read(shot["name"]) for shot in shots[:5])
    fitting = within(shots, int(budget * _WITHOUT_PICTURES) if with_pictures else budget)
    remaining = budget - sum(map(size_of, fitting))
    return fitting, *(add_pictures(fitting, read, remaining) if with_pictures else (0, []))


def _of_file(survey: Survey) -> list[Finding]:
    """The findings about the whole file, not about instances of an image."""
    if survey.annotations is None:
        return []
    return [
        *map(invalid, survey.annotations.skipped),
        *survey.annotations.findings,
        *of_source(survey.annotations),
    ]


def require_jinja() -> None:
    """Raise `InputError` if the template library is not installed."""
    try:
        import jinja2  # noqa: F401
    except ImportError:
        raise InputError("a report needs polymask[report]", advice="pip install 'polymask[report]'") from None


def write(report: Preview, dest: str | Path) -> None:
    """Write the report, whole or not at all; an existing file of the name is replaced."""
    file = located(dest)
    if not isinstance(file, Path):
        raise InputError(f"{file}: a report is written to disk", advice="name a local file, and copy it")
    replace_whole(file, render(report).encode())


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
    environment.filters["count"] = lambda number: f"{number:,}"
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
    rows = page.label_rows(report.facts, report.label_map, counted=report.counts_instances)
    conflicts = page.conflict_rows(report.facts)
    return {
        "labels": rows,
        "colors": _colors(report.label_map),
        "common": page.co_occurrence(report.facts, [row["name"] for row in rows]),
        "conflicts": conflicts[: page.MOST_ROWS],
        "more_conflicts": max(0, len(conflicts) - page.MOST_ROWS),
        "contested": sum(image.contested for image in report.facts),
        "contested_images": sum(bool(image.contested) for image in report.facts),
        "worst": page.worst_images(report.facts),
        "findings": page.finding_groups(report.findings),
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
        "shots": report.shots,
    }
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


@cache
def _text(name: str) -> str:
    return files("polymask.report").joinpath(name).read_text("utf-8")
