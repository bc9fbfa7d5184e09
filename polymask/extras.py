"""Libraries that only one format needs: imported when it is read, asked for by the name of their extra."""

import struct
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from polymask.errors import InputError

# what they and their like raise for bytes that they cannot make sense of
DAMAGE: tuple[type[Exception], ...] = (
    ValueError, TypeError, LookupError, OSError, EOFError, AttributeError, ArithmeticError, AssertionError,
    RuntimeError, struct.error,
)  # fmt: skip


def library(name: str, *, extra: str, what: str) -> Any:
    """The module of a name; raises `InputError` that tells what to install where it is missing.

    >>> library("math", extra="none", what="numbers").pi > 3
    True
    """
    try:
        return import_module(name)
    except ImportError:
        needed = name.partition(".")[0]
        raise InputError(f"{what} needs {needed}", advice=f"pip install 'polymask[{extra}]'") from None


def dataframe(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, index: str | None = None) -> Any:
    """A pandas `DataFrame` of rows, whose column `index` names them; `InputError` where pandas is missing.

    >>> dataframe([{"label": "cat", "pixels": 7}], ("label", "pixels"), index="label").pixels["cat"].item()
    7
    """
    pandas = library("pandas", extra="notebook", what="a table of pandas")
    frame = pandas.DataFrame(rows, columns=list(columns))
    return frame.set_index(index) if index else frame
