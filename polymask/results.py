"""What a run did: the outcome of each image or item, and the one report of every command.

A report says what became of all annotations that the source declares: painted + joined + left out.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, NamedTuple

from polymask.errors import PolymaskError
from polymask.ledger import FAILED, NOT_CHOSEN, OTHER_IMAGES, Ledger, Reason, by_count, nothing_painted
from polymask.log import log
from polymask.model import Conflict, Skipped
from polymask.painting.accounted import CROWD, VOID, VOID_CROWD

MOST_NAMED = 3  # polygons in a note
COVERED = Reason("covered", "painted over: the masks show void or background only")


@dataclass(slots=True)
class Report:
    """What a run did; `to_dict` is what `--json` prints.

    `exit_code` is what the command line exits with: that of the worst failure, where failures differ in
    kind, and 1 where nothing was painted or instances are unsupported.
    `labels` maps each label to its instances and painted pixels; `conflicts` are
    summed over the images; `skipped` was left out on purpose, `unsupported` cannot be painted
    and was left alone, `failures` could not be done; `kept` are polygons that stay in their source
    though polygons were to be deleted, for no mask holds them.
    Of the images, those are `written` of which masks were stored or polygons deleted; `retracted` counts
    masks of ours that were taken away, for newer ones hold more, or what they held is gone.
    Of the annotations that the source declares, those `painted` show in the masks, those `joined` are
    painted as parts of another's instance, and those `left_out` are counted by reason; `declared` is the
    sum of the three, or None where nobody counted. Those `covered` are the painted ones of masks that show
    no label. `nothing_painted` says why, where annotations exist and no mask shows a label.
    """

    images: int = 0
    instances: int = 0
    labels: dict[str, dict[str, int]] = field(default_factory=dict)
    conflicts: Sequence[Conflict] = ()
    conflict_pixels: int = 0
    labeled_pixels: int = 0
    declared: int | None = None
    painted: int = 0
    covered: int = 0
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
    retracted: int = 0
    deleted: int = 0
    worst: int = 0  # the exit code of the worst failure
    seconds: float = 0.0
    kernel: str = "numpy"
    dry_run: bool = False

    @property
    def exit_code(self) -> int:
        """What the command line exits with: 0 where all that was asked for is done."""
        return max(self.worst, int(bool(self.failures or self.nothing_painted or self.unsupported)))

    @exit_code.setter
    def exit_code(self, code: int) -> None:
        self.worst = code

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

    def log(self) -> None:
        """Tell the package's log what failed, what is noted, and the sums."""
        for failure in self.failures:
            log.warning("failed: %s: %s", failure.name, failure.reason)
        for note in self.notes:
            log.info("noted: %s", note)
        counts = self.images, self.written, self.unchanged, self.failed, self.deleted
        log.info("done: %d images, %d written, %d unchanged, %d failed, %d polygons deleted", *counts)

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
            "skipped": [_reason(skipped) for skipped in self.skipped],
            "unsupported": [_reason(skipped) for skipped in self.unsupported],
            "failed": self.failed,
            "failures": [_reason(failure) for failure in self.failures],
            "kept": [_reason(skipped) for skipped in self.kept],
            "notes": self.notes,
            "written": self.written,
            "unchanged": self.unchanged,
            "retracted": self.retracted,
            "deleted": self.deleted,
            "dry_run": self.dry_run,
            "seconds": round(self.seconds, 3),
            "kernel": self.kernel,
        }


def _reason(skipped: Skipped) -> dict[str, str]:
    return {"name": skipped.name, "reason": skipped.reason}


def _plain(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}


class OtherMask(NamedTuple):
    """A mask of another source: its origin, and whether the run's source draws all that it holds."""

    origin: str
    is_repeated: bool


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
    kept: Sequence[Skipped] = ()
    unsupported: Sequence[Skipped] = ()
    declared: int | None = None
    painted: int = 0
    covered: int = 0
    joined: int = 0
    left_out: Counter[Reason] = field(default_factory=Counter)
    skipped: Sequence[Skipped] = ()
    others: Sequence[OtherMask] = ()  # of an item: its masks that were left alone
    has_masks: bool = False  # of an item: there were masks of ours when it was looked at
    failure: PolymaskError | None = None

    @property
    def is_written(self) -> bool:
        """Whether masks were stored, or polygons deleted."""
        return bool(self.written or self.deleted)

    @property
    def changed(self) -> bool:
        """Whether anything was done."""
        return self.is_written or self.retracted > 0


def add_declared(report: Report, ledger: Ledger, *, names: Sequence[str], indices: Sequence[int]) -> None:
    """Add to a report what its source's ledger says of the images of a run, `indices` among `names`."""
    chosen: Collection[int] = range(len(names))
    if len(indices) < len(names):
        chosen = set(indices)
        outside = sum(ledger.declared_of(i) for i in range(len(names)) if i not in chosen)
        report.left_out[OTHER_IMAGES] += outside
    failures = {failure.name for failure in report.failures}
    failed = {index for index in indices if names[index] in failures} if failures else set()
    report.left_out[FAILED] += sum(ledger.of_image[i] + ledger.joined_in.get(i, 0) for i in failed)
    for reason, images in ledger.left_out.items():
        report.left_out[reason] += sum(count for image, count in images.items() if image in chosen)
    report.left_out += ledger.of_no_image
    report.joined = sum(n for i, n in ledger.joined_in.items() if i in chosen and i not in failed)
    report.declared = ledger.declared


def judge_painted(report: Report, *, is_part: bool = False) -> None:
    """Note in a report where no mask shows a label though the run had annotations: exit code 1.

    Void tells of no label. A part of a run, which may have no image of what is chosen, is not judged for it.
    """
    if is_part and any(report.left_out[reason] for reason in (NOT_CHOSEN, CROWD, VOID, VOID_CROWD)):
        return
    others = report.left_out[OTHER_IMAGES]
    chosen = (report.declared or 0) - others
    if chosen and report.painted == report.covered and not report.failures:
        left_out = report.left_out - Counter({OTHER_IMAGES: others}) + Counter({COVERED: report.covered})
        _note_nothing_painted(report, chosen, left_out)


def judge_source(report: Report, ledger: Ledger | None) -> None:
    """Note in a report that nothing was painted, where none of the source's annotations is an instance."""
    if ledger and ledger.declared and not ledger.instances:
        _note_nothing_painted(report, ledger.declared, ledger.omitted)


def note_why_polygons_stay(report: Report, source: str) -> None:
    """A note for each reason why polygons stay in their source."""
    for reason, count in Counter(polygon.reason for polygon in report.kept).items():
        names = [polygon.name for polygon in report.kept if polygon.reason == reason][:MOST_NAMED]
        others = f" and {count - len(names)} more" if count > len(names) else ""
        report.notes.append(f"{count} polygons stay in {source} ({reason}): {', '.join(names)}{others}")


def _note_nothing_painted(report: Report, declared: int, left_out: Counter[Reason]) -> None:
    report.nothing_painted = nothing_painted(declared, left_out)
