"""Options, each declared once as a field of an options dataclass.

The command-line flag, its help, the check of its value and its docs are all made from the field.
"""

from collections.abc import Mapping, Sequence
from dataclasses import Field, field, fields
from typing import Any, Literal

import msgspec

from polymask.errors import InputError
from polymask.validation import as_frame, as_names, whole

GROUPS = {
    "read": "What is read",
    "painted": "What is painted",
    "dest": "Where it goes",
    "safety": "Safety",
    "scale": "Scale",
    "limits": "Limits",
    "output": "Output",
}
Kind = Literal["text", "switch", "whole", "number", "frame"]


class Flag(msgspec.Struct, frozen=True, kw_only=True):
    """The properties of an option.

    `group` is one of `GROUPS`; `choices` are all allowed values, `completions` the values that a
    shell offers; `least` and `most` bound a number, and `unset` is the help's text for the default None.
    `dest` are the destinations that take the option: folders, Dataloop datasets or both. An
    `index_only` option is refused in layouts with a mask per label, except with its default or one of the
    `harmless` values.
    """

    help: str
    group: str
    kind: Kind = "text"
    metavar: str | None = None
    choices: Sequence[str] = ()
    completions: Mapping[str, object] | None = None
    repeatable: bool = False
    least: int | None = None
    most: int | None = None
    unset: str | None = None
    dest: Literal["folder", "dataset", "both"] = "folder"
    index_only: bool = False
    harmless: Sequence[str] = ()


def option(summary: str, group: str, *, default: Any, **facts: Any) -> Any:
    """A field of an options dataclass, with its default and the properties of its flag."""
    return field(default=default, metadata={"flag": Flag(help=summary, group=group, **facts)})


def flag_of(option: Field[Any]) -> Flag:
    """The flag of an option's field."""
    flag: Flag = option.metadata["flag"]
    return flag


def spelled(name: str) -> str:
    """The flag of an option, as users type it.

    Examples:
        >>> spelled("from_"), spelled("max_pixels")
        ('--from', '--max-pixels')
    """
    return "--" + name.rstrip("_").replace("_", "-")


def check_values(options: Any) -> None:
    """Normalize the values of a frozen options dataclass; raise `InputError` for values of a wrong kind."""
    for option in fields(options):
        value = getattr(options, option.name)
        checked = _checked(option, value)
        if checked is not value:
            object.__setattr__(options, option.name, checked)


def _checked(option: Field[Any], value: Any) -> Any:
    flag = flag_of(option)
    if flag.repeatable:
        return as_names(option.name, value)
    if value is None and option.default is None:
        return None
    if flag.kind == "whole":
        return _whole(option.name, value, flag.least)
    if flag.kind == "frame":
        return as_frame(value, prefix=f"{option.name}: ")
    if isinstance(option.default, str) and not isinstance(value, str):
        raise InputError(f"{option.name} is a name, not {value!r}")
    return value


def _whole(name: str, value: Any, least: int | None) -> int:
    number = whole(value)
    if number is None or (least is not None and number < least):
        bound = "" if least is None else f", {least} or more"
        raise InputError(f"{name} is a whole number{bound}, not {value!r}")
    return number


def split_priority(labels: Sequence[str]) -> tuple[str, ...]:
    """The labels of `--priority`: a single text is split at commas; several texts are labels as they are.

    Examples:
        >>> split_priority(["cat, dog"]), split_priority(["cat, black", "dog"])
        (('cat', 'dog'), ('cat, black', 'dog'))
    """
    return tuple(label.strip() for label in labels[0].split(",")) if len(labels) == 1 else tuple(labels)
