"""Ids as tools write them: text in one list and numbers in another, whole numbers as floats or as text."""

import re
from collections.abc import Collection
from typing import Any, TypeVar

Id = TypeVar("Id", bound=int | float | str)
TEXT_IDS = "{count} ids are text where others are numbers, and were matched as text"
_WHOLE = re.compile(r"-?[0-9]{1,18}")


def record_id(key: int | float | str) -> int | str:
    """The id in the form of a record's id: a whole number, or a text."""
    if isinstance(key, float):
        return int(key) if key.is_integer() else str(key)
    return key


class WholeId(int):
    """An id that is a whole number by its format, and may be written as a float or as text (`is_text`)."""

    is_text = False


def decoded_id(kind: type, value: Any) -> Any:
    """The `dec_hook` of decoders of records: decodes `WholeId`, or raises `ValueError`.

    Examples:
        >>> decoded_id(WholeId, "7"), decoded_id(WholeId, 7.0)
        (7, 7)
    """
    if kind is not WholeId:
        raise NotImplementedError(f"records have no fields of the type {kind}")
    is_text = isinstance(value, str) and bool(_WHOLE.fullmatch(value))
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)
    if not (is_text or is_number):
        raise ValueError(f"Expected `int`, got `{_JSON.get(type(value), 'null')}`")
    number = WholeId(value)
    number.is_text = is_text
    return number


_JSON = {str: "str", float: "float", bool: "bool", list: "array", dict: "object"}  # as msgspec calls them


def as_text(key: int | float | str) -> str:
    """An id as text; whole floats lose their fraction.

    Examples:
        >>> as_text(7), as_text(7.0), as_text("7")
        ('7', '7', '7')
    """
    return str(int(key)) if isinstance(key, float) and key.is_integer() else str(key)


def by_text(ids: Collection[Id]) -> dict[str, Id]:
    """Ids by their text; empty if numbers and texts are mixed, as 1 and "1" may then be two ids.

    Examples:
        >>> by_text([1, 2.0]), by_text([1, "2"])
        ({'1': 1, '2': 2.0}, {})
    """
    kinds = {isinstance(key, str) for key in ids}
    return {as_text(key): key for key in ids} if len(kinds) == 1 else {}
