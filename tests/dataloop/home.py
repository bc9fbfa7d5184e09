"""A home of its own for dtlpy, outside pytest."""

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch


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
