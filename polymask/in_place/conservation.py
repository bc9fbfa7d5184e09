"""The balance of an in-place run: for each item, annotations declared = painted + joined + left out.

The balance of an item is checked before anything is written to it. An item that cannot be read declares
nothing. Masks that polymask stored are made from annotations and do not count as annotations.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from polymask.in_place.holdings import Unchosen
from polymask.in_place.origins import Drawings
from polymask.in_place.protocols import Reading, Stored
from polymask.in_place.reconcile import Decision
from polymask.labels.label_map import LabelMap
from polymask.ledger import FAILED, NO_PIXEL, NOT_CHOSEN, Ledger, nothing_painted
from polymask.limits import Limits
from polymask.painting.painting import Painting, Rules
from polymask.raster.packed import united
from polymask.results import MaskNote, Outcome, Report
from polymask.wording import counted


def declare(outcome: Outcome, reading: Reading) -> None:
    """Record in an outcome what its item declares.

    Raises:
        PolymaskError: The annotations do not add up to the number declared.
    """
    if reading.declared is None:
        return
    instances = len(reading.record.instances)
    Ledger().add_image(
        declared=reading.declared, instances=instances, joined=reading.joined, left_out=reading.left_out
    )
    outcome.declared, outcome.joined = reading.declared, reading.joined
    outcome.left_out = Counter(reading.left_out)


def count(outcome: Outcome, reading: Reading, by_label: Drawings, *, pixel_rule: str, limits: Limits) -> None:
    """Record in an outcome the instances, pixels and conflicts of its chosen drawings, by label."""
    instances = tuple(drawing.instance for drawings in by_label.values() for drawing in drawings)
    if not instances:
        account(outcome, reading, chosen=0, empty=0)
        return
    record = replace(reading.record, instances=instances)
    rules = Rules(pixel_rule=pixel_rule, overlap="void")
    painting = Painting(record, LabelMap.from_names(by_label), rules, limits=limits)
    outcome.instances = len(instances)
    account(outcome, reading, chosen=len(instances), empty=int(painting.empty.sum()))
    outcome.conflicts = painting.conflicts
    outcome.conflict_pixels = painting.contested_pixels
    outcome.labeled_pixels = painting.labeled_pixels
    for label, spans in painting.label_spans.items():
        outcome.labels[label] = (len(by_label[label]), spans.pixels)


def account(outcome: Outcome, reading: Reading, *, chosen: int, empty: int) -> None:
    """Record in an outcome that the masks show all `chosen` instances except the `empty` ones."""
    outcome.left_out += Counter({NOT_CHOSEN: len(reading.record.instances) - chosen, NO_PIXEL: empty})
    outcome.painted = chosen - empty


def account_failed(outcome: Outcome) -> None:
    """Count all instances of a failed item as left out, for none is known to be painted."""
    outcome.left_out += Counter({FAILED: outcome.painted + outcome.joined + _unaccounted(outcome)})
    outcome.painted = outcome.joined = 0


KEPT = "not taken by this run, and kept in the masks of earlier runs"
REPAINTED = "painted anew, for they were by another pixel rule ({rule})"
OF_OTHER_RULE = "left under another pixel rule ({rule}), for polygons in them are deleted or not taken"


def note_masks(
    outcome: Outcome,
    decisions: Mapping[str, Decision],
    masks: Sequence[Stored],
    *,
    drawn: Drawings,
    unchosen: Unchosen,
    pixel_rule: str,
) -> None:
    """Record in an outcome what is to be noted of its source's masks, as they were before the run.

    Which have another pixel rule: those that stay show their polygons by it, so these are counted by it;
    and how many polygons they hold that the run does not choose.
    """
    listed = {key for proof in masks for key in proof.statements} & unchosen.keys()
    polygons = {drawing.id if (drawing := unchosen[key]) else key for key in listed}
    outcome.mask_notes = Counter({MaskNote(KEPT): len(polygons)})
    retracted = {proof.location for decision in decisions.values() for proof in decision.retract}
    for proof in masks:
        rule, label = str(proof.claim["pixel_rule"]), proof.label_among(decisions)
        if rule == pixel_rule or label not in decisions:
            continue
        write = decisions[label].write
        keeps_rule = write is not None and write.claim["pixel_rule"] == rule
        stays = keeps_rule or proof.location not in retracted
        if stays or write:
            outcome.mask_notes[MaskNote(OF_OTHER_RULE if stays else REPAINTED, rule)] += 1
        if stays and label in outcome.labels and proof.sound:
            starts, ends = united([drawing.flat(rule) for drawing in drawn[label]])
            outcome.labels[label] = len(drawn[label]), int((ends - starts).sum())


def _texts_of(notes: Mapping[MaskNote, int]) -> Iterator[str]:
    for note, number in notes.items():
        if number:
            noun = "polygon" if note.text == KEPT else "mask"
            yield f"{counted(number, noun)} {note.text.format(rule=note.pixel_rule)}"


def _unaccounted(outcome: Outcome) -> int:
    accounted = outcome.painted + outcome.joined + outcome.left_out.total()
    return (outcome.declared or 0) - accounted


class Conservation:
    """The balance of a run: the sum over its items."""

    def __init__(self) -> None:
        self.ledger, self.mask_notes = Ledger(), Counter[MaskNote]()
        self._is_counted = self._has_masks = False

    def add(self, outcome: Outcome) -> None:
        """Add an item's outcome."""
        self._has_masks |= outcome.has_masks
        if not outcome.failure:
            self.mask_notes += outcome.mask_notes
        if outcome.declared is None:
            return
        self._is_counted = True
        self.ledger.add_image(
            declared=outcome.declared,
            instances=outcome.painted,
            joined=outcome.joined,
            left_out=outcome.left_out,
        )

    def close(self, report: Report) -> None:
        """Copy the sums to a report; note there if neither this run nor an earlier one painted anything."""
        ledger = self.ledger
        report.notes += _texts_of(self.mask_notes)
        if not self._is_counted:
            return
        report.declared, report.painted, report.joined = ledger.declared, ledger.instances, ledger.joined
        report.left_out = ledger.omitted
        if ledger.declared and not (ledger.instances or self._has_masks or report.failures):
            report.nothing_painted = nothing_painted(ledger.declared, ledger.omitted)
