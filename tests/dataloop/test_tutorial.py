"""The tutorial in the docs, run as a reader would run it."""

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT


def test_the_tutorial_runs_and_tells_what_the_docs_say(tmp_path: Path) -> None:
    """The SDK's way and polymask's, against the emulator, in a process and a home of their own."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "dataloop_tutorial.py")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    masks = "[('binary', 'boat'), ('binary', 'person')]"
    assert f"the SDK's way: {masks}" in done.stdout
    assert f"polymask: {masks} deleted 2" in done.stdout
    assert "once more: 0 written" in done.stdout
    assert "proven again: 2" in done.stdout
    assert "put back: 2" in done.stdout
