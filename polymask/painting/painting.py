"""Instances → label masks or one index mask: overlap rules, conflicts, void borders.

A `Painting` merges the instances of one image, and computes only the parts that are asked for. It
works on spans: counts, files and proofs are made from them. Arrays are made only on request.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from polymask.errors import LabelError, LimitError
from polymask.labels.label_map import LabelMap
from polymask.limits import Limits
from polymask.model import Conflict, ImageRecord, IndexMask, Instance, Polygon, Runs, Spans
from polymask.painting.borders import bordered, void_as_painted
from polymask.painting.rules import CROWD_RULES, HOLE_RULES, OVERLAP_RULES, Rules, with_holes
from polymask.raster import overlaps, spans_of
from polymask.raster.kernel import paint_all
from polymask.raster.overlaps import NOBODY, Merged, Scene
from polymask.raster.painted import PaintedSpans, fill, pixels_by_value
from polymask.raster.spans import SpanTable, merge

__all__ = [
    "CROWD_RULES",
    "HOLE_RULES",
    "OVERLAP_RULES",
    "Painting",
    "Rules",
]


class Painting:
    """One image's instances merged under rules; each part is computed once, when first asked for."""

    def __init__(
        self, record: ImageRecord, label_map: LabelMap, rules: Rules, *, limits: Limits | None = None
    ) -> None:
        self.record, self.label_map, self.rules = record, label_map, rules
        self.limits = limits or Limits()

    @cached_property
    def instances(self) -> tuple[Instance, ...]:
        """The instances that are painted, in paint order (last on top) before the overlap rule."""
        if self.rules.crowd == "skip":
            return tuple(i for i in self._ordered if not i.crowd)
        return self._ordered

    @property
    def _ordered(self) -> tuple[Instance, ...]:
        return tuple(sorted(self.record.instances, key=lambda instance: instance.order))

    @cached_property
    def spans(self) -> SpanTable:
        """The spans of each of `instances`."""
        return spans_of(self._shapes, self.record.frame, pixel_rule=self.rules.pixel_rule)

    @property
    def _shapes(self) -> list[tuple[Polygon, ...] | Runs]:
        return [with_holes(instance, self.rules.holes) for instance in self.instances]

    @cached_property
    def values(self) -> list[int]:
        """The pixel value that each of `instances` paints."""
        return [
            self.label_map.void
            if instance.crowd and self.rules.crowd == "void"
            else self.label_map.value_of(instance.label)
            for instance in self.instances
        ]

    @cached_property
    def label_spans(self) -> dict[str, Spans]:
        """The union of each label's instances, in label-map order; not background, not void."""
        grouped: dict[int, list[Spans]] = {}
        for place, spans in zip(self._places, self.spans, strict=True):
            if place < len(self.label_map.labels) and len(spans):
                grouped.setdefault(place, []).append(spans)
        names = self.label_map.names
        return {names[place]: merge(grouped[place], self.record.frame) for place in sorted(grouped)}

    @cached_property
    def _places(self) -> list[int]:
        """Each instance's place in the label map; for background and void, the place after the last label."""
        places = self.label_map.places
        return [int(places[value]) for value in self.values]

    @cached_property
    def sizes(self) -> list[int]:
        """How many pixels each of `instances` has inside the frame."""
        return [spans.pixels for spans in self.spans]

    @property
    def empty(self) -> NDArray[np.bool_]:
        """For each of `instances`, whether it has no pixel inside the frame."""
        empty: NDArray[np.bool_] = np.diff(self.spans.cuts) == 0
        return empty

    @cached_property
    def paint_order(self) -> list[int]:
        """Indices into `instances`, the last of them on top."""
        order = list(range(len(self.instances)))
        match self.rules.overlap:
            case "first":
                order.reverse()
            case "smallest":
                order.sort(key=lambda i: -self.sizes[i])
            case "priority":
                rank = {self.label_map.name_of(n): -r for r, n in enumerate(reversed(self.rules.priority), 1)}
                order.sort(key=lambda i: -rank.get(self.label_map.name_of(self.instances[i].label), 0))
        return order

    @cached_property
    def scene(self) -> Scene:
        """The input of the merge: each instance's value, and its label's place if the label claims pixels."""
        rule, label_count = self.rules.overlap, len(self.label_map.labels)
        return Scene(
            order=self.paint_order,
            values=self.values,
            labels=[place if place < label_count else NOBODY for place in self._places],
            frame=self.record.frame,
            background=self.label_map.background,
            void=self.label_map.void if rule == "void" else None,
            owned=rule not in ("void", "error"),
        )

    @cached_property
    def merged(self) -> Merged:
        """The merge under the overlap rule, without a border: painted spans, and the labels' claims.

        Raises `LimitError` where more labels overlap than `limits` allow.
        """
        return overlaps.merge(self.spans, self.scene, most=self.limits.max_conflict_pairs)

    @cached_property
    def painted(self) -> PaintedSpans:
        """The index mask, with its void border, as painted spans.

        Raises `LabelError` under the overlap rule `error` where labels conflict, and the errors of `merged`.
        """
        painted = self.merged.painted
        if self.rules.overlap == "error" and self.contested_pixels:
            worst = max(self.conflicts, key=lambda conflict: conflict.pixels)
            raise LabelError(
                f"'{worst.labels[0]}' and '{worst.labels[1]}' both claim {worst.pixels} px",
                advice="correct the annotations, or choose another --overlap rule",
            )
        return (
            bordered(painted, self.owners, self.rules.border, self.label_map)
            if self.rules.border
            else painted
        )

    def owners(self, top: int, bottom: int) -> NDArray[np.int32]:
        """(bottom - top, width) int32: 0 for background, i + 1 where the i-th of `instances` is on top."""
        owners = np.zeros((bottom - top, self.record.frame[1]), np.int32)
        background = self.label_map.background
        values = [0 if value == background else i for i, value in enumerate(self.values, 1)]
        paint_all(owners, self.spans.within((top, bottom)), order=self.paint_order, values=values)
        return owners

    def numbered(self, numbers: Sequence[int], *, void: int) -> PaintedSpans:
        """The mask in which instance i paints `numbers[i]` < 65536, over 0; `void` as in `painted`."""
        scene = replace(self.scene, values=numbers, background=0, owned=False)
        if self.scene.void is None:
            scene = replace(scene, labels=[NOBODY] * len(numbers))
        else:
            scene = replace(scene, void=void)
        spans = overlaps.merge(self.spans, scene, most=self.limits.max_conflict_pairs).painted
        return void_as_painted(spans, void, self.painted, self.label_map) if self.rules.border else spans

    def instance_ids(self, void: int) -> PaintedSpans:
        """The mask of n for the n-th of `instances`, 0 for background, `void` where `painted` is void.

        Raises `LimitError` for more instances than there are numbers below `void`.
        """
        if len(self.instances) >= void:
            raise LimitError(
                f"{len(self.instances)} instances in one image; a mask numbers {void - 1}",
                advice="use `--to index` without --instances",
            )
        special = {self.label_map.background: 0, self.label_map.void: void}
        numbers = [special.get(value, n) for n, value in enumerate(self.values, 1)]
        return self.numbered(numbers, void=void)

    @cached_property
    def pixels(self) -> dict[int, int]:
        """The pixels of each value that the index mask holds."""
        return pixels_by_value(self.painted)

    @cached_property
    def index(self) -> IndexMask:
        """The (height, width) index mask as an array; raises all that `painted` raises."""
        return fill(self.painted, self.label_map.dtype)

    @property
    def contested_pixels(self) -> int:
        """The number of pixels that two or more different labels claim; each counts once."""
        return self.merged.contested

    @property
    def labeled_pixels(self) -> int:
        """The number of pixels that at least one label claims."""
        return self.merged.labeled

    @cached_property
    def conflicts(self) -> tuple[Conflict, ...]:
        """Contested pixels by pair of labels, in label-map order; see `Conflict`."""
        return overlaps.conflicts(self.merged.shares, self.label_map.names)
