"""The last step of the in-place job: it deletes proven polygons, and then checks their masks again.

The order: note the deletion in the journal (fsync) → delete by explicit ids, if the source has not
changed since it was read → read back that the polygons are deleted → read back that their masks are
still stored → note that in the journal. If somebody removed or changed a mask meanwhile, its polygons
would exist nowhere, so they are put back.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from polymask.errors import BackendError, NotFound, PolymaskError, ProofError, SourceChanged
from polymask.in_place.evidence import Evidence
from polymask.in_place.holdings import Drawing, Holding
from polymask.in_place.origins import masks_of_source
from polymask.in_place.protocols import Item, Reading, Sink, Source, Stored
from polymask.model import Skipped
from polymask.results import Outcome, Report
from polymask.wording import counted

READ_BACKS = 6  # a service may show a change a little later
WAIT = 0.2  # seconds before the second reading; doubled each time


class Allowance:
    """The number of polygons that a run may still delete (`--max-delete`); threads share it."""

    def __init__(self, limit: int | None) -> None:
        self.limit, self._remaining = limit, limit
        self._lock = threading.Lock()

    def suffices(self, count: int) -> bool:
        """Whether `count` more polygons may be deleted."""
        return self._remaining is None or count <= self._remaining

    def take(self, count: int, name: str) -> None:
        """Use up part of the allowance; raises `PolymaskError` if it does not suffice."""
        with self._lock:
            if self._remaining is None:
                return
            if count > self._remaining:
                self._remaining = 0  # beyond the limit nothing more is deleted, from any item
                raise PolymaskError(
                    f"{name}: {count} more would be deleted than --max-delete {self.limit} allows"
                )
            self._remaining -= count


@dataclass(frozen=True, slots=True)
class Deletion:
    """Deletes instances that stored masks account for."""

    source: Source
    sink: Sink
    journal: Evidence
    sleep: Callable[[float], None]

    def run(self, item: Item, reading: Reading, drawings: Sequence[Drawing], outcome: Outcome) -> None:
        """Delete instances of an item as it was read; `outcome` gets their number.

        Raises:
            SourceChanged: Somebody changed an instance meanwhile; it stays.
            ProofError: Somebody removed or changed a mask meanwhile; its instances are put back.
        """
        ids = [reading.raw[drawing.id]["id"] for drawing in drawings]
        self.journal.note("deleting", item.id, ids=ids, etag=reading.record.etag)
        try:
            self.source.delete(item, [drawing.id for drawing in drawings], reading.record.etag)
            self._require_deleted(item, reading, drawings)
        except PolymaskError:
            with suppress(BackendError):  # this error comes first; masks of deleted instances matter still
                self._require_masks(item, reading, self._deleted(item, drawings), outcome)
            raise
        self._require_masks(item, reading, drawings, outcome)
        self.journal.note("deleted", item.id, ids=ids)

    def _deleted(self, item: Item, drawings: Sequence[Drawing]) -> list[Drawing]:
        present = self.source.read(item).raw
        return [drawing for drawing in drawings if drawing.id not in present]

    def _require_deleted(self, item: Item, reading: Reading, drawings: Sequence[Drawing]) -> None:
        for _ in readings(self.sleep):
            raw = self.source.read(item).raw
            remaining = [drawing.id for drawing in drawings if drawing.id in raw]
            if not remaining:
                return
            if any(raw[key] != reading.raw[key] for key in remaining):
                raise SourceChanged(
                    f"{item.name}: a polygon was changed meanwhile, and stays", advice="run again"
                )
        raise ProofError(
            f"{item.name}: {len(remaining)} instances were deleted but are still there", advice="run again"
        )

    def _require_masks(
        self, item: Item, reading: Reading, deleted: Sequence[Drawing], outcome: Outcome
    ) -> None:
        """Put back the deleted instances that no stored mask holds any more; raises `ProofError` for them."""
        outcome.deleted = len(deleted)
        for _ in readings(self.sleep):
            lost = self._in_no_mask(item, reading, deleted)
            if not lost:
                return
        for drawing in lost:
            outcome.deleted -= self.source.restore(item, reading.raw[drawing.id], instance_id=drawing.id)
            self.journal.note("restored", item.id, ids=[reading.raw[drawing.id]["id"]])
        labels = ", ".join(f"'{label}'" for label in sorted({drawing.instance.label for drawing in lost}))
        raise ProofError(
            f"{item.name}: the mask of {labels} was taken away or changed during the deletion",
            advice=f"{len(lost)} polygons were put back, run again",
        )

    def _in_no_mask(self, item: Item, reading: Reading, deleted: Sequence[Drawing]) -> list[Drawing]:
        # A mask of another source follows that source, so it cannot keep instances deleted from this source.
        origin, drawn = self.source.origin, {drawing.instance.label: [drawing] for drawing in deleted}
        stored = masks_of_source(self.sink.proofs(item), origin, present=reading.present, drawn=drawn)
        sound = [proof for proof in stored if proof.sound]
        fitting = [proof for proof in sound if proof.frame == reading.record.frame]
        holdings = [Holding(proof, reading.present) for proof in fitting]
        return [drawing for drawing in deleted if not any(holding.holds(drawing) for holding in holdings)]


def readings(sleep: Callable[[float], None]) -> Iterator[int]:
    """The attempts at reading something back: `READ_BACKS` of them, with longer and longer waits between."""
    for attempt in range(READ_BACKS):
        if attempt:
            sleep(WAIT * 2 ** (attempt - 1))
        yield attempt


@dataclass(slots=True)
class Finished:
    """What became of the last deletions of stopped runs: a note per item where that tells anything.

    `failures` are the errors of the items that could not be checked, by the item's id and name.
    """

    notes: list[str] = field(default_factory=list)
    failures: dict[Item, PolymaskError] = field(default_factory=dict)

    def tell(self, report: Report, items: Sequence[Item]) -> None:
        """Add it to the report of a run over some items; an item that failed in the run too fails once."""
        report.notes += self.notes
        names, failed = {item.id: item.name for item in items}, {failure.name for failure in report.failures}
        for item, error in self.failures.items():
            name = names.get(item.id, item.name)
            report.exit_code = max(report.worst, error.exit_code)
            report.images += item.id not in names
            if name not in failed:
                reason = f"what a stopped run deleted cannot be looked at: {error}"
                report.failures.append(Skipped(name, reason))


def finish(
    source: Source, sink: Sink, journal: Evidence, *, is_here: Callable[[Item], bool] = lambda _: True
) -> Finished:
    """Check the masks of the last deletions of a run that was killed before it could check them itself.

    `is_here` tells whether an item is the source's: a folder may hold the journal of several. Polygons that
    are neither in a mask nor in the source are put back. An item that cannot be checked fails alone; where
    it is gone with its picture, nothing is left to be checked, and a note tells.
    """
    by_item: dict[Item, list[dict[str, Any]]] = {}
    for line in journal.unfinished():
        by_item.setdefault(Item(str(line["item"]), str(line["name"])), []).append(line)
    finished = Finished(failures={Item(key, f"item {key}"): error for key, error in journal.damages.items()})
    for item, lines in by_item.items():
        try:
            count = _finish(source, sink, journal, item, lines) if is_here(item) else 0
        except NotFound as error:
            finished.notes.append(f"{item.name}: what a stopped run deleted cannot be looked at: {error}")
        except PolymaskError as error:  # the other items can still be checked
            finished.failures[item] = error
        else:
            polygons = counted(count, "polygon")
            note = f"{item.name}: {polygons} put back, whose mask went after a run was stopped"
            finished.notes += [note] if count else []
    return finished


def _ids_in_masks(proofs: Sequence[Stored], origin: str) -> set[str]:
    """The ids of the instances in sound masks that are made from an origin, or do not name theirs."""
    masks = [proof for proof in proofs if not proof.origin or proof.is_made_from(origin)]
    return {key for proof in masks if proof.sound for key in proof.sources}


def _finish(
    source: Source, sink: Sink, journal: Evidence, item: Item, lines: Sequence[dict[str, Any]]
) -> int:
    # Asked twice: a single answer may be outdated, and still show a mask that was removed.
    first, second = (_ids_in_masks(sink.proofs(item), source.origin) for _ in range(2))
    held = first & second
    put_back, confirmed = 0, []
    for line in lines:
        key, instance = line.get("id"), line["instance"]
        if str(key or instance["id"]) in held:
            confirmed.append(instance["id"])
        elif source.restore(item, instance, instance_id=key):
            journal.note("restored", item.id, ids=[instance["id"]])
            put_back += 1
    if confirmed:
        journal.note("seen", item.id, ids=confirmed)
    return put_back
