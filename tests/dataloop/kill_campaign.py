"""Conversions in a process of their own, killed at random moments.

The processes log in as a user does, with dtlpy's cookie file. They are forked from one that has
imported dtlpy, because that takes a second.
"""

import logging
import os
import random
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

from polymask.dataloop.emulator import Emulator
from tests.crash.nursery import Nursery

from . import fault_campaign as faults
from .home import logged_in
from .world import URL, Watch, World

LATEST = 0.012  # seconds after a call, at most; a call takes some 5 ms


class Runs(Nursery):
    """Conversions of the dataset at one URL, as commands."""

    def __init__(self, home: Path, url: str, token: str | None = None) -> None:
        super().__init__(home, environment=logged_in(home, url, token))

    def begin(self, journal: Path, *, workers: int = 1) -> int:
        """Start a conversion; its process id."""
        options = ("--journal", journal, "--workers", workers, "--quiet")
        child = self.start(("convert", URL, "--delete-source", *options))
        self.go()
        return child


def killed(place: Runs, port: int, rng: random.Random) -> tuple[int, faults.Outcome]:
    """Kill a run a moment after a call, run again; how the first ended, and what came of it."""
    with Emulator(port=port) as emulator, faults.folder() as journal:
        world = World(emulator, items=faults.ITEMS)
        watch = Watch(world, journal)
        number, delay = rng.randint(1, len(faults.undisturbed()[0])), rng.uniform(0, LATEST)
        started = threading.Event()
        child = 0

        def strike() -> None:
            started.wait()
            time.sleep(delay)
            with suppress(ProcessLookupError):  # it had ended before
                os.kill(child, signal.SIGKILL)

        killer = threading.Thread(target=strike)
        emulator.at_call(number, killer.start)
        child = place.begin(journal)
        started.set()
        first = place.ended().code
        if killer.ident:
            killer.join()
        place.begin(journal)
        second = place.ended().code
        return first, faults.verdict(world, watch, f"exit code {second}" if second else "")


def kills(count: int, seed: int) -> int:
    """Kill so many runs and print what came of them; how many ended wrong."""
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # it tells of every client that dies
    rng, began = random.Random(seed), time.perf_counter()
    wrong = hit = 0
    with Emulator() as emulator:
        url, port = emulator.url, int(emulator.gate_url.rpartition(":")[2])
    with faults.folder() as home, Runs(home / "home", url) as place:
        for number in range(count):
            first, outcome = killed(place, port, rng)
            hit += first == -signal.SIGKILL
            wrong += not outcome.clean
            if not outcome.clean:
                print(f"    kill {number}: {outcome}", flush=True)
    seconds = time.perf_counter() - began
    print(f"{count} runs, {hit} of them killed before their end, {wrong} not as undisturbed, {seconds:.0f} s")
    return wrong
