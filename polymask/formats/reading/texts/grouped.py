"""Rows grouped by picture, for formats whose rows each hold part of a picture's annotations."""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from polymask.formats.reading.refusals import Malformed
from polymask.formats.reading.texts.pages import Page
from polymask.storage.source_files import File

PlacedRows = Iterable[tuple[str, bytes | msgspec.Raw]]  # places in a file, and the JSON there

_rows = msgspec.json.Decoder(list[msgspec.Raw])


def pages_by_key(
    file: File, rows: PlacedRows, key_of: Callable[[bytes | msgspec.Raw], str]
) -> Iterator[Page]:
    """A page for each key, in order of first occurrence; its text is the JSON list of the key's rows.

    The page's `part` holds the places of the rows. A row without a key gets a page of its own.
    """
    by_key: dict[str, list[tuple[str, bytes | msgspec.Raw]]] = {}
    for place, text in rows:
        try:
            key = f"of {key_of(text)}"
        except Malformed:  # reported when the page is parsed
            key = place
        by_key.setdefault(key, []).append((place, text))
    for parts in by_key.values():
        joined = b"[" + b",".join(bytes(text) for _, text in parts) + b"]"
        where = "$" if parts[0][0].startswith("$") else ""  # the rows' places are complete
        yield Page(file, where, joined, part="\n".join(place for place, _ in parts))


def rows_of(page: Page) -> list[tuple[str, msgspec.Raw]]:
    """The rows of a page, with their places."""
    texts: list[msgspec.Raw] = _rows.decode(page.json)
    return list(zip(page.part.split("\n"), texts, strict=True))
