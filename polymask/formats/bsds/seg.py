"""`.seg` files (BSDS300): a header, and lines of segment, row, first column, last column (inclusive)."""

import numpy as np

from polymask.formats.drawing.legend import Codes
from polymask.formats.reading.notes import Notes, number_in
from polymask.formats.reading.refusals import Malformed, inside

MAGIC = b"format ascii cr"
_LONGEST_HEAD = 4096
_TRANSFORMED = ("invert", "flipflop")


def split(data: bytes) -> tuple[dict[str, str], bytes]:
    """The header's keys and values, and the lines below `data`."""
    head_text, separator, rows = data.replace(b"\r", b"\n").partition(b"\ndata\n")
    if not separator or len(head_text) > _LONGEST_HEAD:
        raise Malformed("", "no head that ends with `data`")
    pairs = (line.partition(" ") for line in head_text.decode("latin-1").splitlines())
    head = {key: value.strip() for key, _, value in pairs}
    if missing := {"width", "height", "user"} - head.keys():
        raise Malformed("", f"the head has no `{min(missing)}`")
    return head, rows


def codes_in(data: bytes, notes: Notes) -> Codes:
    """The (height, width) segment numbers of a `.seg` file; raises `Malformed` for other bytes."""
    head, text = split(data)
    for key in _TRANSFORMED:
        if head.get(key, "0") != "0":
            raise Malformed(key, f"the picture was turned when it was drawn on ({key} {head[key]})")
    with inside("size"):
        frame = notes.declared_frame(number_in(head["height"]), number_in(head["width"]))
    try:
        rows = np.array(text.split(), np.int64).reshape(-1, 4)
    except (ValueError, OverflowError):
        raise Malformed("data", "expected rows of four whole numbers") from None
    return _segments(rows, frame)


def _segments(rows: "np.ndarray[tuple[int, int], np.dtype[np.int64]]", frame: tuple[int, int]) -> Codes:
    """The segment of each pixel; raises `Malformed` where the rows do not cover the frame exactly."""
    height, width = frame
    segment, row, first, last = rows.T
    outside = (segment < 0) | (segment > 2**31) | (row < 0) | (row >= height)
    outside |= (first < 0) | (last < first) | (last >= width)
    if outside.any():
        index = int(np.argmax(outside))
        raise Malformed(
            f"data, row {index + 1}", f"{rows[index].tolist()} does not lie in {height} × {width} px"
        )
    order = np.argsort(row * width + first)
    starts = (row * width + first)[order]
    lengths = (last - first + 1)[order]
    if starts.size == 0 or (np.append(starts[1:], height * width) != starts + lengths).any() or starts[0]:
        raise Malformed("data", "a pixel lies in no segment, or in two")
    return np.repeat(segment[order], lengths).astype(np.uint32).reshape(frame)
