"""The documentation as a site."""

import tomllib
from typing import Any

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
