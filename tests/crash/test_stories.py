"""Samples of the campaigns that need no tracer; all of them are in `python -m tests.trust`."""

from tests.crash.races import races
from tests.crash.stops import stops
from tests.crash.story import stories
from tests.support.campaign_table import Tally, table


def clean(tally: Tally) -> bool:
    return not tally.breaches or bool(print(table([tally])))


def test_any_story_ends_well() -> None:
    """Runs, crashes, edits, damage, lost journals and restores in any order: no polygon is lost."""
    assert clean(stories(50, 20))


def test_one_works_and_the_others_give_way() -> None:
    """Two to eight runs at once: exit 4 within a second, with the holder's name; the dead hold nothing."""
    assert clean(races(16, most=3))


def test_told_to_stop_at_any_time() -> None:
    """130 or 143 within two seconds, no traceback, and a rerun finishes."""
    assert clean(stops(sample=0, times=25))
