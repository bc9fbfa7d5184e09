"""Whether an in-place run lost anything: annotations declared = painted + joined + left out, by item.

What a source declares of an item is checked before anything of it is written. Items that cannot be
read declare nothing that anybody knows of; masks of ours are what was made of annotations, and none.
"""

from collections import Counter

from polymask.in_place.protocols import Reading
from polymask.ledger import FAILED, NO_PIXEL, NOT_CHOSEN, Ledger, nothing_painted
from polymask.results import Outcome, Report


def declare(outcome: Outcome, reading: Reading) -> None:
    """Tell an outcome what its item declares; raises `PolymaskError` where that does not add up."""
    if reading.declared is None:
        return
    instances = len(reading.record.instances)
    Ledger().add_image(
        declared=reading.declared, instances=instances, joined=reading.joined, left_out=reading.left_out
    )
    outcome.declared, outcome.joined = reading.declared, reading.joined
    outcome.left_out = Counter(reading.left_out)


def account(outcome: Outcome, reading: Reading, *, chosen: int, empty: int) -> None:
    """Tell an outcome which of its item's instances the masks show: of those `chosen`, all but the empty."""
    outcome.left_out += Counter({NOT_CHOSEN: len(reading.record.instances) - chosen, NO_PIXEL: empty})
    outcome.painted = chosen - empty


def account_failed(outcome: Outcome) -> None:
    """Tell an outcome of a failure that none of its instances is known to be painted."""
    outcome.left_out += Counter({FAILED: outcome.painted + outcome.joined + _unaccounted(outcome)})
    outcome.painted = outcome.joined = 0


def _unaccounted(outcome: Outcome) -> int:
    accounted = outcome.painted + outcome.joined + outcome.left_out.total()
    return (outcome.declared or 0) - accounted


class Conservation:
    """The sum over a run's items."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self._is_counted = self._has_masks = False

    def add(self, outcome: Outcome) -> None:
        """Take in an item that was read."""
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
        """Tell a report of it, and judge whether anything is painted, now or by a run before."""
        ledger = self.ledger
        if not self._is_counted:
            return
        report.declared, report.painted, report.joined = ledger.declared, ledger.instances, ledger.joined
        report.left_out = ledger.omitted
        if ledger.declared and not (ledger.instances or self._has_masks or report.failures):
            report.nothing_painted = nothing_painted(ledger.declared, ledger.omitted)
