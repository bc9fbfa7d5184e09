"""Instances → label masks or one index mask: overlap rules, conflicts, void borders.

A `Painting` is one image's merge, worked out as far as it is asked for. Spans
travel through it; a full frame is made only for the mask that is wanted.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from polymask.errors import LabelError, LimitError
from polymask.labels.label_map import BACKGROUND_NAMES, VOID_8, VOID_NAMES, LabelMap
from polymask.model import Conflict, ImageRecord, IndexMask, Instance, LabelMask, Polygon, Runs, Spans
from polymask.painting.borders import border
from polymask.painting.conflicts import by_pair
from polymask.painting.rules import CROWD_RULES, HOLE_RULES, OVERLAP_RULES, Rules, with_holes
from polymask.raster import spans_of
from polymask.raster.kernel import find_claims, paint_all, paint_blank, tally
from polymask.raster.overlaps import Claims
from polymask.raster.spans import Int64, SpanTable, merge, paint

__all__ = [
    "CROWD_RULES",
    "HOLE_RULES",
    "OVERLAP_RULES",
    "Painting",
    "Rules",
    "conflicts",
    "index_mask",
    "label_masks",
]


class Painting:
    """One image's instances merged under rules; each part is worked out once, when asked for."""

    def __init__(self, record: ImageRecord, label_map: LabelMap, rules: Rules) -> None:
        if not isinstance(label_map, LabelMap):
            raise LabelError(
                f"{label_map!r} is no label map", advice="make one with LabelMap.from_names([…])"
            )
        self.record, self.label_map, self.rules = record, label_map, rules

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
        """Each instance's place in the label map, behind its end for background and void."""
        places = self.label_map.places
        return [int(places[value]) for value in self.values]

    @cached_property
    def sizes(self) -> list[int]:
        """How many pixels each of `instances` has inside the frame."""
        return [spans.pixels for spans in self.spans]

    @property
    def empty(self) -> NDArray[np.bool_]:
        """Which of `instances` have no pixel inside the frame."""
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
    def owners(self) -> NDArray[np.int32]:
        """(height, width) int32: 0 for background, i + 1 where the i-th of `instances` is on top."""
        owners = np.zeros(self.record.frame, np.int32)
        background = self.label_map.background
        values = [0 if value == background else i for i, value in enumerate(self.values, 1)]
        paint_all(owners, self.spans, order=self.paint_order, values=values)
        return owners

    def instance_ids(self, void: int) -> IndexMask:
        """(height, width) uint8 or uint16, as `void` is: n for the n-th of `instances`, `void` as in `index`.

        Raises `LimitError` for more instances than there are numbers below `void`.
        """
        if len(self.instances) >= void:
            raise LimitError(f"{len(self.instances)} instances in one image; a mask numbers {void - 1}")
        ids: IndexMask = self.owners.astype(np.uint8 if void <= VOID_8 else np.uint16)
        ids[self.index == self.label_map.void] = void
        return ids

    def strips(self) -> Iterator[IndexMask]:
        """`index` in strips of whole rows, the top first; one strip unless the frame is very large."""
        yield self.index

    @property
    def _last_painted(self) -> IndexMask:
        return self._painted[0]

    @cached_property
    def _painted(self) -> tuple[IndexMask, Int64]:
        """The mask before conflicts and borders become void, and its pixels by value."""
        mask: IndexMask = np.full(self.record.frame, self.label_map.background, self.label_map.dtype)
        return mask, paint_blank(mask, self.spans, order=self.paint_order, values=self.values)

    @cached_property
    def pixels(self) -> dict[int, int]:
        """How many pixels of `index` each value has, those it does not have left out."""
        mask, counts = self._painted
        if self.index is not mask:
            counts = np.bincount(self.index.reshape(-1))
        return {value: pixels for value, pixels in enumerate(counts.tolist()) if pixels}

    @cached_property
    def index(self) -> IndexMask:
        """The (height, width) index mask under the overlap rule, with its void border.

        Raises `LabelError` under the overlap rule `error` where labels conflict.
        """
        mask = self._last_painted
        if self.rules.overlap == "error" and self.contested_pixels:
            worst = max(self.conflicts, key=lambda conflict: conflict.pixels)
            raise LabelError(
                f"'{worst.labels[0]}' and '{worst.labels[1]}' both claim {worst.pixels} px",
                advice="correct the annotations, or choose another --overlap rule",
            )
        if self.rules.overlap == "void" and self.contested_pixels:
            mask = mask.copy()
            self._set_void(mask, self._claims.pixels(mask.shape[1]))
        if self.rules.border:
            mask = mask.copy() if mask is self._last_painted else mask
            mask[border(self.owners, self.rules.border)] = self.label_map.void
        return mask

    def _set_void(self, mask: IndexMask, pixels: Int64) -> None:
        """A background instance painted on top still cuts its hole."""
        flat = mask.reshape(-1)
        flat[pixels[flat[pixels] != self.label_map.background]] = self.label_map.void

    @cached_property
    def _claims(self) -> Claims:
        """Which pixels several labels claim; groups are the labels that are there, in label-map order."""
        present = {place: group for group, place in enumerate(self._claiming)}
        groups = [present.get(place, -1) for place in self._places]
        return find_claims(self.spans, groups, frame=self.record.frame)

    @cached_property
    def _claiming(self) -> list[int]:
        """The places of the labels that are there."""
        behind = len(self.label_map.labels)
        return sorted(place for place in set(self._places) if place < behind)

    @property
    def contested_pixels(self) -> int:
        """How many pixels two or more different labels claim, each counted once."""
        return self._claims.contested

    @property
    def labeled_pixels(self) -> int:
        """How many pixels any label claims."""
        return self._claims.labeled

    @cached_property
    def conflicts(self) -> tuple[Conflict, ...]:
        """Contested pixels by pair of labels, in label-map order; see `Conflict`."""
        found, names, places = self._claims, self.label_map.names, self._claiming
        if not found.sets:
            return ()
        labels = [names[place] for place in places]
        return by_pair(labels, found.sets, self._contested_owners(found), owners=names)

    def _contested_owners(self, found: Claims) -> Int64:
        """Contested pixels by set of claiming labels and by who is on top; behind the last for nobody."""
        owners = len(self.label_map.labels) + 1
        places = self.label_map.places
        if self.rules.overlap in ("void", "error"):
            places = np.full_like(places, owners - 1)
        return tally(self._last_painted, found, places=places, owners=owners)


