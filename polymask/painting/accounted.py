"""Which instances a mask accounts for: the one answer that everything that deletes must ask for.

Accounted for is what was painted, not what was read. An instance that a rule leaves out, or of
which no pixel is in the mask as its label's, is in the annotations only, and has to stay there.
"""

from collections.abc import Container
from dataclasses import replace

import numpy as np

from polymask.model import ImageRecord, Runs
from polymask.painting.painting import Painting
from polymask.raster.spans import flat_indices

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
    shown = _shown(painting) if index else [True] * len(painting.instances)
    for number, instance in enumerate(painting.instances):
        reasons[places[id(instance)]] = _reason(painting, number, shown=shown[number])
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


def _shown(painting: Painting) -> list[bool]:
    """Whether the index mask has the value of each painted instance in any of its pixels."""
    shown, top = [False] * len(painting.instances), 0
    for strip in painting.strips():
        height, width = strip.shape
        flat = strip.reshape(-1)
        for number, spans in enumerate(painting.spans.within((top, top + height))):
            if not shown[number] and len(spans):
                line = (spans.row.astype(np.int64) - top) * width
                pixels = flat[flat_indices(line + spans.start, line + spans.stop)]
                shown[number] = bool((pixels == painting.values[number]).any())
        top += height
    return shown
