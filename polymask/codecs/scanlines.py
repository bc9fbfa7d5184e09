"""Painted spans → the zlib stream of a PNG, without an array of pixels: the Python twin of `_scanlines.h`.

Every row is a filter type (0, None) and its pixels. A row, or a stretch of at least `COPIED` bytes,
that equals the row above is a copy of it; all other pixels are runs: a pixel, then a match of the pixel
before. Many rows of zeros are one run. Copies need rows of at most 32,768 bytes, the window of DEFLATE.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from polymask.codecs.deflate import Bits, Block, put_block
from polymask.native import compiled
from polymask.raster.painted import PaintedSpans

COPIED = 16  # bytes of a stretch; from here on a copy of the row above decodes faster than runs
WINDOW = 32768  # bytes; the longest distance of a match
LONG_RUN = 516  # bytes of a run; longer runs repeat four bytes at a time, which decodes faster
BLANK = 1 << 18  # bytes of rows of zeros; from here on copies need more room than zeros
PIECES = 1 << 18  # the most pieces of a block
_ADLER = 65521  # RFC 1950

RowRuns = list[tuple[int, int]]
"""The runs of a row: the column at which each ends, and its value."""


def zlib_stream(painted: PaintedSpans, *, pixel: int, table: NDArray[np.uint8] | None = None) -> bytes:
    """The compressed scanlines of a mask, `pixel` bytes a pixel.

    `table` is (values, pixel) uint8: the bytes of each value. Without a table, a value is written as
    one byte, or as two, the high byte first.

    Examples:
        >>> import zlib
        >>> painted = PaintedSpans(*np.array([[0], [1], [3]], np.int32), np.array([7], np.uint16), (2, 4))
        >>> list(zlib.decompress(zlib_stream(painted, pixel=1)))
        [0, 0, 7, 7, 0, 0, 0, 0, 0, 0]
    """
    if compiled:
        stream: bytes = compiled.scanlines(*painted.arrays, *painted.frame, pixel, table, painted.background)
        return stream
    return written(painted, pixel=pixel, table=table)


def written(painted: PaintedSpans, *, pixel: int, table: NDArray[np.uint8] | None = None) -> bytes:
    """The twin of the compiled writer, in Python."""
    lines = _Scanlines(painted.frame[1], pixel, table)
    for row, times in _rows(painted):
        lines.add(row, times)
    return lines.close()


def _rows(painted: PaintedSpans) -> Iterator[tuple[RowRuns, int]]:
    """The runs of each row, and the number of consecutive rows with them; rows without spans are joined."""
    height, width = painted.frame
    blank = [(width, painted.background)]
    next_row = 0
    columns = [array.tolist() for array in painted.arrays]
    for row, group in groupby(zip(*columns, strict=True), lambda span: span[0]):
        if row > next_row:
            yield blank, row - next_row
        yield _filled(list(group), width, painted.background), 1
        next_row = row + 1
    if next_row < height:
        yield blank, height - next_row


def _filled(spans: Sequence[tuple[int, int, int, int]], width: int, background: int) -> RowRuns:
    """The runs of a row, its gaps filled with background; neighbors have different values."""
    runs: RowRuns = []
    for _, start, stop, value in [*spans, (0, width, width, background)]:
        for end, run_value in ((start, background), (stop, value)):
            if end == (runs[-1][0] if runs else 0):
                continue
            if runs and runs[-1][1] == run_value:
                runs.pop()
            runs.append((end, run_value))
    return runs


class _Scanlines:
    """Builds the stream: the last piece, bytes or a copy, stays pending while it can grow."""

    def __init__(self, width: int, pixel: int, table: NDArray[np.uint8] | None) -> None:
        self.width, self.pixel = width, pixel
        self.stride = 1 + width * pixel
        self.copies = 3 <= self.stride <= WINDOW
        self.table = table
        self.above: RowRuns = []
        self.sums = 1, 0
        self.byte: int | None = None  # the byte of the pending piece; None for a copy
        self.pending = 0
        self.pieces = 0
        self.block, self.out = Block(), Bits()

    def bytes_of(self, value: int) -> bytes:
        """The bytes of a pixel."""
        return value.to_bytes(self.pixel, "big") if self.table is None else self.table[value].tobytes()

    def close(self) -> bytes:
        """Finish the stream and return it; RFC 1950."""
        self._flush()
        put_block(self.out, self.block, last=True)
        plain, weighted = self.sums
        return b"\x78\x01" + self.out.close() + (weighted << 16 | plain).to_bytes(4, "big")

    def add(self, row: RowRuns, times: int) -> None:
        """Add a row, `times` times."""
        self._sum(row, times)
        same = times - 1
        if self.above and self.copies and row == self.above:
            same = times
        elif self.above and self.copies:
            self._add_changed(row)
        else:
            self._add_whole(row)
        size = same * self.stride
        blank = len(row) == 1 and not any(self.bytes_of(row[0][1]))
        if same and blank and (size >= BLANK or not self.copies):
            self._add_bytes(0, size)
        elif same and self.copies:
            self._add_bytes(None, size)
        else:
            for _ in range(same):
                self._add_whole(row)
        self.above = row

    def _sum(self, row: RowRuns, times: int) -> None:
        """Update the checksum, Adler-32, by arithmetic over runs."""
        plain = weighted = at = 0
        for stop, value in row:
            pixel, n = self.bytes_of(value), stop - at
            weighted += n * self.pixel * plain + self.pixel * sum(pixel) * (n * (n - 1) // 2)
            weighted += n * sum((self.pixel - i) * byte for i, byte in enumerate(pixel))
            plain += n * sum(pixel)
            at = stop
        a, b = self.sums
        b += times * a * self.stride + self.stride * plain * (times * (times - 1) // 2) + times * weighted
        self.sums = (a + times * plain) % _ADLER, b % _ADLER

    def _add_whole(self, row: RowRuns) -> None:
        self._add_bytes(0, 1)
        self._add_runs(row, 0, self.width)

    def _add_runs(self, runs: Sequence[tuple[int, int]], begin: int, end: int) -> None:
        """Add the pixels of a row from column `begin`, in the first of the runs, to `end`."""
        for stop, value in runs:
            self._add_pixels(value, min(stop, end) - begin)
            if stop >= end:
                return
            begin = stop

    def _add_changed(self, row: RowRuns) -> None:
        """Add a row that differs from the row above; the filter type belongs to the first stretch."""
        for equal, group in groupby(_pieces(row, self.above), lambda piece: piece[0]):
            pieces = list(group)
            (_, first, begin, _), (*_, end) = pieces[0], pieces[-1]
            size = (end - begin) * self.pixel + (not begin)
            if equal and size >= COPIED:
                self._add_bytes(None, size)
                continue
            if not begin:
                self._add_bytes(0, 1)
            self._add_runs(row[first : first + len(pieces)], begin, end)

    def _add_pixels(self, value: int, n: int) -> None:
        pixel = self.bytes_of(value)
        if len(set(pixel)) == 1:
            self._add_bytes(pixel[0], n * self.pixel)
            return
        self._flush()
        self._open()
        repeated = (n - 1) * self.pixel
        for byte in pixel if repeated >= 3 else pixel * n:
            self.block.literal(byte)
        if repeated >= 3:
            self.block.match(repeated, self.pixel)

    def _add_bytes(self, byte: int | None, n: int) -> None:
        """Add `n` equal bytes, or a copy of the row above."""
        if not self.pending or self.byte != byte:
            self._flush()
            self.byte = byte
        self.pending += n

    def _flush(self) -> None:
        n, self.pending = self.pending, 0
        if not n:
            return
        self._open()
        if self.byte is None:
            self.block.match(n, self.stride)
            return
        for _ in range(1 if n > 3 else n):
            self.block.literal(self.byte)
        if n > LONG_RUN:
            self.block.match(3, 1)
            self.block.match(n - 4, 4)
        elif n > 3:
            self.block.match(n - 1, 1)

    def _open(self) -> None:
        """Begin a piece; write the block first if it is full."""
        if self.pieces == PIECES:
            put_block(self.out, self.block, last=False)
            self.block, self.pieces = Block(), 0
        self.pieces += 1


def _pieces(row: RowRuns, above: RowRuns) -> Iterator[tuple[bool, int, int, int]]:
    """The stretches between ends of runs: whether the rows are equal, the run, and the half-open columns."""
    i = j = at = 0
    while i < len(row):
        to = min(row[i][0], above[j][0])
        yield row[i][1] == above[j][1], i, at, to
        i, j, at = i + (row[i][0] == to), j + (above[j][0] == to), to
