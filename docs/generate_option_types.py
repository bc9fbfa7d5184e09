"""Writes polymask/option_types.py, the options of the library as types, from the options themselves.

`python docs/generate_option_types.py`; with `--check`, fails where the file is not up to date. A dataclass
cannot say what keyword arguments a function takes, a `TypedDict` can: with it a type checker finds a
misspelled option.
"""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
MODULE = ROOT / "polymask" / "option_types.py"
HEAD = '''"""The options of the library as types; made by `python docs/generate_option_types.py`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from polymask.labels.as_label_map import Labels
from polymask.model import Frame
from polymask.parallel.shards import Shard
from polymask.storage.remote.urls import Location
'''
TAIL = """

ConvertOptions = ConvertOptionsDict  # as users name it: `options: polymask.ConvertOptions = {"to": "voc"}`
"""
# (source, dataclass, type, its base, its docstring, options that functions name themselves)
TABLE = (
    ("limits", "Limits", "LimitsDict", "TypedDict", "The options of `Limits`.", ()),
    (
        "formats/options",
        "ReadingOptions",
        "ReadingOptionsDict",
        "LimitsDict",
        "The options of every function that reads annotations; `labels` and `split` they name themselves.",
        ("labels", "split"),
    ),
    (
        "conversion/options",
        "ConvertOptions",
        "ConvertOptionsDict",
        "ReadingOptionsDict",
        "The options of `convert`.",
        (),
    ),
)


def module() -> str:
    """The types of all options."""
    parts = [HEAD]
    named: dict[str, str] = {}
    for source, dataclass, name, base, summary, skipped in TABLE:
        rows = _rows(source, dataclass)
        typed = {**named, **{option: kind for option, kind in rows.items() if option not in skipped}}
        lines = "".join(f"    {option}: {kind}\n" for option, kind in typed.items())
        parts.append(f'\n\nclass {name}({base}, total=False):\n    """{summary}"""\n\n{lines}')
        named = {option: rows[option] for option in skipped}
    return "".join(parts) + TAIL


def _rows(source: str, dataclass: str) -> dict[str, str]:
    """The options of a dataclass, with their types as they are written."""
    tree = ast.parse((ROOT / "polymask" / f"{source}.py").read_text())
    (body,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == dataclass)
    return {
        ast.unparse(node.target): ast.unparse(node.annotation)
        for node in body.body
        if isinstance(node, ast.AnnAssign)
    }


def main() -> None:
    """Write the module, or compare it."""
    if "--check" not in sys.argv:
        MODULE.write_text(module())
    elif MODULE.read_text() != module():
        sys.exit("polymask/option_types.py is not up to date: run python docs/generate_option_types.py")


if __name__ == "__main__":
    main()
