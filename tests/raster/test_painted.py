"""Painted spans of masks, masks of painted spans, and the digest of either."""

import hashlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from polymask import LimitError, native
from polymask.raster import mask_digest, painted
from polymask.raster.mask_digest import mask_sha256
from polymask.raster.painted import PaintedSpans, fill, pixels_by_value, scan
from tests.support.oracles import drawn

compiled = pytest.mark.skipif(
    native.compiled is None, reason="the compiled kernel is not built or not wanted"
)
shapes = array_shapes(min_dims=2, max_dims=2, max_side=40)
flat = st.sampled_from([0, 1, 2, 255])
masks = st.one_of(
    arrays(np.uint8, shapes, elements=flat),
    arrays(np.uint16, shapes, elements=flat | st.sampled_from([256, 65535])),
    arrays(np.bool_, shapes),
)


def spans_of(mask: PaintedSpans) -> list[tuple[int, ...]]:
    return list(zip(*(array.tolist() for array in mask.arrays), strict=True))


def test_a_mask_drawn_by_hand_is_scanned_row_by_row() -> None:
    """What is not background, in stretches of one value."""
    mask = drawn("..11", "22.v", "....").astype(np.uint8)
    assert spans_of(scan(mask)) == [(0, 2, 4, 1), (1, 0, 2, 2), (1, 3, 4, 255)]
    assert spans_of(scan(mask, background=1))[:2] == [(0, 0, 2, 0), (1, 0, 2, 2)]
    assert pixels_by_value(scan(mask)) == {0: 7, 1: 2, 2: 2, 255: 1}


@given(masks, st.integers(0, 2))
def test_a_mask_comes_back_from_its_spans(mask: Any, background: int) -> None:
    """8 and 16 bit and bool, whatever the background."""
    spans = scan(mask, background=background)
    np.testing.assert_array_equal(fill(spans, np.uint16), mask)
    counted = dict(zip(*np.unique(mask, return_counts=True), strict=True))
    assert pixels_by_value(spans) == counted
    if mask.max() < 256:
        assert fill(spans).dtype == np.uint8


