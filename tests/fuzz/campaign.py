"""Runs of a target, made again from (seed, target, number); findings are told apart by their place."""

import faulthandler
import resource
import time
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from types import TracebackType

from polymask import PolymaskError
from tests.fuzz.targets import TARGETS, Target

SECONDS, SECONDS_A_BYTE = 1.0, 2e-6  # of this process, so that a busy machine is no finding
MEMORY, MEMORY_A_BYTE = 64 << 20, 30
HANG = 60  # seconds: then the process tells where it is, and ends
FOUND = Path(__file__).parent.parent.parent / "fixtures" / "fuzz"


@dataclass(slots=True)
class Result:
    """What became of a target's runs."""

    target: str
    runs: int = 0
    accepted: int = 0
    seconds: float = 0.0
    findings: dict[str, bytes] = field(default_factory=dict)


def made(target: str, number: int, *, seed: int) -> bytes:
    """The input of a run."""
    luck = Random(f"{seed}/{target}/{number}")
    what = TARGETS[target]
    return luck.choice(what.mutations)(luck.choice(what.samples), what.samples, luck)


def campaign(target: str, runs: int, *, seed: int, first: int = 0) -> Result:
    """Many runs of one target; the input that is being run lies in a file, in case the process dies of it."""
    result = Result(target)
    tried(TARGETS[target], TARGETS[target].samples[0])  # libraries are loaded once: no input's own cost
    began = time.perf_counter()
    for number in range(first, first + runs):
        data = made(target, number, seed=seed)
        accepted, finding = tried(TARGETS[target], data)
        result.runs += 1
        result.accepted += accepted
        kind = finding.partition(": ")[0]
        if finding and not any(known.partition(": ")[0] == kind for known in result.findings):
            result.findings[finding] = data
    result.seconds = time.perf_counter() - began
    return result


def tried(target: Target, data: bytes) -> tuple[bool, str]:
    """Whether an input was accepted, and what is wrong with that; nothing where all is right."""
    with TemporaryDirectory(prefix="polymask-fuzz-") as folder:
        (Path(folder) / "input").write_bytes(data)
        inner = Path(folder) / "work"
        inner.mkdir()
        faulthandler.dump_traceback_later(HANG, exit=True)
        before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        try:
            accepted, finding = _judged(target, data, inner)
        finally:
            faulthandler.cancel_dump_traceback_later()
        seconds = time.process_time() - began
        taken = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
    if seconds > SECONDS + SECONDS_A_BYTE * len(data):
        finding = finding or f"slow: {seconds:.1f} s for {len(data)} bytes"
    if taken > MEMORY + MEMORY_A_BYTE * len(data):
        finding = finding or f"memory: {taken >> 20} MiB for {len(data)} bytes"
    return accepted, finding


def _judged(target: Target, data: bytes, folder: Path) -> tuple[bool, str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return target.run(data, folder), ""
    except PolymaskError as error:
        return False, "" if str(error).strip() else f"{type(error).__name__} without a word"
    except Exception as error:
        return False, f"{type(error).__name__} {_place(error.__traceback__)}: {str(error)[:120]}"


def _place(trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)
    ours = [frame for frame in frames if "/polymask/" in frame.filename and "/tests/" not in frame.filename]
    last = (ours or frames)[-1]
    return f"{Path(last.filename).name}:{last.name}:{last.lineno}"


def keep(target: str, data: bytes) -> Path:
    """Store a finding among the fixtures, which are run again with the default tests."""
    path = FOUND / target / sha256(data).hexdigest()[:12]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def kept() -> Iterator[tuple[str, Path]]:
    """Every finding that is stored, with its target."""
    for path in sorted(FOUND.glob("*/*")):
        yield path.parent.name, path
