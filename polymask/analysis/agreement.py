"""The pixels on which two masks agree and differ, by label: the counts behind a comparison."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from polymask.analysis.masks.label_sets import LabelSets
from polymask.analysis.masks.mask_sets import MaskSet
from polymask.errors import LimitError, PolymaskError, no_such_label
from polymask.labels.label_map import VOID_8, VOID_16, LabelMap
from polymask.layouts.common.lookup import BACKGROUND, VOID
from polymask.model import IndexMask

ValuePairs = dict[tuple[int, int], int]


@dataclass(slots=True)
class Agreement:
    """Pixel counts: by label on each side and on both, by pair of labels, and of all that differ."""

    truth: Counter[str] = field(default_factory=Counter)
    other: Counter[str] = field(default_factory=Counter)
    both: Counter[str] = field(default_factory=Counter)
    confusion: Counter[tuple[str, str]] = field(default_factory=Counter)
    differing: int = 0

    def add(self, agreement: "Agreement") -> None:
        """Add the counts of an image."""
        for part in ("truth", "other", "both", "confusion"):
            getattr(self, part).update(getattr(agreement, part))
        self.differing += agreement.differing

    def count(self, truth: frozenset[str], other: frozenset[str], pixels: int) -> None:
        """Count pixels that have the labels `truth` on one side, and the labels `other` on the other."""
        both = truth & other
        for counter, labels in ((self.truth, truth), (self.other, other), (self.both, both)):
            counter.update(dict.fromkeys(labels, pixels))
        apart = product(truth - both or {BACKGROUND}, other - both or {BACKGROUND}) if truth != other else ()
        self.confusion.update(dict.fromkeys([*((label, label) for label in both), *apart], pixels))
        self.differing += pixels * (truth != other)


def agreement_of(
    sets: tuple[MaskSet, MaskSet], pair: tuple[str, str], names: "Names", *, by_label: bool
) -> Agreement | str:
    """The counts of an image, or why there are none; `by_label` where labels may overlap on a side."""
    try:
        sides = [_side(masks, name, by_label=by_label) for masks, name in zip(sets, pair, strict=True)]
    except LimitError:
        raise
    except PolymaskError as error:
        return str(error)
    (truth, truth_sets), (other, other_sets) = sides
    if truth.shape != other.shape:
        (h, w), (height, width) = truth.shape, other.shape
        return f"{h} × {w} px in TRUTH, {height} × {width} px in OTHER"
    agreement = Agreement()
    for (value, other_value), pixels in count_pairs(truth, other).items():
        labels = names.labels(0, value, truth_sets)
        if names.unscored.isdisjoint(labels):
            agreement.count(labels, names.labels(1, other_value, other_sets), pixels)
    return agreement


def _side(masks: MaskSet, name: str, *, by_label: bool) -> tuple[IndexMask, LabelSets | None]:
    """A mask of values; where the side knows overlapping labels, a mask of numbers of sets of labels."""
    if by_label and masks.labels_of:
        sets = LabelSets()
        return sets.numbered(masks.labels_of(name)), sets
    return masks.decode(name), None


def count_pairs(truth: IndexMask, other: IndexMask) -> ValuePairs:
    """The number of pixels that hold each pair of values, in two masks of the same size.

    Examples:
        >>> count_pairs(np.array([[1, 1, 2]], np.uint8), np.array([[1, 0, 0]], np.uint8))
        {(1, 0): 1, (1, 1): 1, (2, 0): 1}
    """
    sides = [np.flatnonzero(np.bincount(mask.reshape(-1))) for mask in (truth, other)]
    positions = []
    for mask, values in zip((truth, other), sides, strict=True):
        table = np.zeros(VOID_16 + 1, np.int64)
        table[values] = range(len(values))
        positions.append(table[mask.reshape(-1)])
    width = len(sides[1])
    counts = np.bincount(positions[0] * width + positions[1], minlength=len(sides[0]) * width)
    present = np.flatnonzero(counts)
    return {
        (int(sides[0][at // width]), int(sides[1][at % width])): int(counts[at]) for at in present.tolist()
    }


class Names:
    """The names of values on each side: from the side's label map, else the other side's, else the number."""

    def __init__(
        self,
        truth: LabelMap | None,
        other: LabelMap | None,
        *,
        with_background: bool,
        unscored: frozenset[str],
        ignored: Sequence[str] = (),
    ) -> None:
        self.maps = (truth or other, other or truth)
        self.unscored = {VOID, *unscored} - ({BACKGROUND} if with_background else set()) | {*ignored}
        self.with_background = with_background
        self._named = [self._of_map(label_map) for label_map in self.maps]
        self.order = [
            BACKGROUND,
            *dict.fromkeys(name for label_map in self.maps if label_map for name in label_map.names),
        ]
        if any(self.maps):
            for name in ignored:
                if name not in (VOID, *self.order):
                    raise no_such_label(name, self.order).within(place="--ignore")

    @staticmethod
    def _of_map(label_map: LabelMap | None) -> dict[int, str]:
        if label_map is None:
            return {0: BACKGROUND, VOID_8: VOID, VOID_16: VOID}
        special = {label_map.background: BACKGROUND, label_map.void: VOID}
        return special | {label.value: label.name for label in label_map.labels}

    def name(self, side: int, value: int) -> str:
        """The name of a value on a side."""
        unnamed = f"{value}" if self.maps[side] is None else f"value {value}"
        return self._named[side].setdefault(value, unnamed)

    def labels(self, side: int, value: int, sets: LabelSets | None) -> frozenset[str]:
        """The labels of a pixel of such a value; where there are none, background."""
        if sets is None:
            return frozenset([self.name(side, value)])
        return sets.members[value] or frozenset([BACKGROUND])

    def counted(self, name: str) -> bool:
        """Whether a label has a score."""
        return name not in self.unscored and (name != BACKGROUND or self.with_background)
