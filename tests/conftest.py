"""What all tests share: the sample, small COCO files, and a way to run the command line."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "fixtures" / "shapes" / "instances.json"

settings.register_profile("project", deadline=None, print_blob=True)
settings.load_profile("project")


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Examples name fixtures by their path from the project's root."""
    monkeypatch.chdir(ROOT)


def square(x: float, y: float, side: float) -> list[float]:
    """A COCO ring."""
    return [x, y, x + side, y, x + side, y + side, x, y + side]


def coco(**changes: Any) -> dict[str, Any]:
    """A small, faultless COCO document: one image of 8 × 6 px, a cat below a dog."""
    document = {
        "images": [{"id": 1, "file_name": "a.jpg", "height": 6, "width": 8}],
        "categories": [{"id": 3, "name": "cat"}, {"id": 7, "name": "dog"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 3, "segmentation": [square(1, 1, 3)], "iscrowd": 0},
            {"id": 2, "image_id": 1, "category_id": 7, "segmentation": [square(3, 2, 3)], "iscrowd": 0},
        ],
    }
    return document | changes


@pytest.fixture
def coco_file(tmp_path: Path) -> Callable[..., Path]:
    """Write a COCO document (see `coco`) and return its path."""

    def write(document: dict[str, Any] | None = None, **changes: Any) -> Path:
        path = tmp_path / "instances.json"
        path.write_text(json.dumps(document if document is not None else coco(**changes)))
        return path

    return write


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def polymask_command() -> Run:
    """Run `polymask` in a process of its own, as a user would."""

    def run(*arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "polymask", *map(str, arguments)],
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
            timeout=120,
            check=False,
        )

    return run


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by relative path."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
