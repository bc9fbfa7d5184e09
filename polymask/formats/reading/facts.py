"""The facts on a format's documentation page; the pages are generated from these tables."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
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
