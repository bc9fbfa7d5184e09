"""Brush strokes: rle-packs, which hold runs of values along the bytes of RGBA pixels (thi.ng/umbrella)."""

import numpy as np
from numpy.typing import NDArray

from polymask.formats.reading.refusals import Malformed


def unpacked(packed: list[int], size: int) -> NDArray[np.uint8]:
    """The `size` bytes in an rle-pack, as uint8.

    The header holds the number of values (32 bits), their width minus 1 (5 bits) and four widths of
    lengths minus 1 (4 bits each). Each run has a bit that says whether one value repeats, 2 bits that
    select the width of the length, the length minus 1, and the value or values.
    Raises `Malformed` where the pack holds another number of bytes, or is cut off.

    Examples:
        >>> unpacked([0, 0, 0, 4, 57, 27, 252, 127, 224], 4).tolist()
        [255, 255, 255, 255]
    """
    try:
        bits = _Bits(bytes(packed))
    except ValueError:
        raise Malformed("$", "expected bytes, 0 to 255") from None
    count, width = bits.take(32), bits.take(5) + 1
    widths = [bits.take(4) + 1 for _ in range(4)]
    if count != size or width != 8:
        raise Malformed("$", f"holds {count} values of {width} bits, not {size} of 8: height × width × 4")
    values, filled = np.empty(size, np.uint8), 0
    while filled < count:
        repeats = bits.take(1)
        length = bits.take(widths[bits.take(2)]) + 1
        if filled + length > count:
            raise Malformed("$", "a run goes beyond the end")
        run = bits.take(8) if repeats else np.frombuffer(bits.bytes(length), np.uint8)
        values[filled : filled + length] = run
        filled += length
    return values


class _Bits:
    """Reads bits from bytes, the highest bit first; raises `Malformed` at the end."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> int:
        """The next bits as a number."""
        start, stop = self.at, self.at + count
        if stop > len(self.data) * 8:
            raise Malformed("$", "runs that are cut off")
        self.at = stop
        number = int.from_bytes(self.data[start // 8 : -(-stop // 8)], "big")
        return (number >> (-stop % 8)) & ((1 << count) - 1)

    def bytes(self, count: int) -> bytes:
        """The next bytes."""
        return self.take(count * 8).to_bytes(count, "big")
