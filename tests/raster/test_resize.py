"""Records at another size."""

from fractions import Fraction
from math import ceil

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from polymask import ImageRecord, Instance, Polygon
from polymask.raster import spans_of
from polymask.raster.resize import resized
from polymask.raster.runs import from_runs, to_runs
from polymask.raster.spans import paint

sides = st.integers(1, 400)


@given(sides, sides, st.data())
def test_an_edge_that_falls_on_a_center_stays_there(old: int, new: int, data: st.DataObject) -> None:
    """The left edge of a box of whole numbers begins at the column that exact arithmetic gives."""
    left = data.draw(st.integers(0, old - 1))
    box = Polygon([(left, 0), (old, 0), (old, 1), (left, 1)])
    record = resized(ImageRecord(1, "a", (1, old), (Instance(1, "cat", box),)), (1, new))
    spans = spans_of([instance.shape for instance in record.instances], record.frame)[0]
    first = ceil(Fraction(left * new, old) - Fraction(1, 2))
    assert spans.start.tolist() == ([first] if first < new else [])


def test_a_center_that_a_rounded_quotient_would_miss() -> None:
    """66 px wide to 333: the edge at 11 falls on 55.5, the center of column 55, which is in."""
    box = Polygon([(11, 0), (66, 0), (66, 1), (11, 1)])
    record = resized(ImageRecord(1, "a", (1, 66), (Instance(1, "cat", box),)), (1, 333))
    assert spans_of([record.instances[0].shape], record.frame)[0].start.tolist() == [55]


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=9)), st.integers(1, 20), st.integers(1, 20))
def test_runs_are_sampled_at_pixel_centers(mask: np.ndarray, height: int, width: int) -> None:
    """As indexing the whole mask by each new pixel's center does."""
    record = ImageRecord(1, "a", mask.shape, (Instance(1, "cat", to_runs(mask)),))
    found = np.zeros((height, width), bool)
    paint(found, from_runs(resized(record, (height, width)).instances[0].shape), 1)
    old_height, old_width = mask.shape
    rows = [int((i + Fraction(1, 2)) * old_height / height) for i in range(height)]
    columns = [int((i + Fraction(1, 2)) * old_width / width) for i in range(width)]
    assert (found == mask[np.ix_(rows, columns)]).all()
