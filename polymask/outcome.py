"""What became of one item of an in-place run, and the sum over all of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from polymask.conflicts import add_conflicts
from polymask.errors import InputError, PolymaskError
from polymask.model import Conflict, Skipped
from polymask.report_model import Report
from polymask.seams import Item


@dataclass(slots=True)
class ItemOutcome:
    """What became of one item, or what would."""

    item: Item
    instances: int = 0
    labels: dict[str, tuple[int, int]] = field(default_factory=dict)
    conflicts: tuple[Conflict, ...] = ()
    contested: int = 0
    labeled: int = 0
    written: list[str] = field(default_factory=list)
    retracted: int = 0
    deleted: int = 0
    unsupported: Sequence[Skipped] = ()
    failure: PolymaskError | None = None

    @property
    def changed(self) -> bool:
        """Whether anything was done."""
        return bool(self.written or self.retracted or self.deleted)


def sum_up(outcome: ItemOutcome, report: Report, conflicts: dict[tuple[str, str], Conflict]) -> None:
    """Add one item's outcome to the report; `conflicts` are summed by pair of labels."""
    report.images += 1
    report.unsupported.extend(outcome.unsupported)
    if outcome.failure is not None:
        report.failures.append(Skipped(outcome.item.name, str(outcome.failure)))
        code = 1 if isinstance(outcome.failure, InputError) else outcome.failure.exit_code
        report.exit_code = max(report.exit_code, code)
        report.written += outcome.changed
        report.deleted += outcome.deleted
        return
    report.instances += outcome.instances
    report.written += outcome.changed
    report.unchanged += not outcome.changed
    report.deleted += outcome.deleted
    report.conflict_pixels += outcome.contested
    report.labeled_pixels += outcome.labeled
    add_conflicts(conflicts, outcome.conflicts)
    for name, (instances, pixels) in outcome.labels.items():
        counts = report.labels.setdefault(name, {"instances": 0, "pixels": 0})
        counts["instances"] += instances
        counts["pixels"] += pixels
