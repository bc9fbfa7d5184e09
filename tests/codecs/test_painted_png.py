"""PNGs of painted spans: what others read in them, and that the bytes are always the same."""

import hashlib
import struct
import zlib
from heapq import heapify, heappop, heappush
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from polymask import FormatError, decode_png, native
from polymask.codecs import deflate, painted_png, scanlines
from polymask.codecs.painted_png import encode, encode_colors
from polymask.labels.voc_palette import voc_colors
from polymask.raster.painted import PaintedSpans, scan
from tests.png_campaign import campaign, check
from tests.support.oracles import drawn

compiled = pytest.mark.skipif(
    native.compiled is None, reason="the compiled kernel is not built or not wanted"
)


def test_nasty_masks_are_read_by_others_as_they_are() -> None:
    """1 × N, N × 1, rows around 32,768 bytes, noise, checkerboards, 8 and 16 bit, palette and color."""
    campaign(200 if native.compiled else 40, 1)


def test_the_bytes_of_a_png_stay_what_they_are() -> None:
    """The same with either kernel, on any machine, in any release: what was written once is written again."""
    mask = np.zeros((30, 40), np.uint8)
    mask[3:20, 5:30] = 7
    mask[8:25, np.arange(20)] = 2
    painted = scan(mask)
    colors = np.array([[0, 0, 0, 0], *[[9, 8, 7, 255]] * 7], np.uint8)
    files = [
        encode(painted),
        encode(painted, depth=16),
        encode(painted, palette=voc_colors()),
        encode_colors(painted, colors),
        encode_colors(painted, colors[:, :3]),
    ]
    assert [hashlib.sha256(file).hexdigest()[:16] for file in files] == [
        "ef61c264f1d3eef2",
        "aa6ca7cae88b90ce",
        "18ba06d8e3fa1947",
        "35d65d391ceeeaf1",
        "945ad6790e896c35",
    ]


def test_a_palette_png_keeps_the_values() -> None:
    """Pillow opens it as mode P with the palette given."""
    mask = drawn("..11", "22.v").astype(np.uint8)
    data = encode(scan(mask), palette=voc_colors())
    assert (decode_png(data) == mask).all()
    with Image.open(BytesIO(data)) as image:
        assert image.mode == "P"
        assert image.getpalette() == voc_colors().reshape(-1).tolist()


def test_what_a_png_does_not_hold_is_refused() -> None:
    """Never a silent wrap: values beyond the depth, the palette or the colors."""
    wide = scan(np.array([[0, 300]], np.uint16))
    with pytest.raises(FormatError, match="0 to 255"):
        encode(wide)
    with pytest.raises(FormatError, match="0 to 2"):
        encode(scan(np.array([[3]], np.uint8)), palette=voc_colors(3))
    with pytest.raises(FormatError, match="0 to 1"):
        encode(PaintedSpans(*wide.arrays, wide.frame, 2), depth=8, palette=voc_colors(2))
    with pytest.raises(FormatError, match="one with a palette 8"):
        encode(wide, depth=16, palette=voc_colors())
    with pytest.raises(FormatError, match="8 or 16 bits"):
        encode(wide, depth=4)
    with pytest.raises(FormatError, match="colors are"):
        encode_colors(wide, np.zeros((2, 5), np.uint8))


def test_the_data_are_divided_where_a_chunk_would_be_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk's length is a number of 31 bits."""
    monkeypatch.setattr(painted_png, "_MOST", 50)
    mask = np.random.default_rng(1).integers(0, 9, (20, 20)).astype(np.uint8)
    data = encode(scan(mask))
    assert data.count(b"IDAT") > 2
    assert (decode_png(data) == mask).all()


@compiled
def test_many_pieces_are_told_in_several_blocks() -> None:
    """More than fit into one block, copies of the row above among them; memory stays small."""
    mask = np.random.default_rng(2).integers(0, 3, (700, 1000)).astype(np.uint8)
    mask[::2] = mask[1::2]
    painted = scan(mask)
    check(painted, encode(painted), mask)


@compiled
def test_the_twin_divides_into_the_same_blocks() -> None:
    """A row of 300,000 pixels, no two alike."""
    mask = (np.arange(300_000)[None] * 7919 % 251 % 5).astype(np.uint8)
    painted = scan(mask)
    stream = scanlines.zlib_stream(painted, pixel=1)
    assert stream == scanlines.written(painted, pixel=1)
    assert len(painted) > scanlines.PIECES / 2
    assert zlib.decompress(stream)[1:] == mask.tobytes()


@pytest.mark.parametrize("frame", [(1, 17_000_001), (300_001, 1), (9_000, 40_000)])
def test_large_frames_cost_their_spans(frame: tuple[int, int]) -> None:
    """The checksum is right over very long runs and very many rows; hundreds of millions of pixels."""
    height, width = frame
    rows = [0, height // 2] if height > 1 else [0]
    ints = [np.array(part, np.int32) for part in (rows, [0] * len(rows), [max(1, width - 5)] * len(rows))]
    painted = PaintedSpans(*ints, np.array([200] * len(rows), np.uint16), frame, 3)
    stream = zlib.decompressobj()
    pixels = 0
    data = scanlines.zlib_stream(painted, pixel=1)
    if native.compiled:
        assert scanlines.written(painted, pixel=1) == data
    while not stream.eof:  # which checks the checksum
        pixels += len(stream.decompress(data, 1 << 24))
        data = stream.unconsumed_tail
    assert pixels == height * (width + 1)


def test_fibonacci_s_frequencies_need_no_code_beyond_15_bits() -> None:
    """Huffman's tree would be deeper; DEFLATE allows 15 bits."""
    sizes = [1, 1]
    while len(sizes) < 24:
        sizes.append(sizes[-1] + sizes[-2])
    values = np.repeat(np.arange(1, 25), sizes)
    np.random.default_rng(3).shuffle(values)
    lengths = deflate.code_lengths(dict(enumerate(sizes)), most=15)
    assert max(lengths.values()) == 15
    assert sum(2.0**-bits for bits in lengths.values()) == 1
    mask = values.astype(np.uint8)[None]
    painted = scan(mask)
    check(painted, encode(painted), mask)
    if native.compiled:
        assert scanlines.written(painted, pixel=1) == scanlines.zlib_stream(painted, pixel=1)


@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=80))
def test_codes_are_as_short_as_huffman_s(weights: list[int]) -> None:
    """What all symbols cost is what the tree by its definition costs."""
    lengths = deflate.code_lengths(dict(enumerate(weights)), most=40)
    heap = list(weights)
    heapify(heap)
    cost = 0
    while len(heap) > 1:
        joined = heappop(heap) + heappop(heap)
        cost += joined
        heappush(heap, joined)
    assert sum(weight * lengths[symbol] for symbol, weight in enumerate(weights)) == cost


def test_a_blank_mask_is_a_small_file() -> None:
    """A thousandth of its pixels and less: nothing but a header, a run and a copy."""
    painted = PaintedSpans(*np.zeros((3, 0), np.int32), np.zeros(0, np.uint16), (480, 640))
    assert len(encode(painted)) < 2200


def test_every_chunk_has_its_checksum() -> None:
    """Signature, header, data, end; nothing else, and no time."""
    data = encode(scan(drawn("..11", "22.v").astype(np.uint8)))
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, kinds = 8, []
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 4 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length)[0] == zlib.crc32(body)
        kinds.append(kind)
        at += 12 + length
    assert kinds == [b"IHDR", b"IDAT", b"IEND"]
