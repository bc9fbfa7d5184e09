"""Errors of the operating system at every call, and disks that are really full."""

import os
import random
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.crash.kills import Case, Setup, setups
from tests.crash.traces import MUTATING, READING, Call, touching, traced
from tests.crash.workload import LAYOUTS, Scene
from tests.support.campaign_table import Tally, Verdict, tallied
from tests.support.forked_runs import ROOT, Ended

ERRNOS = ("ENOSPC", "EIO", "EDQUOT", "EACCES", "EMFILE", "EROFS", "EINTR")
SMALL = 64 << 10
ROOM = (100, 300, 700, 1500)  # bytes a file may have


def untyped(ended: Ended, *codes: int) -> tuple[str, ...]:
    """What is wrong about how a run ended: a traceback, a code that was not to be expected, no word."""
    wrong = [f"exit {ended.code}: {ended.err.strip()[-300:]}"] if ended.code not in codes else []
    wrong += [f"traceback: {ended.err[-300:]}"] if ended.traceback else []
    wrong += ["no message"] if ended.code > 0 and not ended.err.startswith("polymask: ") else []
    return tuple(wrong)


def failing(setup: Setup, call: Call, error: str) -> Verdict:
    """One call fails once; then the command is run again."""
    setup.prepare()
    fault = f"{call.name}:error={error}:when={call.nth}"
    ended, _ = traced(setup.forked_runs, setup.arguments, fault, calls=[call.name])
    # A run may do without what failed (a folder to be removed), and is right if all is there.
    verdict = Verdict(1, untyped=untyped(ended, 0, 3)) + setup.now("after the error")
    if ended.code == 0:
        verdict += setup.judged(ended, "after an error that was none")
    return verdict + setup.finished("rerun")


def errors(*, sample: int | None = None, seed: int = 20261121) -> Tally:
    """Every errno at every call on files of the job, reading ones too, or at some."""
    with setups() as all_of_them:
        cases: list[Case] = []
        for setup in all_of_them:
            setup.prepare()
            _, calls = traced(setup.forked_runs, setup.arguments, calls=[*MUTATING, *READING])
            for call in touching(calls, setup.scene.folder):
                cases += [
                    (f"{setup.name}, {error} at {call.text[:90]}", partial(failing, setup, call, error))
                    for error in ERRNOS
                ]
        chosen = cases if sample is None else random.Random(seed).sample(cases, sample)
        return tallied("errno at a call", chosen)


@contextmanager
def small_disk(place: Path) -> Iterator[bool]:
    """A file system of 64 KiB; says whether there is one: mounting needs to be allowed."""
    place.mkdir(exist_ok=True)
    options = f"size={SMALL},mode=0777"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "none", place], capture_output=True, check=False
    )
    try:
        yield mounted.returncode == 0
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", place], check=True)


def full_disk(setup: Setup, free: int) -> Verdict:
    """A file system with so many bytes left; then with room again."""
    disk = setup.forked_runs.folder / "disk"
    with small_disk(disk) as mounted:
        assert mounted
        scene = Scene(disk / "job", setup.scene.layout)
        filler = disk / "filler"
        filler.touch()
        space = os.statvfs(disk)
        filler.write_bytes(bytes(max(space.f_bavail * space.f_frsize - free, 0)))
        return _squeezed(setup, scene, filler)


def _squeezed(setup: Setup, scene: Scene, filler: Path) -> Verdict:
    ended = setup.forked_runs.run(scene.convert)
    verdict = Verdict(1, tuple(map(str, scene.lost())), untyped=untyped(ended, 0, 3))
    filler.unlink(missing_ok=True)
    subprocess.run(["mount", "-o", "remount,size=1m", scene.folder.parent], check=True)
    again = setup.forked_runs.run(scene.convert)
    wrong = [*scene.differences(), *([] if again.code == 0 else [f"rerun: {again}"])]
    return verdict + Verdict(0, tuple(map(str, scene.lost())), tuple(scene.doubled()), other=tuple(wrong))


def small_files(setup: Setup, most: int) -> Verdict:
    """No file may be larger than so many bytes: a write is cut short, the next fails."""
    setup.prepare()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    child = setup.forked_runs.start(setup.arguments)
    resource.prlimit(child, resource.RLIMIT_FSIZE, (most, limits[1]))
    setup.forked_runs.go()
    ended = setup.forked_runs.ended()
    return Verdict(1, untyped=untyped(ended, 0, 3)) + setup.now("cut short") + setup.finished("rerun")


def full_stdout(setup: Setup) -> Verdict:
    """A report that cannot be written is told; the work is done."""
    setup.prepare()
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "polymask", *map(str, setup.arguments), "--json"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            text=True,
            check=False,
        )
    ended = Ended(done.returncode, "", done.stderr)
    return Verdict(1, untyped=untyped(ended, 3)) + setup.finished("rerun")


def full_disks() -> Tally:
    """Disks of 64 KiB with more and more room, files that may not grow, and a full stdout."""
    with setups() as all_of_them:
        converting = [setup for setup in all_of_them if setup.command == "convert"]
        assert len(converting) == len(LAYOUTS)

        with small_disk(converting[0].forked_runs.folder / "disk") as mounts:
            steps = range(0, SMALL if mounts else 0, 4096)  # where it is not allowed, the rest remains

        def cases() -> Iterator[Case]:
            for setup in converting:
                for free in steps:
                    yield f"{setup.name}, {free} bytes free", partial(full_disk, setup, free)
                for most in ROOM:
                    yield f"{setup.name}, files of {most} bytes", partial(small_files, setup, most)
                yield f"{setup.name}, stdout full", partial(full_stdout, setup)

        return tallied("a disk of 64 KiB, files that cannot grow, /dev/full", cases())
