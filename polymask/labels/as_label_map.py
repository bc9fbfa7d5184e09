"""The forms in which callers may pass labels: a path, a label map, names, or names with values."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

from polymask.errors import LabelError
from polymask.labels.color_tables import BACKGROUND, VOID
from polymask.labels.label_files import label_values, text_at
from polymask.labels.label_map import VOID_8, VOID_16, LabelMap, from_text
from polymask.labels.mask_table import MaskTable
from polymask.storage.remote.urls import Location, Url, located

_SPECIAL = {BACKGROUND: 0, VOID: VOID_8}
Labels = str | Location | LabelMap | Mapping[str, int] | Iterable[str]


def as_label_map(labels: Labels | None) -> LabelMap:
    """A label map from a label file's path, names for the values from 1 on, or {name: value}.

    Raises `LabelError` for any other object, also for None; for a file, all that `LabelMap.load` raises.

    Examples:
        >>> as_label_map(["cat", "dog"]).value_of("dog"), as_label_map({"cat": 7}).value_of("cat")
        (2, 7)
    """
    if isinstance(labels, LabelMap):
        return labels
    if is_path(labels):
        return LabelMap.load(labels)
    if isinstance(labels, Mapping):
        return LabelMap.from_values(labels)
    names: list[Any] = list(labels) if isinstance(labels, Iterable) else [labels]
    if not all(isinstance(name, str) for name in names):
        raise LabelError(f"labels are a path, a LabelMap, names, or {{name: value}}, not {labels!r}")
    return LabelMap.from_names(names)


def as_stored_map(labels: Labels) -> LabelMap:
    """As `as_label_map`, for masks that are there: a file may give 0 and 255 to labels.

    Background and void then get the largest free values.
    """
    try:
        return as_label_map(labels)
    except LabelError:
        if not is_path(labels) or not (names := label_values(text_at(located(labels)))):
            raise
    free = (value for value in (*range(VOID_8 - 1, 0, -1), VOID_16) if value not in names)
    special = {name: value if value not in names else next(free) for name, value in _SPECIAL.items()}
    return LabelMap.from_values(special | {name: value for value, name in names.items()})


def extends(label_map: LabelMap, stored: bytes) -> bool:
    """Whether a label map has all that is in a label file's bytes, with the same values and colors.

    Examples:
        >>> extends(LabelMap.from_names(["cat", "dog"]), LabelMap.from_names(["cat"]).to_json())
        True
    """
    try:
        earlier = from_text(stored.decode())
    except (LabelError, UnicodeDecodeError):
        return False
    ends = [(labels.background, labels.void) for labels in (earlier, label_map)]
    return bool(stored) and ends[0] == ends[1] and set(earlier.labels) <= set(label_map.labels)


def as_mask_table(labels: Labels) -> MaskTable:
    """The table for masks that have none; a file of colors gives colors too, other labels only values."""
    if not is_path(labels):
        return MaskTable.of_label_map(as_label_map(labels))
    path = located(labels)
    try:
        return MaskTable.of_text(text_at(path))
    except LabelError as error:
        raise error.within(file=path) from None


def is_path(labels: object) -> TypeGuard[str | Location]:
    """Whether labels are the path of a label file."""
    return isinstance(labels, str | Url) or hasattr(labels, "__fspath__")
