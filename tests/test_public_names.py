"""The surface: names, errors, exit codes, and tables that the docs tell of."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import polymask
from polymask import errors
from polymask.analysis.findings import FINDING_KINDS
from polymask.cli.app import cli
from polymask.formats import FORMATS
from polymask.layouts import LAYOUTS
from polymask.painting.painting import OVERLAP_RULES
from polymask.raster import PIXEL_RULES

ROOT = Path(__file__).parent.parent
DOCS = "\n".join(path.read_text() for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))])
ERRORS = {
    name: error
    for name, error in vars(errors).items()
    if inspect.isclass(error) and issubclass(error, errors.PolymaskError)
}


def test_all_is_sorted_and_complete() -> None:
    """`__all__` names everything public, once, and every error."""
    assert list(polymask.__all__) == sorted(polymask.__all__)
    assert set(ERRORS) <= set(polymask.__all__)
    for name in polymask.__all__:
        assert hasattr(polymask, name)


@pytest.mark.parametrize("use", ["training.MaskDataset", "dataloop.convert_item", "preview"])
def test_rooms_are_reachable_after_importing_the_package(use: str) -> None:
    """Nobody has to know what else to import; in a process that has imported nothing else."""
    command = f"import polymask; assert callable(polymask.{use}); assert callable(polymask.preview)"
    subprocess.run([sys.executable, "-c", command], check=True, timeout=60)


def test_the_reference_shows_every_public_name() -> None:
    """docs/python.md has an entry for each name of `__all__`, and no other."""
    page = (ROOT / "docs" / "python.md").read_text()
    entries = re.findall(r"^::: polymask\.(\w+)$", page, re.MULTILINE)
    assert sorted(entries) == [name for name in polymask.__all__ if name != "__version__"]


def test_errors_are_drawn_as_they_are() -> None:
    """The tree in the docstring is the tree of classes, with its exit codes."""
    drawing = errors.__doc__ or ""
    for name in ERRORS:
        assert re.search(rf"\b{name}\b", drawing), name
    codes = {
        name: error.exit_code
        for name, error in ERRORS.items()
        if error.__bases__ != (polymask.PolymaskError,)
    }
    assert codes["FormatError"] == codes["InputError"] == 2
    assert (errors.NotFound.exit_code, errors.Locked.exit_code, errors.ProofError.exit_code) == (3, 4, 5)
    assert issubclass(errors.InputError, ValueError)
    assert issubclass(errors.BackendError, OSError)


FLAGS = {
    flag
    for command in cli.commands.values()
    for option in command.params
    for flag in option.opts
    if flag[:2] == "--"
}


@pytest.mark.parametrize(
    "name",
    sorted(
        {*FLAGS, *cli.commands, *FORMATS, *LAYOUTS, *PIXEL_RULES, *OVERLAP_RULES, *FINDING_KINDS, *ERRORS}
    ),
)
def test_the_docs_tell_of_every_name(name: str) -> None:
    """Flags, commands, formats, layouts, rules, findings and errors appear in the docs."""
    assert f"`{name}" in DOCS or f"`polymask {name}" in DOCS


@pytest.mark.parametrize("code", ["0", "1", "2", "3", "4", "5", "130", "143"])
def test_the_docs_tell_of_every_exit_code(code: str) -> None:
    """A table has a row for each."""
    assert f"| {code} |" in DOCS


def test_public_functions_and_types_have_docstrings_with_examples() -> None:
    """Whatever is public says what it does; functions show it."""
    for name in polymask.__all__:
        thing = getattr(polymask, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert thing.__doc__, name
        if inspect.isfunction(thing):
            assert ">>>" in (thing.__doc__ or ""), name
