"""Rings read from JSON text by the compiled kernel, where the text is plain."""

from collections.abc import Callable, Sequence
from itertools import accumulate

import numpy as np

from polymask.model import Ring
from polymask.native import compiled


def plain_rings(texts: Sequence[bytes]) -> list[list[Ring]] | None:
    """The rings in each of some JSON texts; None where a JSON library has to look at one of them.

    Only lists of rings of three points or more, of plain numbers, are read, and each number is
    rounded as JSON libraries round it.
    """
    parsed = compiled.rings(list(texts)) if compiled else None
    if parsed is None:
        return None
    points, sizes, counts = parsed
    coordinates = np.frombuffer(points, np.float64).reshape(-1, 2)
    stops = list(accumulate(np.frombuffer(sizes, np.int64).tolist()))
    rings = [coordinates[start:stop] for start, stop in zip([0, *stops], stops, strict=False)]
    ends = list(accumulate(counts))
    return [rings[end - count : end] for end, count in zip(ends, counts, strict=True)]


def _is_never_plain(_: bytes) -> bool:
    return False


is_plain: Callable[[bytes], bool] = compiled.plain if compiled else _is_never_plain
"""Whether `plain_rings` reads a JSON text, and finds a ring in it."""
