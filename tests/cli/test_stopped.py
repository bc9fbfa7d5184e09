"""Runs that are killed or interrupted half way, and what the next run makes of that."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from polymask import InputError, convert
from tests.conftest import ROOT, tree
from tests.conversion.test_run import many

Write = Callable[..., Path]


def start(*arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "polymask", "convert", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )


def wait_for_masks(out: Path, process: "subprocess.Popen[str]") -> None:
    while process.poll() is None and not list(out.glob("masks/*.png")):
        time.sleep(0.002)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_killed_half_way_and_started_again_ends_with_the_same_bytes(
    coco_file: Write, tmp_path: Path, workers: int
) -> None:
    """SIGKILL at different moments, then the same command: the tree of an undisturbed run."""
    path, killed = coco_file(many(400)), 0
    convert(path, tmp_path / "undisturbed")
    for moment in range(4):
        out = tmp_path / f"killed {moment}"
        process = start(path, out, "--workers", workers)
        wait_for_masks(out, process)
        time.sleep(moment * 0.02)
        process.kill()
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        convert(path, out)
        assert tree(out) == tree(tmp_path / "undisturbed")
    assert killed


def test_a_run_killed_half_way_refuses_other_options(coco_file: Write, tmp_path: Path) -> None:
    """What is half done is completed or overwritten on purpose, not mixed."""
    out = tmp_path / "out"
    process = start(coco_file(many(400)), out, "--workers", 1)
    wait_for_masks(out, process)
    process.kill()
    process.communicate()
    with pytest.raises(InputError, match="unfinished run"):
        convert(coco_file(many(400)), out, overlap="first")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupt_stops_cleanly(
    coco_file: Write, tmp_path: Path, number: signal.Signals, code: int, workers: int
) -> None:
    """The exit code tells the signal, nothing is traced, and a second run completes the first."""
    path, out = coco_file(many(3000)), tmp_path / "out"
    process = start(path, out, "--workers", workers)
    wait_for_masks(out, process)
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == code
    assert "Traceback" not in errors
    convert(path, out)
    assert len(list((out / "masks").iterdir())) == 3000


@pytest.mark.parametrize(
    "options",
    [("--border", 40), ("--to", "onehot"), ("--to", "coco")],
    ids=["border", "one-hot", "down the columns"],
)
def test_a_mask_of_600_megapixels_is_interrupted_too(
    coco_file: Write, tmp_path: Path, options: tuple[object, ...]
) -> None:
    """Within two seconds, in the midst of what is made pixel by pixel."""
    width, height = 30_000, 20_000
    ring = [100, 50, width - 100, 200, width - 300, height - 100, width / 2, height - 2000]
    image = {"id": 1, "file_name": "slide.png", "height": height, "width": width}
    rows = [{"id": 1, "image_id": 1, "category_id": 3, "segmentation": [ring], "iscrowd": 0}]
    process = start(coco_file(images=[image], annotations=rows), tmp_path / "out", *options)
    while process.poll() is None and not (tmp_path / "out/.polymask/run.json").exists():
        time.sleep(0.01)
    time.sleep(0.7)
    process.send_signal(signal.SIGTERM)
    began = time.perf_counter()
    _, errors = process.communicate(timeout=20)
    assert time.perf_counter() - began < 2
    assert process.returncode == 143
    assert "Traceback" not in errors
