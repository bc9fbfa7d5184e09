"""Runs at another size: sampled where the new pixels' centers are."""

import numpy as np
import pytest

from polymask import ImageRecord, Instance
from polymask.raster.resize import resized
from polymask.raster.runs import from_runs, to_runs
from polymask.raster.spans import paint
from tests.support.oracles import drawn


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("...", ".#.", "..."), ("#",)),
        (("###", "#.#", "###"), (".",)),
        (("......", ".#..#.", "......"), ("##",)),
        (("#..#..", "#..#..", "#..#.."), ("..",)),
        ((".#",), ("...###", "...###")),
    ],
)
def test_runs_are_sampled_at_pixel_centers(before: tuple[str, ...], after: tuple[str, ...]) -> None:
    """A third as large, only the middle pixel of nine counts; the corner one does not."""
    mask, expected = drawn(*before) > 0, drawn(*after) > 0
    record = ImageRecord(1, "a", mask.shape, (Instance(1, "cat", to_runs(mask)),))
    scaled = resized(record, expected.shape)
    found = np.zeros(expected.shape, bool)
    paint(found, from_runs(scaled.instances[0].shape), 1)
    assert (found == expected).all()
