"""The report: one HTML file that holds all it shows and asks the network for nothing."""

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
_RESERVE = 100_000  # bytes for what is neither image nor number
_WITHOUT_PICTURES = 0.6  # of the bytes, where there are pictures too


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a report shows: its title, the facts of all images, and the shots of some.

    `changes` are the rows of a before and after; `notes` tell of images that cannot be shown,
    `unshown` of pictures. `by_label` tells that labels have masks of their own, which may overlap.
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

    `labels` names the values of masks that do not; `reading` are the options of reading.

    At most `limit` images are shown, in a file of at most `max_mb` megabytes; all are counted.
    Equal input gives equal bytes. Raises `NotFound`, `FormatError` and `InputError` for what
    cannot be read, `LimitError` above `limits`, and `InputError` where polymask[report] is not installed.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = preview("fixtures/shapes/instances.json", f"{folder}/report.html")
    >>> len(made.facts), made.pictures
    (3, 3)
    """
    require_jinja()
    places = [located(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
    options = ReadingOptions.of({**reading, "labels": labels, "skip_invalid": True}, limits=limits)
    survey = open_survey(places, options, rules=rules)
    if progress:
        progress.start(len(survey.names))
    title = " and ".join(place.name or str(place) for place in places)
    made = preview_of(
        survey, title, limit=limit, max_mb=max_mb, palette=palette, workers=workers, progress=progress
    )
    write(made, dest)
    return made


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
    """What the report of a survey shows; nothing is written."""
    label_colors(survey.label_map, palette)
    facts: list[ImageFacts] = []
    for chunk in run_chunks(survey.look, range(len(survey.names)), workers):
        facts += chunk
        if progress:
            progress.advance(len(chunk))
    chosen = choose(facts, limit)
    drawn = partial(_shot, survey=survey, facts=facts, chosen=chosen)
    shots = [shot for chunk in run_chunks(drawn, list(chosen), workers) for shot in chunk]
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
    """The shots that fit into so many megabytes, with pictures as large as the rest allows.

    Returns also how many have a picture, and what is wrong with pictures that cannot be shown.
    """
    budget = int(max_mb * 1e6) - _RESERVE
    if budget <= 0:
        raise InputError(f"--max-mb {max_mb:g} leaves no room for images", advice="allow 1 or more")
    with_pictures = any(read(shot["name"]) for shot in shots[:5])
    kept = within(shots, int(budget * _WITHOUT_PICTURES) if with_pictures else budget)
    remaining = budget - sum(map(size_of, kept))
    return kept, *(add_pictures(kept, read, remaining) if with_pictures else (0, []))


def _of_file(survey: Survey) -> list[Finding]:
    """The findings that are about the file, not one image's instances."""
    if survey.annotations is None:
        return []
    return [
        *map(invalid, survey.annotations.skipped),
        *survey.annotations.findings,
        *of_source(survey.annotations),
    ]


def require_jinja() -> None:
    """Raise `InputError` where the template library is not installed."""
    try:
        import jinja2  # noqa: F401
    except ImportError:
        raise InputError("a report needs polymask[report]", advice="pip install 'polymask[report]'") from None


def write(made: Preview, dest: str | Path) -> None:
    """Write the report, whole or not at all; what was there under the name is replaced."""
    file = located(dest)
    if not isinstance(file, Path):
        raise InputError(f"{file}: a report is written to disk", advice="name a file here, and copy it")
    replace_whole(file, render(made).encode())


def render(made: Preview) -> str:
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
        made=made,
        version=__version__,
        style=_text("report.css"),
        script=script,
        script_sha256=b64encode(sha256(script.encode()).digest()).decode(),
        data=_data(made),
        **_tables(made),
    )


def _tables(made: Preview) -> dict[str, Any]:
    rows = page.label_rows(made.facts, made.label_map, counted=made.counts_instances)
    conflicts = page.conflict_rows(made.facts)
    return {
        "labels": rows,
        "colors": _colors(made.label_map),
        "common": page.co_occurrence(made.facts, [row["name"] for row in rows]),
        "conflicts": conflicts[: page.MOST_ROWS],
        "more_conflicts": max(0, len(conflicts) - page.MOST_ROWS),
        "contested": sum(image.contested for image in made.facts),
        "contested_images": sum(bool(image.contested) for image in made.facts),
        "worst": page.worst_images(made.facts),
        "findings": page.finding_groups(made.findings),
        "instances": sum(row["instances"] or 0 for row in rows),
        "shown": {shot["name"] for shot in made.shots},
    }


def _colors(label_map: LabelMap) -> list[dict[str, str]]:
    """Each label's color in both palettes."""
    both = {name: label_colors(label_map, name) for name in ("safe", "voc")}
    return [
        {name: "#{:02x}{:02x}{:02x}".format(*table[label.value]) for name, table in both.items()}
        for label in label_map.labels
    ]


def _data(made: Preview) -> str:
    """What the scripts read, safe inside an element."""
    labels = [
        {"name": label.name, "value": label.value, **colors}
        for label, colors in zip(made.label_map.labels, _colors(made.label_map), strict=True)
    ]
    document = {
        "labels": labels,
        "background": made.label_map.background,
        "void": made.label_map.void,
        "palette": made.palette,
        "shots": made.shots,
    }
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


@cache
def _text(name: str) -> str:
    return files("polymask.report").joinpath(name).read_text("utf-8")
