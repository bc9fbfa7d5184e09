"""The package's log: silent unless asked for, with times on stderr by `--verbose`."""

import json
import logging
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from polymask import convert
from polymask.cli.terminal import Bar
from tests.conftest import SAMPLE, Run

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} (INFO|WARNING) .+")


def test_a_library_call_writes_nothing(tmp_path: Path) -> None:
    """Not even what fails: without a handler of its own, Python would print warnings."""
    broken = tmp_path / "broken.json"
    document = json.loads(SAMPLE.read_text())
    document["images"][0]["file_name"] = "a.png"
    broken.write_text(json.dumps(document))
    code = "import sys, polymask; polymask.convert(sys.argv[1], sys.argv[2], overlap='error')"
    run = subprocess.run(
        [sys.executable, "-c", code, broken, tmp_path / "out"], capture_output=True, text=True, check=True
    )
    assert (run.stdout, run.stderr) == ("", "")


def test_who_listens_hears_what_is_done(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What is read and where to, the plan, what failed, the sums: below the name `polymask`."""
    with caplog.at_level(logging.INFO, logger="polymask"):
        convert(SAMPLE, tmp_path, overlap="error")
    assert {record.name for record in caplog.records} == {"polymask"}
    assert caplog.messages[0] == f"convert {SAMPLE} to {tmp_path}"
    assert "planned: 3 of 3 images, 6 labels" in caplog.messages
    failed = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(failed) == 2
    assert "both claim" in failed[0].getMessage()
    assert caplog.messages[-1] == "done: 3 images, 1 written, 0 unchanged, 2 failed, 0 polygons deleted"


@pytest.mark.parametrize("command", [("convert", SAMPLE, "{out}"), ("stats", SAMPLE), ("check", SAMPLE)])
def test_verbose_is_a_log_with_times_on_stderr(
    tmp_path: Path, polymask_command: Run, command: tuple[object, ...]
) -> None:
    """stdout is as it was; the log names the command and the version."""
    arguments = [str(argument).format(out=tmp_path / "out") for argument in command]
    run = polymask_command(*arguments, "--verbose")
    lines = run.stderr.splitlines()
    assert all(LINE.fullmatch(line) for line in lines)
    assert lines[0].endswith(f": {command[0]}")
    assert "INFO" not in run.stdout
    assert json.loads(polymask_command("stats", SAMPLE, "--verbose", "--json").stdout)["images"] == 3


def test_a_long_run_tells_how_far_it_is_now_and_then(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not at each image: every ten seconds."""
    moments = iter([0.0, 0.0, 3.0, 11.0, 15.0, 22.0, 23.0])
    monkeypatch.setattr("polymask.cli.terminal.time", SimpleNamespace(perf_counter=lambda: next(moments)))
    with caplog.at_level(logging.INFO, logger="polymask"), Bar() as bar:
        bar.start(40)
        for _ in range(4):
            bar.advance(10)
    assert caplog.messages == ["20 of 40 images", "40 of 40 images"]
