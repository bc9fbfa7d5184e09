"""The last step of the in-place job: proven polygons go, and what they went for is looked at again.

Note what is about to go (fsync) → delete by explicit ids, if the source is still what was read → read
back that they are gone → read back that their masks are not → note it. A mask that somebody took
away or changed meanwhile leaves its polygons nowhere: they are put back.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from polymask.errors import BackendError, PolymaskError, ProofError, SourceChanged
from polymask.in_place.evidence import Evidence
from polymask.in_place.holdings import Drawing, Holding
from polymask.in_place.origins import own_masks
from polymask.in_place.protocols import Item, Reading, Sink, Source, Stored
from polymask.results import Outcome

READ_BACKS = 6  # a service may show what was written a little later
WAIT = 0.2  # seconds before the second reading; doubled each time


class Allowance:
    """How many polygons a run may delete yet; threads share it."""

    def __init__(self, most: int | None) -> None:
        self.most, self._remaining = most, most
        self._lock = threading.Lock()

    def suffices(self, count: int) -> bool:
        """Whether so many may be deleted yet."""
        return self._remaining is None or count <= self._remaining

    def take(self, count: int, name: str) -> None:
        """Use up so much of it; raises `PolymaskError` where that is more than there is."""
        with self._lock:
            if self._remaining is None:
                return
            if count > self._remaining:
                self._remaining = 0  # what is above the limit stops the deleting, not only this item's
                raise PolymaskError(
                    f"{name}: {count} more would be deleted than --max-delete {self.most} allows"
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
        """Delete instances of an item as it was read; `outcome` tells how many went.

        Raises `SourceChanged` where somebody changed one meanwhile, which stays, and `ProofError` where
        their mask went meanwhile: then they are put back.
        """
        ids = [reading.raw[drawing.id]["id"] for drawing in drawings]
        self.journal.note("deleting", item.id, ids=ids, etag=reading.record.etag)
        try:
            self.source.delete(item, [drawing.id for drawing in drawings], reading.record.etag)
            self._require_deleted(item, reading, drawings)
        except PolymaskError:
            with suppress(BackendError):  # this error is told; what is gone must have its mask all the same
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
        """What was deleted must be in a mask still; where that went meanwhile, put it back."""
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
        # A mask of another source follows that source: it is no place for what is deleted from this one.
        origin, going = self.source.origin, {drawn.instance.label: [drawn] for drawn in deleted}
        stored = own_masks(self.sink.proofs(item), origin, present=reading.present, drawn=going)
        sound = [proof for proof in stored if proof.sound]
        fitting = [proof for proof in sound if proof.frame == reading.record.frame]
        holdings = [Holding(proof, reading.present) for proof in fitting]
        return [drawing for drawing in deleted if not any(holding.holds(drawing) for holding in holdings)]


def readings(sleep: Callable[[float], None]) -> Iterator[int]:
    """So many times a thing may be read back, with longer and longer waits in between."""
    for attempt in range(READ_BACKS):
        if attempt:
            sleep(WAIT * 2 ** (attempt - 1))
        yield attempt


def finish(source: Source, sink: Sink, journal: Evidence) -> list[str]:
    """Look at the masks of what a killed run deleted last, before it could; what was done, item by item.

    What is in no mask, and not in the source, is put back.
    """
    by_item: dict[Item, list[dict[str, Any]]] = {}
    for line in journal.unfinished():
        by_item.setdefault(Item(str(line["item"]), str(line["name"])), []).append(line)
    notes = []
    for item, lines in by_item.items():
        try:
            count = _finish(source, sink, journal, item, lines)
        except PolymaskError as error:  # its picture may be gone; the others can be looked at
            notes.append(f"{item.name}: what a stopped run deleted cannot be looked at: {error}")
            continue
        if count:
            notes.append(f"{item.name}: {count} polygons put back, whose mask went after a run was stopped")
    return notes


def _held(proofs: Sequence[Stored], origin: str) -> set[str]:
    """The ids of all that sound masks of a source hold, or of claims that do not tell theirs."""
    own = [proof for proof in proofs if not proof.origin or proof.is_made_from(origin)]
    return {key for proof in own if proof.sound for key in proof.sources}


def _finish(
    source: Source, sink: Sink, journal: Evidence, item: Item, lines: Sequence[dict[str, Any]]
) -> int:
    # Twice: one answer may be outdated, and still show a mask that went.
    held = _held(sink.proofs(item), source.origin) & _held(sink.proofs(item), source.origin)
    put_back, seen = 0, []
    for line in lines:
        key, instance = line.get("id"), line["instance"]
        if str(key or instance["id"]) in held:
            seen.append(instance["id"])
        elif source.restore(item, instance, instance_id=key):
            journal.note("restored", item.id, ids=[instance["id"]])
            put_back += 1
    if seen:
        journal.note("seen", item.id, ids=seen)
    return put_back
