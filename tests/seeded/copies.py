"""A throwaway copy of the package in which one thing is changed, and tests that run on it."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
    "mkdocs.yml",
    "CHANGELOG.md",
)
TIMEOUT = 240


@contextmanager
def copied() -> Iterator[Path]:
    """A folder with a copy of the package, and links to all else that tests need."""
    with tempfile.TemporaryDirectory(prefix="polymask-seeded-") as folder:
        copy = Path(folder)
        shutil.copytree(ROOT / "polymask", copy / "polymask", ignore=shutil.ignore_patterns("__pycache__"))
        for name in SHARED:
            (copy / name).symlink_to(ROOT / name)
        yield copy


def run_tests(copy: Path, tests: Sequence[str], *, timeout: float = TIMEOUT) -> tuple[int, str]:
    """pytest's exit code on the copy, and the first test that failed; a run that hangs is 1."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {
        "PYTHONPATH": str(copy),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HYPOTHESIS_STORAGE_DIRECTORY": str(copy / ".hypothesis"),
    }
    try:
        done = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, text=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        return 1, "(it hung)"
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return done.returncode, failed[0].split(" ")[1] if failed else done.stdout[-800:] + done.stderr[-300:]
