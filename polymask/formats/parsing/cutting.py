"""Cutting rows out of a list in a JSON file; all other bytes stay unchanged."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from itertools import pairwise

import msgspec

from polymask.errors import FormatError
from polymask.formats.parsing.byte_ranges import Ranges
from polymask.formats.parsing.outline import NotJson, Outline, Rows, outline_of


def without_rows(data: bytes, key: str, numbers: Sequence[int]) -> bytes:
    """The bytes of a JSON object without the rows `numbers` (ascending) of its list `key`.

    NaN, which JSON does not know, a byte order mark and the white space around other rows are kept.

    Examples:
        >>> without_rows(b'{"rows": [1, NaN, 3], "more": 4}', "rows", [0, 2])
        b'{"rows": [ NaN], "more": 4}'
    """
    rows = rows_of(data, key)
    marks = rows.marks.tolist()
    edges = [-1, *numbers, len(marks) - 1]
    parts = [data[marks[a + 1] + 1 : marks[b]] for a, b in pairwise(edges) if b > a + 1]
    return b"".join((data[: marks[0] + 1], b",".join(parts), data[marks[-1] :]))


def rows_of(data: bytes, key: str) -> Rows:
    """The positions of the rows of a JSON object's list; raises `FormatError` where the list is missing."""
    outline = outline_in_memory(data)
    section = sections_of(outline).get(key)
    rows = outline.rows(section) if section is not None else None
    if rows is None or not rows.closed:
        raise FormatError(f"no list of {key} in it")
    return rows


def outline_in_memory(data: bytes) -> Outline:
    """The outline of a JSON object in memory."""
    return outline_of(Ranges("", size=len(data), open_file=lambda _: BytesIO(data)))


def sections_of(outline: Outline) -> Mapping[str, msgspec.Raw]:
    """The members of the outermost object, with numbers in place of lists; raises `FormatError`."""
    try:
        return msgspec.json.decode(outline.text, type=dict[str, msgspec.Raw])
    except (NotJson, msgspec.DecodeError, RecursionError):
        raise FormatError("no JSON object") from None


def is_restorable(data: bytes) -> bool:
    """Whether the bytes are an annotation file from which polygons can be deleted, and restored."""
    try:
        rows_of(data, "annotations")
        return "images" in sections_of(outline_in_memory(data))
    except FormatError:
        return False
