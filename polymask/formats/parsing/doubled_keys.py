"""Keys that a JSON object has twice: readers take one of the two, and nobody knows which was meant."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from polymask.formats.parsing.nesting import Nesting, places_in

_PART = 1 << 24  # bytes looked at together


def doubled_key(text: bytes, keys: Iterable[str]) -> str | None:
    """The first of some keys that the outermost object of a JSON text has more than once; None without one.

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
    """Each row of a JSON list of objects that has one of some keys twice: its number, and the key."""
    for number, row in enumerate(msgspec.json.decode(text, type=list[msgspec.Raw])):
        if key := doubled_key(bytes(row), keys):
            yield number, key


def _members(text: bytes) -> int:
    """How many members the outermost object is written with; one for none."""
    nesting, commas = Nesting(), 0
    for start in range(0, len(text), _PART):
        part = text[start : start + _PART]
        places, nesting = places_in(part, nesting, most=1)
        commas += sum(part[place] == ord(",") for place in places.tolist())
    return commas + 1


def _names(text: bytes) -> list[str]:
    """The names of the outermost object's members, as often as they are there."""
    names: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        names[:] = [name for name, _ in pairs]  # the outermost object comes last

    json.loads(text, object_pairs_hook=note)
    return names
