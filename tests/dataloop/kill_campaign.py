"""Conversions in a process of their own, killed or told to stop: `python -m tests.dataloop.kill_campaign`.

    python -m tests.dataloop.kill_campaign               SIGKILL, SIGINT and SIGTERM at every call
    python -m tests.dataloop.kill_campaign --sample 40   at some

A signal comes before a call is carried out, or when it was and nobody is left to hear of it, or a
moment after the answer. Then the same command is run again. The processes log in as a user does,
with dtlpy's cookie file; they are forked from one that has imported dtlpy, which takes a second.
"""

import argparse
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from polymask.dataloop.emulator import Emulator, Fault
from tests.crash.stops import SIGNALS, hear_interrupts, stopped
from tests.dataloop import fault_campaign as faults
from tests.dataloop.home import logged_in, private_home
from tests.dataloop.world import URL, Watch, World
from tests.support.campaign_table import Tally, Verdict, table, tallied
from tests.support.forked_runs import Ended, ForkedRuns

LATEST = 0.012  # seconds after a call began, at most; it takes some 5 ms
SOON = 0.004  # seconds after an answer, at most
LAST_START = 1.5  # seconds; by then a process has imported dtlpy
MOMENTS = ("before", "unheard", "after")
SEED = 20261121


class Runs(ForkedRuns):
    """Conversions of the dataset at one URL, as commands."""

    def __init__(self, home: Path, url: str, token: str | None = None) -> None:
        self.environment = logged_in(home, url, token)
        super().__init__(home, environment=self.environment)

    def begin(self, journal: Path, *, workers: int = 1) -> int:
        """Start a conversion; its process id."""
        child = self.start(command(journal, workers))
        self.go()
        return child


def command(journal: Path, workers: int = 1) -> list[str]:
    """The arguments of a conversion."""
    options = ["--journal", str(journal), "--workers", str(workers), "--quiet"]
    return ["convert", URL, "--delete-source", *options]


@dataclass(frozen=True)
class Strike:
    """A signal, and when it comes: at one of `MOMENTS` of a call, or `while` it is carried out."""

    signal: signal.Signals
    call: int
    moment: str = "while"
    delay: float = 0.0
    workers: int = 1


class _Striker:
    """Sends the signal when the call comes."""

    def __init__(self, emulator: Emulator, strike: Strike) -> None:
        self.emulator, self.strike = emulator, strike
        self.child, self.at = 0, 0.0
        self._started = threading.Event()
        self._late = threading.Thread(target=self._hit)
        emulator.at_call(strike.call, self._hit if strike.moment in MOMENTS[:2] else self._late.start)
        if strike.moment == "before":
            emulator.faults.add(Fault("*", "**", "drop-before", call=strike.call))

    def begun(self, child: int) -> None:
        self.child = child
        self._started.set()

    def over(self) -> float:
        """How long ago the signal was sent, in seconds; 0 where it was not."""
        seconds = time.perf_counter() - self.at if self.at else 0.0
        if self._late.ident:
            self._late.join()
        self.emulator.faults.clear()
        return seconds

    def _hit(self) -> None:
        self._started.wait()
        while self.strike.moment == "after" and not self._answered():
            time.sleep(0.0005)
        time.sleep(self.strike.delay)
        self.at = time.perf_counter()
        with suppress(ProcessLookupError):  # it had ended before
            os.kill(self.child, self.strike.signal)
        while self.strike.moment == "unheard" and self._lives():
            time.sleep(0.0005)

    def _answered(self) -> bool:
        return any(entry.number == self.strike.call for entry in self.emulator.audit)

    def _lives(self) -> bool:
        return Path(f"/proc/{self.child}").exists() and time.perf_counter() - self.at < 5


def struck(place: Runs, port: int, strike: Strike) -> tuple[Ended, faults.Outcome]:
    """Strike a run, run again; how the first ended, and what came of it."""
    with Emulator(port=port) as emulator, faults.folder() as journal:
        world = World(emulator, items=faults.ITEMS)
        watch = Watch(world, journal)
        striker = _Striker(emulator, strike)
        striker.begun(place.begin(journal, workers=strike.workers))
        first = place.ended()
        first = replace(first, seconds=striker.over())
        return first, _finished(place, journal, world, watch)


def _finished(place: Runs, journal: Path, world: World, watch: Watch) -> faults.Outcome:
    place.begin(journal)
    again = place.ended()
    return faults.verdict(world, watch, f"exit code {again.code}: {again.err[-200:]}" if again.code else "")


