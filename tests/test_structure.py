"""The house: packages of a size that one looks over, files of one too, and one thing for one word."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from polymask.formats import FORMATS

ROOT = Path(__file__).parent.parent
HOUSE = ROOT / "polymask"
FILES = sorted(HOUSE.rglob("*.py"))
PACKAGES = sorted(file.parent for file in FILES if file.name == "__init__.py")
LONGEST = 300  # lines of a file
TABLES = ("formats", "layouts")  # a module a format or a layout, as many as there are
PRONOUNS = {
    "one", "found", "given", "told", "own", "behind", "these", "those", "mine", "ours", "gone", "seen",
    "made", "taken", "each",
}  # fmt: skip
COUNTED_ELSEWHERE = {
    "": "the ground that everybody may import, and the doors",
    "native": "the compiled kernel, which is no Python",
}
IN_TWO_MODULES = {
    "formats/geojson": "the package itself, and `gis` for what needs the extra",
    "formats/yolo": "the package itself, and `class_names` for the files beside the rows",
}
SHARED_NAMES = {
    "Annotation": "COCO's own word and Dataloop's, each in the package of its format",
    "ConvertOptions": "the options themselves, and as users name their types",
    "Int64": "an array type, the same in both",
}
SHARED_MODULES = {
    "formats: shapes": "of all formats in `drawing`, of one in `scale`",
    "formats: tasks": "Label Studio's own word and Scale's, each in the package of its format",
}


def name_of(path: Path) -> str:
    """The path of a package or a module within the house; nothing for the house itself."""
    return "" if path == HOUSE else path.relative_to(HOUSE).as_posix()


def defined(file: Path) -> Iterator[str]:
    """The public classes and type aliases of a module."""
    for node in ast.parse(file.read_text()).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        names += [node.name] if isinstance(node, ast.ClassDef) else []
        yield from (name for name in names if name[0].isupper() and not name.isupper())


def twice(places: Mapping[str, list[str]], known: Mapping[str, str]) -> dict[str, list[str]]:
    return {name: files for name, files in places.items() if len(files) > 1 and name not in known}


def bound(file: Path) -> Iterator[str]:
    """The names that a file gives to values, parameters, functions and classes."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name


def test_a_word_names_one_thing() -> None:
    """No public class or type alias is defined in two modules."""
    places = defaultdict(list)
    for file in FILES:
        for name in defined(file):
            places[name].append(name_of(file))
    assert not twice(places, SHARED_NAMES)


def test_a_module_name_names_one_module() -> None:
    """Within a package of the ground floor plan, however deep, no two modules have one name."""
    places = defaultdict(list)
    for file in FILES:
        top = name_of(file).split("/")[0]
        if file.name != "__init__.py":
            places[f"{top}: {file.stem}"].append(name_of(file))
    assert not twice(places, SHARED_MODULES)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: name_of(package) or "polymask")
def test_a_package_has_three_to_nine_modules(package: Path) -> None:
    """The tables of formats and layouts are longer; a package of one format may be shorter."""
    name = name_of(package)
    parent = name.rpartition("/")[0]
    if name in COUNTED_ELSEWHERE or name in TABLES:
        return
    modules = sorted(file.stem for file in package.glob("*.py") if file.name != "__init__.py")
    fewest = 1 if name in IN_TWO_MODULES else 2 if parent in TABLES else 3
    assert fewest <= len(modules) <= 9, modules


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_a_file_is_short(file: Path) -> None:
    """Longer ones are split by meaning."""
    lines = len(file.read_text().splitlines())
    assert lines <= LONGEST


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_names_are_nouns_and_verbs(file: Path) -> None:
    """A pronoun, or what is left of a sentence, does not tell what a value or a function is."""
    assert {name for name in bound(file) if name.strip("_") in PRONOUNS} == set()


def test_the_exceptions_are_needed() -> None:
    """What is allowed twice is there twice, and what may be in two modules is."""
    names = [name for file in FILES for name in set(defined(file))]
    modules = [f"{name_of(file).split('/')[0]}: {file.stem}" for file in FILES]
    assert all(names.count(name) > 1 for name in SHARED_NAMES)
    assert all(modules.count(name) > 1 for name in SHARED_MODULES)
    assert all(len(list((HOUSE / name).glob("*.py"))) == 2 for name in IN_TWO_MODULES)


def test_contributing_names_every_package() -> None:
    """On a line of its own; the packages of one format are those of the formats' table."""
    lines = (ROOT / "CONTRIBUTING.md").read_text().splitlines()
    named = [line.split("|")[1].strip() for line in lines if line.startswith("| `")]
    packages = {name_of(package) for package in PACKAGES} - {""}
    of_a_format = {f"formats/{name.replace('-', '_')}" for name in FORMATS}
    assert {name.strip("`/") for name in named if name.endswith("/`")} == packages - of_a_format


def test_contributing_names_what_there_is() -> None:
    """Every file of the house that its table and "Where do I add …?" tell of."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    paths = re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.py)`", text[text.index("## The house") :])
    assert paths
    assert [path for path in paths if not ((HOUSE / path).is_file() or (ROOT / path).is_file())] == []
