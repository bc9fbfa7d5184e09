"""Runs: COCO's run-length encodings, both kinds, to spans and back."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as pycocotools_mask

from polymask import GeometryError, Runs
from polymask.raster import spans_of
from polymask.raster.runs import counts_from_string, from_mask, from_runs, to_runs
from polymask.raster.spans import paint
from tests.support.oracles import drawn

masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12))


def painted(runs: Runs) -> np.ndarray:
    mask = np.zeros(runs.frame, bool)
    paint(mask, from_runs(runs), 1)
    return mask


def test_runs_go_down_the_columns() -> None:
    """Two off, three on, one off in a frame of 2 × 3."""
    assert (painted(Runs([2, 3, 1], (2, 3))) == drawn(".##", ".#.")).all()


@given(masks)
def test_runs_and_spans_are_the_mask(mask: np.ndarray) -> None:
    """Any mask survives the way through runs, and through spans."""
    assert (painted(to_runs(mask)) == mask).all()
    spans = from_mask(mask)
    again = np.zeros_like(mask)
    paint(again, spans, 1)
    assert (again == mask).all()


def test_runs_of_a_huge_frame_take_little_memory() -> None:
    """Two counts in a billion pixels: what is held follows the spans, not the frame."""
    side = 2**15
    tracemalloc.start()
    spans = from_runs(Runs([side + 1, side * side - side - 1], (side, side)))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert spans.pixels == side * side - side - 1
    assert most < 2**26


@given(masks)
def test_compressed_counts_are_those_of_pycocotools(mask: np.ndarray) -> None:
    """The string that pycocotools writes decodes to the mask's counts."""
    text = pycocotools_mask.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    assert counts_from_string(text) == to_runs(mask).counts.tolist()


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12))
def test_empty_runs_in_between_change_nothing(counts: list[int]) -> None:
    """Counts of zero, which some writers leave in, paint what pycocotools paints."""
    height = sum(counts) or 1
    runs = Runs(counts if sum(counts) else [1], (height, 1))
    rle = pycocotools_mask.frPyObjects({"size": [height, 1], "counts": runs.counts.tolist()}, height, 1)
    assert (painted(runs) == pycocotools_mask.decode(rle).astype(bool)).all()


@pytest.mark.parametrize("counts", [[3], [5, 1], [-1, 5], [2.5, 1.5], [2**62, 2**62, 2**62]])
def test_counts_that_do_not_fit_the_frame_are_refused(counts: list[float]) -> None:
    """Counts are whole, not negative, and sum to height × width."""
    with pytest.raises(GeometryError, match="run counts"):
        Runs(counts, (2, 2))


@pytest.mark.parametrize("text", ["!", "p", "~", "P" * 40, "0\x00"])
def test_a_damaged_string_is_refused(text: str) -> None:
    """Characters outside the alphabet, cut-off numbers and endless ones are no counts."""
    with pytest.raises(GeometryError):
        counts_from_string(text)


def test_runs_of_another_frame_are_refused() -> None:
    """Runs know their frame, and it is the record's."""
    with pytest.raises(GeometryError, match="runs of 2 × 2"):
        spans_of([Runs([4], (2, 2))], (3, 3))