def killed(place: Runs, port: int, rng: random.Random) -> tuple[int, faults.Outcome]:
    """Kill a run about a call, run again; how the first ended, and what came of it."""
    number, delay = rng.randint(1, len(faults.undisturbed()[0])), rng.uniform(0, LATEST)
    first, outcome = struck(place, port, Strike(signal.SIGKILL, number, delay=delay))
    return first.code, outcome


def judged(place: Runs, port: int, strike: Strike) -> Verdict:
    """What is wrong about a run that was struck, and the one after it."""
    first, outcome = struck(place, port, strike)
    if strike.signal == signal.SIGKILL:
        ended = Verdict(1, untyped=() if first.code in (-signal.SIGKILL, 0) else (f"exit {first.code}",))
    else:
        ended = stopped(first, strike.signal, may_be_done=strike.moment == "after")
    return ended + as_verdict(outcome)


def as_verdict(outcome: faults.Outcome) -> Verdict:
    """An outcome as the tables of all campaigns count it."""
    other = (*outcome.order, *(["another end"] if outcome.differs else []))
    return Verdict(
        0, outcome.lost, outcome.doubled, other=(*other, *([outcome.failed] if outcome.failed else []))
    )


def from_the_start(place: Runs, port: int, seconds: float, number: signal.Signals) -> Verdict:
    """A process of its own, as a shell starts it, told to stop while it may still import the SDK."""
    with Emulator(port=port) as emulator, faults.folder() as journal:
        world = World(emulator, items=faults.ITEMS)
        watch = Watch(world, journal)
        process = subprocess.Popen(
            [sys.executable, "-m", "polymask", *command(journal)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=place.environment,
            cwd=place.folder,
            text=True,
        )
        time.sleep(seconds)
        began = time.perf_counter()
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        ended = Ended(process.returncode, out, err, time.perf_counter() - began)
        if not emulator.audit and "interrupted" not in err and ended.code in (-number, 1):
            ended = replace(ended, code=128 + number, err="")  # Python was told, before polymask
        first = stopped(ended, number, may_be_done=True)
        return first + as_verdict(_finished(place, journal, world, watch))


Case = tuple[str, Callable[[], Verdict]]


def at_calls(*, sample: int | None = None, starts: int = 0, seed: int = SEED) -> Tally:
    """Each signal at each moment of each call, or at some; and while a process starts."""
    hear_interrupts()
    rng = random.Random(seed)
    with private_home(), _place() as (place, port):
        strikes = [
            Strike(number, call.number, moment, rng.uniform(0, SOON) if moment == "after" else 0, workers)
            for call in faults.undisturbed()[0]
            for number in (signal.SIGKILL, *SIGNALS)
            for moment in MOMENTS
            for workers in (1, 4)
        ]
        chosen = strikes if sample is None else rng.sample(strikes, sample)

        def cases() -> Iterator[Case]:
            for strike in chosen:
                yield str(strike), partial(judged, place, port, strike)
            for _ in range(starts):
                seconds, which = rng.uniform(0, LAST_START), rng.choice(SIGNALS)
                name = f"{which.name} {seconds:.3f} s after its start"
                yield name, partial(from_the_start, place, port, seconds, which)

        return tallied("Dataloop: SIGKILL, SIGINT, SIGTERM at HTTP calls", cases())


@contextmanager
def _place() -> Iterator[tuple[Runs, int]]:
    """Where runs are begun, and the port that they look for a service at."""
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # it tells of every client that dies
    with Emulator() as emulator:
        url, port = emulator.url, int(emulator.gate_url.rpartition(":")[2])
    with faults.folder() as home, Runs(home / "home", url) as place:
        yield place, port


def kills(count: int, seed: int) -> int:
    """Kill so many runs at random moments and print what came of them; how many ended wrong."""
    rng, began = random.Random(seed), time.perf_counter()
    wrong = hit = 0
    with _place() as (place, port):
        for number in range(count):
            first, outcome = killed(place, port, rng)
            hit += first == -signal.SIGKILL
            wrong += not outcome.clean
            if not outcome.clean:
                print(f"    kill {number}: {outcome}", flush=True)
    seconds = time.perf_counter() - began
    print(f"{count} runs, {hit} of them killed before their end, {wrong} not as undisturbed, {seconds:.0f} s")
    return wrong


def main() -> int:
    """Strike, and print a table."""
    parser = argparse.ArgumentParser(description="Kill and stop conversions in place at their calls.")
    parser.add_argument("--sample", type=int, help="so many of all; default: all")
    parser.add_argument("--starts", type=int, default=0, help="processes told to stop while they start")
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args()
    tally = at_calls(sample=asked.sample, starts=asked.starts, seed=asked.seed)
    print(table([tally]))
    return 1 if tally.breaches else 0


if __name__ == "__main__":
    sys.exit(main())
