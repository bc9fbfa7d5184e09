"""A preview as a PNG: one image as a figure with title and legend, several as a contact sheet."""

from collections.abc import Sequence
from functools import partial
from io import BytesIO

import numpy as np

from polymask.codecs.pixels import size_problem
from polymask.errors import InputError
from polymask.labels.palettes import label_colors
from polymask.layouts.overlays.blending import Backdrop, Layer, MaskLayer, PaintedLayer, blended_strips
from polymask.layouts.overlays.contact_sheets import SHEET, ThumbnailBuilder, contact_sheet
from polymask.layouts.overlays.figures import Caption, caption_of, captioned, figure_png
from polymask.parallel.pool import run_chunks
from polymask.report.page import Preview
from polymask.report.sample import choose
from polymask.report.survey import ImageFacts, Survey
from polymask.wording import counted


def look_of(
    survey: Survey,
    facts: Sequence[ImageFacts],
    title: str,
    *,
    limit: int | None = None,
    palette: str = "safe",
    workers: int = 1,
) -> tuple[Preview, bytes]:
    """What a look shows, and its PNG: a figure of the only image, else a sheet of at most `limit` (48).

    Raises `InputError` if no image can be shown.
    """
    chosen = sorted(choose(facts, limit or SHEET))
    notes = [f"{image.name}: {image.problem}" for image in facts if image.problem]
    if not chosen:
        raise InputError("there is no image to show", place=notes[0] if notes else "")
    draw = partial(_drawn, survey=survey, facts=facts, palette=palette, is_alone=len(chosen) == 1)
    drawn = [image for chunk in run_chunks(draw, chosen, workers) for image in chunk]
    pictures = [png for png, *_ in drawn]
    report = Preview(
        title=title,
        label_map=survey.label_map,
        facts=facts,
        shots=[{"name": facts[index].name} for index in chosen],
        pictures=sum(problem is None for _, problem, _ in drawn),
        unshown=[problem for _, problem, _ in drawn if problem],
        scaled=[facts[index].name for index, (*_, is_scaled) in zip(chosen, drawn, strict=True) if is_scaled],
        notes=notes,
    )
    if len(chosen) == 1:
        return report, pictures[0]
    images = counted(len(facts), "image")
    heading = images if len(chosen) == len(facts) else f"{len(chosen):,} of {images}"
    return report, contact_sheet(pictures, title=f"{title}: {heading}")


def _drawn(
    index: int, *, survey: Survey, facts: Sequence[ImageFacts], palette: str, is_alone: bool
) -> tuple[bytes, str | None, bool]:
    """The PNG of an image, why its picture cannot be shown (empty if there is none), and if it is scaled."""
    layer, caption = _layer(survey, facts[index], index, palette)
    backdrop, problem, is_scaled = _backdrop(survey, index, caption)
    strips = blended_strips(layer, backdrop, label_colors(survey.label_map, palette))
    if is_alone:
        return figure_png(strips, caption), problem, is_scaled
    thumbnail = ThumbnailBuilder(caption.frame)
    for strip in strips:
        thumbnail.add(strip)
    return thumbnail.png(caption), problem, is_scaled


def _layer(survey: Survey, image: ImageFacts, index: int, palette: str) -> tuple[Layer, Caption]:
    """The stored mask of an image where there is one, else its instances as they are painted."""
    mask = survey.stored(index)
    if mask is None:
        painting = survey.painting(index)
        return PaintedLayer(painting), caption_of(painting, palette)
    counts: dict[int, tuple[int | None, int]] = {
        label.value: (_instances(survey, image, label.name), image.pixels.get(label.name, 0))
        for label in survey.label_map.labels
        if label.name in image.labels
    }
    if void := int(np.count_nonzero(mask == survey.label_map.void)):
        counts.setdefault(survey.label_map.void, (_instances(survey, image, ""), void))
    caption = captioned(image.name, image.frame, counts, label_map=survey.label_map, palette=palette)
    return MaskLayer(mask), caption


def _instances(survey: Survey, image: ImageFacts, label: str) -> int | None:
    """The instances of a label in an image; None where only masks are known."""
    return image.instances.get(label, 0) if survey.annotations else None


def _backdrop(survey: Survey, index: int, caption: Caption) -> tuple[Backdrop, str | None, bool]:
    data, frame = survey.pictures.read(caption.name, index), caption.frame
    if data is None:
        return Backdrop(None, frame), "", False
    annotated = None if survey.annotations is None else frame  # masks alone may have been scaled
    try:
        is_scaled = bool(size_problem(BytesIO(data), frame))
        return Backdrop.of(data, frame, caption.name, annotated=annotated), None, is_scaled
    except InputError as error:
        return Backdrop(None, frame), str(error), False
