"""One dataset, several processes, each with a part of it: `python -m tests.dataloop.shards`.

    python -m tests.dataloop.shards --items 2000 --processes 4
    python -m tests.dataloop.shards --items 2000 --processes 4 --kill

The processes know nothing of each other: they log in with the SDK, list the dataset and convert
what the digest of an item's id makes theirs. What each did is read off the service's audit log.
With `--kill` one of them is killed when it is halfway, and run again.
"""

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polymask.dataloop.emulator import Emulator
from polymask.parallel.shards import Shard
from tests.dataloop.fault_campaign import folder
from tests.dataloop.home import logged_in, private_home
from tests.dataloop.world import URL, World, backed_up, expected, faults_of_order, same_masks

# Reads `PARTS JOURNAL` a line, runs all parts at once in forked processes, and tells ids and statuses.
TEAM = f"""
import os, sys
import dtlpy
from polymask.dataloop.jobs.run import convert_in_place
from polymask.in_place.job import ProvenOptions
from polymask.parallel.shards import Shard
for line in sys.stdin:
    parts, journal = line.strip().split(" ", 1)
    children = []
    for part in parts.split(","):
        children.append(os.fork())
        if not children[-1]:
            options = ProvenOptions(delete_source=True, workers=4, shard=Shard.parse(part))
            report = convert_in_place("{URL}", options, journal=journal)
            os._exit(report.exit_code if report.failures else 0)
    print(*children, flush=True)
    print(*[os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children], flush=True)
"""


@dataclass
class Team:
    """Processes that convert parts of one dataset."""

    process: subprocess.Popen[str]

    def start(self, parts: Sequence[str], journal: Path) -> list[int]:
        """Begin with the parts, all at once; the process ids."""
        assert self.process.stdin
        self.process.stdin.write(f"{','.join(parts)} {journal}\n")
        self.process.stdin.flush()
        return self._numbers()

    def ended(self) -> list[int]:
        """Wait for all; their exit codes, or minus the signals that killed them."""
        return self._numbers()

    def _numbers(self) -> list[int]:
        assert self.process.stdout
        return [int(number) for number in self.process.stdout.readline().split()]


@contextmanager
def team(home: Path, url: str) -> Any:
    """A team that is logged in as a user is, with dtlpy's cookie file."""
    environment = logged_in(home, url, None)
    with (home / "errors.txt").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", TEAM],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            text=True, env=environment, cwd=home,
        )  # fmt: skip
        with process:
            yield Team(process)


def wrong(world: World, journal: Path) -> list[str]:
    """What is not as it must be: a polygon lost or deleted twice, a mask doubled or of other pixels."""
    found = faults_of_order(world)
    made, gone = Counter[str](), Counter[str]()
    labels = {row["id"]: f"{row['itemId']} {row['label']}" for row in world.emulator.annotations()}
    for entry in world.emulator.audit:
        for verb, _, key in entry.changes:
            if verb == "delete":
                gone[key] += 1
            elif verb == "create" and key in labels:
                made[labels[key]] += 1
    found += [f"polygon {key} deleted {gone[key]} times" for key in world.originals if gone[key] != 1]
    found += [f"mask {key} made {times} times" for key, times in made.items() if times != 1]
    kept: dict[str, Any] = {}
    for part in journal.glob("shard-*"):
        mine = backed_up(part)
        found += [f"polygon {key} is in two backups" for key in mine.keys() & kept.keys()]
        kept |= mine
    found += [
        f"polygon {key} is in no backup" for key in world.originals if kept.get(key) != world.originals[key]
    ]
    for item in world.emulator.items():
        rows = [row for row in world.originals.values() if row["itemId"] == item["id"]]
        if not same_masks(world.masks(item["id"]), expected(rows)):
            found.append(f"{item['filename']}: other masks than those of its polygons")
    return found


def shared(
    items: int, processes: int, *, home: Path, journal: Path, kill: bool = False
) -> tuple[list[str], str]:
    """Convert a dataset by several processes at once; what is wrong in the end, and how it went."""
    with Emulator() as emulator, team(home, emulator.url) as processes_of:
        world = World(emulator, items=items)
        parts = [f"{number + 1}/{processes}" for number in range(processes)]
        began = time.perf_counter()
        children: list[int] = []
        started = threading.Event()

        def strike() -> None:
            started.wait()
            with suppress(ProcessLookupError):
                os.kill(children[0], signal.SIGKILL)

        killer = threading.Thread(target=strike)
        if kill:
            emulator.at_call(4 * items, killer.start)  # a run takes eight calls an item
        children += processes_of.start(parts, journal)
        started.set()
        ended = processes_of.ended()
        if kill:
            killer.join()
            processes_of.start(parts[:1], journal)
            ended += processes_of.ended()
        seconds = time.perf_counter() - began
        count = [
            sum(Shard.parse(part).takes(item["id"]) for item in world.emulator.items()) for part in parts
        ]
        told = f"items a part {count}, exit codes {ended}, {emulator.calls} calls, {seconds:.0f} s"
        return wrong(world, journal), told


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.dataloop.shards", description=__doc__)
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--kill", action="store_true")
    given = parser.parse_args()
    with private_home(), folder() as place:
        found, told = shared(
            given.items, given.processes, home=place / "home", journal=place / "journal", kill=given.kill
        )
    print(told)
    print("\n".join(found[:20]) if found else "each polygon converted once, none lost, none doubled")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
