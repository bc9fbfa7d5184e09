"""A throwaway copy of the package in which one thing is changed, and tests that run on it."""

import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SHARED = (
    "tests",
    "fixtures",
    "docs",
    "README.md",
    "pyproject.toml",
    ".ci",
    "SECURITY.md",
    "zensical.toml",
    "CHANGELOG.md",
    "dataloop.json",
    "app",
)
TIMEOUT = 240
HEAVY = ("PIL.Image", "hypothesis.strategies", "msgspec.json", "numpy", "pytest")  # none of the package


@contextmanager
def copied() -> Iterator[Path]:
    """A folder with a copy of the package, and links to all else that tests need."""
    with tempfile.TemporaryDirectory(prefix="polymask-seeded-") as folder:
        copy = Path(folder)
        shutil.copytree(ROOT / "polymask", copy / "polymask", ignore=shutil.ignore_patterns("__pycache__"))
        for name in SHARED:
            (copy / name).symlink_to(ROOT / name)
        yield copy


_FLAGS = ("-x", "-q", "-n", "0", "-p", "no:cacheprovider")


def _environment(copy: Path) -> dict[str, str]:
    return {
        "PYTHONPATH": str(copy),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HYPOTHESIS_STORAGE_DIRECTORY": str(copy / ".hypothesis"),
    }


def run_forked(copy: Path, tests: Sequence[str], *, timeout: float) -> int:
    """pytest's exit code on the copy; a run that hangs is 1.

    The tests run in a fork of this process, which has imported what is slow to import.
    """
    for name in HEAVY:
        import_module(name)
    if (child := os.fork()) == 0:
        _run_as_child(copy, tests)
    limit = time.monotonic() + timeout
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > limit:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return 1
        time.sleep(0.02)


def _run_as_child(copy: Path, tests: Sequence[str]) -> None:
    code = 1
    try:
        os.setsid()
        os.chdir(copy)
        os.environ |= _environment(copy)
        sys.dont_write_bytecode = True
        sys.path[:] = [str(copy), *(path for path in sys.path if path not in ("", str(ROOT)))]
        for name in [name for name in sys.modules if name.partition(".")[0] in ("tests", "polymask")]:
            del sys.modules[name]
        sys.argv = ["pytest"]
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(nowhere, descriptor)
        os.close(nowhere)
        code = import_module("pytest").main([*_FLAGS, "--assert=plain", *tests])
    except Exception:  # noqa: BLE001 - a child ends here, whatever happened
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
