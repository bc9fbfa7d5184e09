"""PNG and legend: a mask, and a table that says what its values or colors mean.

Many tools export these in place of polygons, and data sets of masks consist of them. A pixel's code is
its gray value or palette index, or the bytes of its color as one number; code 0 (black, or transparent)
is background unless the legend names it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from polymask.codecs.png import opened_png
from polymask.errors import FormatError
from polymask.formats.reading.images.addresses import named_file
from polymask.formats.reading.notes import Notes
from polymask.formats.reading.refusals import Malformed
from polymask.limits import Limits
from polymask.model import Frame, Instance, Runs
from polymask.storage.image_names import local_name

Codes = NDArray[np.unsignedinteger[Any]]
RED_HIGH, RED_LOW = (16, 8, 0), (0, 8, 16)  # the bits by which red, green and blue are shifted
_GRAY = ("1", "L", "P", "I", "I;16")
_DEPTH, _KIND = 24, 25  # the bytes of a PNG's header that hold the bit depth and the color type
_IN_COLORS = (2, 6)


def linked_png(address: str, notes: Notes) -> bytes:
    """The bytes of the PNG that an address names, from `--masks`, else from the source's own folder.

    Raises `Malformed` where neither has it.
    """
    masks = notes.options.masks
    file = masks.linked(address) if masks else None
    file = file or named_file(notes.page.file.place, address, beside=notes.page.file.name)
    if file is None:
        name = local_name(address).rpartition("/")[2]
        problem = f"polymask opens no address: put the mask beside this file, as {name!r}"
        raise Malformed("$", f"{problem}, or name its folder with --masks DIR")
    return file.read()


def codes_of(data: bytes, limits: Limits, *, shifts: tuple[int, int, int] = RED_HIGH) -> Codes:
    """The (height, width) codes of a PNG: gray values and palette indices as they are, colors packed.

    `shifts` are the bits by which red, green and blue are shifted. Raises `Malformed` for other bytes,
    and `LimitError`, before it allocates memory, for a PNG that is too large.
    """
    try:
        with opened_png(data, limits) as picture:
            if picture.mode in _GRAY:
                return _values(np.array(picture), data)
            return packed(np.array(picture.convert("RGBA")), shifts)
    except FormatError as error:
        raise Malformed("$", str(error)) from None


def colors_of(data: bytes, limits: Limits) -> Codes:
    """The (height, width) packed colors of any PNG; raises as `codes_of` does."""
    try:
        with opened_png(data, limits) as picture:
            return packed(np.array(picture.convert("RGBA")), RED_HIGH)
    except FormatError as error:
        raise Malformed("$", str(error)) from None


def is_colored(data: bytes) -> bool:
    """Whether a PNG stores a color per pixel, rather than gray values or palette indices."""
    return data[_KIND : _KIND + 1] in map(bytes, ([kind] for kind in _IN_COLORS))


def palette_of(data: bytes, limits: Limits) -> NDArray[np.uint8] | None:
    """The (n, 3) colors of a palette PNG; None for others. Raises as `codes_of` does."""
    try:
        with opened_png(data, limits) as picture:
            palette = picture.getpalette()
    except FormatError as error:
        raise Malformed("$", str(error)) from None
    return None if palette is None else np.array(palette, np.uint8).reshape(-1, 3)


def _values(pixels: NDArray[Any], data: bytes) -> Codes:
    """The stored gray values: Pillow stretches values of 2 and 4 bits over 0 to 255."""
    stretched = data[_KIND] == 0 and data[_DEPTH] in (2, 4)
    step = 255 // ((1 << data[_DEPTH]) - 1) if stretched else 1
    return (pixels // step if stretched else pixels).astype(np.uint32)


def packed(rgba: NDArray[np.uint8], shifts: tuple[int, int, int] = RED_HIGH) -> Codes:
    """The (height, width) codes of (height, width, 4) colors; transparent pixels have code 0."""
    codes = np.zeros(rgba.shape[:2], np.uint32)
    for channel, shift in enumerate(shifts):
        codes |= rgba[..., channel].astype(np.uint32) << shift
    codes[rgba[..., 3] == 0] = 0
    return codes


def color_code(text: str) -> int:
    """The code of a color written as `#rrggbb`; raises `Malformed` for other text.

    Examples:
        >>> color_code("#000102")
        258
    """
    digits = text.removeprefix("#")
    try:
        if len(digits) != 6:
            raise ValueError
        return int.from_bytes(bytes.fromhex(digits))
    except ValueError:
        raise Malformed("$", f"a color is #rrggbb, not {text!r}") from None


def legend_of(rows: Iterable[tuple[int, str]]) -> dict[int, str]:
    """The labels by code; raises `Malformed` for a negative or repeated code."""
    legend: dict[int, str] = {}
    for code, label in rows:
        if code in legend or code < 0:
            raise Malformed("$", f"the value {code} is " + ("there twice" if code in legend else "negative"))
        legend[code] = label
    return legend


def frame_of(codes: Codes) -> Frame:
    """The (height, width) of a mask."""
    return codes.shape[0], codes.shape[1]


def painted(codes: Codes, legend: Mapping[int, str], notes: Notes) -> tuple[Instance, ...]:
    """An instance for each code of the legend, in ascending order; codes without pixels are counted.

    Raises `Malformed`, naming the first pixel, for a code that is neither 0 nor in the legend.
    """
    runs = dict(runs_by_code(codes))
    for code in sorted({0} & legend.keys() | runs.keys()):
        if code and code not in legend:
            refuse_code(codes, code, f"the value {code} (#{code:06x})", "is not in the legend")
    codes_there = sorted(legend.keys() & runs.keys())
    instances = (Instance(code, legend[code], Runs(runs[code], frame_of(codes))) for code in codes_there)
    return notes.segments(instances, declared=len(legend))


def refuse_code(codes: Codes, code: int, subject: str, problem: str) -> NoReturn:
    """Raise `Malformed` for a code in a mask, naming its first pixel."""
    row, column = (int(indices[0]) for indices in np.nonzero(codes == code))
    raise Malformed("$", f"{subject} at row {row}, column {column} {problem}")


def runs_by_code(codes: Codes) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """The run counts, down the columns, of each code that occurs; found in one pass over the frame.

    Examples:
        >>> [(code, counts.tolist()) for code, counts in runs_by_code(np.array([[7, 0], [7, 0]], np.uint32))]
        [(0, [2, 2, 0]), (7, [0, 2, 2])]
    """
    flat = codes.T.reshape(-1)
    starts = np.concatenate(([0], np.flatnonzero(flat[1:] != flat[:-1]) + 1))
    stops = np.append(starts[1:], flat.size)
    values = flat[starts]
    order = np.argsort(values, kind="stable")
    occurring, firsts = np.unique(values[order], return_index=True)
    for code, places in zip(occurring.tolist(), np.split(order, firsts[1:]), strict=True):
        edges = np.column_stack((starts[places], stops[places])).reshape(-1)
        yield code, np.diff(np.concatenate(([0], edges, [flat.size])))


def check_same(frame: Frame, codes: Codes, subject: str) -> None:
    """Raise `Malformed` where a mask's size is not `frame`, the size of the named `subject`."""
    if codes.shape != frame:
        raise Malformed("$", f"a mask of {codes.shape[0]} × {codes.shape[1]} px for {subject} of {frame}")
