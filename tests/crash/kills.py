"""Runs killed just before a system call that changes something, then run again."""

import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from polymask.conversion.deletion_journal import JOURNAL
from tests.crash.nursery import Ended, Nursery
from tests.crash.scene import LAYOUTS, Scene
from tests.crash.tally import Tally, Verdict, tallied
from tests.crash.traces import Call, boundaries, traced
from tests.dataloop.fault_campaign import folder

KILLED = -9
COMMANDS = ("convert", "restore")
Case = tuple[str, Callable[[], Verdict]]


class Stand:
    """A nursery, a scene, and one command on it."""

    def __init__(self, nursery: Nursery, layout: str, command: str, *, place: Path | None = None) -> None:
        self.nursery, self.command = nursery, command
        self.scene = Scene(place or nursery.folder / "job", layout)

    @property
    def name(self) -> str:
        return f"{self.command} {self.scene.layout}"

    @property
    def arguments(self) -> tuple[object, ...]:
        return self.scene.convert if self.command == "convert" else self.scene.restore

    def prepare(self) -> None:
        self.scene.reset()
        if self.command == "restore":
            self.nursery.run(self.scene.convert)

    def calls(self) -> list[Call]:
        """The boundaries of an undisturbed run."""
        self.prepare()
        ended, calls = traced(self.nursery, self.arguments)
        assert ended.code == 0, ended
        return boundaries(calls, self.scene.folder)

    def kill(self, call: Call) -> Ended:
        fault = f"{call.name}:signal=KILL:when={call.nth}"
        return traced(self.nursery, self.arguments, fault, calls=[call.name])[0]

    def now(self, when: str) -> Verdict:
        """Whether anything is lost or doubled at this moment."""
        lost = tuple(f"{when}: {one}" for one in self.scene.lost())
        return Verdict(0, lost, tuple(f"{when}: {one}" for one in self.scene.doubled()))

    def finished(self, when: str) -> Verdict:
        """Run the command again, undisturbed, and compare with what it would have made."""
        return self.judged(self.nursery.run(self.arguments), when)

    def judged(self, ended: Ended, when: str) -> Verdict:
        wrong = [] if ended.code == 0 else [f"{when}: exit {ended.code}: {ended.err.strip()}"]
        wrong += [f"{when}: {n}" for n in self.scene.differences(restored=self.command == "restore")]
        untyped = (f"{when}: {ended.err}",) if ended.traceback else ()
        return self.now(when) + Verdict(0, untyped=untyped, other=tuple(wrong))


def killed(stand: Stand, call: Call, again: Call | None) -> Verdict:
    """Kill a run before a call; what is true then, and after each way to go on."""
    stand.prepare()
    ended = stand.kill(call)
    missed = () if ended.code == KILLED else (f"not killed: {ended}",)
    verdict = Verdict(1, other=missed) + stand.now("killed")
    snapshot = stand.nursery.folder / "snapshot"
    shutil.copytree(stand.scene.folder, snapshot)
    verdict += stand.finished("rerun")
    if again is not None:
        _put_back(snapshot, stand.scene.folder)
        stand.kill(again)
        verdict += Verdict(1) + stand.now("killed twice") + stand.finished("rerun after two kills")
    if stand.command == "convert":
        _put_back(snapshot, stand.scene.folder)
        (stand.scene.dest / JOURNAL).unlink(missing_ok=True)
        verdict += stand.finished("rerun without journal")
    shutil.rmtree(snapshot)
    return verdict


def chained(stand: Stand, calls: Sequence[Call]) -> Verdict:
    """Kill run after run of the same command, then let one finish."""
    stand.prepare()
    verdict = Verdict(0)
    for call in calls:
        stand.kill(call)
        verdict += Verdict(1) + stand.now("killed")
    return verdict + stand.finished("rerun")


def _put_back(snapshot: Path, folder_: Path) -> None:
    shutil.rmtree(folder_)
    shutil.copytree(snapshot, folder_)


@contextmanager
def stands(mutant: str = "") -> Iterator[list[Stand]]:
    """A stand for each layout and command, in a folder in memory."""
    with folder() as place, Nursery(place, mutant=mutant) as nursery:
        yield [Stand(nursery, layout, command) for layout in LAYOUTS for command in COMMANDS]


def kills(*, sample: int | None = None, seed: int = 20261121) -> Tally:
    """A kill before every boundary, or before some of them."""
    rng = random.Random(seed)
    with stands() as all_of_them:
        cases: list[Case] = []
        for stand in all_of_them:
            calls = stand.calls()
            for number, call in enumerate(calls, 1):
                case = partial(killed, stand, call, rng.choice(calls))
                cases.append((f"{stand.name}, before {number} of {len(calls)}, {call.text[:90]}", case))
        chosen = cases if sample is None else rng.sample(cases, sample)
        return tallied("killed before a call that changes something", chosen)


def chains(count: int, *, seed: int) -> Tally:
    """Random chains of one to four kills."""
    rng = random.Random(seed)
    with stands() as all_of_them:
        known = [(stand, stand.calls()) for stand in all_of_them]

        def cases() -> Iterator[Case]:
            for _ in range(count):
                stand, calls = rng.choice(known)
                chain = rng.choices(calls, k=rng.randint(1, 4))
                yield f"{stand.name}, {[(c.name, c.nth) for c in chain]}", partial(chained, stand, chain)

        return tallied("chains of one to four kills", cases())
