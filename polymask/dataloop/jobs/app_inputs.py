"""The inputs of an app's functions, as triggers, pipelines and menus hand them over: also as text."""

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from polymask.errors import InputError, unknown
from polymask.in_place.job import ProvenOptions

TRUE, FALSE = ("true", "yes", "1"), ("false", "no", "0")
CHOICES = ("predictions", "min_confidence", "creator", "status", "annotator")  # as of `convert`
_OPTIONS = {field.name: field for field in fields(ProvenOptions) if field.name != "choice"}


def as_flag(name: str, value: Any) -> bool:
    """A boolean input; text is read as what it says, and an empty input is false.

    Raises `InputError` for whatever is neither, so that no value is taken for a yes by being there.

    Examples:
        >>> as_flag("delete_source", "false"), as_flag("delete_source", "Yes"), as_flag("delete_source", None)
        (False, True, False)
    """
    text = "" if value is None else str(value).strip().casefold()
    if text in TRUE:
        return True
    if text in FALSE or not text:
        return False
    raise InputError(f"{name}: {value!r} is neither true nor false", advice="give true or false")


def checked(options: dict[str, Any]) -> dict[str, Any]:
    """Options by name, their booleans read; raises `InputError` for one that does not exist.

    Examples:
        >>> checked({"dry_run": "true"})
        {'dry_run': True}
        >>> checked({"dryrun": True})
        Traceback (most recent call last):
        polymask.errors.InputError: no option 'dryrun'; did you mean 'dry_run'? There are: ...
    """
    names: Iterable[str] = [*_OPTIONS, *CHOICES]
    for name in options:
        if name not in names:
            raise unknown("option", name, names)
    flags = {name for name in options if name in _OPTIONS and isinstance(_OPTIONS[name].default, bool)}
    return {name: as_flag(name, value) if name in flags else value for name, value in options.items()}
