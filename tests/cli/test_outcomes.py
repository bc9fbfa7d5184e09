"""What commands say when they are done: numbers that add up, nouns that fit them, lists that end."""

import pytest

from polymask.analysis.verify import failures_text
from polymask.cli.outcomes import restored_text
from polymask.cli.text import MOST_LINES, summary
from polymask.errors import ProofError
from polymask.model import Skipped
from polymask.results import Outcome, Report
from polymask.tally import Tally


def failures(count: int) -> list[Skipped]:
    return [Skipped(f"{number}.png", "edited since") for number in range(count)]


def test_each_image_is_counted_once() -> None:
    """One that only lost a mask is written, and one that failed after it was written to is failed alone."""
    tally = Tally()
    for outcome in (
        Outcome("a", written=["cat"]),
        Outcome("b", retracted=1),
        Outcome("c", deleted=1, failure=ProofError("gone")),
        Outcome("d"),
    ):
        tally.add(outcome)
    report = tally.finished()
    assert (report.written, report.unchanged, report.failed, report.images) == (2, 1, 1, 4)


def test_one_thing_is_in_the_singular() -> None:
    """An image, an instance, a polygon, a mask."""
    report = Report(images=1, instances=1, written=1, deleted=1, retracted=1)
    text = summary(report, "masks/")
    assert text.startswith("1 image, 1 instance → masks/")
    assert "1 polygon was deleted" in text
    assert "1 mask was retracted" in text
    restored = restored_text(Report(written=1, unchanged=1), "polygon", dry_run=False)
    assert restored == "1 polygon put back, 1 was there already."


@pytest.mark.parametrize("count", [1, MOST_LINES, MOST_LINES + 3])
def test_a_list_ends(count: int) -> None:
    """The first dozen are named, and how many there are beyond."""
    lines = restored_text(Report(skipped=failures(count)), "polygon", dry_run=False).splitlines()
    assert len(lines) == 1 + min(count, MOST_LINES) + (count > MOST_LINES)
    assert ("and 3 more" in lines[-1]) == (count > MOST_LINES)


def test_the_problems_of_a_dataset_are_no_masks() -> None:
    """A label with two masks is one problem, while both masks are proven."""
    report = Report(unchanged=2, failures=[Skipped("a.png", "'cat' has 2 masks")])
    text = failures_text(report, "dataloop://p/d", of_masks=False)
    assert text.startswith("1 problem in dataloop://p/d, where 2 masks were proven:")
    assert failures_text(report, "masks/").startswith("1 of 3 masks in masks/")
