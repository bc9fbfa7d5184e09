"""Summing up the outcomes of images or items in a report."""

from polymask.errors import InputError, PolymaskError
from polymask.model import Skipped
from polymask.painting.conflicts import ConflictSum
from polymask.results import Outcome, Report


class Tally:
    """A sum of outcomes, as a report; the tallies of several processes can be merged in order.

    Examples:
        >>> tally, other = Tally(), Tally()
        >>> tally.add(Outcome("a.jpg", labels={"cat": (1, 4)}))
        >>> other.add(Outcome("b.jpg", labels={"cat": (2, 5)}))
        >>> tally.merge(other)
        >>> tally.report.images, tally.report.labels
        (2, {'cat': {'instances': 3, 'pixels': 9}})
    """

    def __init__(self) -> None:
        self.report = Report(kernel="")
        self._conflicts = ConflictSum()

    def add(self, outcome: Outcome) -> None:
        """Add one image's outcome."""
        report = self.report
        report.images += 1
        report.unsupported.extend(outcome.unsupported)
        report.skipped.extend(outcome.skipped)
        report.kept.extend(outcome.kept)
        report.deleted += outcome.deleted
        report.retracted += outcome.retracted
        if outcome.failure is not None:
            reason = str(outcome.failure).removeprefix(f"{outcome.name}: ")  # the report has it already
            report.failures.append(Skipped(outcome.name, reason))
            report.exit_code = max(report.exit_code, _exit_code(outcome.failure))
            return
        report.instances += outcome.instances
        report.painted += outcome.painted
        report.covered += outcome.covered
        report.left_out += outcome.left_out
        report.written += outcome.changed
        report.unchanged += not outcome.changed
        report.conflict_pixels += outcome.conflict_pixels
        report.labeled_pixels += outcome.labeled_pixels
        self._conflicts.add(outcome.conflicts)
        for name, (instances, pixels) in outcome.labels.items():
            self._count(name, instances, pixels)

    def _count(self, name: str, instances: int, pixels: int) -> None:
        counts = self.report.labels.setdefault(name, {"instances": 0, "pixels": 0})
        counts["instances"] += instances
        counts["pixels"] += pixels

    def merge(self, other: "Tally") -> None:
        """Add the outcomes of another tally after those of this tally."""
        self._add_counts(other.report)
        self._conflicts.merge(other._conflicts)

    def add_report(self, report: Report) -> None:
        """Add a report on further images after the outcomes of this tally."""
        self._add_counts(report)
        self._conflicts.add(report.conflicts)

    def _add_counts(self, added: Report) -> None:
        report = self.report
        for name in _NUMBERS:
            setattr(report, name, getattr(report, name) + getattr(added, name))
        for name in _LISTS:
            getattr(report, name).extend(getattr(added, name))
        report.left_out += added.left_out
        report.exit_code = max(report.exit_code, added.exit_code)
        for name, counts in added.labels.items():
            self._count(name, counts["instances"], counts["pixels"])

    def finished(self) -> Report:
        """The finished report, with the conflicts of all images."""
        self.report.conflicts = self._conflicts.conflicts
        return self.report


_NUMBERS = (
    "images", "instances", "painted", "covered", "written", "unchanged", "retracted", "deleted",
    "conflict_pixels", "labeled_pixels",
)  # fmt: skip
_LISTS = ("unsupported", "skipped", "failures", "kept")


def _exit_code(failure: PolymaskError) -> int:
    return 1 if isinstance(failure, InputError) else failure.exit_code
