"""The page about the app, followed as far as it goes without a platform."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from polymask.dataloop.emulator import Emulator
from polymask.dataloop.jobs import run
from polymask.dataloop.jobs.journals import on_platform
from polymask.in_place.job import ProvenOptions
from tests.conftest import ROOT
from tests.dataloop.world import ACROSS, BESIDE, RING_WITH_HOLE, World

PAGE = (ROOT / "docs" / "dataloop-app.md").read_text()


def rows(heading: str) -> dict[str, str]:
    """The first two columns of the first table below a heading."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in section.splitlines()
        if line[:1] == "|"
    ]
    return {row[0]: row[1] for row in cells}


def test_the_example_does_what_its_comments_say(tmp_path: Path) -> None:
    """In a process and a home of their own, with the real SDK."""
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    environment = {
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path),
        "NO_PROXY": "*",
    }
    done = subprocess.run(
        [sys.executable, "-c", example],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=tmp_path,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stdout.splitlines() if re.match(r"\[?['\d]", line)]
    assert told == re.findall(r"\)  # (.*)", example)


def test_the_commands_are_those_of_the_tools(dtlpy: ModuleType) -> None:
    """To build, as the Dockerfile says; to publish and install, as the SDK's program takes it."""
    from dtlpy.dlp.parser import get_parser

    blocks = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    commands = [line for block in blocks for line in block.splitlines()]
    assert commands[0] in (ROOT / "app" / "Dockerfile").read_text()
    for command in (command for command in commands if command.startswith("dlp ")):
        get_parser().parse_args(command.split()[1:])


def test_the_page_names_every_function_and_input() -> None:
    """Those of the manifest, and no others."""
    (module,) = json.loads((ROOT / "dataloop.json").read_text())["components"]["modules"]
    optional = {
        f"`{port['name']}`"
        for function in module["functions"]
        for port in function["input"]
        if not port.get("mandatory", True)
    }
    functions = {f"`{function['name']}`" for function in module["functions"]}
    assert functions | optional == set(rows("Its functions")) - {"function", "input", "---"}


@pytest.fixture
def costs(dtlpy: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, int]:
    """The calls that an item takes, by what is done with it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def converted(world: World, journal: Path | None) -> None:
        with world.connected():
            dataset = run.open_by_id(world.dataset["id"])
            kept = journal or on_platform(dataset.client, dataset.raw)
            run.convert_connected(dataset, ProvenOptions(delete_source=True), journal=kept)

    def calls(items: int, *, dataset: bool, journal: Path | None, again: bool = False) -> int:
        with Emulator() as emulator:
            world = World(emulator)
            for number in range(items):
                world.add_item(f"/{number}.png", RING_WITH_HOLE, BESIDE, ACROSS)
            for _ in range(1 + again):
                before = emulator.calls
                converted(world, journal) if dataset else world.convert_items(journal=journal)
            return emulator.calls - before

    def more(journal: str | None) -> int:
        few, many = (calls(n, dataset=True, journal=journal and tmp_path / f"{journal}{n}") for n in (2, 5))  # type: ignore[misc]
        return (many - few) // 3

    return {
        "`convert_item` with `delete_source`": calls(1, dataset=False, journal=None),
        "the same with a `journal`": calls(1, dataset=False, journal=tmp_path / "item"),
        "`convert_item` where nothing is left to do": calls(1, dataset=False, journal=None, again=True),
        "`convert_dataset` with `delete_source`": more(None),
        "with a journal": more("dataset"),
    }


def test_what_it_costs(costs: dict[str, int]) -> None:
    """Counted, not estimated."""
    section = PAGE.split("## What it costs\n")[1]
    told = [int(number) for number in re.findall(r"\| (\d+) \|$", section, re.MULTILINE)]
    assert list(costs.values()) == told
