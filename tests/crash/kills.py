"""Runs killed just before a system call that changes something, then run again."""

import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from polymask.conversion.dest.deletion_journal import JOURNAL
from polymask.errors import ProofError
from tests.crash.traces import Call, boundaries, traced
from tests.crash.workload import LAYOUTS, Scene
from tests.dataloop.fault_campaign import folder
from tests.support.campaign_table import Tally, Verdict, tallied
from tests.support.forked_runs import Ended, ForkedRuns

KILLED = -9
COMMANDS = ("convert", "restore")
Case = tuple[str, Callable[[], Verdict]]


class Setup:
    """A forked_runs, a scene, and one command on it."""

    def __init__(
        self, forked_runs: ForkedRuns, layout: str, command: str, *, place: Path | None = None
    ) -> None:
        self.forked_runs, self.command = forked_runs, command
        self.scene = Scene(place or forked_runs.folder / "job", layout)

    @property
    def name(self) -> str:
        return f"{self.command} {self.scene.layout}"

    @property
    def arguments(self) -> tuple[object, ...]:
        return self.scene.convert if self.command == "convert" else self.scene.restore

    def prepare(self) -> None:
        self.scene.reset()
        if self.command == "restore":
            self.forked_runs.run(self.scene.convert)

    def calls(self) -> list[Call]:
        """The boundaries of an undisturbed run."""
        self.prepare()
        ended, calls = traced(self.forked_runs, self.arguments)
        assert ended.code == 0, ended
        return boundaries(calls, self.scene.folder)

    def kill(self, call: Call) -> Ended:
        fault = f"{call.name}:signal=KILL:when={call.nth}"
        return traced(self.forked_runs, self.arguments, fault, calls=[call.name])[0]

    def now(self, when: str) -> Verdict:
        """Whether anything is lost or doubled at this moment."""
        lost = tuple(f"{when}: {one}" for one in self.scene.lost())
        return Verdict(0, lost, tuple(f"{when}: {one}" for one in self.scene.doubled()))

    def finished(self, when: str) -> Verdict:
        """Run the command again, undisturbed, and compare with what it would have made."""
        return self.judged(self.forked_runs.run(self.arguments), when)

    def without_journal(self) -> Verdict:
        """Run again where the journal was lost: as ever, or exit 5 where polygons are deleted already."""
        deleted = self.scene.has_deleted()
        ended = self.forked_runs.run(self.arguments)
        if deleted and ended.code == ProofError.exit_code and "journal" in ended.err:
            return self.now("rerun without journal")
        return self.judged(ended, "rerun without journal")

    def judged(self, ended: Ended, when: str) -> Verdict:
        wrong = [] if ended.code == 0 else [f"{when}: exit {ended.code}: {ended.err.strip()}"]
        wrong += [f"{when}: {n}" for n in self.scene.differences(restored=self.command == "restore")]
        untyped = (f"{when}: {ended.err}",) if ended.traceback else ()
        return self.now(when) + Verdict(0, untyped=untyped, other=tuple(wrong))


def killed(setup: Setup, call: Call, again: Call | None) -> Verdict:
    """Kill a run before a call; what is true then, and after each way to go on."""
    setup.prepare()
    ended = setup.kill(call)
    missed = () if ended.code == KILLED else (f"not killed: {ended}",)
    verdict = Verdict(1, other=missed) + setup.now("killed")
    snapshot = setup.forked_runs.folder / "snapshot"
    shutil.copytree(setup.scene.folder, snapshot)
    verdict += setup.finished("rerun")
    if again is not None:
        _put_back(snapshot, setup.scene.folder)
        setup.kill(again)
        verdict += Verdict(1) + setup.now("killed twice") + setup.finished("rerun after two kills")
    if setup.command == "convert":
        _put_back(snapshot, setup.scene.folder)
        (setup.scene.dest / JOURNAL).unlink(missing_ok=True)
        verdict += setup.without_journal()
    shutil.rmtree(snapshot)
    return verdict


def chained(setup: Setup, calls: Sequence[Call]) -> Verdict:
    """Kill run after run of the same command, then let one finish."""
    setup.prepare()
    verdict = Verdict(0)
    for call in calls:
        setup.kill(call)
        verdict += Verdict(1) + setup.now("killed")
    return verdict + setup.finished("rerun")


def _put_back(snapshot: Path, folder_: Path) -> None:
    shutil.rmtree(folder_)
    shutil.copytree(snapshot, folder_)


@contextmanager
def setups(mutant: str = "") -> Iterator[list[Setup]]:
    """A setup for each layout and command, in a folder in memory."""
    with folder() as place, ForkedRuns(place, mutant=mutant) as forked_runs:
        yield [Setup(forked_runs, layout, command) for layout in LAYOUTS for command in COMMANDS]


def kills(*, sample: int | None = None, seed: int = 20261121) -> Tally:
    """A kill before every boundary, or before some of them."""
    rng = random.Random(seed)
    with setups() as all_of_them:
        cases: list[Case] = []
        for setup in all_of_them:
            calls = setup.calls()
            for number, call in enumerate(calls, 1):
                case = partial(killed, setup, call, rng.choice(calls))
                cases.append((f"{setup.name}, before {number} of {len(calls)}, {call.text[:90]}", case))
        chosen = cases if sample is None else rng.sample(cases, sample)
        return tallied("killed before a call that changes something", chosen)


def chains(count: int, *, seed: int) -> Tally:
    """Random chains of one to four kills."""
    rng = random.Random(seed)
    with setups() as all_of_them:
        known = [(setup, setup.calls()) for setup in all_of_them]

        def cases() -> Iterator[Case]:
            for _ in range(count):
                setup, calls = rng.choice(known)
                chain = rng.choices(calls, k=rng.randint(1, 4))
                yield f"{setup.name}, {[(c.name, c.nth) for c in chain]}", partial(chained, setup, chain)

        return tallied("chains of one to four kills", cases())
