"""Starting is quick because the heavy libraries wait until they are used."""

import subprocess
import sys

import pytest

import polymask

HEAVY = ("cv2", "dtlpy", "skimage", "scipy", "pyarrow", "pycocotools", "matplotlib", "pandas")


def loaded_by(*command: str) -> set[str]:
    """The modules that are loaded when a Python command ends."""
    told = "import sys\n{}\nprint(*sys.modules)".format("\n".join(command))
    run = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    return set(run.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("module", ["polymask", "polymask.cli.app"])
def test_importing_loads_no_heavy_library(module: str) -> None:
    """Neither the package nor its command line."""
    assert not loaded_by(f"import {module}") & set(HEAVY)


def test_importing_the_package_does_not_load_the_command_line() -> None:
    """A library call pays for no flags and no bars."""
    assert not loaded_by("import polymask") & {"click", "tqdm", "polymask.cli.app"}


def test_every_public_name_comes_from_its_home_when_it_is_asked_for() -> None:
    """Importing the package loads none of them, numpy neither; a name that is none is no attribute."""
    assert not loaded_by("import polymask") & {"numpy", "polymask.model"}
    assert sorted(polymask.__all__) == sorted([*polymask._HOME_OF, *polymask._ROOMS, "__version__"])
    assert all(getattr(polymask, name) is not None for name in polymask.__all__)
    assert set(polymask.__all__) <= set(dir(polymask))
    assert callable(polymask.conflicts)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        polymask.nothing  # noqa: B018


def test_a_conversion_to_index_masks_loads_no_picture_library() -> None:
    """Pillow reads PNGs; writing them takes none."""
    convert = "polymask.convert('fixtures/shapes/instances.json', tempfile.mkdtemp())"
    assert "PIL.Image" not in loaded_by("import polymask, tempfile", convert)
