"""Runs of the real command in forked processes: a fork costs milliseconds, a start a third of a second.

As a program (`python -m tests.support.forked_runs`) it imports polymask once, and forks a child for every
line of JSON on stdin. A child waits at a gate until it is told to go, so that a tracer can attach.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[2]
PR_SET_PTRACER, ANYBODY = 0x59616D61, -1  # a tracer that is no ancestor is refused on many systems

GO = signal.SIGUSR1
STOPS = {signal.SIGINT, signal.SIGTERM}


@dataclass(frozen=True)
class Ended:
    """How a run ended: exit code or minus a signal, what it said, and how long it took."""

    code: int
    out: str
    err: str
    seconds: float = 0.0

    @property
    def traceback(self) -> bool:
        return "Traceback" in self.err or "please report" in self.err + self.out


class ForkedRuns:
    """Starts runs of `polymask ARGUMENTS` in a folder."""

    def __init__(
        self, folder: Path, *, mutant: str = "", environment: Mapping[str, str] | None = None
    ) -> None:
        """In an environment that has a home of dtlpy's, that is imported beforehand too."""
        self.folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.forked_runs", str(folder), mutant],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**(environment or os.environ), "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        )
        assert self._process.stdin
        assert self._process.stdout
        self._in: IO[str] = self._process.stdin
        self._out: IO[str] = self._process.stdout
        self._began = 0.0

    def start(self, arguments: Sequence[object], **settings: Any) -> int:
        """A child at its gate; its process id."""
        self._in.write(
            json.dumps({"arguments": [str(argument) for argument in arguments], **settings}) + "\n"
        )
        self._in.flush()
        return int(self._out.readline())

    def go(self) -> None:
        """Open the gate."""
        self._began = time.perf_counter()
        self._in.write("go\n")
        self._in.flush()

    def ended(self) -> Ended:
        """Wait for the end of the child."""
        code = int(self._out.readline())
        seconds = time.perf_counter() - self._began
        out, err = ((self.folder / f"{name}.txt").read_text() for name in ("stdout", "stderr"))
        return Ended(code, out, err, seconds)

    def run(self, arguments: Sequence[object], **settings: Any) -> Ended:
        """A whole run."""
        self.start(arguments, **settings)
        self.go()
        return self.ended()

    def close(self) -> None:
        self._in.close()
        self._process.wait()
        self._out.close()

    def __enter__(self) -> "ForkedRuns":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def main(folder: Path, mutant: str) -> None:
    """Fork a child for every line of stdin."""
    from polymask import __main__ as program
    from tests.crash.mutants import MUTANTS
    from tests.support.warm_start import warm

    warm(folder)
    if "DATALOOP_PATH" in os.environ:
        from polymask.dataloop.jobs import run  # noqa: F401
        from polymask.dataloop.service.client import import_dtlpy

        import_dtlpy()
    if mutant:
        MUTANTS[mutant]()
    for line in sys.stdin:
        answers, ready = os.pipe()
        signal.pthread_sigmask(signal.SIG_BLOCK, {*STOPS, GO})  # until the child can answer them
        child = os.fork()
        if not child:
            _child(program, folder, ready, **json.loads(line))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        os.read(answers, 1)
        os.close(answers)
        os.close(ready)
        print(child, flush=True)
        if sys.stdin.readline():
            os.kill(child, GO)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _child(
    program: Any,
    folder: Path,
    ready: int,
    *,
    arguments: list[str],
    quick: bool = True,
) -> None:
    """Become a run of the command; `quick` takes the waiting out of `sync`, which a kill cannot see."""
    ctypes.CDLL(None).prctl(PR_SET_PTRACER, ctypes.c_ulong(ANYBODY), 0, 0, 0)
    for name, number in (("stdout", 1), ("stderr", 2)):
        descriptor = os.open(folder / f"{name}.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, number)
        os.close(descriptor)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    if quick:
        os.sync = lambda: None
    sys.argv[1:] = arguments
    code: Any = 70
    os.write(ready, b".")
    signal.sigwait({GO})  # no call that a tracer of files would count
    try:
        for number in STOPS:  # as `python -m polymask` has it until the command begins
            signal.signal(number, program._leave)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        program.main()
        code = 0
    except SystemExit as error:
        code = error.code or 0
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        if code == 70:
            sys.excepthook(*sys.exc_info())
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
