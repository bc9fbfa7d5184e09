"""COCO runs → spans, and spans → runs.

Runs go down the columns of the whole frame; spans go along its rows.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polymask.errors import GeometryError
from polymask.model import Runs, Spans
from polymask.native import compiled
from polymask.raster.spans import Int64, flat_indices

_BLOCK = 512  # rows and columns


def from_runs(runs: Runs) -> Spans:
    """The spans of a run-length encoding, in the (height, width) frame that it names.

    Memory grows with the counts and the spans, not with the frame.

    Examples:
        >>> from_runs(Runs([1, 2, 1], (2, 2))).row.tolist()
        [0, 1]
    """
    height, _ = runs.frame
    column, top, bottom = _down_columns(runs)
    start = column * (height + 1) + top
    opened, closed = _changes(start, start + bottom - top, height + 1)
    # the k-th opening of a row belongs to its k-th closing, so sorting both by row pairs them
    columns, row = zip(*(_by_row(keys, height + 1) for keys in (opened, closed)), strict=True)
    return Spans(row[0], *columns)


def _down_columns(runs: Runs) -> tuple[Int64, Int64, Int64]:
    """The set runs, cut at the ends of columns: column, first row, row after the last."""
    height, _ = runs.frame
    edges = np.cumsum(runs.counts)
    stop = edges[1::2]
    start = edges[0::2][: len(stop)]
    start, stop = start[stop > start], stop[stop > start]
    first, last = start // height, (stop - 1) // height
    run = np.repeat(np.arange(len(start)), last - first + 1)
    column = flat_indices(first, last + 1)
    top = np.clip(start[run] - column * height, 0, height)
    bottom = np.clip(stop[run] - column * height, 0, height)
    return column, top, bottom


def _changes(start: Int64, stop: Int64, line: int) -> tuple[Int64, Int64]:
    """The keys at which a row's span starts, the column before being unset, and those at which it stops.

    `start` and `stop` are keys, column · `line` + row. The columns are laid over a copy of themselves
    that is moved by a column: keys in the columns alone are starts, keys in the copy alone are stops.
    """
    edges = np.concatenate([start, stop, start + line, stop + line])
    order = np.argsort(edges, kind="stable")
    edges = edges[order]
    state = np.cumsum(np.repeat(np.array([1, -1, 2, -2]), len(start))[order])[:-1]
    opened, closed = (
        flat_indices(edges[:-1][state == change], edges[1:][state == change]) for change in (1, 2)
    )
    return opened, closed


def _by_row(keys: Int64, line: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The columns and the rows of sorted keys, in ascending order of row."""
    column, row = np.divmod(keys, line)
    order = np.argsort(row, kind="stable")
    return column[order].astype(np.int32), row[order].astype(np.int32)


def from_mask(mask: NDArray[np.bool_], *, offset: int = 0) -> Spans:
    """The spans of a (height, width) bool mask, shifted right by `offset` columns.

    Examples:
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

    Examples:
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


def down_columns(mask: NDArray[Any]) -> NDArray[Any]:
    """A (height, width) array as one whose columns lie one after another.

    It is copied block by block, of which the processor holds each: five times as fast, and an
    interrupt need not wait for all.

    Examples:
        >>> down_columns(np.arange(6).reshape(2, 3)).flags.f_contiguous
        True
    """
    copy = np.empty(mask.shape, mask.dtype, order="F")
    for top in range(0, mask.shape[0], _BLOCK):
        for left in range(0, mask.shape[1], _BLOCK):
            block = slice(top, top + _BLOCK), slice(left, left + _BLOCK)
            copy[block] = mask[block]
    return copy


def to_runs(mask: NDArray[np.bool_]) -> Runs:
    """A (height, width) bool mask as COCO runs.

    Examples:
        >>> to_runs(np.array([[False, True], [True, True]])).counts.tolist()
        [1, 3]
    """
    column_major = mask.T.reshape(-1)
    edges = np.flatnonzero(np.diff(column_major)) + 1
    first = [0] if column_major.size and column_major[0] else []
    bounds = np.concatenate((np.array([0, *first], np.int64), edges, [column_major.size]))
    height, width = mask.shape
    return Runs(np.diff(bounds), (height, width))


def run_counts(text: str) -> ArrayLike:
    """The counts in a compressed COCO RLE text; see `counts_from_string`."""
    counts = compiled.counts(text) if compiled else None
    return counts_from_string(text) if counts is None else np.frombuffer(counts, np.int64)


def run_spans(runs: Runs) -> NDArray[np.int32]:
    """The (n, 3) rows of a span table for a run-length encoding; see `from_runs`."""
    table = compiled.runs(runs.counts, *runs.frame) if compiled else None
    if table is None:
        spans = from_runs(runs)
        return np.stack([spans.row, spans.start, spans.stop], axis=1)
    return np.frombuffer(table, np.int32).reshape(-1, 3)
