"""Masks ↔ PNG bytes: gray of 8 and 16 bit, with a palette, and in colors.

The bytes of a mask depend on its pixels alone; the bytes of other pictures also on the version of zlib.
Source: PNG (Portable Network Graphics) Specification, third edition, W3C.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from polymask.codecs.painted_png import COLOR, SIGNATURE, encode, encode_colors, png_file
from polymask.errors import FormatError, LimitError, PolymaskError
from polymask.limits import Limits
from polymask.model import BoolMask, Frame, IndexMask
from polymask.raster.painted import scan

if TYPE_CHECKING:
    from PIL import PngImagePlugin

_ANY = 1 << 62
# the exceptions that Pillow raises for damaged bytes
DAMAGE = (SyntaxError, OSError, ValueError, LookupError, EOFError, struct.error, zlib.error)


def encode_png(mask: IndexMask, *, palette: NDArray[np.uint8] | None = None) -> bytes:
    """A (height, width) uint8 or uint16 mask as gray PNG bytes, or as a palette PNG.

    `palette`, (n, 3) uint8 with n ≤ 256, makes an 8-bit mask a palette PNG (Pillow's
    mode P); the pixel values stay. Raises `FormatError` for another dtype or shape, for a palette
    with 16 bits, and for values without a color in the palette.

    Examples:
        >>> decode_png(encode_png(np.array([[0, 300]], np.uint16))).tolist()
        [[0, 300]]
    """
    if mask.ndim != 2 or mask.dtype not in (np.uint8, np.uint16) or not mask.size:
        raise FormatError(
            f"a mask is (height, width) uint8 or uint16, not {mask.dtype} of shape {mask.shape}"
        )
    return encode(scan(mask), depth=mask.dtype.itemsize * 8, palette=palette)


def decode_png(data: bytes, *, limits: Limits | None = None) -> IndexMask:
    """The (height, width) uint8 or uint16 mask in gray or palette PNG bytes.

    A palette PNG gives its indices. Raises `FormatError` for bytes that are no such
    PNG and, before allocating memory, `LimitError` above `limits.max_pixels`.

    Examples:
        >>> decode_png(b"GIF89a")
        Traceback (most recent call last):
        polymask.errors.FormatError: not a PNG file
    """
    with opened_png(data, limits, ("L", "P", "I;16")) as image:
        return np.array(image, np.uint16 if image.mode == "I;16" else np.uint8)


@contextmanager
def opened_png(
    data: bytes, limits: Limits | None = None, modes: tuple[str, ...] = ()
) -> "Iterator[PngImagePlugin.PngImageFile]":
    """Open a PNG of any of the modes (default: all); failures in later decoding are typed too.

    Raises `FormatError` for bytes that are no such PNG and, before allocating memory, `LimitError`
    above `limits.max_pixels`. Pillow's check for decompression bombs does not apply.
    """
    from PIL import PngImagePlugin  # imported late: writing masks does not need it

    _check_chunks(data)
    try:
        with PngImagePlugin.PngImageFile(BytesIO(data)) as image:
            if modes and image.mode not in modes:
                raise FormatError(f"a PNG of mode {image.mode}; expected {', '.join(modes)}")
            (limits or Limits()).check_frame("a PNG", (image.height, image.width))
            yield image
    except PolymaskError:
        raise
    except DAMAGE as error:
        reason = f"a damaged PNG file: {error}" if data.startswith(SIGNATURE) else "not a PNG file"
        raise FormatError(reason) from None


def _check_chunks(data: bytes) -> None:
    """Raise `FormatError` for an animation, and for pixels with a wrong checksum; Pillow checks neither."""
    at = len(SIGNATURE)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"acTL":
            raise FormatError("an animated PNG, which is no mask")
        stop = at + 8 + length
        if kind == b"IDAT" and data[stop : stop + 4] != _checksum(memoryview(data)[at + 4 : stop]):
            raise FormatError("a damaged PNG file: a checksum is wrong")
        at = stop + 4


def _checksum(chunk: memoryview) -> bytes:
    return struct.pack(">I", zlib.crc32(chunk))


def encode_rgba(mask: BoolMask, color: tuple[int, int, int]) -> bytes:
    """A (height, width) bool mask as RGBA PNG bytes: opaque in a color where it is set, else all zero.

    Examples:
        >>> decode_rgba(encode_rgba(np.array([[True, False]]), (255, 0, 0))).tolist()
        [[True, False]]
    """
    return encode_colors(scan(mask), np.array([(0, 0, 0, 0), (*color, 255)], np.uint8))


def decode_rgba(data: bytes, *, limits: Limits | None = None) -> BoolMask:
    """The (height, width) bool mask of RGBA PNG bytes: where alpha is above 127.

    Raises `FormatError` for bytes that are no such PNG, `LimitError` above `limits.max_pixels`.
    Source: dtlpy, `Segmentation.from_coordinates`.
    """
    with opened_png(data, limits, ("RGBA",)) as image:
        alpha: BoolMask = np.asarray(image.getchannel("A")) > 127
        return alpha


def encode_color(pixels: NDArray[np.uint8]) -> bytes:
    """(height, width, 3) uint8 pixels, red, green, blue, as PNG bytes.

    Examples:
        >>> decode_color(encode_color(np.array([[[1, 2, 3]]], np.uint8))).tolist()
        [[[1, 2, 3]]]
    """
    height, width, _ = pixels.shape
    return encode_color_strips([pixels], (height, width))


def encode_color_strips(
    strips: Iterable[NDArray[np.uint8]], frame: Frame, *, text: tuple[str, str] | None = None
) -> bytes:
    """As `encode_color`, from strips of whole rows, the top first; `text` as in `png_file`."""
    stream = zlib.compressobj(1)
    parts = [stream.compress(_scanlines(strip).data) for strip in strips]
    return png_file(frame, (8, COLOR), b"".join([*parts, stream.flush()]), text=text)


def text_in(data: bytes, key: str) -> str:
    """The text that a PNG holds under a key; empty without. Raises `FormatError` for bytes that are no PNG.

    Examples:
        >>> strip = np.zeros((1, 1, 3), np.uint8)
        >>> text_in(encode_color_strips([strip], (1, 1), text=("Title", "a cat")), "Title")
        'a cat'
    """
    with opened_png(data, Limits(max_pixels=_ANY)) as image:  # only its header is read
        return str(image.info.get(key, ""))


def _scanlines(strip: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The rows, each after a zero, its filter type None."""
    rows, width, _ = strip.shape
    lines = np.zeros((rows, 1 + 3 * width), np.uint8)
    lines[:, 1:] = strip.reshape(rows, 3 * width)
    return lines


def decode_color(data: bytes, *, limits: Limits | None = None) -> NDArray[np.uint8]:
    """The (height, width, 3) uint8 pixels of color or palette PNG bytes.

    Raises `FormatError` for bytes that are no such PNG, `LimitError` above `limits.max_pixels`.
    """
    with opened_png(data, limits, ("RGB", "RGBA", "P")) as image:
        image.load()
        image.info.pop("transparency", None)  # before or after the pixels; only colors matter
        return np.array(image.convert("RGB"))


def same_picture(png: bytes, other: bytes) -> bool:
    """Whether two PNGs, perhaps of different writers, hold the same pixels, and palette.

    Examples:
        >>> same_picture(encode_png(np.zeros((2, 2), np.uint8)), b"edited")
        False
    """
    if png == other:
        return True
    try:
        return _content(png) == _content(other)
    except (FormatError, LimitError):
        return False


def _content(data: bytes) -> tuple[object, ...]:
    with opened_png(data) as image:
        return image.mode, image.size, image.getpalette(), image.tobytes()
