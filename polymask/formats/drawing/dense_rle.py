"""Dense run-length encoding: along the rows, a number and how many pixels in turn have it."""

import numpy as np

from polymask.formats.drawing.legend import Codes
from polymask.formats.reading.refusals import Malformed
from polymask.model import Frame

_LARGEST = 2**31


def codes_of_runs(dense_rle: list[int], frame: Frame) -> Codes:
    """The (height, width) uint32 numbers of (number, length) pairs; raises `Malformed` for a misfit.

    Examples:
        >>> codes_of_runs([0, 1, 7, 3], (2, 2)).tolist()
        [[0, 7], [7, 7]]
    """
    numbers, lengths = dense_rle[::2], dense_rle[1::2]
    height, width = frame
    if len(numbers) != len(lengths) or min(dense_rle, default=0) < 0 or max(numbers, default=0) > _LARGEST:
        raise Malformed("$.dense_rle", "expected pairs of a number and a length")
    if sum(lengths) != height * width:
        raise Malformed("$.dense_rle", f"runs of {sum(lengths)} px in an image of {height} × {width}")
    return np.repeat(np.array(numbers, np.uint32), lengths).reshape(frame)
