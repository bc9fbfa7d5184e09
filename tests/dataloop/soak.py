"""A long run under faults, killed again and again: `python -m tests.dataloop.soak --items 2000`.

    python -m tests.dataloop.soak --items 100000 --write   renews what docs/trust.md tells of it

A dataset is converted in place on the emulator, by processes of their own that are killed every so
often; one call in a hundred goes wrong. At every kill, no polygon may be lost; in the end all must be
as after an undisturbed run. Measured are the memory of the converting process while it works through
its items, the calls that the kills cost, and how long the journal takes to be read.
"""

import argparse
import gc
import json
import logging
import os
import random
import signal
import statistics
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from polymask.dataloop.emulator import Emulator, Fault
from polymask.in_place.journal import Journal
from tests.dataloop.fault_campaign import Options, folder, undisturbed
from tests.dataloop.home import ROOT, private_home
from tests.dataloop.kill_campaign import Runs
from tests.dataloop.world import ACROSS, BESIDE, RING_WITH_HOLE, Watch, World, expected, same_masks

LIVES = 10_000
PAGE = ROOT / "docs" / "trust.md"
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
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.wrong)

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
        self.child, self.done = child, _Growing(done)
        self.samples: list[tuple[int, float]] = []
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.25):
            with suppress(OSError, StopIteration):  # it ended
                self.samples.append((self.done.count(), _megabytes(self.child)))

    def slope(self) -> float | None:
        """MB per 10,000 items, leaving out the first third, in which caches fill."""
        kept = self.samples[len(self.samples) // 3 :]
        if len(kept) < 8 or kept[-1][0] - kept[0][0] < 100:
            return None
        items, memory = zip(*kept, strict=True)
        return float(np.polyfit(items, memory, 1)[0]) * 10_000


class _Growing:
    """A file that only grows, of which each line is read once."""

    def __init__(self, path: Path) -> None:
        self.path, self._at, self._items = path, 0, 0

    def lines(self) -> Iterator[bytes]:
        """The whole lines that came since."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._at)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._at += len(line)
                yield line

    def count(self) -> int:
        """How many items are done."""
        self._items += sum(b'"event": "deleted"' in line for line in self.lines())
        return self._items


class LongWatch(Watch):
    """Looks, at a kill, at the items that something happened to since the last one."""

    def __init__(self, world: World, journal: Path) -> None:
        super().__init__(world, journal)
        world._looking.clear()  # before every call would be too often
        self._backup, self._seen = _Growing(journal / "backup.jsonl"), 0
        self._item_of = {key: row["itemId"] for key, row in world.originals.items()}
        self._polygons: dict[str, set[str]] = {}
        for key, item in self._item_of.items():
            self._polygons.setdefault(item, set()).add(key)
        self._kept: set[str] = set()

    def look(self) -> None:
        self._read_backup()
        for item in self._touched():
            rows = self.world.emulator.annotations(item)
            gone = self._polygons[item] - {row["id"] for row in rows}
            covered = {key for row in rows for key in self._covered_by(row, gone)} if gone else set()
            self.lost += sorted(gone - (covered & self._kept))
        self._decoded.clear()

    def _read_backup(self) -> None:
        for line in self._backup.lines():
            with suppress(KeyError):  # a seal
                row = json.loads(line)["instance"]
                same = row == self.world.originals[row["id"]]
                (self._kept.add if same else self._kept.discard)(row["id"])

    def _touched(self) -> set[str]:
        entries = self.world.emulator.audit[self._seen :]
        self._seen += len(entries)
        touched = set()
        for entry in entries:
            for verb, kind, key in entry.changes:
                if kind == "annotation":
                    if verb == "create":
                        self._item_of[key] = entry.path.split("/")[2]
                    touched.add(self._item_of[key])
        return touched


def _megabytes(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1024


def soak(items: int, *, every: float, rate: float, seed: int, workers: int = 1) -> Soak:
    """Convert so many items, killed every so many seconds, with so large a share of calls going wrong."""
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    result, rng, began = Soak(items), random.Random(seed), time.perf_counter()
    with Emulator(audit_bodies=False) as emulator, folder() as home, folder() as kept:
        world = World(emulator, items=items)
        watch = LongWatch(world, kept / "journal")
        gc.freeze()  # it is large, and stays

        def disturb(number: int, _method: str, _path: str) -> None:
            if rng.random() < rate:
                emulator.faults.add(Fault("*", "**", call=number, **rng.choice(FAULTY)))

        emulator.on_request = disturb
        with Runs(home / "home", emulator.url) as place:
            for life in range(LIVES):
                code = _one_life(place, kept / "journal", every, workers, result)
                emulator.faults.clear()  # those that struck
                watch.look()
                _tell(life, code, watch, began)
                if code == 0:
                    break
        emulator.on_request = None
        _audited(world, watch, kept / "journal", result)
    result.seconds = time.perf_counter() - began
    return result


def _tell(life: int, code: int, watch: Watch, began: float) -> None:
    calls, seconds = len(watch.world.emulator.audit), time.perf_counter() - began
    print(f"life {life}: exit {code}, {calls:,} calls, {seconds:.0f} s", file=sys.stderr, flush=True)


def _one_life(place: Runs, journal: Path, every: float, workers: int, result: Soak) -> int:
    child = place.begin(journal, workers=workers)
    memory = _Memory(child, journal / "journal.jsonl")
    memory.start()

    def strike() -> None:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)

    killer = threading.Timer(every, strike)
    killer.start()
    code = place.ended().code
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
    result.faults = sum(bool(entry.fault) for entry in world.emulator.audit)
    per_item = (len(undisturbed()[0]) - 7) / 5  # five find the dataset and its items, two try the filter
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
    parser.add_argument("--workers", type=int, default=4, help="items that a process converts at once")
    parser.add_argument("--write", action="store_true", help="renew what docs/trust.md tells of it")
    asked = parser.parse_args()
    with private_home():
        result = soak(asked.items, every=asked.every, rate=asked.rate, seed=asked.seed, workers=asked.workers)
    print(result.told())
    if asked.write:
        PAGE.write_text(page_with(PAGE.read_text(), result, asked))
    return 0 if result.clean else 1


def page_with(text: str, result: Soak, asked: argparse.Namespace) -> str:
    """The page with the soak's figures renewed, between their two marks."""
    begin, end = "<!-- soak -->\n", "<!-- end of soak -->"
    head, rest = text.split(begin)
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    command = f"python -m tests.dataloop.soak --items {asked.items} --every {asked.every:g}"
    lines = textwrap.fill(f"{day}, `{command}`: {result.told()}.", 110, break_on_hyphens=False)
    return f"{head}{begin}{lines}\n{end}{rest.split(end)[1]}"


if __name__ == "__main__":
    sys.exit(main())
