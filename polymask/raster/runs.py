"""COCO runs → spans, and spans → runs.

Runs go down the columns of the whole frame; spans go along its rows.
"""

import numpy as np
from numpy.typing import NDArray

from polymask.errors import GeometryError
from polymask.model import Frame, Runs, Spans
from polymask.raster.spans import EMPTY


def from_runs(runs: Runs) -> Spans:
    """The spans of a run-length encoding, in its own (height, width) frame.

    >>> from_runs(Runs([1, 2, 1], (2, 2))).row.tolist()
    [0, 1]
    """
    height, _ = runs.frame
    edges = np.cumsum(runs.counts)
    on = runs.counts[1::2] > 0
    if not on.any():
        return EMPTY
    start, stop = edges[0::2][: len(on)][on], edges[1::2][on]
    first, last = int(start[0]) // height, -(-int(stop[-1]) // height)
    filled = _fill(start - first * height, stop - first * height, (last - first) * height)
    nothing = np.zeros(height, bool)
    here, left = np.concatenate([filled, nothing]), np.concatenate([nothing, filled])
    opened, closed = np.flatnonzero(here > left), np.flatnonzero(left > here)
    # the k-th opening of a row belongs to its k-th closing, so sorting both by row pairs them
    columns = [(index[np.argsort(index % height, kind="stable")]) // height for index in (opened, closed)]
    row = np.sort(opened % height)
    return Spans(*(part.astype(np.int32) for part in (row, columns[0] + first, columns[1] + first)))


def _fill(start: NDArray[np.int64], stop: NDArray[np.int64], size: int) -> NDArray[np.bool_]:
    change = np.zeros(size + 1, np.int8)
    change[start] += 1
    change[stop] -= 1  # two touching runs cancel out
    return np.cumsum(change[:-1], dtype=np.int8).view(bool)


def from_mask(mask: NDArray[np.bool_], *, offset: int = 0) -> Spans:
    """The spans of a (height, width) bool mask, shifted right by `offset` columns.

    >>> from_mask(np.array([[False, True, True], [True, False, True]])).start.tolist()
    [1, 0, 2]
    """
    padded = np.zeros((mask.shape[0], mask.shape[1] + 2), np.int8)
    padded[:, 1:-1] = mask
    change = np.diff(padded, axis=1)
    row, start = np.nonzero(change == 1)
    _, stop = np.nonzero(change == -1)
    return Spans(*((part).astype(np.int32) for part in (row, start + offset, stop + offset)))


def counts_from_string(text: str) -> list[int]:
    """The counts in a compressed COCO RLE string.

    Each number is written in groups of five bits, lowest first, one character a group
    (48 + bits, 32 more where another group follows), sign-extended; from the fourth
    on, it is the difference to the count two before. Source: pycocotools, `rleFrString`.
    Raises `GeometryError` for characters outside that alphabet and for a cut-off number.

    >>> counts_from_string("04")
    [0, 4]
    """
    counts: list[int] = []
    number = shift = 0
    for character in text.encode():
        group = character - 48
        if not 0 <= group < 64 or shift > 50:
            raise GeometryError(f"{chr(character)!r} does not belong into a compressed RLE")
        number |= (group & 0x1F) << shift
        shift += 5
        if group & 0x20:
            continue
        if group & 0x10:
            number -= 1 << shift
        counts.append(number + counts[-2] if len(counts) > 2 else number)
        number = shift = 0
    if shift:
        raise GeometryError("a compressed RLE that is cut off")
    return counts


def to_runs(mask: NDArray[np.bool_]) -> Runs:
    """A (height, width) bool mask as COCO runs.

    >>> to_runs(np.array([[False, True], [True, True]])).counts.tolist()
    [1, 3]
    """
    column_major = mask.T.reshape(-1)
    edges = np.flatnonzero(np.diff(column_major)) + 1
    first = [0] if column_major.size and column_major[0] else []
    bounds = np.concatenate((np.array([0, *first], np.int64), edges, [column_major.size]))
    height, width = mask.shape
    return Runs(np.diff(bounds), (height, width))


def full_frame(frame: Frame) -> Spans:
    """Every pixel of a (height, width) frame."""
    rows = np.arange(frame[0], dtype=np.int32)
    return Spans(rows, np.zeros_like(rows), np.full_like(rows, frame[1]))
