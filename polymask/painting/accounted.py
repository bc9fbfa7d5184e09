"""What became of each instance of a record. A run's counts and its deletions both come from here.

Not every instance that was read is painted: a rule may leave it out, or it may cover no pixel. An
instance is accounted for when it was painted and its mask shows it; no other instance may be deleted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from polymask.labels.label_map import VOID_16
from polymask.ledger import NO_PIXEL, Reason
from polymask.model import ImageRecord, Runs
from polymask.painting.label_choice import LabelChoice
from polymask.painting.painting import Painting

CROWD = Reason("crowd", "a crowd, left out by --crowd skip")
BACKGROUND = Reason("background", "painted as background")
VOID = Reason("void", "painted as void")
VOID_CROWD = Reason("void-crowd", "a crowd, painted as void by --crowd void")
HIDDEN = Reason("hidden", "hidden: no pixel of the mask is its own")


class Account:
    """What became of each instance that a record declares, by its position there.

    `declared` is the record as its source has it, before `choice` selected the instances to paint.
    With `index`, all labels share one mask and overpaint each other; else each label has a mask.
    With `instances`, there is also a mask of instance ids, which must show every instance too.
    With `is_drawn` False, labels and rules decide without pixels: the mask exists, its polygons were
    deleted before.

    An instance that others hide wholly in an index mask was painted, but is not accounted for.

    Examples:
        >>> from polymask import Instance, LabelMap, Polygon
        >>> from polymask.painting.painting import Rules
        >>> low = Instance(1, "cat", Polygon([(0, 0), (2, 0), (2, 1), (0, 1)]))
        >>> top = Instance(2, "dog", Polygon([(0, 0), (3, 0), (3, 1), (0, 1)]))
        >>> labels = LabelMap.from_names(["cat", "dog"])
        >>> painting = Painting(ImageRecord(1, "a.jpg", (1, 4), (low, top)), labels, Rules())
        >>> account = Account(painting, index=True)
        >>> account.unpainted, account.unaccounted, account.deletable
        ({}, {0: Reason(kind='hidden', text='hidden: no pixel of the mask is its own')}, [1])
        >>> Account(painting, index=False).deletable
        [0, 1]
    """

    def __init__(
        self,
        painting: Painting,
        *,
        index: bool,
        instances: bool = False,
        declared: ImageRecord | None = None,
        choice: LabelChoice | None = None,
        is_drawn: bool = True,
    ) -> None:
        self.painting, self.index, self.is_drawn = painting, index, is_drawn
        self.instances = instances
        self.declared = declared or painting.record
        self.choice = choice or LabelChoice(label_map=painting.label_map)

    @cached_property
    def unpainted(self) -> dict[int, Reason]:
        """The instances that are left out, each with the reason."""
        return {**self._not_chosen, **dict(self._not_painted())}

    @cached_property
    def unaccounted(self) -> dict[int, Reason]:
        """The instances that the masks do not show, each with the reason: unpainted, or hidden."""
        if not self.index:
            return self.unpainted
        shown = _shown(self.painting)
        if self.instances:
            shown &= _numbered(self.painting)
        hidden = (position for position, is_shown in zip(self._positions, shown, strict=True) if not is_shown)
        return {**dict.fromkeys(hidden, HIDDEN), **self.unpainted}

    @property
    def deletable(self) -> list[int]:
        """The polygons that may be deleted: all that are accounted for. Runs stay."""
        return [
            position
            for position, instance in enumerate(self.declared.instances)
            if position not in self.unaccounted and not isinstance(instance.shape, Runs)
        ]

    @property
    def remaining(self) -> ImageRecord:
        """What is painted of the record once its `deletable` polygons are deleted."""
        record, deleted = self.painting.record, frozenset(self.deletable)
        pairs = zip(self._chosen, record.instances, strict=True)
        return replace(record, instances=tuple(i for position, i in pairs if position not in deleted))

    @property
    def _not_chosen(self) -> dict[int, Reason]:
        if len(self._chosen) == len(self.declared.instances):
            return {}
        labels = {position: instance.label for position, instance in enumerate(self.declared.instances)}
        return {
            position: self.choice.reason(labels[position]) for position in labels.keys() - set(self._chosen)
        }

    @cached_property
    def _chosen(self) -> Sequence[int]:
        """The position, among the declared instances, of each instance of the painted record."""
        declared = self.declared.instances
        if len(declared) == len(self.painting.record.instances):
            return range(len(declared))
        return [
            position for position, instance in enumerate(declared) if self.choice.is_painted(instance.label)
        ]

    @cached_property
    def _positions(self) -> list[int]:
        """The position, among the declared instances, of each of the painting's instances."""
        pairs = zip(self._chosen, self.painting.record.instances, strict=True)
        positions = {id(instance): position for position, instance in pairs}
        return [positions[id(instance)] for instance in self.painting.instances]

    def _not_painted(self) -> Iterator[tuple[int, Reason]]:
        """The chosen instances that a rule leaves out or that show nothing of their label."""
        painting, label_map = self.painting, self.painting.label_map
        if len(painting.instances) < len(self._chosen):
            for position in set(self._chosen).difference(self._positions):
                yield position, CROWD
        values = np.array(painting.values, np.int64)
        background, void = values == label_map.background, values == label_map.void
        empty = painting.empty if self.is_drawn else np.zeros(len(values), bool)
        for number in np.flatnonzero(background | void | empty).tolist():
            reason = BACKGROUND if background[number] else NO_PIXEL if empty[number] else self._void(number)
            yield self._positions[number], reason

    def _void(self, number: int) -> Reason:
        """Why one of the painting's instances is void: because of its label, or because it is a crowd."""
        label_map = self.painting.label_map
        value = label_map.value_of(self.painting.instances[number].label)
        return VOID if value == label_map.void else VOID_CROWD


def _shown(painting: Painting) -> NDArray[np.bool_]:
    """Whether the index mask has the value of each painted instance in any of its pixels."""
    table, painted = painting.spans.table, painting.painted
    wide = painted.frame[1] + 1
    line, painted_line = (rows.astype(np.int64) * wide for rows in (table[:, 0], painted.row))
    first = np.searchsorted(painted_line + painted.stop, line + table[:, 1], side="right")
    stop = np.searchsorted(painted_line + painted.start, line + table[:, 2])
    # painted spans by value, then by place: the next span of an instance's value must lie in its reach
    owner = np.repeat(np.arange(len(painting.instances)), np.diff(painting.spans.cuts))
    value = np.array(painting.values, np.int64)[owner]
    places = len(painted) + 1
    place_of_value = np.sort(painted.value.astype(np.int64) * places + np.arange(len(painted)))
    reach = np.searchsorted(place_of_value, np.stack([value * places + first, value * places + stop]))
    shown: NDArray[np.bool_] = np.bincount(owner[reach[0] < reach[1]], minlength=len(painting.instances)) > 0
    return shown


def _numbered(painting: Painting) -> NDArray[np.bool_]:
    """Whether the mask of instance ids has any pixel of each painted instance."""
    ids = painting.instance_ids(VOID_16).value
    return np.isin(np.arange(1, len(painting.instances) + 1), ids)
