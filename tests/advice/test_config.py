"""Advice of what stands in a configuration file or a variable."""

from pathlib import Path

import pytest

from tests.advice.sites import Case, follows
from tests.conftest import SAMPLE


@follows(
    "cli/config: keep one of them",
    "cli/config: write options as TOML has them",
    "cli/config: make it {kind}",
)
def test_a_file_is_mended_as_told(case: Case, tmp_path: Path) -> None:
    """One spelling of an option, TOML, values of its kind."""
    path = tmp_path / "polymask.toml"
    for wrong, right in (
        ("max-pixels = 9\nmax_pixels = 99999", "max_pixels = 99999"),
        ("to: voc", "to = 'voc'"),
        ("boxes = 'yes'", "boxes = true"),
        ("where = [[1]]", "where = ['*']"),
    ):
        path.write_text(wrong)
        case.fails("stats", SAMPLE, "--config", path)
        path.write_text(right)
        case.works("stats", SAMPLE, "--config", path)


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
