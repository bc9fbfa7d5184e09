"""Masks to PNG and back."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from polymask import FormatError, LimitError, Limits, decode_png, encode_png
from polymask.codecs.png import (
    decode_color,
    decode_rgba,
    encode_color,
    encode_color_strips,
    encode_rgba,
    same_picture,
)
from polymask.labels.voc_palette import voc_colors

shapes = array_shapes(min_dims=2, max_dims=2, max_side=20)
masks = st.one_of(arrays(np.uint8, shapes), arrays(np.uint16, shapes))


@given(masks)
def test_a_mask_survives_the_way_through_png(mask: np.ndarray) -> None:
    """8 and 16 bit, pixel by pixel and dtype by dtype; Pillow reads the same."""
    data = encode_png(mask)
    again = decode_png(data)
    assert again.dtype == mask.dtype
    assert (again == mask).all()
    with Image.open(BytesIO(data)) as image:
        assert (np.array(image) == mask).all()


@given(arrays(np.uint8, shapes))
def test_a_palette_png_keeps_the_values(mask: np.ndarray) -> None:
    """Pillow opens it as mode P with the palette given."""
    data = encode_png(mask, palette=voc_colors())
    assert (decode_png(data) == mask).all()
    with Image.open(BytesIO(data)) as image:
        assert image.mode == "P"
        assert image.getpalette() == voc_colors().reshape(-1).tolist()


@given(masks)
def test_the_same_mask_gives_the_same_bytes(mask: np.ndarray) -> None:
    """Encoding is deterministic, whatever the memory order."""
    assert encode_png(mask) == encode_png(np.asfortranarray(mask))


def test_other_arrays_are_no_masks() -> None:
    """Floats, three dimensions and 16-bit palettes are refused."""
    for array in (np.zeros((2, 2)), np.zeros((2, 2, 3), np.uint8)):
        with pytest.raises(FormatError, match="a mask is"):
            encode_png(array)  # type: ignore[arg-type]
    with pytest.raises(FormatError, match="palette"):
        encode_png(np.zeros((2, 2), np.uint16), palette=voc_colors())


@given(st.binary(max_size=60))
def test_any_bytes_are_a_mask_or_a_format_error(data: bytes) -> None:
    """Garbage, with and without a PNG's first bytes, is refused by type."""
    for start in (b"", encode_png(np.zeros((3, 3), np.uint8))[:40]):
        with pytest.raises(FormatError):
            decode_png(start + data)


@given(st.integers(0, 200), st.integers(0, 255))
def test_a_damaged_png_is_a_mask_or_a_format_error(place: int, byte: int) -> None:
    """One changed byte anywhere raises nothing else."""
    data = bytearray(encode_png(np.arange(90, dtype=np.uint8).reshape(9, 10)))
    data[place % len(data)] = byte
    try:
        decode_png(bytes(data))
    except (FormatError, LimitError):
        return


def test_a_large_png_is_refused_before_it_is_decoded() -> None:
    """The header is enough to refuse a frame above the limit."""
    data = encode_png(np.zeros((300, 300), np.uint8))
    with pytest.raises(LimitError, match="--max-pixels"):
        decode_png(data, limits=Limits(max_pixels=300 * 299))


@pytest.mark.parametrize("mode", ["RGB", "1", "LA", "RGBA"])
def test_pictures_are_no_masks(mode: str) -> None:
    """A PNG of another mode is named and refused."""
    buffer = BytesIO()
    Image.new(mode, (3, 2)).save(buffer, "PNG")
    with pytest.raises(FormatError, match=f"mode {mode}"):
        decode_png(buffer.getvalue())


@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))), st.integers(1, 7))
def test_strips_make_the_same_picture(pixels: np.ndarray, rows: int) -> None:
    """Colors that come in strips of whole rows are the picture."""
    strips = [pixels[top : top + rows] for top in range(0, len(pixels), rows)]
    assert (decode_color(encode_color_strips(strips, pixels.shape[:2])) == pixels).all()


def test_pictures_are_the_same_by_their_pixels_and_palettes() -> None:
    """Whatever wrote them: gray, with a palette, in colors, in 16 bit."""
    wide = np.arange(600, dtype=np.uint16).reshape(20, 30)
    small, palette = (wide % 200).astype(np.uint8), voc_colors()
    for data in (
        encode_png(wide),
        encode_png(small),
        encode_png(small, palette=palette),
        encode_color(np.dstack([small] * 3)),
        encode_rgba(small > 9, (1, 2, 3)),
    ):
        with Image.open(BytesIO(data)) as image:
            again = BytesIO()
            image.save(again, "PNG", compress_level=9)
        assert again.getvalue() != data
        assert same_picture(again.getvalue(), data)
        changed = BytesIO()
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(changed, "PNG")
        assert not same_picture(changed.getvalue(), data)
    assert not same_picture(encode_png(small, palette=palette), encode_png(small, palette=palette[::-1]))


@given(arrays(bool, shapes), st.tuples(*[st.integers(0, 255)] * 3))
def test_a_label_mask_survives_the_way_through_rgba(mask: np.ndarray, color: tuple[int, int, int]) -> None:
    """Opaque in the color where set, zero in all four channels elsewhere, as Pillow reads it too."""
    data = encode_rgba(mask, color)
    assert (decode_rgba(data) == mask).all()
    with Image.open(BytesIO(data)) as image:
        assert (np.array(image) == np.where(mask[..., None], [*color, 255], 0)).all()


def test_rgba_blocks_join_without_a_seam() -> None:
    """A frame of more pixels than a block holds."""
    mask = np.zeros((2100, 1001), bool)
    mask[::7, 3::5] = True
    assert (decode_rgba(encode_rgba(mask, (1, 2, 3))) == mask).all()
