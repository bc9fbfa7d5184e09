r"""Text tables beside masks: the label of each color or pixel value.

CamVid's `label_colors.txt` (`r g b name`, blanks or tabs between), the `class_dict.csv` of many data
sets (`name,r,g,b`), Roboflow's `_classes.csv` (`Pixel Value, Class`), and tables of two columns, an id
and a name. In tables of colors `Void` is void; background may be written in any case.
Source: Brostow et al., "Semantic object classes in video"; exports of Kaggle, CVAT and Roboflow.
"""

import csv
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from polymask.errors import LabelError
from polymask.validation import Color

VOID, BACKGROUND = "__ignore__", "background"
_COLOR_FIRST = re.compile(
    r"\d+\s+\d+\s+\d+\s+[^\W\d]"
)  # a letter, because rows of numbers alone are no table
_NAME_HEADS = ("name", "class", "label")
_COLOR_HEADS = (["r", "g", "b"], ["red", "green", "blue"])
_VALUE_HEADS = frozenset(
    ("id", "class id", "class_id", "label id", "label_id", "category id", "category_id", "value", "index",
     "pixel value", "pixel_value")
)  # fmt: skip
_NAMES_OF_VALUES = frozenset(
    (*_NAME_HEADS, "category", "title", "class name", "class_name", "label name", "label_name")
)


class TableRow(NamedTuple):
    """A line of a table: the name as written, and its pixel value or its color."""

    name: str
    value: int | None = None
    color: Color | None = None

    @property
    def painted_as(self) -> str:
        """The label that the name is painted as: itself, void or background."""
        folded = self.name.casefold()
        if self.color is not None and folded == "void":
            return VOID
        return BACKGROUND if folded == BACKGROUND else self.name


def table_rows(text: str) -> list[TableRow] | None:
    r"""The rows of a table; None for text that is no table. Raises `LabelError` for a line that does not fit.

    Examples:
        >>> table_rows("64 0 128\t\tCar\n0 0 0\tVoid\n")[0]
        TableRow(name='Car', value=None, color=(64, 0, 128))
        >>> table_rows("Pixel Value, Class\n0, background\n1, sea\n")[1]
        TableRow(name='sea', value=1, color=None)
    """
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        return None
    if all(_COLOR_FIRST.match(line) for _, line in lines):
        return _checked([(number, _color_first(number, line)) for number, line in lines])
    head = _cells(lines[0][1].lower())
    if (order := _value_and_name(head)) is not None:
        return _checked([(number, _value_row(number, line, order)) for number, line in lines[1:]])
    if _names_colors(lines[0][1]):
        return _checked([(number, _name_first(number, line)) for number, line in lines[1:]])
    return None


def is_color_table(head: str) -> bool:
    r"""Whether a text begins like a table of colors; its last line may be cut off.

    Examples:
        >>> is_color_table("name,r,g,b\nAnimal,64,1"), is_color_table("0 0.5 0.5 0.1 0.1")
        (True, False)
    """
    lines = [line.strip() for line in head.splitlines() if line.strip()]
    if not lines:
        return False
    return all(map(_COLOR_FIRST.match, lines[:-1] or lines)) or _names_colors(lines[0])


def _names_colors(line: str) -> bool:
    head = _cells(line.lower())
    return head[0] in _NAME_HEADS and head[1:] in _COLOR_HEADS


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line], skipinitialspace=True), [""])]


def _color_first(number: int, line: str) -> TableRow:
    *color, name = line.split(None, 3)
    return TableRow(name, color=_color(number, color, "`r g b name`"))


def _name_first(number: int, line: str) -> TableRow:
    name, *color = _cells(line)
    return TableRow(name, color=_color(number, color, "`name,r,g,b`"))


def _value_and_name(head: Sequence[str]) -> tuple[int, int] | None:
    """The columns of the value and of the name, in a table that has these two."""
    if len(head) != 2:
        return None
    orders = ((0, 1), (1, 0))
    return next(((v, n) for v, n in orders if head[v] in _VALUE_HEADS and head[n] in _NAMES_OF_VALUES), None)


def _value_row(number: int, line: str, order: tuple[int, int]) -> TableRow:
    cells = _cells(line) if '"' in line else [cell.strip() for cell in _at_the_value(line, order)]
    value, name = (cells[column] for column in order) if len(cells) == 2 else ("", "")
    if not (value.isdecimal() and len(value) < 6 and int(value) < 1 << 16 and name):
        columns = ("`value, name`", "`name, value`")[order[0]]
        raise LabelError(f"line {number}: a line is {columns}, values from 0 to 65535")
    return TableRow(name, value=int(value))


def _at_the_value(line: str, order: tuple[int, int]) -> Sequence[str]:
    """The two cells of a line without quotes, whose name may have commas."""
    return line.split(",", 1) if order == (0, 1) else line.rsplit(",", 1)


def _color(number: int, texts: Sequence[str], line: str) -> Color:
    try:
        red, green, blue = bytes(map(int, texts))
    except ValueError:
        raise LabelError(f"line {number}: a line is {line}, colors from 0 to 255") from None
    return red, green, blue


_KEYS: dict[str, Callable[[TableRow], object]] = {
    "name": lambda row: row.painted_as,
    "value": lambda row: row.value,
    "color": lambda row: row.color,
}


def _checked(numbered: Sequence[tuple[int, TableRow]]) -> list[TableRow]:
    """The rows; raises `LabelError` for a name, value or color that occurs twice."""
    if unnamed := next((number for number, row in numbered if not row.name), None):
        raise LabelError(f"line {unnamed}: there is no name")
    for kind, key in _KEYS.items():
        lines: dict[object, int] = {}
        for number, row in numbered:
            if (cell := key(row)) is not None and (first := lines.setdefault(cell, number)) != number:
                raise LabelError(f"line {number}: the {kind} {cell} is that of line {first} already")
    return [row for _, row in numbered]
