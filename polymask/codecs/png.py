"""Masks ↔ PNG bytes: 8 and 16 bit gray, and 8 bit with a palette.

Encoding is deterministic for a given version of isal: no filters, DEFLATE level 1
(masks are flat, so more effort buys little), no times, no comments.
Source: PNG (Portable Network Graphics) Specification, third edition, W3C.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from polymask.errors import FormatError, LimitError, PolymaskError
from polymask.limits import Limits
from polymask.model import BoolMask, Frame, IndexMask

if TYPE_CHECKING:
    from PIL import PngImagePlugin

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GRAY, COLOR, INDEXED, RGBA = 0, 2, 3, 6
# what Pillow raises for bytes that it cannot make sense of
DAMAGE = (SyntaxError, OSError, ValueError, LookupError, EOFError, struct.error, zlib.error)
_BLOCK = 1 << 20  # pixels that become RGBA together: four bytes each, and still in the cache


def encode_png(mask: IndexMask, *, palette: NDArray[np.uint8] | None = None) -> bytes:
    """A (height, width) uint8 or uint16 mask as PNG bytes.

    `palette`, (n, 3) uint8 with n ≤ 256, makes an 8-bit mask a palette PNG (Pillow's
    mode P); its pixel values stay. Raises `FormatError` for another dtype or shape.

    >>> decode_png(encode_png(np.array([[0, 300]], np.uint16))).tolist()
    [[0, 300]]
    """
    if mask.ndim != 2 or mask.dtype not in (np.uint8, np.uint16):
        raise FormatError(
            f"a mask is (height, width) uint8 or uint16, not {mask.dtype} of shape {mask.shape}"
        )
    height, width = mask.shape
    return encode_strips([mask], (height, width), depth=mask.dtype.itemsize * 8, palette=palette)


def encode_strips(
    strips: Iterable[IndexMask], frame: Frame, *, depth: int, palette: NDArray[np.uint8] | None = None
) -> bytes:
    """The PNG bytes of a (height, width) mask that comes in strips of whole rows, the top first.

    `depth` is 8 for uint8 strips, 16 for uint16. One strip at a time is in memory. Raises
    `FormatError` for a palette with 16 bits.

    >>> rows = np.array([[1, 2], [3, 4]], np.uint8)
    >>> decode_png(encode_strips([rows[:1], rows[1:]], (2, 2), depth=8)).tolist()
    [[1, 2], [3, 4]]
    """
    if palette is not None and depth != 8:
        raise FormatError("a palette PNG holds 8-bit masks only")
    height, width = frame
    color_type = GRAY if palette is None else INDEXED
    extra = () if palette is None else (_chunk(b"PLTE", np.ascontiguousarray(palette, np.uint8).tobytes()),)
    return _png((width, height, depth, color_type), map(_scanlines, strips), *extra)


def _png(header: tuple[int, int, int, int], lines: Iterable[NDArray[np.uint8]], *chunks: bytes) -> bytes:
    """A whole file: its header (width, height, bit depth, color type), further chunks, and scanlines."""
    file = BytesIO()  # which hands over what it holds, where joining would hold it twice
    file.write(SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", *header, 0, 0, 0)))
    file.writelines(chunks)
    file.writelines(_chunk(b"IDAT", piece) for piece in _deflated(lines) if piece)
    file.write(_chunk(b"IEND", b""))
    return file.getvalue()


def _deflated(lines: Iterable[NDArray[np.uint8]]) -> Iterator[bytes]:
    """One zlib stream, a piece for each block of scanlines."""
    stream = isal_zlib.compressobj(1)
    for block in lines:
        yield stream.compress(block)
    yield stream.flush()


def _scanlines(mask: IndexMask) -> NDArray[np.uint8]:
    """Each row behind a zero: filter type None. 16-bit samples are big-endian."""
    samples = np.ascontiguousarray(mask, mask.dtype.newbyteorder(">")).view(np.uint8)
    lines = np.empty((mask.shape[0], samples.shape[1] + 1), np.uint8)
    lines[:, 0] = 0
    lines[:, 1:] = samples
    return lines


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = isal_zlib.crc32(data, isal_zlib.crc32(kind))
    return b"".join([struct.pack(">I", len(data)), kind, data, struct.pack(">I", checksum)])


def decode_png(data: bytes, *, limits: Limits | None = None) -> IndexMask:
    """The (height, width) uint8 or uint16 mask in gray or palette PNG bytes.

    A palette PNG gives its indices. Raises `FormatError` for bytes that are no such
    PNG and `LimitError`, before memory is taken, above `limits.max_pixels`.

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
    """A PNG of one of the modes, or of any; what goes wrong with it, while decoding too, is typed.

    Raises `FormatError` for bytes that are no such PNG, `LimitError`, before memory is taken,
    above `limits.max_pixels`. Pillow's own guess at what is a bomb is not asked.
    """
    from PIL import PngImagePlugin  # who only writes masks does not wait for it

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
    """Raise `FormatError` for an animation, and for pixels whose checksum, which Pillow skips, is wrong."""
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
    return struct.pack(">I", isal_zlib.crc32(chunk))


