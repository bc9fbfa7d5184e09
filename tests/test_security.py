"""What polymask's own code must never do, read from the code itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "polymask").rglob("*.py"))
FORBIDDEN_IMPORTS = {
    "pickle",
    "marshal",
    "shelve",
    "dill",
    "cloudpickle",
    "subprocess",
    "xml",
    "telnetlib",
    "ftplib",
}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load",
                   "yaml.full_load", "tempfile.mktemp"}  # fmt: skip
# What an executor is sent comes from the process that made it, as with any executor.
ALLOWED = {"polymask/conversion/executors.py"}
EMULATOR = ROOT / "polymask" / "dataloop" / "emulator"


def dotted(node: ast.AST) -> str:
    """`a.b.c` as it is written; nothing for other expressions."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def offences(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    typing_only = {
        (inner.lineno, inner.col_offset)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and dotted(node.test) == "TYPE_CHECKING"
        for inner in node.body
    }
    for node in ast.walk(tree):
        where = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
        if (
            isinstance(node, ast.Import | ast.ImportFrom)
            and (node.lineno, node.col_offset) not in typing_only
        ):
            names = (
                [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            )
            yield from (
                f"{where}: import {name}" for name in names if name.split(".")[0] in FORBIDDEN_IMPORTS
            )
        if isinstance(node, ast.Call):
            yield from (f"{where}: {said}" for said in _calls(node, path))


def _calls(node: ast.Call, path: Path) -> Iterator[str]:
    name = dotted(node.func)
    if name in FORBIDDEN_CALLS or name.endswith((".extractall", ".extract")):
        yield name
    for keyword in node.keywords:
        off = isinstance(keyword.value, ast.Constant) and keyword.value.value
        if keyword.arg == "shell" and off is not False:
            yield "shell="
        if (
            keyword.arg in ("verify", "verify_ssl", "check_hostname")
            and off is False
            and EMULATOR not in path.parents
        ):
            yield f"{keyword.arg}=False"
    if name.endswith("np.load") and "allow_pickle" not in {keyword.arg for keyword in node.keywords}:
        yield "np.load that may unpickle"
    if name == "Image.open" and "formats" not in {keyword.arg for keyword in node.keywords}:
        yield "Image.open without a list of formats"


def test_nothing_dangerous_is_called() -> None:
    """No pickle, eval, shell, extraction, XML but through defusedxml, pictures of any kind, TLS without a certificate."""
    found = [said for path in FILES for said in offences(path)]
    assert [said for said in found if said.split(":")[0] not in ALLOWED or "pickle" not in said] == []


@pytest.mark.parametrize(
    "code",
    ["import pickle", "from xml.etree import ElementTree", "eval('1')", "run(x, shell=True)", "get(u, verify=False)",
     "yaml.load(x)", "archive.extractall()", "Image.open(x)", "np.load(x)", "os.system(x)"],
)  # fmt: skip
def test_the_scan_sees_what_it_looks_for(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scan that sees nothing would be green, too."""
    monkeypatch.setattr("tests.test_security.ROOT", tmp_path)
    (tmp_path / "a.py").write_text(code)
    assert list(offences(tmp_path / "a.py"))


def test_pillows_limit_is_not_moved() -> None:
    """It is everybody's in the process."""
    assert [path for path in FILES if "MAX_IMAGE_PIXELS" in path.read_text()] == []


def test_no_secret_is_taken_from_the_command_line() -> None:
    """Others on the host read it there: no flag takes a token or a password."""
    from polymask.cli.app import cli

    flags = [flag for command in cli.commands.values() for option in command.params for flag in option.opts]
    assert [
        flag for flag in flags if any(word in flag for word in ("token", "password", "secret", "key"))
    ] == []
