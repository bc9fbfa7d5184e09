"""A command imports what it needs: a start costs every run, and most of a small one."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

LATE = (
    "concurrent.futures", "cv2", "difflib", "fractions", "logging", "pycocotools", "socket", "tempfile",
    "PIL.Image",
    "polymask.analysis.verify", "polymask.conversion.delete_source", "polymask.conversion.undoing.restore",
    "polymask.dataloop.service.client",
    "polymask.formats.coco.large.indexed",
    "polymask.formats.reading.records", "polymask.parallel.dask_cluster", "polymask.report",
)  # fmt: skip
PROGRAM = """
import json, sys
from polymask.cli.app import cli
cli.main(["convert", sys.argv[1], sys.argv[2], "--quiet"], standalone_mode=False)
print(json.dumps(sorted(sys.modules)))
"""


def test_a_plain_conversion_imports_nothing_that_it_does_not_use(
    coco_file: Callable[..., Path], tmp_path: Path
) -> None:
    """Of a COCO file, into a folder that is not there yet."""
    command = [sys.executable, "-c", PROGRAM, str(coco_file()), str(tmp_path / "out")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert not set(LATE).intersection(json.loads(run.stdout.splitlines()[-1]))
