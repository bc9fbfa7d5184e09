"""Whole programs, timed in turn: wall time with start-up, and the peak memory the system reports."""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CONTESTANTS = Path(__file__).with_name("contestants.py")
RASTERS = Path(__file__).with_name("rasters.py")
SCRATCH = "/dev/shm" if Path("/dev/shm").is_dir() else None


@dataclass(slots=True)
class Timing:
    """A contestant's runs: seconds and peak bytes, one of each a round."""

    seconds: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The middle one of its times, in seconds."""
        return statistics.median(self.seconds)

    def over(self, other: "Timing") -> float:
        """The middle one of the ratios to the other's time in the same round."""
        pairs = zip(self.seconds, other.seconds, strict=True)
        return statistics.median(mine / theirs for mine, theirs in pairs)


def polymask_command(source: Path, *options: str) -> list[str]:
    """The conversion as a user types it; the folder is appended."""
    return [sys.executable, "-m", "polymask", "convert", "--quiet", *options, str(source)]


def contestant_command(python: str, name: str, source: Path) -> list[str]:
    """A contestant in the interpreter that has its library; the folder is appended."""
    return [python, str(CONTESTANTS), name, str(source)]


def warm(command: Sequence[str]) -> None:
    """Run a command once, uncounted: its modules are compiled and its files are in memory, as for a user."""
    once(command, cores=1)


def environment() -> dict[str, str]:
    """The environment of all contestants: Python keeps compiled modules, as it does unless told otherwise."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def rasterizing(python: str, name: str, source: Path) -> float:
    """Seconds an instance of a library that only turns polygons to pixels."""
    command = [python, str(RASTERS), name, str(source)]
    told = subprocess.run(
        command,
        env=environment() | {"PYTHONPATH": str(RASTERS.parents[2])},
        preexec_fn=lambda: _pin(1),
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, instances = told.stdout.split()
    return float(seconds) / int(instances)


def once(command: Sequence[str], *, cores: int) -> tuple[float, int]:
    """Run a command into a new folder on so many cores; returns seconds and peak bytes."""
    with tempfile.TemporaryDirectory(dir=SCRATCH) as scratch:
        began = time.perf_counter()
        process = subprocess.Popen(
            [*command, str(Path(scratch) / "out")],
            env=environment(),
            preexec_fn=lambda: _pin(cores),  # noqa: PLW1509 - there are no threads here
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert process.stderr is not None
        told = process.stderr.read().decode(errors="replace")
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)}: {told[-600:]}")
        return seconds, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _pin(cores: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-cores:])


def compare(
    commands: Mapping[str, Sequence[str]], *, rounds: int, cores: Mapping[str, int] | None = None
) -> dict[str, Timing]:
    """Every command once a round, in turn, so that a slow minute of the machine hits all alike."""
    timings = {name: Timing() for name in commands}
    for command in commands.values():
        warm(command)
    for _ in range(rounds):
        for name, command in commands.items():
            seconds, memory = once(command, cores=(cores or {}).get(name, 1))
            timings[name].seconds.append(seconds)
            timings[name].memory.append(memory)
    return timings


def has(python: str, module: str) -> bool:
    """Whether an interpreter finds a library."""
    return (
        shutil.which(python) is not None
        and not subprocess.run(
            [python, "-c", f"import {module}"], capture_output=True, check=False
        ).returncode
    )
