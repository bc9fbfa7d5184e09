"""Several runs at once on one destination, and holders that are stopped or killed."""

import os
import random
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import partial

from tests.crash.kills import Case, Setup
from tests.crash.workload import LAYOUTS
from tests.dataloop.fault_campaign import folder
from tests.support.campaign_table import Tally, Verdict, tallied
from tests.support.forked_runs import Ended, ForkedRuns

SOON = 1.0  # seconds
HELD = 4
MOST = 8


def refused(ended: Ended, holder: int = 0) -> tuple[str, ...]:
    """What is wrong about how a run ended that found another at work; naming the holder is part of it."""
    told = (
        [f"process {holder} on {socket.gethostname()}"]
        if holder
        else ["process ", "another run", "was changed"]
    )
    wrong = [] if ended.seconds <= SOON else [f"took {ended.seconds:.1f} s"]
    if ended.code not in (0, HELD) or (ended.code == HELD and not any(one in ended.err for one in told)):
        wrong.append(f"exit {ended.code}: {ended.err}")
    return tuple(wrong)


def all_at_once(setups: Sequence[Setup]) -> Verdict:
    """Several runs through their gates together: at least one works, the others tell who does."""
    first = setups[0]
    first.scene.reset()
    for setup in setups:
        setup.forked_runs.start(first.arguments)
    for setup in setups:
        setup.forked_runs.go()
    ends = [setup.forked_runs.ended() for setup in setups]
    wrong = tuple(word for ended in ends for word in refused(ended))
    none = () if any(ended.code == 0 for ended in ends) else ("nobody worked",)
    return Verdict(len(setups), untyped=wrong, other=none) + first.now("all ended") + first.finished("after")


def holder_stopped(holder: Setup, other: Setup, seconds: float) -> Verdict:
    """A run setups still and holds; another gives way; once the first is killed, a third works."""
    holder.scene.reset()
    child = holder.forked_runs.start(holder.arguments)
    holder.forked_runs.go()
    time.sleep(seconds)
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGSTOP)
    has_begun = (holder.scene.dest / ".polymask/run.json").exists()
    ended = other.forked_runs.run(holder.arguments)
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    killed = holder.forked_runs.ended().code == -signal.SIGKILL
    wrong = refused(ended, child if has_begun and killed else 0)
    if has_begun and killed and ended.code == 0:
        wrong += ("two worked at once",)
    return Verdict(untyped=wrong) + holder.now("holder killed") + other.finished("after the holder's death")


def races(rounds: int, *, most: int = MOST, seed: int = 20261121) -> Tally:
    """So many rounds, every second with a holder that is stopped and killed."""
    rng = random.Random(seed)
    with folder() as place, ExitStack() as forked_runs:
        rooms = [place / str(number) for number in range(most)]
        for room in rooms:
            room.mkdir()
        opened = [forked_runs.enter_context(ForkedRuns(room)) for room in rooms]
        job = place / "job"
        job.mkdir()

        def round_of(number: int) -> Case:
            layout = rng.choice(LAYOUTS)
            setups = [Setup(forked_runs, layout, "convert", place=job) for forked_runs in opened]
            if number % 2:
                return f"{layout}, several at once", partial(all_at_once, setups[: rng.randint(2, most)])
            seconds = rng.uniform(0, 0.02)
            name = f"{layout}, holder stopped after {seconds:.4f} s"
            return name, partial(holder_stopped, setups[0], setups[1], seconds)

        def cases() -> Iterator[Case]:
            yield from map(round_of, range(rounds))

        return tallied("two to eight runs on one destination", cases())
