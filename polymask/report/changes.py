"""The report of a dry run: each image before and after."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from polymask.analysis.masks.label_sets import LabelMasks, LabelSets
from polymask.codecs.png import decode_png
from polymask.errors import PolymaskError
from polymask.formats import Annotations
from polymask.labels.label_map import LabelMap
from polymask.layouts.common.lookup import painted
from polymask.model import ImageRecord, IndexMask
from polymask.painting.painting import Rules
from polymask.report.html import preview_of
from polymask.report.page import ImageChange, Preview
from polymask.report.shots import ReadWindow, before_of
from polymask.report.survey import ImageFacts, Survey, View, sampled, window_of


class Changes(Survey):
    """Annotations as they would be painted, compared with the stored masks."""

    def look(self, index: int) -> ImageFacts:
        """The facts of an image after the run, and how many pixels of its mask would change."""
        try:
            facts = self._of_record(index)
            sets, before = self.compared(index)
            after = self.expected(index, sets)
        except PolymaskError as error:
            return ImageFacts(self.names[index], problem=str(error))
        if before is None:
            return replace(facts, differing=int((after != self.label_map.background).sum()))
        if before.shape != after.shape:
            return replace(facts, differing=after.size)
        return replace(facts, differing=int((before != after).sum()))

    def view(self, index: int, step: int = 1) -> View:
        """The image after the run."""
        return self.drawn(index, step)

    def windows(self, index: int) -> dict[str, ReadWindow]:
        """The masks of an image after and before the run at full size, part by part."""
        return {
            "tiles": self.painted_windows(index),
            "tilesBefore": partial(window_of, self._before(index)),
        }

    def _before(self, index: int) -> IndexMask:
        """The present mask of an image; background where there is none of its size."""
        before, painting = self.stored(index), self.painting(index)
        frame = painting.record.frame
        if before is None or before.shape != frame:
            return np.full(frame, self.label_map.background, self.label_map.dtype)
        return before

    def changes_of(self, index: int) -> list[ImageChange]:
        """The changes to an image; empty for an unchanged image."""
        sets, before = self.compared(index)
        if before is None:
            return [ImageChange("a new mask", "new masks")]
        after = self.expected(index, sets)
        if before.shape != after.shape:
            return [ImageChange("the mask changes its size", "masks that change their size")]
        return [ImageChange("the mask changes", "masks that change")] if (before != after).any() else []

    def extras(self, index: int, step: int = 1) -> dict[str, Any]:
        """The changes to an image, and its present mask."""
        return {
            "changes": [change.text for change in self.changes_of(index)],
            **before_of(sampled(self._before(index), step)),
        }

    def rows(self, facts: Sequence[ImageFacts]) -> list[dict[str, Any]]:
        """The rows of images that would change, most pixels first."""
        rows = [
            {"name": image.name, "changes": self.changes_of(index), "pixels": image.differing}
            for index, image in enumerate(facts)
            if not image.problem
        ]
        return sorted((row for row in rows if row["changes"]), key=lambda row: (-row["pixels"], row["name"]))


def preview_of_changes(survey: Changes, title: str, *, workers: int = 1) -> Preview:
    """The report of the changes; nothing is written."""
    preview = preview_of(survey, title, workers=workers)
    return replace(preview, changes=survey.rows(preview.facts))


@dataclass(frozen=True, slots=True, eq=False)
class ItemChange:
    """An item of a dataset: its record, its present masks (PNGs by label), and the decisions of the run.

    `picture` gives the bytes of its picture.
    """

    record: ImageRecord
    before: Mapping[str, bytes]
    decisions: Sequence[ImageChange]
    picture: Callable[[], bytes]


def preview_of_items(items: Sequence[ItemChange], title: str, pixel_rule: str) -> Preview:
    """The report of a dry run on the items of a dataset."""
    labels = {instance.label for item in items for instance in item.record.instances}
    label_map = LabelMap.from_names(sorted(labels | {label for item in items for label in item.before}))
    annotations = Annotations(
        path=Path(title),
        format="dataloop",
        categories=tuple((name, None) for name in label_map.names),
        names=[item.record.name for item in items],
        decode=lambda index: items[index].record,
        used={},
        picture=lambda index: items[index].picture(),
    )
    survey = _ItemChanges(annotations, items, label_map, Rules(pixel_rule=pixel_rule))
    return preview_of_changes(survey, title)


class _ItemChanges(Changes):
    """The items of a dataset: masks after the run, compared with present masks."""

    def __init__(
        self, annotations: Annotations, items: Sequence[ItemChange], label_map: LabelMap, rules: Rules
    ) -> None:
        super().__init__(annotations, None, label_map=label_map, rules=rules)
        self.items = items

    def stored(self, index: int) -> IndexMask | None:
        """The present masks of an item, with later labels on top."""
        return painted(self._masks(index), self.label_map, frame=self.items[index].record.frame)

    @property
    def by_label(self) -> bool:
        """True: in a dataset, each label has a mask."""
        return True

    def compared(self, index: int) -> tuple[LabelSets | None, IndexMask | None]:
        """The present masks of an item, as sets of labels."""
        sets = LabelSets()
        return sets, sets.numbered(LabelMasks(self._masks(index), self.items[index].record.frame))

    def _masks(self, index: int) -> Iterator[tuple[str, IndexMask]]:
        masks = self.items[index].before
        return ((label, decode_png(masks[label])) for label in self.label_map.names if label in masks)

    def changes_of(self, index: int) -> list[ImageChange]:
        """The decisions of the run for an item."""
        return list(self.items[index].decisions)
