"""The report: a single HTML file with all its data, which loads nothing from the network."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path, PurePath
from typing import Unpack

from polymask.analysis.check import invalid, of_source
from polymask.errors import InputError
from polymask.formats.options import ReadingOptions
from polymask.labels.as_label_map import Labels
from polymask.labels.palettes import label_colors
from polymask.limits import Limits
from polymask.model import Finding, Frame
from polymask.option_types import ReadingOptionsDict
from polymask.painting.painting import Rules
from polymask.parallel.pool import run_chunks
from polymask.parallel.progress import Progress
from polymask.report.look import look_of
from polymask.report.page import Preview, render
from polymask.report.sample import choose
from polymask.report.shots import (
    ReadPicture,
    ReadWindow,
    Shot,
    add_pictures,
    plain_conflict,
    plain_finding,
    shot_of,
    size_of,
    step_of,
    tiles_of,
    within,
)
from polymask.report.survey import ImageFacts, Survey, open_survey, surveyed
from polymask.storage.local_disk.durable import replace_whole
from polymask.storage.remote.urls import located

LIMIT = 1200  # images that a phone still scrolls through
MAX_MB = 24.0
_RESERVE = 100_000  # bytes for scripts, styles and text
_WITHOUT_PICTURES = 0.6  # share of the bytes for masks and shapes, if there are pictures too


def preview(
    paths: str | Path | Sequence[str | Path],
    dest: str | Path,
    *,
    labels: Labels | None = None,
    split: str | None = None,
    rules: Rules | None = None,
    limits: Limits | None = None,
    limit: int | None = None,
    max_mb: float | None = None,
    palette: str = "safe",
    workers: int = 1,
    progress: Progress | None = None,
    **reading: Unpack[ReadingOptionsDict],
) -> Preview:
    """Write the report of annotations, of a folder of masks, or of both, as one HTML file, or a PNG picture.

    `labels` names the values of masks without names; `split` shows the images of that split only;
    `reading` are the options of reading.

    If `dest` ends in .html, it is a report of at most `limit` images (default 1200) and `max_mb` megabytes
    (default 24). If it ends in .png, it is a picture: one image with title and legend, or a contact sheet of
    at most `limit` images (default 48). All images are counted. Equal input gives equal bytes.

    Raises `NotFound`, `FormatError` and `InputError` for input that cannot be read and for other names of
    `dest`, `LimitError` above `limits`, and `InputError` if a report needs polymask[report].

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     report = preview("fixtures/shapes/instances.json", f"{folder}/report.html")
        >>> len(report.facts), report.pictures
        (3, 3)
    """
    file, is_png = _file(dest), is_picture(dest)
    if is_png and max_mb is not None:
        raise InputError("--max-mb is for reports; a picture has no such limit", advice="leave it out")
    if not is_png:
        require_page(dest)
    places = [located(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
    named = {"labels": labels, "split": split, "skip_invalid": True}
    options = ReadingOptions.of({**reading, **named}, limits=limits)
    survey = open_survey(places, options, rules=rules)
    if progress:
        progress.start(len(survey.names))
    title = " and ".join(place.name or str(place) for place in places)
    if is_png:
        facts = surveyed(survey, workers, progress)
        look, png = look_of(survey, facts, title, limit=limit, palette=palette, workers=workers)
        replace_whole(file, png)
        return look
    report = preview_of(
        survey,
        title,
        limit=limit or LIMIT,
        max_mb=MAX_MB if max_mb is None else max_mb,
        palette=palette,
        workers=workers,
        progress=progress,
    )
    replace_whole(file, _page(report))
    return report


def is_picture(dest: str | Path) -> bool:
    """Whether a preview is a picture, by its name; raises `InputError` for names of other kinds."""
    suffix = PurePath(str(dest)).suffix.lower()
    if suffix in (".html", ".htm", ".png"):
        return suffix == ".png"
    raise InputError(
        f"{dest}: a preview is an HTML report or a PNG picture",
        advice=f"name it {_renamed(dest, '.html')} or {_renamed(dest, '.png')}",
    )


def _renamed(dest: str | Path, suffix: str) -> str:
    path = PurePath(str(dest))
    return str(path.with_suffix(suffix)) if path.name else f"look{suffix}"


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
    facts = surveyed(survey, workers, progress)
    chosen = choose(facts, limit)
    most = int(max_mb * 1e6 * _WITHOUT_PICTURES)
    draw = partial(_shot, survey=survey, facts=facts, chosen=chosen, most=most)
    shots = [shot for chunk in run_chunks(draw, list(chosen), workers) for shot in chunk]
    annotated = survey.annotations is not None
    shots, pictures, unshown, scaled = fit(shots, _reader(survey), max_mb, annotated=annotated)
    findings = [*_of_file(survey), *(finding for image in facts for finding in image.findings)]
    return Preview(
        title=title,
        label_map=survey.label_map,
        facts=facts,
        shots=shots,
        findings=findings,
        counts_instances=annotated,
        pictures=pictures,
        palette=palette,
        unshown=unshown,
        scaled=scaled,
        by_label=survey.by_label,
        notes=[f"{image.name}: {image.problem}" for image in facts if image.problem],
    )


def _shot(
    index: int, *, survey: Survey, facts: Sequence[ImageFacts], chosen: dict[int, str], most: int
) -> Shot:
    """The page's data of an image; tiles of at most `most` bytes."""
    image, step = facts[index], step_of(facts[index].frame)
    record, mask, contested = survey.view(index, step)
    shot = shot_of(record, mask, contested, label_map=survey.label_map, frame=image.frame)
    return shot | {
        "at": index,
        "why": chosen[index],
        "contested": image.contested,
        "differing": image.differing,
        "pixels": image.pixels,
        "conflicts": [plain_conflict(conflict) for conflict in image.conflicts],
        "findings": [plain_finding(finding) for finding in image.findings],
        **({"step": step, **_tiles(survey.windows(index), image.frame, most)} if step > 1 else {}),
        **survey.extras(index, step),
    }


