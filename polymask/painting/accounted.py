"""Which instances a mask accounts for: the one answer that everything that deletes must ask for.

Accounted for is what was painted, not what was read. An instance that a rule leaves out, or of
which no pixel is in the mask as its label's, is in the annotations only, and has to stay there.
"""

from collections.abc import Container
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from polymask.model import ImageRecord, Runs
from polymask.painting.painting import Painting

CROWD = "a crowd region, which --crowd skip leaves out"
BACKGROUND = "painted as background, which tells of no instance"
VOID = "painted as void, which tells of no label"
EMPTY = "covers no pixel of the image"
BEFORE = "which the deletion before left there: its mask does not hold it"
HIDDEN = "hidden: no pixel of the mask is its own"


def unaccounted(painting: Painting, *, index: bool) -> dict[int, str]:
    """The instances of `painting.record` that its masks do not hold, by position, each with the reason.

    With `index` it is one mask in which labels overpaint each other, else each label has its own.

    >>> from polymask import ImageRecord, Instance, LabelMap, Polygon
    >>> from polymask.painting.painting import Rules
    >>> low = Instance(1, "cat", Polygon([(0, 0), (2, 0), (2, 1), (0, 1)]))
    >>> top = Instance(2, "dog", Polygon([(0, 0), (3, 0), (3, 1), (0, 1)]))
    >>> labels = LabelMap.from_names(["cat", "dog"])
    >>> painting = Painting(ImageRecord(1, "a.jpg", (1, 4), (low, top)), labels, Rules())
    >>> unaccounted(painting, index=True)
    {0: 'hidden: no pixel of the mask is its own'}
    >>> unaccounted(painting, index=False)
    {}
    """
    reasons = dict.fromkeys(range(len(painting.record.instances)), CROWD)
    places = {id(instance): place for place, instance in enumerate(painting.record.instances)}
    shown = _shown(painting) if index else np.ones(len(painting.instances), bool)
    for number, instance in enumerate(painting.instances):
        reasons[places[id(instance)]] = _reason(painting, number, shown=bool(shown[number]))
    return {place: reason for place, reason in reasons.items() if reason}


def deletable(record: ImageRecord, reasons: Container[int]) -> list[int]:
    """The positions of the polygons that may be deleted: all but those that are `unaccounted`. Runs stay."""
    return [
        place
        for place, instance in enumerate(record.instances)
        if place not in reasons and not isinstance(instance.shape, Runs)
    ]


def without(record: ImageRecord, reasons: Container[int]) -> ImageRecord:
    """What a record is once its `deletable` polygons are deleted."""
    gone = frozenset(deletable(record, reasons))
    kept = tuple(instance for place, instance in enumerate(record.instances) if place not in gone)
    return replace(record, instances=kept)


def _reason(painting: Painting, number: int, *, shown: bool) -> str:
    """Why no mask holds the n-th of the painted instances; nothing where one does."""
    value = painting.values[number]
    if value == painting.label_map.background:
        return BACKGROUND
    if value == painting.label_map.void:
        return VOID
    if not painting.sizes[number]:
        return EMPTY
    return "" if shown else HIDDEN


def _shown(painting: Painting) -> NDArray[np.bool_]:
    """Whether the index mask has the value of each painted instance in any of its pixels."""
    table, painted = painting.spans.table, painting.painted
    wide = painted.frame[1] + 1
    line, painted_line = (rows.astype(np.int64) * wide for rows in (table[:, 0], painted.row))
    first = np.searchsorted(painted_line + painted.stop, line + table[:, 1], side="right")
    behind = np.searchsorted(painted_line + painted.start, line + table[:, 2])
    # painted spans by value, then by place; the next one of an instance's value must lie in its reach
    owner = np.repeat(np.arange(len(painting.instances)), np.diff(painting.spans.cuts))
    value = np.array(painting.values, np.int64)[owner]
    places = len(painted) + 1
    known = np.sort(painted.value.astype(np.int64) * places + np.arange(len(painted)))
    reach = np.searchsorted(known, np.stack([value * places + first, value * places + behind]))
    shown: NDArray[np.bool_] = np.bincount(owner[reach[0] < reach[1]], minlength=len(painting.instances)) > 0
    return shown
