"""Checks of values that callers pass: whole numbers, frames, pixel values, colors, names, rings.

numpy's integers become Python's, which do not overflow; values of a wrong kind are refused at once.
"""

import operator
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polymask.errors import GeometryError, InputError, LabelError

Color = tuple[int, int, int]  # red, green, blue: 0 to 255 each
LARGEST_VALUE = 65535
Json = dict[str, Any]  # an object of JSON from outside


def whole(value: Any) -> int | None:
    """A whole number of any library as an int; None for other values, including booleans.

    Examples:
        >>> whole(7), whole(1.5), whole("7"), whole(True)
        (7, None, None, None)
    """
    try:
        return None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return None


def as_frame(frame: Any, *, prefix: str = "") -> tuple[int, int]:
    """The (height, width) of a frame in pixels, both above 0; `prefix` begins the message of an error.

    Raises `GeometryError` for other values.

    Examples:
        >>> as_frame([2, 3])
        (2, 3)
    """
    sides = [whole(side) for side in frame] if isinstance(frame, Iterable) else []
    if len(sides) != 2 or sides[0] is None or sides[1] is None:
        raise GeometryError(f"{prefix}a frame is (height, width) in whole pixels, not {frame!r}")
    height, width = sides[0], sides[1]
    if height <= 0 or width <= 0:
        raise GeometryError(f"{prefix}a frame of {height} × {width} has no pixels")
    return height, width


def require_pattern(owner: str, pattern: Any) -> None:
    """Raise `InputError`, about `owner`, unless the text is a regular expression.

    Examples:
        >>> require_pattern("--split-by", "(p[0-9]+")
        Traceback (most recent call last):
        polymask.errors.InputError: --split-by (p[0-9]+: missing ), unterminated subpattern at position 0; ...
    """
    if not isinstance(pattern, str):
        raise InputError(f"{owner} is a text, not {pattern!r}")
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise InputError(
            f"{error}",
            place=f"{owner} {pattern}",
            advice="write `\\` before a character that stands for itself",
        ) from None


def as_value(owner: str, value: Any) -> int:
    """A pixel value; raises `LabelError`, about `owner`, for a value that no mask can hold.

    Examples:
        >>> as_value("void", 255)
        255
    """
    number = whole(value)
    if number is None or not 0 <= number <= LARGEST_VALUE:
        text = repr(value) if number is None else number
        raise LabelError(f"{owner} has value {text}, but a mask holds whole numbers, 0 to {LARGEST_VALUE}")
    return number


def as_color(owner: str, color: Any) -> Color:
    """Red, green and blue; raises `LabelError` unless they are three whole numbers from 0 to 255.

    Examples:
        >>> as_color("cat", [128, 0, 0])
        (128, 0, 0)
    """
    try:
        red, green, blue = bytes(map(operator.index, color))
    except (TypeError, ValueError):
        raise LabelError(f"{owner} has color {color!r}, not red, green and blue from 0 to 255") from None
    return red, green, blue


def is_text(name: str) -> bool:
    r"""Whether a text can be stored as UTF-8.

    Examples:
        >>> is_text("cat"), is_text("\ud800")
        (True, False)
    """
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False


def as_names(option: str, value: Any) -> tuple[str, ...]:
    """A tuple of names, from a name or several; raises `InputError`, about `option`, for other values.

    Examples:
        >>> as_names("only", "sea"), as_names("only", ["sea", "sun"])
        (('sea',), ('sea', 'sun'))
    """
    names = (value,) if isinstance(value, str) or not isinstance(value, Iterable) else tuple(value)
    for name in names:
        if not isinstance(name, str):
            raise InputError(f"{option} takes texts, not {name!r}")
    return names


def part(row: Any, *names: str) -> dict[str, Any]:
    """An object within nested JSON objects; empty where it is missing, null or of another type.

    Examples:
        >>> part({"metadata": {"system": {"width": 8}}}, "metadata", "system")
        {'width': 8}
        >>> part({"metadata": 5}, "metadata")
        {}
    """
    for name in names:
        row = row.get(name) if isinstance(row, dict) else None
    return row if isinstance(row, dict) else {}


def listed(value: Any) -> list[Any]:
    """The value, if it is a list; else an empty list.

    Examples:
        >>> listed([1]), listed(None)
        ([1], [])
    """
    return value if isinstance(value, list) else []


def as_ring(points: ArrayLike) -> NDArray[np.float64]:
    """The points as a read-only (N, 2) float64 array, x then y, implicitly closed.

    Raises `GeometryError` for another shape or a coordinate that is not finite.

    Examples:
        >>> as_ring([(0, 0), (4, 0), (4, 3)]).shape
        (3, 2)
    """
    try:
        ring = np.array(points, dtype=np.float64, order="C")
    except (TypeError, ValueError, OverflowError) as error:
        raise GeometryError(f"a ring is a list of (x, y) pairs: {error}") from None
    if ring.size == 0:
        ring = ring.reshape(0, 2)
    if ring.ndim != 2 or ring.shape[1] != 2:
        raise GeometryError(f"a ring is a list of (x, y) pairs, not an array of shape {ring.shape}")
    if not np.isfinite(ring).all():
        raise GeometryError("a ring's coordinates must be finite numbers")
    ring.flags.writeable = False
    return ring