@compiled
@given(masks, st.integers(0, 2))
def test_the_twins_scan_and_digest_alike(mask: Any, background: int) -> None:
    """Spans and runs, byte for byte."""
    fast, slow = scan(mask, background=background), painted._scanned(mask, background)
    for one, other in zip(fast.arrays, slow.arrays, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype
    runs = mask_digest.runs_of_mask(mask)
    assert runs == mask_digest._mask_runs(mask)
    assert runs == mask_digest.runs_of_painted(fast) == mask_digest._painted_runs(fast)


def by_definition(mask: Any) -> str:
    """The digest, pixel by pixel."""
    runs: list[list[int]] = []
    for value in mask.reshape(-1).tolist():
        if runs and runs[-1][0] == value:
            runs[-1][1] += 1
        else:
            runs.append([int(value), 1])
    numbers = b"".join((value << 48 | length).to_bytes(8, "little") for value, length in runs)
    height, width = mask.shape
    return hashlib.sha256(f"{height} {width}\n".encode() + numbers).hexdigest()


@given(masks, st.integers(0, 2))
def test_a_digest_is_that_of_its_definition(mask: Any, background: int) -> None:
    """Of pixels and of spans; the same for every dtype and background."""
    digest = by_definition(mask)
    assert mask_sha256(mask) == mask_sha256(scan(mask, background=background)) == digest
    assert mask_sha256(mask.astype(np.uint16)) == digest
    assert mask_sha256(np.asfortranarray(mask)) == digest


def test_runs_go_on_from_one_row_to_the_next() -> None:
    """A frame of one value is one run; its shape is hashed too."""
    tall, wide = np.full((4, 2), 3, np.uint8), np.full((2, 4), 3, np.uint8)
    assert mask_digest.runs_of_mask(tall) == (3 << 48 | 8).to_bytes(8, "little")
    assert mask_sha256(tall) != mask_sha256(wide)
    assert mask_sha256(tall) == "a08b00bd8c0fef28a4da230ef00e8ab543add1555c442bb557cb3a8e972e0dbc"  # for good


def test_a_very_large_frame_is_digested_by_its_spans() -> None:
    """No pixel is touched; beyond what a run's length holds, it is refused."""
    side = 2**23
    spans = PaintedSpans(*np.array([[0], [1], [2]], np.int32), np.array([9], np.uint16), (side, side))
    numbers = [1, 9 << 48 | 1, side * side - 2]
    expected = b"8388608 8388608\n" + b"".join(number.to_bytes(8, "little") for number in numbers)
    assert mask_sha256(spans) == hashlib.sha256(expected).hexdigest()
    huge = PaintedSpans(*spans.arrays, (2**24, 2**24))
    with pytest.raises(LimitError, match="divide the image"):
        mask_sha256(huge)


def test_a_value_that_does_not_fit_is_refused() -> None:
    """A mask of 8 bits holds no 300: never a silent wrap."""
    with pytest.raises(OverflowError, match="300"):
        fill(scan(np.array([[300]], np.uint16)))


@compiled
@pytest.mark.parametrize(
    "spans",
    [
        [(0, 0, 9, 1)],
        [(2, 0, 1, 1)],
        [(0, 1, 1, 1)],
        [(0, 0, 2, 1), (0, 1, 3, 1)],
        [(1, 0, 2, 1), (0, 0, 2, 1)],
        [(-1, 0, 2, 1)],
        [(0, -1, 2, 1)],
    ],
)
def test_spans_that_are_not_sorted_in_the_frame_are_refused(spans: list[tuple[int, ...]]) -> None:
    """A wrong call raises; it never reads or writes outside the arrays."""
    module: Any = native.compiled
    row, start, stop, value = np.array(spans, np.int32).T.copy()
    arrays = row, start, stop, value.astype(np.uint16)
    with pytest.raises(ValueError, match="sorted"):
        module.painted_runs(*arrays, 2, 8, 0)
    with pytest.raises(ValueError, match="sorted"):
        module.scanlines(*arrays, 2, 8, 1, None, 0)


@compiled
def test_pixels_without_bytes_are_refused() -> None:
    """A value beyond 8 bits, or beyond the table, and a table that is no multiple of a pixel."""
    module: Any = native.compiled
    ints = [np.array([number], np.int32) for number in (0, 0, 1)]
    for value, pixel, table, background in [
        (256, 1, None, 0),
        (1, 1, None, 256),
        (2, 4, bytes(8), 0),
        (1, 4, bytes(8), 2),
        (1, 4, None, 0),
        (1, 0, None, 0),
        (1, 5, bytes(20), 0),
    ]:
        with pytest.raises(ValueError, match="sorted"):
            module.scanlines(*ints, np.array([value], np.uint16), 2, 8, pixel, table, background)
    with pytest.raises(ValueError, match="1 or 2 bytes"):
        module.scan(np.zeros((2, 2), np.int32), 0)
    with pytest.raises(ValueError, match="1 or 2 bytes"):
        module.mask_runs(np.zeros((2, 2), np.int32))


@compiled
@given(masks, st.integers(0, 2))
def test_the_twins_fill_alike(mask: Any, background: int) -> None:
    """Pixel by pixel, in 8 and 16 bit."""
    spans = scan(mask, background=background)
    for dtype in [np.uint8, np.uint16] if mask.max() < 256 else [np.uint16]:
        slow = np.full(mask.shape, background, dtype)
        painted._fill(spans, slow)
        np.testing.assert_array_equal(fill(spans, dtype), slow)


@compiled
def test_a_wrong_fill_is_refused() -> None:
    """Spans outside the mask, and values that it does not hold, write nothing."""
    module: Any = native.compiled
    spans = scan(np.array([[0, 300]], np.uint16))
    for mask in (np.zeros((1, 1), np.uint16), np.zeros((1, 2), np.uint8), np.zeros((0, 2), np.uint16)):
        with pytest.raises(ValueError, match="sorted, disjoint, in the frame"):
            module.fill(*spans.arrays, mask)
        assert not mask.any()


@given(masks, st.integers(0, 2), st.lists(st.sampled_from([0, 1, 2, 500]), min_size=4, max_size=4))
def test_mapped_spans_are_those_of_the_mapped_mask(mask: Any, background: int, values: list[int]) -> None:
    """Neighbors that become one value become one, and what becomes the background goes."""
    table = np.arange(65536, dtype=np.uint16)
    table[[0, 1, 2, 255]] = values
    expected = table[mask.astype(np.uint16)]
    spans = painted.mapped(scan(mask, background=background), table)
    assert spans_of(spans) == spans_of(scan(expected, background=spans.background))
    assert (fill(spans, np.uint16) == expected).all()


@given(masks, st.integers(0, 50), st.integers(0, 50))
def test_some_rows_are_a_mask_of_their_own(mask: Any, one: int, other: int) -> None:
    """Half-open, and counted from the first of them."""
    top, bottom = sorted((min(one, len(mask)), min(other, len(mask))))
    assert (fill(scan(mask).within(top, bottom), np.uint16) == mask[top:bottom]).all()


@given(masks, st.integers(1, 9))
def test_rows_that_come_in_strips_are_the_mask(mask: Any, least: int) -> None:
    """However many at a time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(painted, "STRIP_PIXELS", 1)
        spans = painted.scan_rows(lambda top, bottom: mask[top:bottom], mask.shape, least=least)
    assert spans_of(spans) == spans_of(scan(mask))


def test_a_mask_that_may_only_be_read_is_scanned() -> None:
    """In any order of bytes and of axes."""
    mask = np.asfortranarray(np.array([[0, 300], [7, 0]], ">u2"))
    mask.flags.writeable = False
    assert spans_of(scan(mask)) == [(0, 1, 2, 300), (1, 0, 1, 7)]
