"""The platform's query language: a filter in, a question to each document out."""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

from polymask.dataloop.emulator.database.document import Document
from polymask.errors import InputError

Look = Callable[[Document, str], Any]
Matches = Callable[[Document], bool]

MISSING: Final = object()
"""The value of an absent field; no value, not even null, equals it."""

# Elsewhere a star is a star: labels and tags may hold a star.
_GLOBBED = ("filename", "dir", "name")
_RANGES = ("$gt", "$gte", "$lt", "$lte")


def clauses(query: Any) -> list[tuple[str, Any]]:
    """Flatten a filter to the (field, condition) pairs that must all hold.

    Raises
    ------
    InputError
        The filter is no object, or `$and` holds no list.

    Examples:
        >>> clauses({"$and": [{"hidden": False}, {"type": "file"}], "name": "a.png"})
        [('hidden', False), ('type', 'file'), ('name', 'a.png')]
    """
    if not isinstance(query, dict):
        raise InputError(f"a filter is an object, not {query!r}")
    flat: list[tuple[str, Any]] = []
    for field, condition in query.items():
        # Flat, so that cursors and indexed fields are seen wherever the SDK puts them.
        if field == "$and":
            flat += [pair for part in _parts(condition) for pair in clauses(part)]
        else:
            flat.append((field, condition))
    return flat


def compile_clauses(pairs: Iterable[tuple[str, Any]], look: Look) -> Matches:
    """Return the question whether a document meets every pair.

    Raises
    ------
    InputError
        An operator that the query language does not have.

    Examples:
        >>> cat = Document("annotation", "1", "", "box", "cat", b"{}")
        >>> compile_clauses([("label", {"$in": ["cat", "dog"]})], lambda record, field: record.name)(cat)
        True
    """
    tests = [_test(field, condition, look) for field, condition in pairs]
    return lambda record: all(test(record) for test in tests)


def is_range(condition: Any) -> bool:
    """Tell whether a condition only bounds a text from below or above, as an id cursor does."""
    return isinstance(condition, dict) and all(
        operator in _RANGES and isinstance(bound, str) for operator, bound in condition.items()
    )


def _parts(listed: Any) -> Sequence[Any]:
    if not isinstance(listed, list):
        raise InputError(f"$and and $or hold lists, not {listed!r}")
    return listed


def _test(field: str, condition: Any, look: Look) -> Matches:
    if field == "$or":
        choices = [compile_clauses(clauses(part), look) for part in _parts(condition)]
        return lambda record: any(choice(record) for choice in choices)
    if field.startswith("$"):
        raise InputError(f"unknown operator {field}")
    checks = [_check(operator, operand, field) for operator, operand in _conditions(condition)]
    # Nearly every clause; and it runs for each document of a dataset.
    if len(checks) == 1:
        check = checks[0]
        return lambda record: check(look(record, field))
    return lambda record: all(check(look(record, field)) for check in checks)


def _conditions(condition: Any) -> list[tuple[str, Any]]:
    if isinstance(condition, dict) and any(key.startswith("$") for key in condition):
        return list(condition.items())
    # The SDK writes a bare list where it means any of these.
    return [("$in" if isinstance(condition, list) else "$eq", condition)]


def _check(operator: str, operand: Any, field: str) -> Callable[[Any], bool]:
    if operator not in _CHECKS:
        raise InputError(f"unknown operator {operator}")
    if operator in ("$in", "$nin") and not isinstance(operand, list):
        raise InputError(f"{operator} takes a list, not {operand!r}")
    return _CHECKS[operator](operand, field.rpartition(".")[2] in _GLOBBED and "." not in field)


def _equal(operand: Any, globbed: bool) -> Callable[[Any], bool]:  # noqa: FBT001 - a row of a table
    if globbed and isinstance(operand, str) and "*" in operand:
        pattern = glob(operand)
        return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None
    return lambda value: (
        _same(value, operand)
        or (isinstance(value, list) and any(_same(element, operand) for element in value))
    )


def _same(value: Any, operand: Any) -> bool:
    # Python holds True equal to 1, JSON does not.
    return bool(value == operand) and isinstance(value, bool) == isinstance(operand, bool)


def _in(operand: list[Any], globbed: bool) -> Callable[[Any], bool]:  # noqa: FBT001
    if not globbed and all(isinstance(choice, str) for choice in operand):
        # Deletion by ids asks for a thousand of them at once.
        texts = frozenset(operand)
        return lambda value: any(
            isinstance(element, str) and element in texts
            for element in (value if isinstance(value, list) else (value,))
        )
    checks = [_equal(choice, globbed) for choice in operand]
    return lambda value: any(check(value) for check in checks)


def _not(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: not check(value)


def _compare(holds: Callable[[Any, Any], bool]) -> Callable[[Any, bool], Callable[[Any], bool]]:
    def row(operand: Any, _globbed: bool) -> Callable[[Any], bool]:  # noqa: FBT001
        return lambda value: _comparable(value, operand) and holds(value, operand)

    return row


def _comparable(value: Any, operand: Any) -> bool:
    # JSON has no order between true and a number; Python would see an order.
    if isinstance(value, bool) or isinstance(operand, bool):
        return False
    numbers = isinstance(value, int | float) and isinstance(operand, int | float)
    return numbers or (isinstance(value, str) and isinstance(operand, str))


def _exists(operand: Any, _globbed: bool) -> Callable[[Any], bool]:  # noqa: FBT001
    return lambda value: (value is not MISSING) == bool(operand)


def _match(operand: Any, _globbed: bool) -> Callable[[Any], bool]:  # noqa: FBT001
    text = str(operand).lower()
    return lambda value: isinstance(value, str) and text in value.lower()


@lru_cache(256)
def glob(pattern: str) -> re.Pattern[str]:
    """Return a pattern where `*` stands for a part of one path segment and `**` for any path.

    Examples:
        >>> bool(glob("/a/*").fullmatch("/a/b.png")), bool(glob("/a/*").fullmatch("/a/b/c.png"))
        (True, False)
        >>> bool(glob("/a/**").fullmatch("/a/b/c.png"))
        True
    """
    parts = re.split(r"(\*+)", pattern)
    wild = {"*": "[^/]*"}
    return re.compile(
        "".join(wild.get(part, ".*") if part.startswith("*") else re.escape(part) for part in parts), re.S
    )


_CHECKS: dict[str, Callable[[Any, bool], Callable[[Any], bool]]] = {
    "$eq": _equal,
    "$ne": lambda operand, globbed: _not(_equal(operand, globbed)),
    "$in": _in,
    "$nin": lambda operand, globbed: _not(_in(operand, globbed)),
    "$gt": _compare(lambda value, operand: value > operand),
    "$gte": _compare(lambda value, operand: value >= operand),
    "$lt": _compare(lambda value, operand: value < operand),
    "$lte": _compare(lambda value, operand: value <= operand),
    "$exists": _exists,
    "$match": _match,
}
