"""What a run did, as plain data: the one report of every conversion, verification and restoration."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from polymask.ledger import Reason, by_count
from polymask.model import Conflict, Skipped


@dataclass(slots=True)
class Report:
    """What a run did; `to_dict` is what `--json` prints.

    `exit_code` is that of the worst failure, where failures differ in kind.
    `labels` maps each label to its instances and painted pixels; `conflicts` are
    summed over the images; `skipped` was left out on purpose, `unsupported` cannot be painted
    and was left alone, `failures` could not be done; `kept` are polygons that stay in their source
    though polygons were to be deleted, for no mask holds them.
    Of the annotations that the source declares, those `painted` show in the masks, those `joined` are
    painted as parts of another's instance, and those `left_out` are counted by reason; `declared` is the
    sum of the three, or None where nobody counted. `nothing_painted` says why, where annotations exist
    and none is painted.
    """

    images: int = 0
    instances: int = 0
    labels: dict[str, dict[str, int]] = field(default_factory=dict)
    conflicts: Sequence[Conflict] = ()
    conflict_pixels: int = 0
    labeled_pixels: int = 0
    declared: int | None = None
    painted: int = 0
    joined: int = 0
    left_out: Counter[Reason] = field(default_factory=Counter)
    nothing_painted: str = ""
    unsegmented: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    unsupported: list[Skipped] = field(default_factory=list)
    failures: list[Skipped] = field(default_factory=list)
    kept: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    written: int = 0
    unchanged: int = 0
    deleted: int = 0
    exit_code: int = 0
    seconds: float = 0.0
    kernel: str = "numpy"
    dry_run: bool = False

    @property
    def failed(self) -> int:
        """How many images could not be done."""
        return len(self.failures)

    @property
    def conflict_percent(self) -> float:
        """The pixels that several labels claim, in percent of those that any label claims."""
        return 100 * self.conflict_pixels / self.labeled_pixels if self.labeled_pixels else 0.0

    def _repr_html_(self) -> str:
        """Tables of labels and conflicts, as notebooks show them."""
        notebook = import_module("polymask.report.notebook")  # floors above, and only in a notebook
        return str(notebook.report_html(self))

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, dicts, numbers and strings, in a fixed order."""
        return {
            "images": self.images,
            "instances": self.instances,
            "labels": self.labels,
            "conflicts": [_plain(conflict) for conflict in self.conflicts],
            "conflict_pixels": self.conflict_pixels,
            "labeled_pixels": self.labeled_pixels,
            "declared": self.declared,
            "painted": self.painted,
            "joined": self.joined,
            "left_out": [
                {"kind": reason.kind, "reason": reason.text, "annotations": count}
                for reason, count in by_count(self.left_out)
            ],
            "nothing_painted": self.nothing_painted,
            "unsegmented": self.unsegmented,
            "skipped": [_plain(skipped) for skipped in self.skipped],
            "unsupported": [_plain(one) for one in self.unsupported],
            "failed": self.failed,
            "failures": [_plain(failure) for failure in self.failures],
            "kept": [_plain(one) for one in self.kept],
            "notes": self.notes,
            "written": self.written,
            "unchanged": self.unchanged,
            "deleted": self.deleted,
            "dry_run": self.dry_run,
            "seconds": round(self.seconds, 3),
            "kernel": self.kernel,
        }


def _plain(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}
