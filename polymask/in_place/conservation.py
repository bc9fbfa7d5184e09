"""The balance of an in-place run: for each item, annotations declared = painted + joined + left out.

The balance of an item is checked before anything is written to it. An item that cannot be read declares
nothing. Masks that polymask stored are made from annotations and do not count as annotations.
"""

from collections import Counter

from polymask.in_place.protocols import Reading
from polymask.ledger import FAILED, NO_PIXEL, NOT_CHOSEN, Ledger, nothing_painted
from polymask.results import Outcome, Report


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


def account(outcome: Outcome, reading: Reading, *, chosen: int, empty: int) -> None:
    """Record in an outcome that the masks show all `chosen` instances except the `empty` ones."""
    outcome.left_out += Counter({NOT_CHOSEN: len(reading.record.instances) - chosen, NO_PIXEL: empty})
    outcome.painted = chosen - empty


def account_failed(outcome: Outcome) -> None:
    """Count all instances of a failed item as left out, for none is known to be painted."""
    outcome.left_out += Counter({FAILED: outcome.painted + outcome.joined + _unaccounted(outcome)})
    outcome.painted = outcome.joined = 0


def _unaccounted(outcome: Outcome) -> int:
    accounted = outcome.painted + outcome.joined + outcome.left_out.total()
    return (outcome.declared or 0) - accounted


class Conservation:
    """The balance of a run: the sum over its items."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self._is_counted = self._has_masks = False

    def add(self, outcome: Outcome) -> None:
        """Add an item's outcome."""
        self._has_masks |= outcome.has_masks
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
        if not self._is_counted:
            return
        report.declared, report.painted, report.joined = ledger.declared, ledger.instances, ledger.joined
        report.left_out = ledger.omitted
        if ledger.declared and not (ledger.instances or self._has_masks or report.failures):
            report.nothing_painted = nothing_painted(ledger.declared, ledger.omitted)