def label_masks(record: ImageRecord, *, pixel_rule: str = "center") -> Iterator[LabelMask]:
    """One bool mask per label of a record, in order of first appearance: the union of its instances.

    Masks are (height, width), independent of each other, and may overlap. Instances
    labeled background or `__ignore__` have none.

    >>> cat = Instance(1, "cat", Polygon([(0, 0), (2, 0), (2, 1), (0, 1)]))
    >>> [(m.label, m.mask.sum().item(), m.sources) for m in label_masks(ImageRecord(1, "a", (2, 2), [cat]))]
    [('cat', 2, (1,))]
    """
    names = dict.fromkeys(i.label for i in record.instances)
    painting = Painting(record, LabelMap.from_names(names), Rules(pixel_rule=pixel_rule))
    for label in (name for name in names if name not in BACKGROUND_NAMES | VOID_NAMES):
        mask = np.zeros(record.frame, bool)
        if label in painting.label_spans:
            paint(mask, painting.label_spans[label], 1)
        yield LabelMask(label, mask, tuple(i.id for i in record.instances if i.label == label))


def index_mask(
    record: ImageRecord,
    label_map: LabelMap,
    *,
    overlap: str = "last",
    pixel_rule: str = "center",
    priority: Sequence[str] = (),
    crowd: str = "keep",
    border: int = 0,
    holes: str | None = None,
) -> IndexMask:
    """The (height, width) uint8 or uint16 mask of label values.

    Raises `LabelError` for a label that is not in the map and, under the overlap rule
    `error`, for a conflict; `InputError` for an unknown rule.

    >>> low = Instance(1, "cat", Polygon([(0, 0), (3, 0), (3, 1), (0, 1)]))
    >>> top = Instance(2, "dog", Polygon([(2, 0), (4, 0), (4, 1), (2, 1)]))
    >>> record = ImageRecord(1, "a.jpg", (1, 4), (low, top))
    >>> index_mask(record, LabelMap.from_names(["cat", "dog"]))
    array([[1, 1, 2, 2]], dtype=uint8)
    >>> index_mask(record, LabelMap.from_names(["cat", "dog"]), overlap="void")
    array([[  1,   1, 255,   2]], dtype=uint8)
    """
    rules = Rules(
        pixel_rule=pixel_rule,
        overlap=overlap,
        priority=tuple(priority),
        crowd=crowd,
        border=border,
        holes=holes,
    )
    return Painting(record, label_map, rules).index


def conflicts(
    record: ImageRecord,
    *,
    label_map: LabelMap | None = None,
    overlap: str = "last",
    pixel_rule: str = "center",
    priority: Sequence[str] = (),
) -> tuple[Conflict, ...]:
    """The pixels that pairs of different labels claim, and who owns them under the overlap rule.

    A pixel that several labels claim counts once for each unordered pair. Overlap
    within one label is no conflict; background and void claim nothing.

    >>> low = Instance(1, "cat", Polygon([(0, 0), (3, 0), (3, 1), (0, 1)]))
    >>> top = Instance(2, "dog", Polygon([(2, 0), (4, 0), (4, 1), (2, 1)]))
    >>> [(c.labels, c.pixels, c.winner) for c in conflicts(ImageRecord(1, "a.jpg", (1, 4), (low, top)))]
    [(('cat', 'dog'), 1, 'dog')]
    """
    rules = Rules(pixel_rule=pixel_rule, overlap=overlap, priority=tuple(priority))
    return Painting(record, label_map or LabelMap.from_records([record]), rules).conflicts
