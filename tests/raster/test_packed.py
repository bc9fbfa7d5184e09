"""Pixels as text: the same pixels back, and nothing else taken for it."""

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from polymask.errors import FormatError
from polymask.model import BoolMask, Spans
from polymask.raster.packed import are_set, flat_of, flat_of_mask, pack, painted_of, united, unpack
from polymask.raster.painted import scan

masks = arrays.arrays(bool, arrays.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40))


@given(masks)
def test_what_was_packed_is_unpacked(mask: BoolMask) -> None:
    """Pixel by pixel, for any mask."""
    flat = unpack(pack(flat_of_mask(mask)), mask.size)
    painted, scanned = painted_of(flat, mask.shape), scan(mask)
    assert painted.frame == scanned.frame
    assert all(map(np.array_equal, painted.arrays, scanned.arrays))
    assert are_set(mask, flat)


def test_packed_by_hand() -> None:
    """Gap 2, length 3; then a gap 5 more, a length no longer: zigzag 4, 6, 10, 0."""
    assert base64.b64decode(pack((np.array([2, 12]), np.array([5, 15])))) == bytes([4, 6, 10, 0])


def test_spans_of_a_frame() -> None:
    """Row by row; where one ends at the frame's edge and the next begins there, they are one."""
    spans = Spans(np.array([0, 1, 2]), np.array([2, 0, 1]), np.array([4, 1, 2]))
    assert [edge.tolist() for edge in flat_of(spans, 4)] == [[2, 9], [5, 10]]
    assert [edge.tolist() for edge in united([flat_of(spans, 4), flat_of_mask(np.ones((1, 3), bool))])] == [
        [0, 9],
        [5, 10],
    ]


@pytest.mark.parametrize(
    "data",
    [
        [4],  # a gap without a length
        [4, 0x86],  # cut off
        [4, 0],  # a run of nothing
        [4, 8],  # out of the frame
        [1, 6],  # before it
        [4, 6, 3, 0],  # into the run before
        [0x80] * 9 + [1, 2],  # a number of ten bytes
        [0xFE, *[0xFF] * 7, 0x7F, 2],  # beyond all frames
    ],
)
def test_what_leads_out_of_the_frame_is_refused(data: list[int]) -> None:
    """A frame of five pixels."""
    with pytest.raises(FormatError):
        unpack(base64.b64encode(bytes(data)).decode(), 5)


@given(st.binary(max_size=60) | st.text(max_size=20))
def test_any_text_is_pixels_of_the_frame_or_an_error(data: bytes | str) -> None:
    """Nothing else is raised, and nothing is set outside."""
    text = base64.b64encode(data).decode() if isinstance(data, bytes) else data
    try:
        start, stop = unpack(text, 1000)
    except FormatError:
        return
    assert ((start >= 0) & (start < stop) & (stop <= 1000)).all()
    assert (start[1:] >= stop[:-1]).all()
