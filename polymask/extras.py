"""Libraries that only some formats need: imported when such a format is read; errors name their extra."""

import struct
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from polymask.errors import InputError

# the exceptions that such libraries raise for damaged bytes
DAMAGE: tuple[type[Exception], ...] = (
    ValueError, TypeError, LookupError, OSError, EOFError, AttributeError, ArithmeticError, AssertionError,
    RuntimeError, struct.error,
)  # fmt: skip


def library(name: str, *, extra: str, reader: str) -> Any:
    """Import a module; if it is missing, the `InputError` says that `reader` needs it, and how to install it.

    Examples:
        >>> library("math", extra="none", reader="numbers").pi > 3
        True
    """
    try:
        return import_module(name)
    except ImportError:
        package = name.partition(".")[0]
        raise InputError(f"{reader} needs {package}", advice=f"pip install 'polymask[{extra}]'") from None


def dataframe(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, index: str | None = None) -> Any:
    """A pandas `DataFrame` of rows, whose column `index` names them; `InputError` where pandas is missing.

    Examples:
        >>> frame = dataframe([{"label": "cat", "pixels": 7}], ("label", "pixels"), index="label")
        >>> bool(frame.pixels["cat"] == 7)
        True
    """
    pandas = library("pandas", extra="notebook", reader="a table of pandas")
    frame = pandas.DataFrame(rows, columns=list(columns))
    return frame.set_index(index) if index else frame
