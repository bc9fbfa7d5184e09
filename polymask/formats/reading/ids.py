"""Ids that are text in one list and numbers in another: matched by their text where that is certain."""

from collections.abc import Collection
from typing import TypeVar

Id = TypeVar("Id", bound=int | float | str)
TEXT_IDS = "{count} ids are text where others are numbers, and were matched as text"


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
