"""Killed or told to stop at any moment, then run again: the same as never disturbed.

All of it is in `python -m tests.dataloop.kill_campaign`.
"""

import random
import signal
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from types import ModuleType

import pytest

from polymask.dataloop.emulator import Emulator
from tests.crash.stops import SIGNALS
from tests.dataloop.kill_campaign import MOMENTS, Runs, Strike, judged, killed

A_POST, A_DELETION = 8, 13  # by number, of the calls of a conversion


@pytest.fixture
def place(dtlpy: ModuleType, no_noise: None, tmp_path: Path) -> Iterator[tuple[Runs, int]]:
    """Where runs begin, and the port that they look for a service at."""
    with Emulator() as emulator:
        url, port = emulator.url, int(emulator.gate_url.rpartition(":")[2])
    with Runs(tmp_path / "home", url) as runs:
        yield runs, port


def test_a_kill_changes_nothing_in_the_end(place: tuple[Runs, int]) -> None:
    """A process that dies at a random moment leaves a dataset that the same command finishes."""
    rng = random.Random(7)
    ended = []
    for _ in range(6):
        first, outcome = killed(*place, rng)
        assert outcome.clean, outcome
        ended.append(first)
    assert -signal.SIGKILL in ended


def test_told_to_stop_at_a_call(place: tuple[Runs, int]) -> None:
    """130 or 143 within two seconds and no traceback; the same command finishes what was left."""
    for number, moment in product(SIGNALS, MOMENTS):
        for call, workers in ((A_POST, 1), (A_DELETION, 4)):
            verdict = judged(*place, Strike(number, call, moment, workers=workers))
            assert verdict.clean, verdict
