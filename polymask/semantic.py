"""Instances → label masks or one index mask: overlap rules, conflicts, void borders.

A `Painting` is one image's merge, worked out as far as it is asked for. Spans
travel through it; a full frame is made only for the mask that is wanted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from polymask.errors import InputError, LabelError, LimitError, unknown
from polymask.labels import BACKGROUND_NAMES, VOID_8, VOID_16, VOID_NAMES, LabelMap
from polymask.model import Conflict, ImageRecord, IndexMask, Instance, LabelMask, Polygon, Runs, Spans
from polymask.raster import pixel_rule_named, spans_of
from polymask.raster.spans import Int64, flat_indices, interval, merge, paint

OVERLAP_RULES = {
    "last": "the later instance wins, in file or z order",
    "first": "the earlier instance wins",
    "smallest": "the instance with fewer pixels in the frame wins; ties go to the later one",
    "priority": "the label named first in --priority wins; unnamed labels come below, last on top",
    "void": "a pixel that different labels claim becomes void",
    "error": "an image with such a pixel fails",
}
CROWD_RULES = ("keep", "void", "skip")
HOLE_RULES = ("union", "even-odd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How instances become pixels; two runs with equal rules paint equal masks.

    `border` is the half-width, in pixels, of the void ring along instance boundaries.
    `holes` overrides what several rings of an instance mean. Raises `InputError` for
    names that are not in the tables.
    """

    pixel_rule: str = "center"
    overlap: str = "last"
    priority: tuple[str, ...] = ()
    crowd: str = "keep"
    border: int = 0
    holes: str | None = None

    def __post_init__(self) -> None:
        pixel_rule_named(self.pixel_rule)
        _one_of("overlap rule", self.overlap, tuple(OVERLAP_RULES))
        _one_of("crowd rule", self.crowd, CROWD_RULES)
        _one_of("hole rule", self.holes or "union", HOLE_RULES)
        if self.border < 0:
            raise InputError(f"a border is 0 or more pixels wide, not {self.border}")
        if (self.overlap == "priority") != bool(self.priority):
            raise InputError("the overlap rule `priority` and a list of labels (--priority) go together")


