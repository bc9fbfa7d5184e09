"""Each recipe of the docs is followed from its first line to its last, in a folder of its own."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from polymask.dataloop.emulator import Emulator, fake_token
from tests.conftest import ROOT, SAMPLE
from tests.dataloop.home import logged_in

RECIPES = sorted((ROOT / "docs" / "recipes").glob("*.md"))
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def steps(page: Path) -> list[list[str]]:
    """The commands of a page: a shell for each block of commands, one Python for all of its Python so far."""
    python, commands = "", []
    for language, text in BLOCK.findall(page.read_text()):
        if language == "console":
            commands.append(["bash", "-euc", text])
        else:
            python += text
            commands.append([sys.executable, "-c", python])
    return commands


@pytest.fixture
def environment(page: Path, tmp_path: Path) -> Iterator[dict[str, str]]:
    """What the commands of a page find: a login to an emulator, where it is about datasets."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    settings = dict(os.environ) | {"PATH": path}
    if page.stem != "dataloop":
        yield settings
        return
    settings.pop("XDG_STATE_HOME", None)
    with Emulator(seed=SAMPLE, images=SAMPLE.parent / "images") as emulator:
        login = logged_in(tmp_path / "home", emulator.url, fake_token("ann@example.org"))
        yield settings | login | {"PATH": path}


@pytest.mark.parametrize("page", RECIPES, ids=lambda page: page.stem)
def test_a_recipe_works_as_it_stands(page: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    """Every command ends with 0, and what the Python blocks assert holds."""
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    commands = steps(page)
    assert commands
    for command in commands:
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command[-1]}\n{done.stdout}{done.stderr}"
