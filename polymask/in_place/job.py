"""The in-place job: write masks, prove that they are stored, and only then delete their polygons.

For each item: back up the source (fsync) → write masks → read them back and decide again → note the
coming deletion in the journal (fsync) → read the source again, compare its etag, delete by explicit
ids → read back that the polygons are deleted and their masks are not → note that (`deletion`). A run may
stop after any step; the next run decides from what is stored. A mask is retracted only once all
new masks are stored, and only if the source has not changed since it was read, for the mask may belong
to another run that has read the source later.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from polymask.errors import PolymaskError, ProofError, SourceChanged
from polymask.formats.reading.annotation_choice import Choice
from polymask.in_place.conservation import Conservation, account_failed, count, declare, note_masks
from polymask.in_place.deletion import Allowance, Deletion, readings
from polymask.in_place.evidence import Evidence
from polymask.in_place.holdings import Drawing, Unchosen, unchosen_drawings
from polymask.in_place.origins import absorbed_by, masks_of_source, notes_of, other_masks
from polymask.in_place.protocols import Item, Reading, Sink, Source, Stored
from polymask.in_place.reconcile import Decision, decide_all, labels_to_write, raise_problems
from polymask.ledger import NO_PIXEL
from polymask.limits import Limits
from polymask.model import Skipped
from polymask.parallel.pool import in_threads
from polymask.parallel.shards import Shard
from polymask.provenance.claims import Mask
from polymask.raster import KERNEL
from polymask.results import OtherMask, Outcome, Report
from polymask.tally import Tally
from polymask.validation import as_names

ROUNDS = 3  # of writing masks; if more are needed, something else keeps changing them

# called by a dry run for each item: with its reading, the decision for each label, and the stored masks
Watch = Callable[[Item, Reading, Mapping[str, Decision], Sequence[Stored]], None]
# the outcome of an item that is up to date, at a glance; None for one that must be looked at closely
Glance = Callable[[Item], Outcome | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenOptions:
    """The options of an in-place run. Without `delete_source`, it removes nothing but surplus masks."""

    pixel_rule: str = "center"
    only: frozenset[str] = frozenset()
    delete_source: bool = False
    max_delete: int | None = None
    check_images: bool = False
    dry_run: bool = False
    workers: int = 1
    shard: Shard | None = None
    limits: Limits = field(default_factory=Limits)
    choice: Choice = field(default_factory=Choice)
    add_labels: bool = False
    update: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "only", frozenset(as_names("only", self.only)))


@dataclass(frozen=True, slots=True, eq=False)
class ItemWork:
    """An item in progress: its reading, its chosen drawings by label, the others, and its outcome."""

    item: Item
    reading: Reading
    drawings: Mapping[str, Sequence[Drawing]]
    unchosen: Unchosen
    outcome: Outcome

    @property
    def every_drawing(self) -> list[Drawing]:
        """The drawings of all labels, in one list."""
        return [drawing for drawings in self.drawings.values() for drawing in drawings]

    def refusal(self, problem: str, *, advice: str | None = None) -> ProofError:
        """The error for a missing proof of this item."""
        return ProofError(f"{self.item.name}: {problem}", advice=advice)


class ProvenJob:
    """A run over a source's items; the source and the sink may be the same dataset."""

    def __init__(
        self,
        source: Source,
        sink: Sink,
        journal: Evidence | None,
        options: ProvenOptions,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.source, self.sink, self.journal, self.options = source, sink, journal, options
        self._sleep = sleep
        self.watch: Watch | None = None
        self.glance: Glance | None = None
        self.absent: dict[str, frozenset[str]] = {}  # by item: what its masks say earlier runs deleted
        self._allowance = Allowance(options.max_delete)

    def run(self, items: Sequence[Item], *, advance: Callable[[int], None] | None = None) -> Report:
        """Convert the items, `workers` of them at a time, and sum up in their order."""
        began = time.perf_counter()
        tally, conservation, foreign_masks = Tally(), Conservation(), Counter[OtherMask]()
        for outcome in self._outcomes(items):
            tally.add(outcome)
            conservation.add(outcome)
            foreign_masks.update(outcome.other_masks)
            if advance:
                advance(1)
        report = tally.finished()
        report.seconds, report.kernel = time.perf_counter() - began, KERNEL
        report.dry_run = self.options.dry_run
        report.notes += notes_of(foreign_masks)
        conservation.close(report)
        return report

    def _outcomes(self, items: Sequence[Item]) -> Iterator[Outcome]:
        if self.options.workers == 1:
            return map(self.convert, items)
        return in_threads(self.convert, items, self.options.workers)

    def convert(self, item: Item) -> Outcome:
        """Convert one item; its outcome records a failure, which does not stop the run."""
        if self.glance and (up_to_date := self.glance(item)):
            return up_to_date
        outcome = Outcome(item.name)
        try:
            self._convert(item, outcome)
        except PolymaskError as error:
            outcome.failure = error
        except Exception as error:  # noqa: BLE001 - the boundary: an item's bug must not stop the others
            outcome.failure = PolymaskError(f"{type(error).__name__}: {error}", advice="please report this")
        if outcome.failure:
            account_failed(outcome)
        return outcome

    def _convert(self, item: Item, outcome: Outcome) -> None:
        work = self._start(item, outcome)
        stored = self.sink.proofs(item)
        outcome.has_masks = any(proof.mask is None or proof.mask.any() for proof in stored)
        origin, present, only = self.source.origin, work.reading.present, self.options.only
        outcome.other_masks = other_masks(stored, origin, present=present, drawn=work.drawings, only=only)
        if absent := absorbed_by(stored, origin, present=present):
            self.absent[item.id] = absent
        decisions = self._decide(work, stored)
        masks = masks_of_source(stored, origin, present=present, drawn=work.drawings)
        rule = self.options.pixel_rule
        note_masks(outcome, decisions, masks, drawn=work.drawings, unchosen=work.unchosen, pixel_rule=rule)
        if self.options.dry_run:
            self._rehearse(work, decisions, stored)
            raise_problems(decisions)
            return
        if self.options.delete_source:
            self._back_up(work)
        decisions = self._write_all(work, decisions)
        self._retract(work, decisions)
        if self.options.delete_source:
            self._delete(work, decisions)
        raise_problems(decisions)

    def _start(self, item: Item, outcome: Outcome) -> ItemWork:
        """Read an item, and account for all annotations that it declares."""
        reading = self.source.read(item)
        outcome.unsupported, outcome.skipped = reading.unsupported, reading.skipped
        declare(outcome, reading)
        drawings = self._drawings(reading)
        count(outcome, reading, drawings, pixel_rule=self.options.pixel_rule, limits=self.options.limits)
        unchosen = unchosen_drawings(reading)
        return ItemWork(item, reading, self._paintable(item, drawings, outcome), unchosen, outcome)

    def _rehearse(self, work: ItemWork, decisions: dict[str, Decision], stored: Sequence[Stored]) -> None:
        work.outcome.written = labels_to_write(decisions)
        work.outcome.retracted = sum(len(decision.retract) for decision in decisions.values())
        if self.watch:
            self.watch(work.item, work.reading, decisions, stored)
        work.outcome.deleted = self._would_delete(work, decisions)

    def _write_all(self, work: ItemWork, decisions: dict[str, Decision]) -> dict[str, Decision]:
        """Write masks until no more are needed: reading back may show masks that appeared late."""
        for _ in range(ROUNDS):
            masks = [decision.write for decision in decisions.values() if decision.write]
            if not masks:
                return self._confirm(work, decisions)
            self.sink.write(work.item, masks)
            work.outcome.written = list(dict.fromkeys(work.outcome.written + labels_to_write(decisions)))
            decisions = self._read_back(work, masks)
        if labels := labels_to_write(decisions):
            raise work.refusal(f"the masks of {_quoted(labels)} keep changing; nothing was deleted")
        return decisions

    def _confirm(self, work: ItemWork, decisions: dict[str, Decision]) -> dict[str, Decision]:
        """Read masks of an earlier run a second time before deleting: a single answer may be outdated."""
        due = self.options.delete_source and any(decision.accounted for decision in decisions.values())
        if work.outcome.written or not due:
            return decisions
        confirmed = self._decide(work, self.sink.proofs(work.item))
        if labels := labels_to_write(confirmed):
            raise work.refusal(
                f"the mask of {_quoted(labels)} is gone", advice="nothing was deleted, run again"
            )
        return confirmed

    def _retract(self, work: ItemWork, decisions: dict[str, Decision]) -> None:
        for proof in self._surplus(work, decisions):
            self.sink.retract(work.item, proof)
            work.outcome.retracted += 1

    def _surplus(self, work: ItemWork, decisions: dict[str, Decision]) -> Iterator[Stored]:
        # Of two runs at once, only the later writer sees the double, maybe after all polygons are deleted.
        yield from (proof for decision in decisions.values() for proof in decision.doubles)
        superseded = [proof for decision in decisions.values() for proof in decision.superseded]
        # A mask that looks surplus may be another run's mask of a later edit.
        if superseded and self.source.read(work.item).record.etag != work.reading.record.etag:
            raise SourceChanged(f"{work.item.name}: the annotations changed meanwhile", advice="run again")
        yield from superseded

    def _drawings(self, reading: Reading) -> dict[str, list[Drawing]]:
        """The drawings of the chosen instances by label, in the record's order."""
        record, only = reading.record, self.options.only
        self.options.limits.check_frame(record.name, record.frame)
        self.options.limits.check_record(record.name, record)
        by_label: dict[str, list[Drawing]] = {}
        for instance in record.instances:
            if not only or instance.label in only:
                details = reading.details.get(str(instance.id), {})
                by_label.setdefault(instance.label, []).append(Drawing(instance, record.frame, details))
        return by_label

    def _paintable(
        self, item: Item, by_label: Mapping[str, Sequence[Drawing]], outcome: Outcome
    ) -> dict[str, list[Drawing]]:
        """The drawings that paint a pixel; with deletion, the report lists the others, which stay."""
        rule = self.options.pixel_rule
        if self.options.delete_source:
            empty = [d for drawings in by_label.values() for d in drawings if not d.paints(rule)]
            outcome.kept = [Skipped(f"{item.name}: annotation {d.id}", NO_PIXEL.text) for d in empty]
        return {label: [d for d in drawings if d.paints(rule)] for label, drawings in by_label.items()}

    def _decide(self, work: ItemWork, stored: Sequence[Stored]) -> dict[str, Decision]:
        return decide_all(
            work.drawings,
            stored,
            only=self.options.only,
            frame=work.reading.record.frame,
            pixel_rule=self.options.pixel_rule,
            present=work.reading.present,
            origin=self.source.origin,
            item=work.item.id,
            deletes=self._may_delete(work),
            unchosen=work.unchosen,
        )

    def _read_back(self, work: ItemWork, masks: Sequence[Mask]) -> dict[str, Decision]:
        """Read back until every new mask is stored, and decide again from the stored masks."""
        for _ in readings(self._sleep):
            stored = self.sink.proofs(work.item)
            keys = {proof.key for proof in stored if proof.sound}
            if all(mask.key in keys for mask in masks):
                return self._decide(work, stored)
        labels = _quoted([mask.label for mask in masks])
        raise work.refusal(f"the stored mask of {labels} cannot be read back; nothing was deleted")

    def _back_up(self, work: ItemWork) -> None:
        if self.journal is None:
            raise ProofError("nothing is deleted without a journal")
        item, ids = work.item, [drawing.id for drawing in work.every_drawing]
        self.journal.back_up(item.id, item.name, [work.reading.raw[key] for key in ids], ids=ids)

    def _delete(self, work: ItemWork, decisions: dict[str, Decision]) -> None:
        """Delete the polygons that stored masks account for, if the source has not changed."""
        ids = {key for decision in decisions.values() for key in decision.accounted if not decision.write}
        accounted = [drawing for drawing in work.every_drawing if drawing.id in ids]
        if accounted and self.journal is not None:
            self._allowance.take(len(accounted), work.item.name)
            deletion = Deletion(self.source, self.sink, self.journal, self._sleep)
            deletion.run(work.item, work.reading, accounted, work.outcome)
        if not work.outcome.deleted and not self._may_delete(work):
            self._allowance.take(len(work.every_drawing), work.item.name)

    def _may_delete(self, work: ItemWork) -> bool:
        """Whether the item's polygons may be deleted; above the limit, its masks do not claim that either."""
        return self.options.delete_source and self._allowance.suffices(len(work.every_drawing))

    def _would_delete(self, work: ItemWork, decisions: dict[str, Decision]) -> int:
        deletes = self.options.delete_source
        labels = (label for label, decision in decisions.items() if deletes and not decision.problem)
        return sum(len(work.drawings.get(label, ())) for label in labels)


def _quoted(labels: Sequence[str]) -> str:
    return ", ".join(f"'{label}'" for label in labels)
