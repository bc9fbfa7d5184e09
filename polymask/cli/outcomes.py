"""What commands say when they are done, in a few lines."""

from typing import TYPE_CHECKING

from polymask.cli.text import capped
from polymask.model import Skipped
from polymask.results import Report
from polymask.wording import counted

if TYPE_CHECKING:
    from polymask.report.page import Preview

MOST_PROBLEMS = 5


def proven_text(report: Report, against: str) -> str:
    """What a verification found where all is well; `against` is empty for a dataset."""
    if against:
        masks = counted(report.images, "mask is", "masks are")
        return "\n".join([f"{masks} what the {against}.", *report.notes])
    verb = "is what it claims" if report.unchanged == 1 else "are what they claim"
    return f"{counted(report.unchanged, 'mask')} on {counted(report.images, 'item')} {verb} to be."


def named_reason(row: Skipped) -> str:
    """What became of an image or item, with its name."""
    return row.reason if row.name in row.reason else f"{row.name}: {row.reason}"


def restored_text(report: Report, noun: str, *, dry_run: bool) -> str:
    """What was put back, what was there already, and what was edited or erased since; `noun` is for one."""
    outcome = "would be put back (dry run: nothing was written)" if dry_run else "put back"
    changed = counted(len(report.skipped), "was", "were")
    edited = f", {changed} edited or erased since" if report.skipped else ""
    there = f"{counted(report.unchanged, 'was', 'were')} there already"
    reasons = capped([named_reason(polygon) for polygon in report.skipped])
    first = f"{counted(report.written, noun)} {outcome}, {there}{edited}."
    return "\n".join([first, *reasons, *report.notes])


def preview_text(page: "Preview", output: str) -> str:
    """How many images a preview shows, and what it cannot show."""
    images, gray = counted(len(page.facts), "image"), len(page.shots) - page.pictures
    shown = images if len(page.shots) == len(page.facts) else f"{len(page.shots):,} of {images}"
    remark = f" ({gray:,} on gray, without a picture)" if gray else ""
    problems = [*page.notes, *page.unshown]
    more = len(problems) - MOST_PROBLEMS
    closing = [f"  … and {counted(more, 'more image')}"] if more > 0 else []
    listed = [f"  could not be shown: {problem}" for problem in problems[:MOST_PROBLEMS]]
    findings = f", {counted(len(page.findings), 'finding')}" if page.findings else ""
    scaled = [f"  picture scaled to the size of its mask: {name}" for name in page.scaled[:MOST_PROBLEMS]]
    if (uncounted := len(page.scaled) - MOST_PROBLEMS) > 0:
        scaled.append(f"  … and {counted(uncounted, 'more picture')}")
    return "\n".join([f"{shown}{remark}{findings} → {output}", *listed, *closing, *scaled])
