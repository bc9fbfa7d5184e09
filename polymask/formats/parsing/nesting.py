"""The nesting of JSON text, scanned in chunks by the compiled kernel or by its numpy equivalent."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polymask.native import compiled


class Nesting(NamedTuple):
    """The state at the end of a chunk: depth, in a string, after a backslash; and the greatest depth yet."""

    depth: int = 0
    quoted: bool = False
    escaped: bool = False
    deepest: int = 0


_PLAIN, _OPEN, _CLOSE, _COMMA = range(4)
_KINDS = np.zeros(256, np.uint8)
_KINDS[[*b"[{"]], _KINDS[[*b"]}"]], _KINDS[ord(",")] = _OPEN, _CLOSE, _COMMA
_STEP = np.array([0, 1, -1, 0], np.int8)


def find(chunk: bytes, nesting: Nesting, *, most: int) -> tuple[NDArray[np.int32], Nesting]:
    """The positions of brackets and commas outside strings at depths up to `most`, and the final nesting.

    Examples:
        >>> find(b'{"a,b": [1, [2, 3]], "c": 4}', Nesting(), most=2)[0].tolist()
        [0, 8, 10, 18, 19, 27]
    """
    text = np.frombuffer(chunk, np.uint8)
    quotes, escaped = _real_quotes(text, escaped=nesting.escaped)
    toggles = np.zeros(len(text) + 1, np.uint8)
    toggles[quotes] = 1
    toggles[0] ^= nesting.quoted
    quoted = np.bitwise_xor.accumulate(toggles)  # at an opening quote 1, at a closing one 0
    kinds = _KINDS[text]
    kinds[quoted[:-1] == 1] = _PLAIN
    places = np.flatnonzero(kinds)
    kinds = kinds[places]
    steps = _STEP[kinds].astype(np.int64)
    depth = nesting.depth + np.cumsum(steps)
    inside = depth + (kinds == _CLOSE)
    last = int(depth[-1]) if len(depth) else nesting.depth
    end = Nesting(last, bool(quoted[-1]), escaped, int(depth.max(initial=nesting.deepest)))
    return places[inside <= most].astype(np.int32), end


def _real_quotes(text: NDArray[np.uint8], *, escaped: bool) -> tuple[NDArray[np.int64], bool]:
    """The positions of unescaped quotes, and whether the next chunk's first byte is escaped."""
    backslashes = np.flatnonzero(text == ord("\\"))
    quotes = np.flatnonzero(text == ord('"'))
    escaped_places = set()  # few, so a plain loop finds them
    if escaped:
        escaped_places.add(0)
    for place in backslashes.tolist():
        if place not in escaped_places:
            escaped_places.add(place + 1)
    if escaped_places:
        quotes = quotes[~np.isin(quotes, np.fromiter(escaped_places, np.int64))]
    return quotes, len(text) in escaped_places


def places_in(chunk: bytes, nesting: Nesting, *, most: int) -> tuple[NDArray[np.int32], Nesting]:
    """The positions of brackets and commas outside strings, at depths up to `most`, in a chunk of JSON.

    A bracket counts at the depth inside it. `nesting` is the state before the chunk; the state after it
    is returned with the positions.
    """
    if not compiled:
        return find(chunk, nesting, most=most)
    places, *end = compiled.places(chunk, most, *nesting)
    return np.frombuffer(places, np.int32), Nesting(*end)
