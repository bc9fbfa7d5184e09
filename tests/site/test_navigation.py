"""The documentation as a site."""

import re
import tomllib
from typing import Any

from polymask import training
from tests.conftest import ROOT


def pages(entry: Any) -> list[str]:
    """The pages of a part of the navigation: a name, a list of entries, or a title with either."""
    if isinstance(entry, str):
        return [entry]
    parts = entry.values() if isinstance(entry, dict) else entry
    return [page for part in parts for page in pages(part)]


def test_every_page_is_in_the_navigation_once() -> None:
    """A page that no menu leads to is not read."""
    docs = ROOT / "docs"
    nav = pages(tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"])
    assert sorted(nav) == sorted(str(page.relative_to(docs)) for page in docs.rglob("*.md"))


def test_no_placeholder_is_swallowed_as_a_tag() -> None:
    """`<name>` outside of code is a tag to a browser: `masks/<name>.png` would be shown as `masks/.png`."""
    code = re.compile(r"^ *(`{3,}).*?^ *\1|(`+).+?\2|<!--.*?-->", re.MULTILINE | re.DOTALL)
    tags = re.compile(r"</?(?!a\b|https?:)\w[^>]*>")
    swallowed = {
        page.name: tags.findall(code.sub("", page.read_text())) for page in (ROOT / "docs").rglob("*.md")
    }
    assert not {name: hits for name, hits in swallowed.items() if hits}


def test_the_training_page_shows_every_function() -> None:
    """With its arguments: the entry of a package alone shows its docstring and none of its names."""
    page = (ROOT / "docs/training.md").read_text()
    entries = re.findall(r"^::: polymask\.training\.(\w+)$", page, re.MULTILINE)
    assert sorted(entries) == sorted(training.__all__)
