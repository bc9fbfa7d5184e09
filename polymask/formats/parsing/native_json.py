"""Rings parsed by the compiled kernel, from JSON text in a plain spelling."""

from collections.abc import Callable, Sequence
from itertools import accumulate

import numpy as np

from polymask.model import Ring
from polymask.native import compiled


def plain_rings(texts: Sequence[bytes]) -> list[list[Ring]] | None:
    """The rings in each JSON text; None where any of the texts needs a full JSON parser.

    Plain texts are lists of rings of at least three points, in plain numbers. Numbers are rounded to
    float64 as JSON libraries do.
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
"""Whether `plain_rings` can read a JSON text, and the text holds a ring."""
