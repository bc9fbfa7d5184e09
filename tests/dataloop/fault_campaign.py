"""Every fault at every call, and kills at random moments: `python -m tests.dataloop.fault_campaign`.

    python -m tests.dataloop.fault_campaign                all faults at all calls, then 200 kills
    python -m tests.dataloop.fault_campaign --only stale   one kind
    python -m tests.dataloop.fault_campaign --app          the app's function, without a folder
    python -m tests.dataloop.fault_campaign --kills 1000   more kills
    python -m tests.dataloop.fault_campaign --sdk          the SDK's own upload under the same faults

A run converts five items in place (the app: one) with a fault at one call, or until it is killed; then
a second run finishes it. Before every call each polygon must be in the dataset, or in the backup and
covered by a mask; in the end all must be as after an undisturbed run.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from polymask.dataloop.emulator import AuditEntry, Emulator, Fault
from polymask.errors import PolymaskError
from polymask.results import Report
from tests.dataloop.home import private_home
from tests.dataloop.world import Watch, World, faults_of_order, short_patience

ITEMS = 5
PATIENCE, SLOWNESS, NAP = 0.15, 0.3, 0.4  # a slow call is done before anybody looks for its effect

Options = dict[str, Any]
FAULTS: dict[str, tuple[Options, ...]] = {
    **{
        f"{status}": ({"kind": "status", "status": status},) for status in (400, 401, 403, 404, 413, 500, 503)
    },
    "429": ({"kind": "status", "status": 429},),
    "429, Retry-After: 1": ({"kind": "status", "status": 429, "headers": {"Retry-After": "1"}},),
    "500 after the work": ({"kind": "status-after", "status": 500},),
    "502 after the work": ({"kind": "status-after", "status": 502},),
    "400 after the work": ({"kind": "status-after", "status": 400},),
    "dropped before the work": ({"kind": "drop-before"},),
    "dropped after the work": ({"kind": "drop-after"},),
    "dropped after, then stale": ({"kind": "drop-after"}, {"kind": "stale"}),
    "dropped after, then stale twice": ({"kind": "drop-after"}, {"kind": "stale"}, {"kind": "stale"}),
    "stale": ({"kind": "stale"},),
    "stale three times": ({"kind": "stale"},) * 3,
    "truncated": ({"kind": "truncate"},),
    "no JSON": ({"kind": "invalid-json"},),
    "slow before the work": ({"kind": "slow", "seconds": SLOWNESS},),
    "slow after the work": ({"kind": "slow-after", "seconds": SLOWNESS},),
    "none of a batch stored": ({"kind": "partial", "keep": 0},),
    "half of a batch stored": ({"kind": "partial"},),
    "half of a batch refused": ({"kind": "partial-error"},),
    "short page": ({"kind": "short-page"},),
    "empty page": ({"kind": "short-page", "keep": 0},),
    "one too many in total": ({"kind": "wrong-total"},),
    "none in total": ({"kind": "wrong-total", "keep": 0},),
    "page repeated": ({"kind": "repeat-page"},),
    "page lost": ({"kind": "lose-page"},),
    "condition refused": ({"kind": "status", "status": 400, "clause": "updatedAt"},),
    "condition not heeded": ({"kind": "ignore-clause", "clause": "updatedAt"},),
}


@dataclass(frozen=True)
class Outcome:
    """What one disturbed run and its rerun came to."""

    lost: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    differs: bool = False
    order: tuple[str, ...] = ()
    failed: str = ""
    waited: float = 0.0

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.differs or self.order or self.failed)


@contextmanager
def folder() -> Iterator[Path]:
    """A folder in memory where there is one: what is proven here is not the disk."""
    memory = Path("/dev/shm")
    place = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    try:
        yield place
    finally:
        shutil.rmtree(place)


@cache
def undisturbed(*, app: bool = False) -> tuple[tuple[AuditEntry, ...], tuple[str, ...]]:
    """The calls of a run that nothing happens to, and the state it leaves."""
    with Emulator() as emulator, folder() as journal:
        world = World(emulator, items=1 if app else ITEMS)
        items = len(emulator.items())
        reports = converted(world, journal, app=app)
        assert [failure for report in reports for failure in report.failures] == []
        assert (sum(report.deleted for report in reports), len(world.masks())) == (3 * items, 2 * items)
        return tuple(emulator.audit), tuple(world.state())


def converted(world: World, journal: Path, *, app: bool, items: Sequence[str] = ()) -> list[Report]:
    """A run as it is typed, with a folder for its journal; or as the app's function, of items, without."""
    return world.convert_items(*items) if app else [world.convert(journal)]


