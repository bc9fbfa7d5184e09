"""MATLAB 5 files (`.mat`): the numbers, cells and structs that annotations are kept in.

Source: MathWorks, “MAT-File Format”, level 5. Nothing is evaluated: objects, functions and sparse
arrays are refused.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polymask.formats.reading.refusals import Malformed
from polymask.limits import SMALL, Limits

MAGIC = b"MATLAB 5.0 MAT-file"
_HEADER, _DEEPEST = 128, 20
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_MATRIX, _COMPRESSED = 14, 15
_CELL, _STRUCT, _FIRST_NUMERIC, _LAST_NUMERIC = 1, 2, 6, 15

Value = NDArray[Any] | list[Any] | Mapping[str, Any]


@dataclass(slots=True)
class _Reader:
    """Reads the consecutive elements of a file or an array."""

    data: bytes
    order: str
    at: int = 0

    def element(self) -> tuple[int, bytes]:
        """The next element's type and content; raises `Malformed` where it is cut off."""
        kind, size = self._numbers("II", self.at)
        start = self.at + 8
        if kind >> 16:  # a small element, whose content lies in its tag
            kind, size, start = kind & 0xFFFF, kind >> 16, self.at + 4
        stop = start + size
        padding = 0 if kind == _COMPRESSED else -stop % 8
        if stop > len(self.data) or (start == self.at + 4 and size > 4):
            raise Malformed("", "cut off")
        self.at = stop + padding
        return kind, self.data[start:stop]

    def _numbers(self, kinds: str, at: int) -> tuple[Any, ...]:
        try:
            return struct.unpack_from(self.order + kinds, self.data, at)
        except struct.error:
            raise Malformed("", "cut off") from None

    def numeric(self) -> NDArray[Any]:
        """The numbers of the next element."""
        kind, data = self.element()
        if kind not in _NUMBERS:
            raise Malformed("", f"an element of type {kind}, where numbers are expected")
        dtype = np.dtype(self.order + _NUMBERS[kind])
        if len(data) % dtype.itemsize:
            raise Malformed("", "cut off")
        return np.frombuffer(data, dtype)

    def inner(self) -> "_Reader":
        """A reader of the next element, which must be an array."""
        kind, data = self.element()
        if kind != _MATRIX:
            raise Malformed("", f"an element of type {kind}, where an array is expected")
        return _Reader(data, self.order)


def variables(data: bytes, limits: Limits) -> Iterator[tuple[str, Value]]:
    """The name and the value of each variable in a file's bytes.

    Numbers become arrays, cells lists (down the columns), structs mappings, and arrays of structs lists
    of mappings. Raises `Malformed` for other bytes.
    """
    if not data.startswith(MAGIC):
        raise Malformed("", "not a MATLAB 5 file; save it with -v7, not -v7.3")
    order = {b"IM": "<", b"MI": ">"}.get(data[126:128])
    if order is None:
        raise Malformed("", "its byte order is not stated")
    reader = _Reader(data, order, _HEADER)
    while reader.at < len(data):
        kind, content = reader.element()
        if kind == _COMPRESSED:
            inner = _Reader(_inflated(content, limits), order).inner()
        elif kind == _MATRIX:
            inner = _Reader(content, order)
        else:
            raise Malformed("", f"an element of type {kind}, where an array is expected")
        yield _array(inner, 0)


def _inflated(content: bytes, limits: Limits) -> bytes:
    try:
        inflating = zlib.decompressobj()
        data = inflating.decompress(content, SMALL + limits.max_zip_ratio * len(content))
    except zlib.error as error:
        raise Malformed("", f"not zlib: {error}") from None
    if inflating.unconsumed_tail:
        raise Malformed("", f"{len(content)} bytes that unpack to more than {len(data)}")
    return data


def _array(reader: _Reader, depth: int) -> tuple[str, Value]:
    if depth > _DEEPEST:
        raise Malformed("", "nested too deep")
    flags, sizes = reader.numeric(), reader.numeric().tolist()
    name = reader.element()[1].decode("ascii", "replace")
    if not flags.size or len(sizes) < 2 or min(sizes) < 0:
        raise Malformed("", "an array without a class or a size")
    kind, count = int(flags[0]) & 0xFF, int(np.prod(sizes, dtype=object))
    if kind == _CELL:
        return name, _cells(reader, count, depth)
    if kind == _STRUCT:
        return name, _struct(reader, count, depth)
    if _FIRST_NUMERIC <= kind <= _LAST_NUMERIC:
        numbers = reader.numeric()
        if numbers.size != count:
            raise Malformed("", f"{numbers.size} numbers for an array of {count}")
        return name, numbers.reshape(sizes, order="F")
    return name, []  # texts and other types, which annotations do not use


def _cells(reader: _Reader, count: int, depth: int) -> list[Value]:
    if count * 8 > len(reader.data):  # each cell takes at least a tag of 8 bytes
        raise Malformed("", "cut off")
    return [_array(reader.inner(), depth + 1)[1] for _ in range(count)]


def _struct(reader: _Reader, count: int, depth: int) -> Value:
    lengths, (_, names) = reader.numeric(), reader.element()
    length = int(lengths[0]) if lengths.size else 0
    if length <= 0 or count * 8 > len(reader.data):
        raise Malformed("", "a struct without names")
    fields = [names[start : start + length].split(b"\0")[0] for start in range(0, len(names), length)]
    keys = [field.decode("ascii", "replace") for field in fields]
    rows = [dict(zip(keys, _cells(reader, len(keys), depth), strict=True)) for _ in range(count)]
    return rows[0] if count == 1 else rows
