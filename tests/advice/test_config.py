"""Advice to a run that nobody watches: what stands in its file or its variables, masks night after night."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from polymask import encode_png
from tests.advice.sites import Case, follows
from tests.conftest import SAMPLE


@follows(
    "cli/config: keep one of them",
    "cli/config: write options as TOML has them",
    "cli/config: make it {kind}",
    "cli/config: make it {_VALUES}",
    "cli/config: as_utf_8(path, data)",
    "cli/config: name a TOML file",
)
def test_a_file_is_mended_as_told(case: Case, tmp_path: Path) -> None:
    """One spelling of an option, TOML in UTF-8 in a file, values of its kind."""
    path = tmp_path / "polymask.toml"
    for wrong, right in (
        ("max-pixels = 9\nmax_pixels = 99999", "max_pixels = 99999"),
        ("to: voc", "to = 'voc'"),
        ("boxes = 'yes'", "boxes = true"),
        ("where = [[1]]", "where = ['*']"),
        ("where = {a = 1}", "where = ['*']"),
    ):
        path.write_text(wrong)
        case.fails("stats", SAMPLE, "--config", path)
        path.write_text(right)
        case.works("stats", SAMPLE, "--config", path)
    path.write_text("quiet = true", encoding="utf-16")
    command = case.fails("stats", SAMPLE, "--config", path).told.partition("`")[2].partition("`")[0]
    subprocess.run(["bash", "-c", command], check=True)
    case.works("stats", SAMPLE, "--config", path)
    case.fails("stats", SAMPLE, "--config", tmp_path)


@follows("cli/config: {near} Otherwise unset it", "cli/config: write [")
def test_a_variable_is_mended_as_told(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spelled right, or unset; a list as JSON has it."""
    monkeypatch.setenv("POLYMASK_OVERLAPS", "first")
    case.fails("stats", SAMPLE)
    monkeypatch.delenv("POLYMASK_OVERLAPS")
    case.works("stats", SAMPLE)
    monkeypatch.setenv("POLYMASK_ONLY", "[sea, sun]")
    case.fails("stats", SAMPLE)
    monkeypatch.setenv("POLYMASK_ONLY", '["sea", "sun"]')
    case.works("stats", SAMPLE)


@follows(
    "labels/label_files: name a label file",
    "labels/label_files: name another",
    "storage/disk: name a file, a folder",
)
def test_files_without_an_end_are_replaced_as_told(case: Case, tmp_path: Path) -> None:
    """Devices, and a label file with a hole of gigabytes."""
    (labels := tmp_path / "labels.txt").write_text("")
    os.truncate(labels, 1 << 32)
    case.fails("stats", "/dev/zero")
    for path in ("/dev/zero", labels):
        case.fails("stats", SAMPLE, "--labels", path)
    labels.write_text("sun\nsea\nboat\nflock\nhouse\ntree\n")
    case.works("stats", SAMPLE, "--labels", labels)


@follows(
    "conversion/dest/companions: pass --overwrite to replace it",
    "conversion/planning/pruning: leave --prune out",
)
def test_masks_that_somebody_edited_are_kept_or_replaced_as_told(case: Case, tmp_path: Path) -> None:
    """Moved away, or overwritten; another source prunes nothing."""
    out, file = tmp_path / "out", tmp_path / "a.json"
    for way in ("--overwrite", "--update"):
        file.write_text(SAMPLE.read_text())
        case.works("convert", file, out, "--overwrite")
        mask = out / "masks/harbor.png"
        mask.write_bytes(encode_png(np.ones((120, 160), np.uint8)))
        file.write_text(SAMPLE.read_text().replace("[[120", "[[121"))
        case.fails("convert", file, out, "--update", code=4)
        if way == "--update":
            mask.rename(tmp_path / "mine.png")
        case.works("convert", file, out, way)
    file.write_text(SAMPLE.read_text().replace(".png", "-b.png"))
    case.fails("convert", file, out, "--prune")
    case.works("convert", file, tmp_path / "other", "--prune")
    case.works("convert", SAMPLE, out, "--overwrite", "--prune")
