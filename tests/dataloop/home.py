"""A home of its own for dtlpy, outside pytest."""

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from polymask.dataloop.emulator import cookie

ROOT = Path(__file__).parents[2]


@contextmanager
def private_home() -> Iterator[str]:
    """Import the SDK into an empty home, from an empty folder; quiet, since faults are expected."""
    with tempfile.TemporaryDirectory() as home:
        settings = {"HOME": home, "DATALOOP_PATH": f"{home}/.dataloop", "NO_PROXY": "127.0.0.1,localhost"}
        before = Path.cwd()
        with patch.dict(os.environ, settings), warnings.catch_warnings():
            os.environ.pop("DATALOOP_TOKEN", None)
            os.chdir(home)
            try:
                import dtlpy

                dtlpy.verbose.disable_progress_bar = True
                dtlpy.verbose.logging_level = "critical"
                yield home
            finally:
                os.chdir(before)


def logged_in(home: Path, url: str, token: str | None) -> dict[str, str]:
    """Log a home in as a user does, with dtlpy's cookie file; the environment of its processes."""
    (home / ".dataloop").mkdir(parents=True)
    (home / ".dataloop" / "cookie.json").write_text(cookie(url, token))
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "DATALOOP_PATH": str(home / ".dataloop"),
        "PYTHONPATH": str(ROOT),
        "NO_PROXY": "127.0.0.1",
    }
