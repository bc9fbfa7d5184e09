"""Starting is quick because the heavy libraries wait until they are used."""

import subprocess
import sys

import pytest

HEAVY = ("cv2", "dtlpy", "skimage", "scipy", "pycocotools", "matplotlib", "pandas")


def loaded_by(*command: str) -> set[str]:
    """The modules that are loaded when a Python command ends."""
    told = "import sys\n{}\nprint(*sys.modules)".format("\n".join(command))
    run = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    return set(run.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("module", ["polymask", "polymask.cli"])
def test_importing_loads_no_heavy_library(module: str) -> None:
    """Neither the package nor its command line."""
    assert not loaded_by(f"import {module}") & set(HEAVY)


def test_importing_the_package_does_not_load_the_command_line() -> None:
    """A library call pays for no flags and no bars."""
    assert not loaded_by("import polymask") & {"click", "tqdm", "polymask.cli"}