def _one_of(what: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise InputError(unknown(what, name, known))


class Painting:
    """One image's instances merged under rules; each part is worked out once, when asked for."""

    def __init__(self, record: ImageRecord, label_map: LabelMap, rules: Rules) -> None:
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
    def spans(self) -> list[Spans]:
        """The spans of each of `instances`."""
        shapes = [_with_holes(instance, self.rules.holes) for instance in self.instances]
        return spans_of(shapes, self.record.frame, pixel_rule=self.rules.pixel_rule)

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
        names = {label.value: label.name for label in self.label_map.labels}
        grouped: dict[int, list[Spans]] = {}
        for value, spans in zip(self.values, self.spans, strict=True):
            if value in names and len(spans):
                grouped.setdefault(value, []).append(spans)
        return {
            name: merge(grouped[value], self.record.frame)
            for value, name in names.items()
            if value in grouped
        }

    @cached_property
    def paint_order(self) -> list[int]:
        """Indices into `instances`, the last of them on top."""
        order = list(range(len(self.instances)))
        match self.rules.overlap:
            case "first":
                order.reverse()
            case "smallest":
                order.sort(key=lambda i: -self.spans[i].pixels)
            case "priority":
                rank = {self.label_map.name_of(n): -r for r, n in enumerate(reversed(self.rules.priority), 1)}
                order.sort(key=lambda i: -rank.get(self.label_map.name_of(self.instances[i].label), 0))
        return order

    @cached_property
    def owners(self) -> NDArray[np.int32]:
        """(height, width) int32: 0 for background, i + 1 where the i-th of `instances` is on top."""
        owners = np.zeros(self.record.frame, np.int32)
        for index in self.paint_order:
            hole = self.values[index] == self.label_map.background
            paint(owners, self.spans[index], 0 if hole else index + 1)
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

    @cached_property
    def _last_painted(self) -> IndexMask:
        mask: IndexMask = np.full(self.record.frame, self.label_map.background, self.label_map.dtype)
        for index in self.paint_order:
            paint(mask, self.spans[index], self.values[index])
        return mask

    @cached_property
    def index(self) -> IndexMask:
        """The (height, width) index mask under the overlap rule, with its void border.

        Raises `LabelError` under the overlap rule `error` where labels conflict.
        """
        mask = self._last_painted
        if self.rules.overlap == "error" and self.contested_pixels:
            worst = max(self.conflicts, key=lambda conflict: conflict.pixels)
            raise LabelError(
                f"'{worst.labels[0]}' and '{worst.labels[1]}' both claim {worst.pixels} px; "
                "correct the annotations, or choose another --overlap rule"
            )
        if self.rules.overlap == "void" and self.contested_pixels:
            mask = mask.copy()
            self._set_void(mask, self._contested[0])
        if self.rules.border:
            mask = mask.copy() if mask is self._last_painted else mask
            mask[border(self.owners, self.rules.border)] = self.label_map.void
        return mask

    def _set_void(self, mask: IndexMask, pixels: Int64) -> None:
        """A background instance painted on top still cuts its hole."""
        flat = mask.reshape(-1)
        flat[pixels[flat[pixels] != self.label_map.background]] = self.label_map.void

    @cached_property
    def _contested(self) -> tuple[Int64, NDArray[np.intp], list[tuple[str, ...]]]:
        """The flat indices of contested pixels, which set of labels claims each, and those sets."""
        edges = {name: interval(spans, self.record.frame) for name, spans in self.label_spans.items()}
        start, stop, claims = _overlaps(list(edges.values()))
        kinds, kind = np.unique(np.packbits(claims, axis=0), axis=1, return_inverse=True)
        names = np.array(list(edges), dtype=object)
        sets = [tuple(names[np.unpackbits(column, count=len(names)).astype(bool)]) for column in kinds.T]
        line = start // (self.record.frame[1] + 1)  # keys count one column more than the mask has
        return flat_indices(start - line, stop - line), np.repeat(kind, stop - start), sets

    @property
    def contested_pixels(self) -> int:
        """How many pixels two or more different labels claim, each counted once."""
        return len(self._contested[0])

    @property
    def labeled_pixels(self) -> int:
        """How many pixels any label claims."""
        return merge(list(self.label_spans.values()), self.record.frame).pixels if self.label_spans else 0

    @cached_property
    def conflicts(self) -> tuple[Conflict, ...]:
        """Contested pixels by pair of labels, in label-map order; see `Conflict`."""
        pixels, claim, sets = self._contested
        owners, names = self._contested_owners(pixels), [*self.label_map.names, ""]
        counts = np.bincount(claim * len(names) + owners, minlength=len(sets) * len(names))
        pairs: dict[tuple[str, str], dict[str, int]] = {}
        for which, owner in np.argwhere(counts.reshape(len(sets), len(names))).tolist():
            for pair in combinations(sets[which], 2):
                won = pairs.setdefault(pair, {})
                won[names[owner]] = won.get(names[owner], 0) + int(counts[which * len(names) + owner])
        return tuple(_conflict(pair, pairs[pair]) for pair in sorted(pairs, key=self._pair_order))

    def _contested_owners(self, pixels: Int64) -> NDArray[np.intp]:
        """Who is on top of each pixel, as a place in the label map; behind its end for nobody."""
        places = np.full(VOID_16 + 1, len(self.label_map.labels), np.intp)
        if self.rules.overlap not in ("void", "error"):
            places[[label.value for label in self.label_map.labels]] = range(len(self.label_map.labels))
        return places[self._last_painted.reshape(-1)[pixels]]

    def _pair_order(self, pair: tuple[str, str]) -> tuple[int, int]:
        names = self.label_map.names
        return names.index(pair[0]), names.index(pair[1])


def _conflict(pair: tuple[str, str], owned: dict[str, int]) -> Conflict:
    won = {name: pixels for name, pixels in owned.items() if name}
    return Conflict(pair, sum(owned.values()), _winner(won), won)


def _winner(won: dict[str, int]) -> str | None:
    return max(won, key=lambda name: won[name]) if won else None


def add_conflicts(totals: dict[tuple[str, str], Conflict], more: Sequence[Conflict]) -> None:
    """Sum conflicts by pair of labels into `totals`, in place."""
    for conflict in more:
        before = totals.get(conflict.labels, Conflict(conflict.labels, 0, None))
        won = dict(before.won)
        for name, pixels in conflict.won.items():
            won[name] = won.get(name, 0) + pixels
        totals[conflict.labels] = Conflict(
            conflict.labels, before.pixels + conflict.pixels, _winner(won), won
        )


def border(owners: NDArray[np.int32], width: int) -> NDArray[np.bool_]:
    """The pixels at most `width` columns and rows away from a pixel of another owner.

    `owners` is (height, width) int32; the frame's own edge is no boundary. This is the ring
    on both sides of every boundary that PASCAL VOC's masks have (5 px there).

    >>> border(np.array([[0, 0, 0, 1, 1, 1]], np.int32), 1).astype(int)
    array([[0, 0, 1, 1, 0, 0]])
    """
    import cv2  # quick to start without

    kernel = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    exact = owners.astype(np.float32)  # whole numbers below 2**24 stay themselves
    edge: NDArray[np.bool_] = cv2.dilate(exact, kernel) != cv2.erode(exact, kernel)
    return edge


def _with_holes(instance: Instance, rule: str | None) -> tuple[Polygon, ...] | Runs:
    if rule is None or isinstance(instance.shape, Runs):
        return instance.shape
    rings = [ring for polygon in instance.shape for ring in polygon.rings]
    if rule == "union" or not rings:
        return tuple(Polygon(ring) for ring in rings)
    return (Polygon(rings[0], rings[1:]),)


def _overlaps(edges: Sequence[tuple[Int64, Int64]]) -> tuple[Int64, Int64, NDArray[np.bool_]]:
    """The key intervals that two or more groups cover, and (groups, intervals) bool: which do."""
    nothing = np.zeros(0, np.int64)
    if len(edges) < 2:
        return nothing, nothing, np.zeros((len(edges), 0), bool)
    start = np.concatenate([pair[0] for pair in edges])
    stop = np.concatenate([pair[1] for pair in edges])
    cuts, where = np.unique(np.concatenate([start, stop]), return_inverse=True)
    change = np.bincount(where[: len(start)], minlength=len(cuts)) - np.bincount(
        where[len(start) :], minlength=len(cuts)
    )
    contested = np.flatnonzero(np.cumsum(change) >= 2)
    start, stop = cuts[contested], cuts[np.minimum(contested + 1, len(cuts) - 1)]
    return start, stop, np.array([_covers(pair, start) for pair in edges])


def _covers(edges: tuple[Int64, Int64], keys: Int64) -> NDArray[np.bool_]:
    """Whether each key lies in one of the sorted, disjoint intervals."""
    before = np.searchsorted(edges[0], keys, side="right") - 1
    covered: NDArray[np.bool_] = (before >= 0) & (edges[1][before] > keys)
    return covered


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
