"""Links the words of the glossary where a page first uses them: `python docs/link_glossary.py`.

A page that uses a word of the glossary twice links it once. Left out are words that every reader of these
pages knows (label, mask, polygon, …), and those that also have another meaning (frame, claim, …).
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

DOCS = Path(__file__).parent
GLOSSARY = DOCS / "glossary.md"
EVERYDAY = {
    *("background", "backup", "dest", "format", "label", "layout", "mask", "polygon", "source", "split"),
    *("claim", "frame", "proof", "runs", "subset"),
}
WRITTEN_BY_TESTS = {"consumers.md"}
NOT_PROSE = re.compile(
    r"^ *(?P<fence>`{3,}).*?^ *(?P=fence)"  # a block of code
    r"|<!-- (?P<name>\w+) -->.*?<!-- /(?P=name) -->"  # a measured table
    r"|^(?:#|>>>|:::).*?$"  # headings, examples, entries of the reference
    r"|(?P<tick>`+).+?(?P=tick)|\[[^\]]*\]\([^)]*\)|<[^>]*>|\bfor instance\b",
    re.MULTILINE | re.DOTALL,
)


def anchors() -> dict[str, str]:
    """The anchor of each word that is linked, and the word."""
    entries = re.findall(r'<a id="([^"]+)"></a>\*\*([^*]+)\*\*', GLOSSARY.read_text())
    return {anchor: word for anchor, word in entries if anchor not in EVERYDAY}


def linked(text: str, page: Path) -> str:
    """The text of a page with the links that it lacks."""
    path = os.path.relpath(GLOSSARY, page.parent).replace(os.sep, "/")
    for anchor, word in anchors().items():
        if f"glossary.md#{anchor})" not in text and (places := _uses(text, word))[1:]:
            start, end = places[0]
            text = f"{text[:start]}[{text[start:end]}]({path}#{anchor}){text[end:]}"
    return text


def _uses(text: str, word: str) -> list[tuple[int, int]]:
    prose = NOT_PROSE.sub(lambda skipped: " " * len(skipped[0]), text)
    singular = word.removesuffix("s")
    return [use.span() for use in re.finditer(rf"(?<![-\w]){singular}s?\b(?!-)", prose, re.IGNORECASE)]


def pages() -> Iterator[Path]:
    """Every page but the glossary itself."""
    for page in sorted(DOCS.rglob("*.md")):
        if page != GLOSSARY and page.name not in WRITTEN_BY_TESTS:
            yield page


if __name__ == "__main__":
    for page in pages():
        page.write_text(linked(page.read_text(), page))
