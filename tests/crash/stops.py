"""SIGINT and SIGTERM at every boundary and at random times."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

from tests.crash.kills import Case, Setup, setups
from tests.crash.traces import Call, traced
from tests.support.campaign_table import Tally, Verdict, tallied
from tests.support.forked_runs import ROOT, Ended

SIGNALS = (signal.SIGINT, signal.SIGTERM)
PROMPT = 2.0  # seconds


def hear_interrupts() -> None:
    """Where a shell started this process in the background, its children would be deaf to SIGINT too."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def stopped(ended: Ended, number: signal.Signals, *, may_be_done: bool) -> Verdict:
    """What is wrong about how a run ended that was told to stop."""
    codes = [128 + number, *([0] if may_be_done else [])]
    wrong = [] if ended.code in codes else [f"exit {ended.code}: {ended.err[-300:]}"]
    wrong += ["traceback: " + ended.err[-300:]] if ended.traceback else []
    wrong += ["more than a word: " + ended.err] if "Exception ignored" in ended.err else []
    late = (f"took {ended.seconds:.1f} s",) if ended.seconds > PROMPT else ()
    return Verdict(1, untyped=tuple(wrong), other=late)


def at_a_call(setup: Setup, call: Call, number: signal.Signals) -> Verdict:
    """The signal comes just before a call."""
    setup.prepare()
    fault = f"{call.name}:signal={number.name}:when={call.nth}"
    ended, _ = traced(setup.forked_runs, setup.arguments, fault, calls=[call.name])
    return stopped(ended, number, may_be_done=False) + setup.now("stopped") + setup.finished("rerun")


def at_a_time(setup: Setup, seconds: float, number: signal.Signals, *, twice: bool = False) -> Verdict:
    """The signal comes after a while, perhaps two of them."""
    setup.prepare()
    child = setup.forked_runs.start(setup.arguments)
    setup.forked_runs.go()
    time.sleep(seconds)
    with suppress(ProcessLookupError):
        os.kill(child, number)
        if twice:
            os.kill(child, number)
    ended = setup.forked_runs.ended()
    return stopped(ended, number, may_be_done=True) + setup.now("stopped") + setup.finished("rerun")


def from_the_start(setup: Setup, seconds: float, number: signal.Signals) -> Verdict:
    """A process of its own, as a shell starts it, told to stop while it may still import."""
    setup.prepare()
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "polymask", *map(str, setup.arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        text=True,
    )
    time.sleep(seconds)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    ended = Ended(process.returncode, out, err, time.perf_counter() - began - seconds)
    if (not setup.scene.dest.exists() or not err) and ended.code in (-number, 1):
        ended = Ended(128 + number, out, "", ended.seconds)  # Python was told, before or after polymask
    return stopped(ended, number, may_be_done=True) + setup.now("stopped") + setup.finished("rerun")


def stops(*, sample: int | None = None, times: int = 500, starts: int = 0, seed: int = 20261121) -> Tally:
    """Both signals at every boundary or some, at random times, and while a process starts."""
    hear_interrupts()
    rng = random.Random(seed)
    with setups() as all_of_them:
        cases: list[Case] = [
            (f"{setup.name}, {number.name} at {call.text[:90]}", partial(at_a_call, setup, call, number))
            for setup in (all_of_them if sample != 0 else ())  # without a tracer, there are only times
            for call in setup.calls()
            for number in SIGNALS
        ]
        chosen = cases if sample is None else rng.sample(cases, sample)

        def random_times() -> Iterator[Case]:
            for number in range(times):
                setup, seconds = rng.choice(all_of_them), rng.uniform(0, 0.015)
                which, twice = rng.choice(SIGNALS), number % 5 == 0
                case = partial(at_a_time, setup, seconds, which, twice=twice)
                yield f"{setup.name}, {which.name} after {seconds:.4f} s, twice: {twice}", case
            for _ in range(starts):
                setup, seconds, which = all_of_them[0], rng.uniform(0, 0.4), rng.choice(SIGNALS)
                name = f"{setup.name}, {which.name} {seconds:.3f} s after its start"
                yield name, partial(from_the_start, setup, seconds, which)

        return tallied("SIGINT and SIGTERM", [*chosen, *random_times()])
