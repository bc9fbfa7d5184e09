"""The inputs of the app's functions as options of a run: platforms and triggers hand text over."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import msgspec

from polymask.conversion.options import ConvertOptions
from polymask.dataloop.jobs.options import in_place_options
from polymask.errors import InputError, unknown
from polymask.flag import flag_of
from polymask.in_place.job import ProvenOptions

TRUE, FALSE = ("true", "yes", "1"), ("false", "no", "0")
CHOICES = ("predictions", "min_confidence", "creator", "status", "annotator")  # as of `convert`
NAMES = (*(field.name for field in fields(ProvenOptions) if field.name != "choice"), *CHOICES)
_FLAGS = {field.name: flag_of(field) for field in fields(ConvertOptions) if field.name in NAMES}


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


def read_inputs(inputs: Mapping[str, Any]) -> ProvenOptions:
    """The options of a run in place from inputs by name; empty ones are as if they were not given.

    Text is read as the numbers and booleans that it says; several labels, creators or statuses are a list,
    or the text of one in JSON. Raises `InputError` for an option that does not exist, and for a value of the
    wrong kind, before anything is done.

    Examples:
        >>> options = read_inputs({"max_delete": "100", "dry_run": "true", "only": '["cat", "dog"]'})
        >>> options.max_delete, options.dry_run, sorted(options.only)
        (100, True, ['cat', 'dog'])
        >>> read_inputs({"max_delete": "a few"})
        Traceback (most recent call last):
        polymask.errors.InputError: max_delete is a whole number, 0 or more, not 'a few'
        >>> read_inputs({"dryrun": True})
        Traceback (most recent call last):
        polymask.errors.InputError: no option 'dryrun'; did you mean 'dry_run'? There are: ...
    """
    for name in inputs:
        if name not in NAMES:
            raise unknown("option", name, NAMES)
    values = {name: _read(name, value) for name, value in inputs.items() if not _is_empty(value)}
    limits = values.pop("limits", None)
    return in_place_options(ConvertOptions.of(values, limits=limits))


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _read(name: str, value: Any) -> Any:
    flag = _FLAGS.get(name)
    if flag is None:
        return value
    if flag.kind == "switch":
        return as_flag(name, value)
    if not isinstance(value, str):
        return value
    text = value.strip()
    if flag.repeatable:
        return _json(text, list[str]) or text
    if flag.kind in ("whole", "number"):
        number = _json(text, int | float)
        return value if number is None else number
    return text


def _json(text: str, kind: Any) -> Any:
    """What text says in JSON, if that is of a kind."""
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError:
        return None
