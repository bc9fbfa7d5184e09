"""Every piece of advice in the package, found in its source, and the rows that follow it.

A key is `module: text`, and names all advice of that module which begins so; a dynamic text stands as
it is written in the source. `usual: NAME` is what errors of a kind advise that have nothing better.
"""

import ast
import inspect
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import cache, wraps
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar
from unittest.mock import patch

import click
import pytest

from polymask import errors
from polymask.cli.app import cli
from polymask.errors import PolymaskError
from polymask.labels.texts.rows import LabelRows

PACKAGE = Path(errors.__file__).parent
Row = TypeVar("Row", bound=Callable[..., None])
ROWS: list[str] = []  # the keys that tests follow


@dataclass(frozen=True)
class Site:
    """A call that has `advice=`, or a kind's usual advice."""

    key: str
    file: str
    lines: range


@cache
def sites() -> tuple[Site, ...]:
    """All of them, in the order of the modules."""
    return tuple(site for path in sorted(PACKAGE.rglob("*.py")) for site in _sites_in(path))


def _sites_in(path: Path) -> Iterator[Site]:
    module = str(path.relative_to(PACKAGE).with_suffix("")).removesuffix("/__init__")
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef):
            yield from (Site(f"usual: {node.name}", str(path), range(0)) for _ in _usual(node))
        if not isinstance(node, ast.Call):
            continue
        for keyword in node.keywords:
            if keyword.arg == "advice":
                key = f"{module}: {_text(keyword.value)}"
                yield Site(key, str(path), range(node.lineno, (node.end_lineno or 0) + 1))


def _usual(node: ast.ClassDef) -> list[ast.AST]:
    names = [
        target
        for line in node.body
        for target in (line.targets if isinstance(line, ast.Assign) else [getattr(line, "target", None)])
    ]
    return [name for name in names if isinstance(name, ast.Name) and name.id == "usual_advice"]


def _text(value: ast.expr) -> str:
    """An advice as it stands in the source: its text, with braces around what is filled in."""
    if isinstance(value, ast.JoinedStr):
        return "".join(_text(part) for part in value.values)
    if isinstance(value, ast.FormattedValue):
        return "{" + ast.unparse(value.value) + "}"
    return str(value.value) if isinstance(value, ast.Constant) else ast.unparse(value)


def named(key: str) -> list[Site]:
    """The sites that a key names: by their whole text, else by the beginning that they alone have."""
    exact = [site for site in sites() if site.key == key]
    found = exact or [site for site in sites() if site.key.startswith(key)]
    assert len({site.key for site in found}) == 1, f"{key!r} names {[site.key for site in found]}"
    return found


def follows(*keys: str) -> Callable[[Row], Row]:
    """Mark a test that provokes errors with such advice, and does what it says; checks that it does."""
    ROWS.extend(keys)

    def decorate(test: Row) -> Row:
        @wraps(test)
        def checked(*arguments: Any, **named_arguments: Any) -> None:
            with spied() as given:
                test(*arguments, **named_arguments)
            for key in keys:
                assert given & {site.key for site in named(key)}, f"no error gave the advice {key!r}"

        return checked  # type: ignore[return-value]

    return decorate


@contextmanager
def spied() -> Iterator[set[str]]:
    """The keys of the advice that is given in this block."""
    given: set[str] = set()

    made = PolymaskError.__init__

    def watching(original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def watched(self: Any, *arguments: Any, **facts: Any) -> Any:
            if facts.get("advice") is not None:
                given.update(_key_at(sys._getframe(1)))
            elif original is made:
                given.add(f"usual: {_who_advises(type(self))}")
            return original(self, *arguments, **facts)

        return watched

    with (
        patch.object(PolymaskError, "__init__", watching(made)),
        patch.object(PolymaskError, "within", watching(PolymaskError.within)),
        patch.object(LabelRows, "__init__", watching(LabelRows.__init__)),
    ):
        yield given


def _key_at(frame: FrameType | None) -> set[str]:
    """The key of the call that a frame is at; also of its caller, whose `advice` it hands on."""
    assert frame is not None
    file, line = str(Path(frame.f_code.co_filename).resolve()), frame.f_lineno
    keys = {site.key for site in sites() if site.file == file and line in site.lines}
    return keys | _key_at(frame.f_back) if any(key.endswith(": advice") for key in keys) else keys


def _who_advises(kind: type) -> str:
    return next(each.__name__ for each in inspect.getmro(kind) if "usual_advice" in vars(each))


@dataclass
class Done:
    """What a command did: its exit code, what it printed, and the error, if it raised one."""

    code: int
    stdout: str = ""
    stderr: str = ""
    error: PolymaskError | None = None

    @property
    def told(self) -> str:
        """All that a person reads."""
        return "\n".join([self.stdout, self.stderr, *([str(self.error)] if self.error else [])])


def polymask(*arguments: object) -> Done:
    """Run the command in this process; a conversion in one worker, so that its errors are seen."""
    words = [str(argument) for argument in arguments]
    words += ["--workers", "1"] if words[0] == "convert" and "--workers" not in words else []
    out, err = io.StringIO(), io.StringIO()
    error, code = None, 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            cli.main(args=words, prog_name="polymask", standalone_mode=False)
        except PolymaskError as raised:
            error, code = raised, raised.exit_code
        except click.ClickException as raised:
            err.write(raised.format_message())
            code = raised.exit_code
        except SystemExit as left:
            code = int(left.code or 0)
    return Done(code, out.getvalue(), err.getvalue(), error)


@dataclass
class Case:
    """A folder to work in, and commands that must fail or must not."""

    folder: Path
    made: list[Path] = field(default_factory=list)

    @property
    def out(self) -> Path:
        """A DEST that is not there yet."""
        self.made.append(self.folder / f"out{len(self.made)}")
        return self.made[-1]

    def write(self, name: str, document: Any) -> Path:
        """A file of the folder, of JSON, text or bytes."""
        from tests.support.formats import written

        return written(self.folder / name, document)

    def fails(self, *arguments: object, code: int = 2, told: str = "") -> Done:
        """Run a command that must fail so, and tell something."""
        done = polymask(*arguments)
        assert done.code == code, done.told
        assert told in done.told
        return done

    def works(self, *arguments: object) -> Done:
        """Run a command that must be done."""
        done = polymask(*arguments)
        assert done.code == 0, done.told
        return done


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """A folder of the test's own."""
    return Case(tmp_path)
