"""A long run under faults, killed again and again: `python -m tests.dataloop.soak --items 2000`.

A dataset is converted in place on the emulator, by processes of their own that are killed every so
often; one call in a hundred goes wrong. At every kill, no polygon may be lost; in the end all must be
as after an undisturbed run. Measured are the memory of the converting process while it works through
its items, the calls that the kills cost, and how long the journal takes to be read.
"""

import argparse
import logging
import os
import random
import signal
import statistics
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from polymask.dataloop.emulator import Emulator, Fault
from polymask.journal import Journal

from .fault_campaign import Options, folder, undisturbed
from .home import private_home
from .kill_campaign import nursery
from .world import ACROSS, BESIDE, RING_WITH_HOLE, Watch, World, expected, same_masks

LIVES = 10_000
FAULTY: tuple[Options, ...] = (
    *({"kind": "status", "status": status} for status in (429, 500, 503)),
    {"kind": "status-after", "status": 502},
    {"kind": "drop-before"},
    {"kind": "drop-after"},
    {"kind": "truncate"},
    {"kind": "invalid-json"},
)


@dataclass
class Soak:
    """What a soak came to."""

    items: int
    kills: int = 0
    faults: int = 0
    calls: int = 0
    undisturbed_calls: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: list[str] = field(default_factory=list)
    slopes: list[float] = field(default_factory=list)  # MB per 10,000 items, one a life
    peak: float = 0.0  # MB
    journal_seconds: float = 0.0
    seconds: float = 0.0

    @property
    def slope(self) -> float:
        """The median over the lives that were long enough to tell."""
        return statistics.median(self.slopes) if self.slopes else 0.0

    def told(self) -> str:
        more = 100 * (self.calls / self.undisturbed_calls - 1)
        return (
            f"{self.items:,} items, {self.calls:,} calls, {self.faults:,} of them faulty, "
            f"{self.kills} kills: {self.lost} polygons lost, {self.doubled} masks doubled, "
            f"{len(self.wrong)} otherwise wrong; "
            f"memory {self.peak:.0f} MB at most, {self.slope:+.2f} MB per 10,000 items; "
            f"{more:+.1f} % calls; journal read in {self.journal_seconds:.2f} s; {self.seconds:.0f} s"
        )


class _Memory(threading.Thread):
    """Samples a process's memory against the items that it has done."""

    def __init__(self, child: int, done: Path) -> None:
        super().__init__(daemon=True)
        self.child, self.done = child, done
        self.samples: list[tuple[int, float]] = []
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.25):
            with suppress(OSError):
                self.samples.append((_lines(self.done), _megabytes(self.child)))

    def slope(self) -> float | None:
        """MB per 10,000 items, leaving out the first third, in which caches fill."""
        kept = self.samples[len(self.samples) // 3 :]
        if len(kept) < 8 or kept[-1][0] - kept[0][0] < 100:
            return None
        items, memory = zip(*kept, strict=True)
        return float(np.polyfit(items, memory, 1)[0]) * 10_000


def _lines(path: Path) -> int:
    return path.read_bytes().count(b'"event": "deleted"') if path.exists() else 0


def _megabytes(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1024


def soak(items: int, *, every: float, rate: float, seed: int) -> Soak:
    """Convert so many items, killed every so many seconds, with so large a share of calls going wrong."""
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    result, rng, began = Soak(items), random.Random(seed), time.perf_counter()
    with Emulator(audit_bodies=False) as emulator, folder() as home, folder() as kept:
        world = World(emulator, items=items)
        watch = Watch(world, kept / "journal")
        world._looking.clear()  # before every call would be too often; at every kill it looks

        def disturb(_method: str, _path: str) -> None:
            if rng.random() < rate:
                emulator.faults.clear()
                emulator.faults.add(Fault("*", "**", **rng.choice(FAULTY)))
                result.faults += 1

        world.before_calls(disturb)
        with nursery(home / "home", emulator.url) as place:
            for _ in range(LIVES):
                code = _one_life(place, kept / "journal", every, result)
                watch.look()
                if code == 0:
                    break
        world._looking.clear()
        _audited(world, watch, kept / "journal", result)
    result.seconds = time.perf_counter() - began
    return result


def _one_life(place: Any, journal: Path, every: float, result: Soak) -> int:
    child = place.start(journal)
    memory = _Memory(child, journal / "journal.jsonl")
    memory.start()

    def strike() -> None:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)

    killer = threading.Timer(every, strike)
    killer.start()
    code = int(place.ended())
    killer.cancel()
    memory.over.set()
    memory.join()
    result.kills += code == -signal.SIGKILL
    result.peak = max([result.peak, *(megabytes for _, megabytes in memory.samples)])
    if (slope := memory.slope()) is not None:
        result.slopes.append(slope)
    return code


def _audited(world: World, watch: Watch, journal: Path, result: Soak) -> None:
    """The end of it: the calls, the state, the journal."""
    result.calls = len(world.emulator.audit)
    per_item = (len(undisturbed()[0]) - 4) / 5  # four find the dataset, the others are of the five items
    result.undisturbed_calls = round(per_item * result.items)
    watch.look()
    result.lost = len(set(watch.lost))
    rows = world.of_type("binary")
    result.doubled = len(rows) - len({(row["itemId"], row["label"]) for row in rows})
    wanted = expected([RING_WITH_HOLE, BESIDE, ACROSS])
    for item in world.emulator.items() if not result.doubled else ():
        kinds = Counter(row["type"] for row in world.emulator.annotations(item["id"]))
        if kinds != {"box": 1, "binary": 2} or not same_masks(world.masks(item["id"]), wanted):
            result.wrong.append(f"{item['name']}: {dict(kinds)}")
    began = time.perf_counter()
    Journal(journal)
    result.journal_seconds = time.perf_counter() - began


def main() -> int:
    """Soak, and tell what came of it."""
    parser = argparse.ArgumentParser(description="A long run under faults and kills.")
    parser.add_argument("--items", type=int, default=2_000)
    parser.add_argument("--every", type=float, default=60.0, help="seconds between kills")
    parser.add_argument("--rate", type=float, default=0.01, help="the share of calls that go wrong")
    parser.add_argument("--seed", type=int, default=20261121)
    asked = parser.parse_args()
    with private_home():
        result = soak(asked.items, every=asked.every, rate=asked.rate, seed=asked.seed)
    print(result.told())
    return 1 if result.lost or result.doubled or result.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
