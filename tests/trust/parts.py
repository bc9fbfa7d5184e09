"""What each tier runs, part by part. A part is told by its name and makes one row."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.crash.errors import errors, full_disks
from tests.crash.kills import chains, kills
from tests.crash.orders import mutants, orders
from tests.crash.races import races
from tests.crash.stops import stops
from tests.crash.story import stories
from tests.support.campaign_table import Tally, Verdict

ROOT = Path(__file__).parents[2]
SEED = 20261121
Part = Callable[[], Tally]


def campaign(what: str, *arguments: str, **environment: str) -> Tally:
    """A campaign that is a program of its own; it ends with 0 where nothing was found."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    tally = Tally(what)
    wrong = (done.stdout[-1500:] + done.stderr[-1500:],) if done.returncode else ()
    tally.add(" ".join(arguments), Verdict(other=wrong))
    tally.runs = tally.faults = sum(runs(done.stdout)) or 1
    tally.seconds = time.perf_counter() - began
    return tally


def runs(text: str) -> Iterator[int]:
    """How many runs a campaign's last lines tell of.

    >>> sum(runs("620 runs, 0 of them not as undisturbed, 70 s\\n200 runs, 198 of them killed"))
    820
    """
    for match in re.finditer(
        r"^([\d,]+) (?:runs|items|polygons|masks|inputs|mutants|bugs|passed)\b", text, re.MULTILINE
    ):
        yield int(match[1].replace(",", ""))


def passing(what: str, *arguments: str, **environment: str) -> Tally:
    """Tests; each is a run."""
    return campaign(what, "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", *arguments, **environment)


def program(name: str, what: str, *arguments: str) -> dict[str, Part]:
    """A part for a campaign that is in this tree; one that is not is none of this tree's."""
    package = ROOT / Path(*name.split("."))
    there = package.is_dir() or package.with_suffix(".py").is_file()
    return {name.rpartition(".")[2]: partial(campaign, what, name, *arguments)} if there else {}


def calls(*, sample: int | None = None, starts: int = 0) -> Tally:
    """Signals at the calls of a conversion of a Dataloop dataset."""
    from tests.dataloop.kill_campaign import at_calls  # needs the SDK, which the other parts do not

    return at_calls(sample=sample, starts=starts)


PUSH: dict[str, Part] = {
    "kills": partial(kills, sample=40),
    "order": orders,
    "mutants": mutants,
    "errors": partial(errors, sample=60),
    "disks": full_disks,
    "stops": partial(stops, sample=40, times=40, starts=4),
    "races": partial(races, 20),
    "stories": partial(stories, 50, 20),
    "contract": partial(passing, "contract of sources and sinks", "tests/contract"),
    "calls": partial(calls, sample=20),
    "http": partial(passing, "HTTP faults with the real SDK, a tenth", "tests/dataloop/test_faults.py"),
    "edits": partial(
        passing, "edits at moments of a deletion", "tests/dataloop/test_edits_during_deletion.py"
    ),
    **program(
        "tests.dataloop.upkeep_campaign",
        "kills and edits while masks are kept up",
        "--sample",
        "30",
    ),
    **program("tests.fuzz", "fuzz: 150 inputs a target", "--runs", "150"),
}

NIGHTLY: dict[str, Part] = {
    "kills": kills,
    "chains": partial(chains, 500, seed=SEED),
    "order": partial(orders, kills=True),
    "mutants": mutants,
    "errors": errors,
    "disks": full_disks,
    "stops": partial(stops, times=500, starts=50),
    "races": partial(races, 200),
    "stories": partial(stories, 2_000, 50),
    "contract": partial(passing, "contract of sources and sinks", "tests/contract"),
    "calls": partial(calls, starts=60),
    **program("tests.dataloop.fault_campaign", "HTTP: every fault at every call, and 200 kills"),
    **program("tests.dataloop.edit_campaign", "edits and masks taken away at every moment of a run"),
    **program(
        "tests.dataloop.upkeep_campaign", "kills and edits at every call of an update or a removal of masks"
    ),
    **program("tests.dataloop.clone_stories", "stories of clones of items and datasets", "--count", "150"),
    "app": partial(
        passing,
        "the app without a folder: killed at every call, twice at once",
        "tests/dataloop/test_app_at_least_once.py",
    ),
    **program("tests.exact_campaign", "100,000 polygons against exact arithmetic", "100000"),
    **program("tests.png_campaign", "10,000 nasty masks through three to five decoders", "10000"),
    "twin": partial(
        passing, "the raster's tests on the numpy kernel", "tests/raster", POLYMASK_KERNEL="numpy"
    ),
    **program("tests.fuzz", "fuzz: 3,000 inputs a target", "--runs", "3000"),  # of 60: more does not fit
    **program("tests.seeded", "seeded bugs"),
}

CHAINS, CHUNK = 10_000, 500

RELEASE: dict[str, Part] = {
    **NIGHTLY,
    **{
        f"chains {number + 1} of {CHAINS // CHUNK}": partial(chains, CHUNK, seed=SEED + 1 + number)
        for number in range(CHAINS // CHUNK)
    },
    **{f"stories {number + 1} of 10": partial(stories, 2_000, 50) for number in range(10)},
    "app faults": partial(
        campaign, "HTTP: every fault at every call of the app", "tests.dataloop.fault_campaign", "--app"
    ),
    "app edits": partial(
        campaign, "edits at every moment of a run of the app", "tests.dataloop.edit_campaign", "--app"
    ),
    **program("tests.dataloop.soak", "soak: 100,000 items, 1 % faults, a kill a minute", "--items", "100000"),
    **program("tests.fuzz", "fuzz: 1,000,000 inputs a target", "--runs", "1000000"),
}

TIERS: dict[str, dict[str, Part]] = {"push": PUSH, "nightly": NIGHTLY, "release": RELEASE}
LIMITS = {"push": 180, "nightly": 45 * 60, "release": 8 * 3600}  # seconds, on two cores
