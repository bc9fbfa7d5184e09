"""Each recipe of the docs is followed from its first line to its last, in a folder of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

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


@pytest.mark.parametrize("page", RECIPES, ids=lambda page: page.stem)
def test_a_recipe_works_as_it_stands(page: Path, tmp_path: Path) -> None:
    """Every command ends with 0, and what the Python blocks assert holds."""
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    commands = steps(page)
    assert commands
    for command in commands:
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command[-1]}\n{done.stdout}{done.stderr}"