def encode_rgba(mask: BoolMask, color: tuple[int, int, int]) -> bytes:
    """A (height, width) bool mask as RGBA PNG bytes: opaque in a color where set, else all zero.

    >>> decode_rgba(encode_rgba(np.array([[True, False]]), (255, 0, 0))).tolist()
    [[True, False]]
    """
    height, width = mask.shape
    return _png((width, height, 8, RGBA), _rgba_lines(mask, color))


def _rgba_lines(mask: BoolMask, color: tuple[int, int, int]) -> Iterator[NDArray[np.uint8]]:
    """Scanlines, a block of rows at a time: the whole frame would be four times the mask."""
    pixel = np.array([*color, 255], np.uint8).view(np.uint32)
    step = max(1, _BLOCK // mask.shape[1])
    for top in range(0, mask.shape[0], step):
        block = mask[top : top + step]
        lines = np.zeros((len(block), 4 * mask.shape[1] + 1), np.uint8)
        if block.any():
            np.multiply(block, pixel, out=lines[:, 1:].view(np.uint32))
        yield lines


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

    >>> decode_color(encode_color(np.array([[[1, 2, 3]]], np.uint8))).tolist()
    [[[1, 2, 3]]]
    """
    height, width, _ = pixels.shape
    return encode_color_strips([pixels], (height, width))


def encode_color_strips(strips: Iterable[NDArray[np.uint8]], frame: Frame) -> bytes:
    """As `encode_color`, of pixels that come in strips of whole rows, the top first."""
    height, width = frame
    lines = (_scanlines(strip.reshape(len(strip), 3 * width)) for strip in strips)
    return _png((width, height, 8, COLOR), lines)


def decode_color(data: bytes, *, limits: Limits | None = None) -> NDArray[np.uint8]:
    """The (height, width, 3) uint8 pixels of color or palette PNG bytes.

    Raises `FormatError` for bytes that are no such PNG, `LimitError` above `limits.max_pixels`.
    """
    with opened_png(data, limits, ("RGB", "RGBA", "P")) as image:
        image.load()
        image.info.pop("transparency", None)  # told before or behind the pixels; colors are what is asked for
        return np.array(image.convert("RGB"))


def same_picture(one: bytes, other: bytes) -> bool:
    """Whether two PNGs, perhaps of different versions of a library, hold the same mask.

    >>> same_picture(encode_png(np.zeros((2, 2), np.uint8)), b"edited")
    False
    """
    if one == other:
        return True
    try:
        masks = decode_png(one), decode_png(other)
    except (FormatError, LimitError):
        return False
    return masks[0].dtype == masks[1].dtype and np.array_equal(*masks)
