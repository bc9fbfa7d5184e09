"""Painted spans → PNG bytes, without an array of pixels in between.

The bytes depend on the mask alone, not on the kernel, the machine or the version of a library.
Source: PNG (Portable Network Graphics) Specification, third edition, W3C.
"""

import struct
import zlib
from collections.abc import Iterator
from functools import lru_cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from polymask.codecs.scanlines import zlib_stream
from polymask.errors import FormatError
from polymask.model import Frame
from polymask.raster.painted import PaintedSpans

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GRAY, COLOR, INDEXED, RGBA = 0, 2, 3, 6
_MOST = 1 << 30  # bytes of a chunk; PNG allows up to 2**31 - 1


def encode(painted: PaintedSpans, *, depth: int = 8, palette: NDArray[np.uint8] | None = None) -> bytes:
    """A mask as the bytes of a gray PNG of 8 or 16 bits, or of a palette PNG.

    `palette`, (n, 3) uint8 with n ≤ 256, makes an 8-bit mask a palette PNG (Pillow's mode P); its pixel
    values stay. Raises `FormatError` for a palette with 16 bits, and for values outside the depth or
    the palette.

    Examples:
        >>> from polymask.raster.painted import scan
        >>> encode(scan(np.array([[0, 3]], np.uint8)))[:4]
        b'\x89PNG'
    """
    return Encoding(depth=depth, palette=palette).encode(painted)


class Encoding(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The kind of a mask's PNG: gray of 8 or 16 bits, or with a palette, (n, 3) uint8."""

    depth: int = 8
    palette: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        if self.depth not in (8, 16) or (self.palette is not None and self.depth != 8):
            raise FormatError("a mask's PNG is 8 or 16 bits deep, one with a palette 8")

    @property
    def values(self) -> int:
        """The number of values that a pixel can have."""
        return 1 << self.depth if self.palette is None else len(self.palette)

    def encode(self, painted: PaintedSpans) -> bytes:
        """The bytes of a mask's PNG; raises `FormatError` for values that do not fit."""
        _check(painted, self.values)
        return self.file(painted.frame, zlib_stream(painted, pixel=self.depth // 8))

    def file(self, frame: Frame, stream: bytes | memoryview) -> bytes:
        """The bytes of a PNG, from the zlib stream of its scanlines."""
        if self.palette is None:
            return png_file(frame, (self.depth, GRAY), stream)
        colors = np.ascontiguousarray(self.palette, np.uint8).tobytes()
        return png_file(frame, (self.depth, INDEXED), stream, colors)


def encode_colors(painted: PaintedSpans, colors: NDArray[np.uint8]) -> bytes:
    """A mask as the bytes of a PNG in color: `colors[value]` is the color of a value.

    `colors` is (n, 3) uint8, red, green, blue, or (n, 4), with alpha. Raises `FormatError` for
    another shape and for values that have no color.

    Examples:
        >>> from polymask.raster.painted import scan
        >>> colors = np.array([[0] * 4, [9] * 4], np.uint8)
        >>> len(encode_colors(scan(np.array([[0, 1]], np.uint8)), colors)) < 90
        True
    """
    if colors.ndim != 2 or colors.shape[1] not in (3, 4) or colors.dtype != np.uint8:
        raise FormatError(f"colors are (n, 3) or (n, 4) uint8, not {colors.dtype} of shape {colors.shape}")
    _check(painted, len(colors))
    bands = colors.shape[1]
    stream = zlib_stream(painted, pixel=bands, table=np.ascontiguousarray(colors))
    return png_file(painted.frame, (8, COLOR if bands == 3 else RGBA), stream)


def _check(painted: PaintedSpans, values: int) -> None:
    largest = max(painted.background, int(painted.value.max(initial=0)))
    if largest >= values:
        raise FormatError(f"the mask has a value {largest}; this PNG holds 0 to {values - 1}")


def png_file(
    frame: Frame,
    kind: tuple[int, int],
    stream: bytes | memoryview,
    palette: bytes = b"",
    *,
    text: tuple[str, str] | None = None,
) -> bytes:
    """A whole PNG; `kind` is bit depth and color type, `palette` has three bytes a color.

    `text` is a keyword of at most 79 letters and its text, both Latin-1.
    """
    texts = [_chunk(b"tEXt", "\0".join(text).encode("latin-1"))] if text else []
    data = (part for chunk in _data(stream) for part in chunk)  # joined once, as it may be large
    return b"".join([_opening(frame, kind, palette), *texts, *data, _END])


@lru_cache(1024)
def _opening(frame: Frame, kind: tuple[int, int], palette: bytes) -> bytes:
    """The chunks before the scanlines; many masks share them."""
    height, width = frame
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, *kind, 0, 0, 0))
    return b"".join([SIGNATURE, header, _chunk(b"PLTE", palette) if palette else b""])


def _data(stream: bytes | memoryview) -> Iterator[tuple[bytes | memoryview, ...]]:
    view = memoryview(stream)
    for at in range(0, len(view), _MOST):
        yield _parts(b"IDAT", view[at : at + _MOST])


def _parts(kind: bytes, data: bytes | memoryview) -> tuple[bytes | memoryview, ...]:
    """A chunk: length, kind, data and checksum."""
    return struct.pack(">I", len(data)), kind, data, struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return b"".join(_parts(kind, data))


_END = _chunk(b"IEND", b"")
