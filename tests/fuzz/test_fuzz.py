"""What the fuzzer found once is run again, and a little more is made each time the tests run."""

from pathlib import Path

import pytest

from tests.fuzz.campaign import campaign, kept, made, tried
from tests.fuzz.targets import TARGETS

RUNS = 60


@pytest.mark.parametrize(("target", "path"), list(kept()), ids=lambda value: getattr(value, "name", value))
def test_what_was_found_once_stays_mended(target: str, path: Path) -> None:
    """Every stored finding gives a result or an error of ours now."""
    assert tried(TARGETS[target], path.read_bytes())[1] == ""


@pytest.mark.parametrize("target", TARGETS)
def test_hostile_input_is_a_result_or_an_error_of_ours(target: str) -> None:
    """A few runs of each target; `python -m tests.fuzz` makes many."""
    assert campaign(target, RUNS, seed=0).findings == {}


def test_runs_can_be_made_again() -> None:
    """The same seed, target and number are the same bytes; another seed is others."""
    assert made("coco", 3, seed=5) == made("coco", 3, seed=5)
    assert made("coco", 3, seed=5) != made("coco", 3, seed=6)


@pytest.mark.parametrize("target", TARGETS)
def test_samples_are_accepted(target: str) -> None:
    """What is damaged is whole before: a target that refuses everything would find nothing."""
    if target not in ("folder-journal", "yolo-yaml"):
        assert any(tried(TARGETS[target], sample) == (True, "") for sample in TARGETS[target].samples)
