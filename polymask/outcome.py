"""What became of one image or item, and the sum over all of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from polymask.errors import InputError, PolymaskError
from polymask.ledger import Reason
from polymask.model import Conflict, Skipped
from polymask.painting.conflicts import ConflictSum
from polymask.results import Report
from polymask.storage.manifest import Lines


@dataclass(slots=True)
class Outcome:
    """What became of one image or item, or what would."""

    name: str
    instances: int = 0
    labels: dict[str, tuple[int, int]] = field(default_factory=dict)
    conflicts: tuple[Conflict, ...] = ()
    contested: int = 0
    labeled: int = 0
    written: list[str] = field(default_factory=list)
    retracted: int = 0
    deleted: int = 0
    unsupported: Sequence[Skipped] = ()
    declared: int | None = None
    painted: int = 0
    joined: int = 0
    left_out: Counter[Reason] = field(default_factory=Counter)
    skipped: Sequence[Skipped] = ()
    has_masks: bool = False  # of an item: there were masks of ours when it was looked at
    failure: PolymaskError | None = None

    @property
    def changed(self) -> bool:
        """Whether anything was done."""
        return bool(self.written or self.retracted or self.deleted)


class Tally:
    """Outcomes, summed up in a report; the tallies of several processes add up in their order.

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
        report.deleted += outcome.deleted
        if outcome.failure is not None:
            reason = str(outcome.failure).removeprefix(f"{outcome.name}: ")  # it is told beside its name
            report.failures.append(Skipped(outcome.name, reason))
            report.exit_code = max(report.exit_code, _exit_code(outcome.failure))
            report.written += outcome.changed
            return
        report.instances += outcome.instances
        report.painted += outcome.painted
        report.left_out += outcome.left_out
        report.written += outcome.changed
        report.unchanged += not outcome.changed
        report.conflict_pixels += outcome.contested
        report.labeled_pixels += outcome.labeled
        self._conflicts.add(outcome.conflicts)
        for name, (instances, pixels) in outcome.labels.items():
            self._count(name, instances, pixels)

    def _count(self, name: str, instances: int, pixels: int) -> None:
        counts = self.report.labels.setdefault(name, {"instances": 0, "pixels": 0})
        counts["instances"] += instances
        counts["pixels"] += pixels

    def merge(self, other: "Tally") -> None:
        """Add what another tally holds, behind what this one does."""
        mine, more = self.report, other.report
        for name in _NUMBERS:
            setattr(mine, name, getattr(mine, name) + getattr(more, name))
        for name in _LISTS:
            getattr(mine, name).extend(getattr(more, name))
        mine.left_out += more.left_out
        mine.exit_code = max(mine.exit_code, more.exit_code)
        self._conflicts.add(other._conflicts.conflicts)
        for name, counts in more.labels.items():
            self._count(name, counts["instances"], counts["pixels"])

    def finished(self) -> Report:
        """The report, with its conflicts."""
        self.report.conflicts = self._conflicts.conflicts
        return self.report


_NUMBERS = (
    "images", "instances", "painted", "written", "unchanged", "deleted", "conflict_pixels", "labeled_pixels",
)  # fmt: skip
_LISTS = ("unsupported", "skipped", "failures")


def _exit_code(failure: PolymaskError) -> int:
    return 1 if isinstance(failure, InputError) else failure.exit_code


@dataclass(slots=True)
class Made:
    """What some images became: their outcomes, summed up, and by name what is kept of each that was done."""

    tally: Tally = field(default_factory=Tally)
    lines: dict[str, bytes] | Lines = field(default_factory=dict)  # of the manifest
    rows: dict[str, bytes] = field(default_factory=dict)  # of files that all images have in common

    def add(self, other: "Made") -> None:
        """Take other images in, behind these."""
        self.tally.merge(other.tally)
        self.lines.update(other.lines)
        self.rows |= other.rows

    def keep(self, name: str, line: bytes, row: bytes = b"") -> None:
        """Take in what is kept of an image."""
        self.lines.update({name: line})
        if row:
            self.rows[name] = row
