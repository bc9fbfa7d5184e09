"""The glossary is linked where its words are used."""

import re
import runpy
from pathlib import Path

import pytest

from tests.conftest import ROOT

LINKS = runpy.run_path(str(ROOT / "docs/link_glossary.py"))


def test_a_page_that_uses_a_word_twice_links_it() -> None:
    """At its first use in the prose; `python docs/link_glossary.py` adds what is missing."""
    lacking = [
        page.name for page in LINKS["pages"]() if LINKS["linked"](page.read_text(), page) != page.read_text()
    ]
    assert not lacking


def test_every_link_leads_to_a_word_of_the_glossary() -> None:
    """An anchor that the glossary does not have leads to its top."""
    known = set(re.findall(r'<a id="([^"]+)">', LINKS["GLOSSARY"].read_text()))
    used = {
        anchor
        for page in LINKS["pages"]()
        for anchor in re.findall(r"glossary\.md#([\w-]+)", page.read_text())
    }
    assert used <= known


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Void, then void.", "[Void](../glossary.md#void), then void."),
        ("`void` and void and `void`", "`void` and void and `void`"),
        ("# Void\n\nA void border. The void.", "# Void\n\nA [void](../glossary.md#void) border. The void."),
        (
            "--instances writes; for instance, one instance.",
            "--instances writes; for instance, one instance.",
        ),
        ("Void. [void](../glossary.md#void)", "Void. [void](../glossary.md#void)"),
    ],
)
def test_only_prose_is_linked_and_once(text: str, expected: str) -> None:
    """Neither code nor headings nor flags; a word that a page uses once is let be."""
    assert LINKS["linked"](text, Path(ROOT / "docs/formats/page.md")) == expected
