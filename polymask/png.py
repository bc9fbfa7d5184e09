"""Masks ↔ PNG bytes: 8 and 16 bit gray, and 8 bit with a palette.

Encoding is deterministic for a given version of isal: no filters, DEFLATE level 1
(masks are flat, so more effort buys little), no times, no comments.
Source: PNG (Portable Network Graphics) Specification, third edition, W3C.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray
from PIL import PngImagePlugin

from polymask.errors import FormatError, LimitError
from polymask.model import BoolMask, IndexMask, Limits

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GRAY, COLOR, INDEXED, RGBA = 0, 2, 3, 6


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
    if palette is not None and mask.dtype != np.uint8:
        raise FormatError("a palette PNG holds 8-bit masks only")
    (height, width), depth = mask.shape, mask.dtype.itemsize * 8
    color_type = GRAY if palette is None else INDEXED
    extra = () if palette is None else (_chunk(b"PLTE", np.ascontiguousarray(palette, np.uint8).tobytes()),)
    return _png((width, height, depth, color_type), _scanlines(mask), *extra)


def _png(header: tuple[int, int, int, int], lines: NDArray[np.uint8], *chunks: bytes) -> bytes:
    """A whole file: its header (width, height, bit depth, color type), further chunks, and scanlines."""
    first = _chunk(b"IHDR", struct.pack(">IIBBBBB", *header, 0, 0, 0))
    data = _chunk(b"IDAT", isal_zlib.compress(lines, 1))
    return b"".join([SIGNATURE, first, *chunks, data, _chunk(b"IEND", b"")])


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
    with _opened(data, limits, ("L", "P", "I;16")) as image:
        return np.array(image, np.uint16 if image.mode == "I;16" else np.uint8)


@contextmanager
def _opened(
    data: bytes, limits: Limits | None, modes: tuple[str, ...]
) -> Iterator[PngImagePlugin.PngImageFile]:
    """A PNG of one of the modes; what goes wrong with it, while decoding too, is typed."""
    maximum = (limits or Limits()).max_pixels
    try:
        with PngImagePlugin.PngImageFile(BytesIO(data)) as image:
            width, height = image.size
            if width * height > maximum:
                raise LimitError(f"a PNG of {height} × {width} px; raise --max-pixels above {maximum}")
            if image.mode not in modes:
                raise FormatError(f"a PNG of mode {image.mode}; expected {', '.join(modes)}")
            yield image
    except (FormatError, LimitError):
        raise
    except (SyntaxError, OSError, ValueError, EOFError, struct.error) as error:
        reason = "not a PNG file" if str(error) == "not a PNG file" else f"a damaged PNG file: {error}"
        raise FormatError(reason) from None


def encode_rgba(mask: BoolMask, color: tuple[int, int, int]) -> bytes:
    """A (height, width) bool mask as RGBA PNG bytes: opaque in a color where set, else all zero.

    >>> decode_rgba(encode_rgba(np.array([[True, False]]), (255, 0, 0))).tolist()
    [[True, False]]
    """
    height, width = mask.shape
    lines = np.zeros((height, 4 * width + 1), np.uint8)
    lines[:, 1:].reshape(height, width, 4)[mask] = (*color, 255)
    return _png((width, height, 8, RGBA), lines)


def decode_rgba(data: bytes, *, limits: Limits | None = None) -> BoolMask:
    """The (height, width) bool mask of RGBA PNG bytes: where alpha is above 127.

    Raises `FormatError` for bytes that are no such PNG, `LimitError` above `limits.max_pixels`.
    Source: dtlpy, `Segmentation.from_coordinates`.
    """
    with _opened(data, limits, ("RGBA",)) as image:
        alpha: BoolMask = np.array(image)[..., 3] > 127
        return alpha


def encode_color(pixels: NDArray[np.uint8]) -> bytes:
    """(height, width, 3) uint8 pixels, red, green, blue, as PNG bytes.

    >>> decode_color(encode_color(np.array([[[1, 2, 3]]], np.uint8))).tolist()
    [[[1, 2, 3]]]
    """
    height, width, _ = pixels.shape
    return _png((width, height, 8, COLOR), _scanlines(pixels.reshape(height, 3 * width)))


def decode_color(data: bytes, *, limits: Limits | None = None) -> NDArray[np.uint8]:
    """The (height, width, 3) uint8 pixels of color or palette PNG bytes.

    Raises `FormatError` for bytes that are no such PNG, `LimitError` above `limits.max_pixels`.
    """
    with _opened(data, limits, ("RGB", "RGBA", "P")) as image:
        return np.array(image.convert("RGB"))
