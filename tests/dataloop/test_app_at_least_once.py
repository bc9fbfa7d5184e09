"""The app without a folder: delivered again, at once, and killed between any two of its calls.

At every moment each polygon is in the dataset, or in a mask and in the project's artifacts; in the end every
label has one mask, and a restoration has all polygons. All of it over every call of a run, in this process:
an app keeps nothing in a process, nor on a disk.
"""

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from polymask.dataloop.emulator import Emulator
from polymask.errors import PolymaskError
from tests.dataloop.home import logged_in
from tests.dataloop.world import (
    ACROSS,
    BESIDE,
    RING_WITH_HOLE,
    Watch,
    World,
    expected,
    faults_of_order,
    same_masks,
    stopped_before,
    stopped_unheard,
)

ALL = [RING_WITH_HOLE, BESIDE, ACROSS]
STOPS = {"before the call": lambda number: stopped_before("*", number), "unheard": stopped_unheard}


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtlpy: ModuleType, no_noise: None) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@cache
def calls() -> int:
    """How many calls a run takes that nothing happens to."""
    with Emulator() as emulator:
        world = World(emulator)
        world.add_item("/0.png", *ALL)
        (report,) = world.convert_items()
        assert (report.failures, report.deleted) == ([], 3)
        return emulator.calls


@contextmanager
def scene(*, at_once: bool = False) -> Iterator[World]:
    """An item to convert; what must be true afterwards is looked at in the end."""
    with Emulator() as emulator:
        world = World(emulator)
        item = world.add_item("/0.png", *ALL)
        watch = Watch(world)
        yield world
        (report,) = world.convert_items()
        watch.look()
        # Two runs at once may both post a mask before either looks; no deletion may come before its proof.
        wrong = [fault for fault in faults_of_order(world) if "posted again" not in fault or not at_once]
        assert (report.failures, watch.lost, wrong) == ([], [], [])
        assert world.of_type("segment") == []
        assert same_masks(world.masks(item), expected(ALL))
        restored = world.restore()
        assert (restored.written, restored.failures, len(world.of_type("segment"))) == (3, [], 3)


@pytest.mark.parametrize("stop", STOPS)
def test_killed_at_any_call(stop: str) -> None:
    """Run again, it ends where an undisturbed run would."""
    for number in range(1, calls() + 1):
        with scene() as world, STOPS[stop](number):
            world.convert_items()


def test_killed_twice() -> None:
    """The run that finishes what another left is killed too."""
    for number in range(2, calls(), 5):
        for again in range(3, calls(), 6):
            with scene() as world:
                with stopped_before("*", number):
                    world.convert_items()
                with stopped_unheard(again):
                    world.convert_items()


POD = """
import sys
from types import SimpleNamespace
from polymask.dataloop import convert_item
convert_item(SimpleNamespace(id=sys.argv[1], dataset_id=sys.argv[2]), delete_source=True)
"""


def test_a_pod_is_killed(tmp_path: Path) -> None:
    """A process of its own, by SIGKILL, at calls that are carried out all the same."""
    for number in random.Random(5).sample(range(2, calls() + 1), 4):
        with scene() as world:
            (item,) = world.emulator.items(world.dataset["id"])
            home = tmp_path / str(number)
            environment = logged_in(home, world.emulator.url, None)
            arguments = [sys.executable, "-W", "ignore", "-c", POD, item["id"], item["datasetId"]]
            pod = subprocess.Popen(arguments, env=environment, cwd=home)
            world.emulator.at_call(number, pod.kill)
            assert pod.wait(60) == -signal.SIGKILL


def both(world: World, *runs: Callable[[World], None]) -> None:
    """Runs in threads of their own, call by call in turn."""
    barrier = threading.Barrier(len(runs))

    def in_turn(_method: str, _path: str) -> None:
        try:
            barrier.wait(0.02)  # both have a call on the way, or one has ended or waits
        except threading.BrokenBarrierError:
            barrier.reset()

    world.before_calls(in_turn)
    with world.connected():
        threads = [threading.Thread(target=run, args=(world,)) for run in runs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    world._looking.remove(in_turn)


def whole(world: World) -> None:
    with suppress(PolymaskError):
        world.convert_connected_items()


def test_executed_twice_at_once() -> None:
    """Nothing is lost, nothing is doubled in the end."""
    with scene(at_once=True) as world:
        both(world, whole, whole)


@pytest.mark.parametrize("stop", STOPS)
def test_executed_twice_at_once_and_one_is_killed(stop: str) -> None:
    """At any of its calls, while the other goes on."""
    for number in range(1, calls() + 1):

        def killed(world: World, number: int = number) -> None:
            with STOPS[stop](number):
                whole(world)

        with scene(at_once=True) as world:
            both(world, whole, killed)
