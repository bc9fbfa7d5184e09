"""The results of a run: the outcome of each image or item, and the report of a command.

A report accounts for all annotations that the source declares: declared = painted + joined + left out.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, NamedTuple

import msgspec

from polymask.errors import PolymaskError
from polymask.ledger import FAILED, NOT_CHOSEN, OTHER_IMAGES, Ledger, Reason, by_count, nothing_painted
from polymask.log import log
from polymask.model import Conflict, Skipped
from polymask.painting.accounted import CROWD, VOID, VOID_CROWD
from polymask.wording import counted

MOST_NAMED = 3  # polygons that a note names
COVERED = Reason("covered", "painted over: the masks show void or background only")


@dataclass(slots=True)
class Report:
    """The report of a run; `--json` prints its `to_dict`.

    Attributes:
        images: The number of images.
        instances: The number of painted instances.
        labels: For each label, the numbers of its instances and of its painted pixels.
        conflicts: The conflicts, summed over all images.
        conflict_pixels: The number of pixels that several labels claim.
        labeled_pixels: The number of pixels that any label claims.
        declared: The number of annotations in the source, which is the sum of `painted`, `joined` and
            `left_out`; None if nobody counted.
        painted: The number of annotations that the masks show.
        covered: The number of painted annotations in masks that show no label.
        joined: The number of annotations that are painted as parts of another annotation's instance.
        left_out: The numbers of annotations that are not painted, by reason.
        nothing_painted: Why no mask shows a label though there are annotations; empty otherwise.
        unsegmented: The number of annotations without a segmentation.
        skipped: What was left out on purpose.
        unsupported: Instances that cannot be painted; they were left alone.
        failures: Images or items that failed.
        kept: Polygons that were to be deleted but stay in their source, for no mask holds them.
        notes: Further facts, in plain text.
        written: The number of images that were changed and did not fail: masks were stored or removed, or
            polygons deleted. Each image is written, unchanged or failed.
        unchanged: The number of images for which nothing had to be done.
        retracted: The number of polymask's masks that were removed as superseded or outdated.
        deleted: The number of deleted polygons.
        worst: The exit code of the worst failure.
        seconds: The duration of the run.
        kernel: The kernel that painted.
        dry_run: Whether nothing was written on purpose.
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
    worst: int = 0
    seconds: float = 0.0
    kernel: str = "numpy"
    dry_run: bool = False

    @property
    def exit_code(self) -> int:
        """The exit code of the command line: that of the worst failure, or 0 if everything was done.

        It is 1 if nothing was painted or instances are unsupported.
        """
        return max(self.worst, int(bool(self.failures or self.nothing_painted or self.unsupported)))

    @exit_code.setter
    def exit_code(self, code: int) -> None:
        self.worst = code

    @property
    def failed(self) -> int:
        """The number of images that failed."""
        return len(self.failures)

    @property
    def conflict_percent(self) -> float:
        """The pixels that several labels claim, in percent of the pixels that any label claims."""
        return 100 * self.conflict_pixels / self.labeled_pixels if self.labeled_pixels else 0.0

    def _repr_html_(self) -> str:
        """Tables of labels and conflicts, as notebooks show them."""
        notebook = import_module("polymask.report.notebook")  # a higher layer, needed in notebooks only
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
        """The report as plain lists, dicts, numbers and strings, in a fixed order."""
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
    """A mask of another source: its origin, and whether the run's source has all of its polygons too."""

    origin: str
    is_repeated: bool


class MaskNote(NamedTuple):
    """What a report notes of some masks, or of polygons in them; `text` may have a place for a rule."""

    text: str
    pixel_rule: str = ""


class Outcome(msgspec.Struct):
    """What a run did to an image or item; in a dry run, what it would do."""

    name: str
    instances: int = 0
    labels: dict[str, tuple[int, int]] = {}
    conflicts: tuple[Conflict, ...] = ()
    conflict_pixels: int = 0
    labeled_pixels: int = 0
    written: list[str] = []
    retracted: int = 0
    deleted: int = 0
    kept: Sequence[Skipped] = ()
    unsupported: Sequence[Skipped] = ()
    declared: int | None = None
    painted: int = 0
    covered: int = 0
    joined: int = 0
    left_out: Counter[Reason] = msgspec.field(default_factory=Counter)
    skipped: Sequence[Skipped] = ()
    other_masks: Sequence[OtherMask] = ()  # of an item: masks of other sources, which were left alone
    mask_notes: Counter[MaskNote] = msgspec.field(default_factory=Counter)  # of an item
    has_masks: bool = False  # of an item: polymask had stored masks for it before
    failure: PolymaskError | None = None

    @property
    def changed(self) -> bool:
        """Whether the run changed anything: masks were stored or retracted, or polygons deleted."""
        return bool(self.written or self.deleted or self.retracted)


def add_declared(report: Report, ledger: Ledger, *, names: Sequence[str], indices: Sequence[int]) -> None:
    """Add the counts of a source's ledger to a report, for the images `indices` among all `names`."""
    chosen: Collection[int] = range(len(names))
    if len(indices) < len(names):
        chosen = set(indices)
        outside = sum(ledger.declared_of(i) for i in range(len(names)) if i not in chosen)
        report.left_out[OTHER_IMAGES] += outside
    failures = {failure.name for failure in report.failures}
    failed = {index for index in indices if names[index] in failures} if failures else set()
    report.left_out[FAILED] += sum(ledger.instance_counts[i] + ledger.joined_counts.get(i, 0) for i in failed)
    for reason, images in ledger.left_out.items():
        report.left_out[reason] += sum(count for image, count in images.items() if image in chosen)
    report.left_out += ledger.without_image
    report.joined = sum(n for i, n in ledger.joined_counts.items() if i in chosen and i not in failed)
    report.declared = ledger.declared


def judge_painted(report: Report, *, is_part: bool = False) -> None:
    """Note in a report if no mask shows a label though the run had annotations, which makes the exit code 1.

    Void is no label. A part of a run (`is_part`) may have no image with the chosen labels, so nothing is
    noted for it then.
    """
    if is_part and any(report.left_out[reason] for reason in (NOT_CHOSEN, CROWD, VOID, VOID_CROWD)):
        return
    unchosen = report.left_out[OTHER_IMAGES]
    chosen = (report.declared or 0) - unchosen
    if chosen and report.painted == report.covered and not report.failures:
        left_out = report.left_out - Counter({OTHER_IMAGES: unchosen}) + Counter({COVERED: report.covered})
        report.nothing_painted = nothing_painted(chosen, left_out)


def judge_source(report: Report, ledger: Ledger | None) -> None:
    """Note in a report that nothing was painted, if none of the source's annotations is an instance."""
    if ledger and ledger.declared and not ledger.instances:
        report.nothing_painted = nothing_painted(ledger.declared, ledger.omitted)


def note_why_polygons_stay(report: Report, source: str) -> None:
    """Note in a report why polygons stay in their source, with a note for each reason."""
    for reason, count in Counter(polygon.reason for polygon in report.kept).items():
        names = [polygon.name for polygon in report.kept if polygon.reason == reason][:MOST_NAMED]
        more = f" and {count - len(names)} more" if count > len(names) else ""
        stay = "stays" if count == 1 else "stay"
        report.notes.append(
            f"{counted(count, 'polygon')} {stay} in {source} ({reason}): {', '.join(names)}{more}"
        )