def _tiles(masks: Mapping[str, ReadWindow], frame: Frame, most: int) -> dict[str, Shot]:
    """The tiles of each mask; of none if those of one are too large."""
    tiles = {kind: tiles_of(read, frame, most) for kind, read in masks.items()}
    fitting = {kind: shot for kind, shot in tiles.items() if shot}
    return fitting if len(fitting) == len(tiles) else {}


def _reader(survey: Survey) -> ReadPicture:
    indices = {name: index for index, name in enumerate(survey.names)}

    def read(name: str) -> bytes | None:
        return survey.pictures.read(name, indices[name])

    return read


def fit(
    shots: Sequence[Shot], read: ReadPicture, max_mb: float, *, annotated: bool
) -> tuple[list[Shot], int, list[str], list[str]]:
    """The shots that fit into `max_mb` megabytes, with pictures as large as the remaining bytes allow.

    Also returns what `add_pictures` does.
    """
    budget = int(max_mb * 1e6) - _RESERVE
    if budget <= 0:
        raise InputError(f"--max-mb {max_mb:g} leaves no room for images", advice="allow 1 or more")
    with_pictures = any(read(shot["name"]) for shot in shots[:5])
    fitting = within(shots, int(budget * _WITHOUT_PICTURES) if with_pictures else budget)
    remaining = budget - sum(map(size_of, fitting))
    if not with_pictures:
        return fitting, 0, [], []
    return fitting, *add_pictures(fitting, read, remaining, annotated=annotated)


def _of_file(survey: Survey) -> list[Finding]:
    """The findings about the whole file, not about instances of an image."""
    if survey.annotations is None:
        return []
    return [
        *map(invalid, survey.annotations.skipped),
        *survey.annotations.findings,
        *of_source(survey.annotations),
    ]


def require_page(dest: str | Path) -> None:
    """Raise `InputError` if a report cannot have this name, or if the template library is not installed."""
    if is_picture(dest):
        raise InputError(f"{dest}: a report is an HTML page", advice=f"name it {_renamed(dest, '.html')}")
    try:
        import jinja2  # noqa: F401
    except ImportError:
        raise InputError("a report needs polymask[report]", advice="pip install 'polymask[report]'") from None


def write(report: Preview, dest: str | Path) -> None:
    """Write the report, whole or not at all; an existing file of the name is replaced."""
    replace_whole(_file(dest), _page(report))


def _page(report: Preview) -> bytes:
    """The page in UTF-8; of a file name in no encoding, what cannot be read is a question mark."""
    return render(report).encode("utf-8", "surrogateescape").decode("utf-8", "replace").encode()


def _file(dest: str | Path) -> Path:
    file = located(dest)
    if not isinstance(file, Path):
        raise InputError(f"{file}: a preview is written to disk", advice="name a local file, and copy it")
    return file
