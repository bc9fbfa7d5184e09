"""Repeated keys of a JSON object: a reader sees one of the values, perhaps not the intended one."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from polymask.formats.parsing.nesting import Nesting, places_in

_PART = 1 << 24  # bytes scanned at once


def doubled_key(text: bytes, keys: Iterable[str]) -> str | None:
    """The first of `keys` that a JSON text's outermost object repeats; None where it repeats none.

    Examples:
        >>> doubled_key(b'{"images": [], "info": {"images": 1}, "images": []}', ["images"])
        'images'
    """
    try:
        members = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except msgspec.ValidationError:
        return None  # no object
    if _members(text) == len(members):
        return None
    names = _names(text)
    return next((key for key in keys if names.count(key) > 1), None)


def doubled_in_rows(text: bytes, keys: Iterable[str]) -> Iterator[tuple[int, str]]:
    """The number and the repeated key of each row that repeats one of `keys`, in a JSON list of objects."""
    for number, row in enumerate(msgspec.json.decode(text, type=list[msgspec.Raw])):
        if key := doubled_key(bytes(row), keys):
            yield number, key


def _members(text: bytes) -> int:
    """How many members are written in the outermost object; 1 for an empty one."""
    nesting, commas = Nesting(), 0
    for start in range(0, len(text), _PART):
        part = text[start : start + _PART]
        places, nesting = places_in(part, nesting, most=1)
        commas += sum(part[place] == ord(",") for place in places.tolist())
    return commas + 1


def _names(text: bytes) -> list[str]:
    """The names of the outermost object's members, repeated ones included."""
    names: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        names[:] = [name for name, _ in pairs]  # the outermost object comes last

    json.loads(text, object_pairs_hook=note)
    return names
