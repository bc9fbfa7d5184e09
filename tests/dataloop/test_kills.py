"""Killed at any moment, then run again: the same as never killed. More in `fault_campaign --kills`."""

import random
import signal
from pathlib import Path
from types import ModuleType

from polymask.dataloop.emulator import Emulator

from .kill_campaign import Runs, killed


def test_a_kill_changes_nothing_in_the_end(dtlpy: ModuleType, no_noise: None, tmp_path: Path) -> None:
    """A process that dies at a random moment leaves a dataset that the same command finishes."""
    rng = random.Random(7)
    with Emulator() as emulator:
        url, port = emulator.url, int(emulator.gate_url.rpartition(":")[2])
    with Runs(tmp_path / "home", url) as place:
        ended = []
        for _ in range(6):
            first, outcome = killed(place, port, rng)
            assert outcome.clean, outcome
            ended.append(first)
    assert -signal.SIGKILL in ended
