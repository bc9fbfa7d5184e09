"""Conversions in a process of their own, killed at random moments.

The processes log in as a user does, with dtlpy's cookie file. They are forked from one that has
imported dtlpy, because that takes a second.
"""

import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from polymask.dataloop.emulator import Emulator

from . import fault_campaign as faults
from .home import logged_in
from .world import URL, Watch, World

LATEST = 0.012  # seconds after a call, at most; a call takes some 5 ms

# Reads a journal's path a line, converts into it in a forked process, and tells its id and status.
NURSERY = f"""
import os, sys
import dtlpy
from pathlib import Path
from polymask.dataloop.run import convert_in_place
from polymask.proven import ProvenOptions
for line in sys.stdin:
    child = os.fork()
    if not child:
        report = convert_in_place("{URL}", ProvenOptions(delete_source=True), journal=line.strip())
        os._exit(report.exit_code)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Nursery:
    """Starts conversions of the dataset at one URL."""

    def __init__(self, home: Path, url: str, token: str | None = None) -> None:
        environment = logged_in(home, url, token)
        self.errors = (home / "errors.txt").open("w+")
        self._process = subprocess.Popen(
            [sys.executable, "-c", NURSERY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env=environment,
            cwd=home,
        )
        assert self._process.stdin
        assert self._process.stdout
        self._in, self._out = self._process.stdin, self._process.stdout

    def start(self, journal: Path) -> int:
        """Begin a conversion; its process id."""
        self._in.write(f"{journal}\n")
        self._in.flush()
        return int(self._out.readline())

    def ended(self) -> int:
        """Wait for it; its exit code, or minus the signal that killed it."""
        return int(self._out.readline())

    def close(self) -> None:
        self._in.close()
        self._process.wait()
        self._out.close()
        self.errors.close()


@contextmanager
def nursery(home: Path, url: str, token: str | None = None) -> Iterator[Nursery]:
    place = Nursery(home, url, token)
    try:
        yield place
    finally:
        place.close()


def killed(place: Nursery, port: int, rng: random.Random) -> tuple[int, faults.Outcome]:
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
        child = place.start(journal)
        started.set()
        first = place.ended()
        if killer.ident:
            killer.join()
        place.start(journal)
        second = place.ended()
        return first, faults.verdict(world, watch, f"exit code {second}" if second else "")


def kills(count: int, seed: int) -> int:
    """Kill so many runs and print what came of them; how many ended wrong."""
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # it tells of every client that dies
    rng, began = random.Random(seed), time.perf_counter()
    wrong = hit = 0
    with Emulator() as emulator:
        url, port = emulator.url, int(emulator.gate_url.rpartition(":")[2])
    with faults.folder() as home, nursery(home / "home", url) as place:
        for number in range(count):
            first, outcome = killed(place, port, rng)
            hit += first == -signal.SIGKILL
            wrong += not outcome.clean
            if not outcome.clean:
                print(f"    kill {number}: {outcome}", flush=True)
    seconds = time.perf_counter() - began
    print(f"{count} runs, {hit} of them killed before their end, {wrong} not as undisturbed, {seconds:.0f} s")
    return wrong
