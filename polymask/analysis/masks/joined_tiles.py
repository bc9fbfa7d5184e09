"""Tiles of any maker, such as a model's predictions, joined by the rows and columns that their names tell."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polymask.errors import InputError
from polymask.model import Frame


def stitched(tiles: Mapping[tuple[int, int], NDArray[Any]], *, frame: Frame | None = None) -> NDArray[Any]:
    """The whole mask, or the whole planes, of an image's tiles by row and column of their first pixel.

    Where tiles overlap, the overlap is cut in the middle and each keeps its side. Raises `InputError` for
    tiles that are missing or do not go together; with `frame`, the whole's (height, width), for too few.

    Examples:
        >>> stitched({(0, 0): np.array([[1, 1, 1]]), (0, 2): np.array([[2, 2, 2]])}).tolist()
        [[1, 1, 2, 2, 2]]
    """
    rows, columns = (sorted({corner[axis] for corner in tiles}) for axis in (0, 1))
    if lost := [(row, column) for row in rows for column in columns if (row, column) not in tiles]:
        raise InputError(
            f"there is no tile at row {lost[0][0]}, column {lost[0][1]}", advice="hand in all tiles"
        )
    shapes = {corner: tile.shape for corner, tile in tiles.items()}
    row_ends = _ends(rows, [shapes[row, columns[0]][0] for row in rows])
    column_ends = _ends(columns, [shapes[rows[0], column][1] for column in columns])
    planes = shapes[rows[0], columns[0]][2:]
    whole = np.zeros((row_ends[-1], column_ends[-1], *planes), np.result_type(*tiles.values()))
    for row, (top, bottom) in zip(rows, pairwise(row_ends), strict=True):
        for column, (start, stop) in zip(columns, pairwise(column_ends), strict=True):
            part = tiles[row, column][top - row : bottom - row, start - column : stop - column]
            if part.shape != (bottom - top, stop - start, *planes):
                raise InputError(
                    f"the tile at {row}, {column} has another size than its neighbors, or other planes"
                )
            whole[top:bottom, start:stop] = part
    require_frame(whole, frame)
    return whole


def _ends(starts: Sequence[int], sizes: Sequence[int]) -> list[int]:
    """Where along a side the parts of the tiles begin and end: in the middle of what two neighbors share."""
    stops = [start + size for start, size in zip(starts, sizes, strict=True)]
    if starts[0] or any(start > stop for start, stop in zip(starts[1:], stops, strict=False)):
        raise InputError("there are gaps between the tiles", advice="hand in all tiles of the image")
    return [0, *((start + stop) // 2 for start, stop in zip(starts[1:], stops, strict=False)), stops[-1]]


def require_frame(whole: NDArray[Any], frame: Frame | None) -> None:
    """Raise `InputError` for a whole that is not of the (height, width) that it should have."""
    if frame is not None and whole.shape[:2] != tuple(frame):
        raise InputError(
            f"the tiles make up {whole.shape[0]} × {whole.shape[1]} px, not {frame[0]} × {frame[1]}",
            advice="hand in all tiles of the image",
        )
