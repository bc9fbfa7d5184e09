"""The facts on a format's documentation page; the pages are generated from these tables."""

import msgspec


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Where a format's files lie, which of their fields are read, and which are ignored.

    `read` are (field, meaning) pairs; `sample` is the file below `fixtures/` that the page shows.
    """

    title: str
    source: str
    files: str
    sniffed: str
    read: tuple[tuple[str, str], ...]
    ignored: str
    rings: str
    order: str
    labels: str
    frame: str
    limits: tuple[str, ...] = ()
    sample: str