def applies(options: Options, call: AuditEntry) -> bool:
    """Whether a kind of fault can do anything to a call."""
    kind, query = options["kind"], call.path.endswith("/query")
    if options.get("clause", "").encode() not in call.raw:
        return False
    if kind.startswith("partial"):
        return isinstance(call.body, list) or (kind == "partial" and bool((call.body or {}).get("delete")))
    if kind in ("short-page", "wrong-total", "repeat-page", "lose-page"):
        return query
    return kind != "stale" or query or call.method == "GET"


def cases(only: str = "", *, app: bool = False) -> list[tuple[str, int]]:
    """Every (fault, number of call) there is."""
    calls, _ = undisturbed(app=app)
    return [
        (name, call.number)
        for name, steps in FAULTS.items()
        for call in calls
        if only in name and applies(steps[0], call)
    ]


def disturbed(name: str, number: int, *, app: bool = False) -> Outcome:
    """One run with a fault at one call, then one without."""
    steps = FAULTS[name]
    slow = steps[0]["kind"].startswith("slow")
    with Emulator() as emulator, folder() as journal:
        world = World(emulator, items=1 if app else ITEMS)
        watch = Watch(world, None if app else journal)
        if slow:
            world.sleep = lambda seconds: (world.waits.append(seconds), time.sleep(NAP))[0]
        emulator.faults.add(*(Fault("*", "**", call=number + n, **step) for n, step in enumerate(steps)))
        # A run may fail; what it leaves is what counts.
        with short_patience(PATIENCE) if slow else nullcontext(), suppress(PolymaskError):
            converted(world, journal, app=app)
        emulator.faults.clear()
        return judged(world, watch, journal, app=app)


def judged(world: World, watch: Watch, journal: Path, *, app: bool = False) -> Outcome:
    """Run again, undisturbed, and compare."""
    failed = ""
    try:
        reports = converted(world, journal, app=app)
        failed = "; ".join(failure.reason for report in reports for failure in report.failures)
    except PolymaskError as error:
        failed = str(error)
    return verdict(world, watch, failed, app=app)


def verdict(world: World, watch: Watch, failed: str = "", *, app: bool = False) -> Outcome:
    """What the audit log and the dataset show."""
    watch.look()
    counts = Counter((row["itemId"], row["label"]) for row in world.of_type("binary"))
    doubled = tuple(f"{label} of {item}" for (item, label), count in counts.items() if count > 1)
    differs = tuple(world.state()) != undisturbed(app=app)[1]
    order = tuple(faults_of_order(world))
    return Outcome(tuple(watch.lost), doubled, differs, order, failed, sum(world.waits))


def main() -> int:
    """Run the campaigns that are asked for and print a table of each."""
    parser = argparse.ArgumentParser(description="Disturb in-place conversions and count what is lost.")
    parser.add_argument("--only", default="", help="kinds with this in their name")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=20261121)
    parser.add_argument("--app", action="store_true", help="the app's function, without a folder")
    parser.add_argument("--sdk", action="store_true", help="the SDK's own upload instead, for contrast")
    asked = parser.parse_args()
    with private_home():
        if asked.sdk:
            from tests.dataloop.sdk_contrast import table

            print(table())
            return 0
        wrong = _faults(asked.only, app=asked.app)
        if asked.kills and not asked.only and not asked.app:
            from tests.dataloop.kill_campaign import kills

            wrong += kills(asked.kills, asked.seed)
    return 1 if wrong else 0


def _faults(only: str, *, app: bool) -> int:
    began, all_runs, all_wrong = time.perf_counter(), 0, 0
    print(f"{'fault':34} {'calls':>5} {'lost':>5} {'doubled':>7} {'other end':>9} {'order':>5} {'failed':>6}")
    names = dict.fromkeys(name for name, _ in cases(only, app=app))
    for name in names:
        runs = {n: disturbed(name, n, app=app) for kind, n in cases(only, app=app) if kind == name}
        sums = [
            sum(bool(getattr(outcome, what)) for outcome in runs.values())
            for what in ("lost", "doubled", "differs", "order", "failed")
        ]
        print(
            f"{name:34} {len(runs):5} {sums[0]:5} {sums[1]:7} {sums[2]:9} {sums[3]:5} {sums[4]:6}", flush=True
        )
        for number, outcome in runs.items():
            if not outcome.clean:
                print(f"    call {number}: {outcome}")
                all_wrong += 1
        all_runs += len(runs)
    seconds = time.perf_counter() - began
    print(f"{all_runs} runs, {all_wrong} of them not as undisturbed, {seconds:.0f} s", flush=True)
    return all_wrong


if __name__ == "__main__":
    sys.exit(main())
