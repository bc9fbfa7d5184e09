"""What a flag is, said once: in a field of an options dataclass.

From the field come the flag of the command line and its help, the check of the value, and what the
docs say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from typing import Any, Literal

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """The facts of an option.

    `group` is one of `GROUPS`; `choices` are all values that there are, `completions` those that a
    shell offers; `least` and `most` bound a number, and `unset` is what help calls a default that is
    None. `dest` tells which destinations take the option: folders, Dataloop datasets or both. An
    option that is `index_only` has no effect where each label has a mask of its own, but for its
    default and for `harmless` values.
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
    """A field of an options dataclass, with its default and the facts of its flag."""
    return field(default=default, metadata={"flag": Flag(help=summary, group=group, **facts)})


def flag_of(option: Field[Any]) -> Flag:
    """The facts of an option."""
    flag: Flag = option.metadata["flag"]
    return flag


def spelled(name: str) -> str:
    """An option's name as it is typed.

    >>> spelled("from_"), spelled("max_pixels")
    ('--from', '--max-pixels')
    """
    return "--" + name.rstrip("_").replace("_", "-")


def check_values(options: Any) -> None:
    """Make the values of a frozen options dataclass plain; raise `InputError` for those of another kind."""
    for each in fields(options):
        value = getattr(options, each.name)
        checked = _checked(each, value)
        if checked is not value:
            object.__setattr__(options, each.name, checked)


def _checked(option: Field[Any], value: Any) -> Any:
    flag = flag_of(option)
    if flag.repeatable:
        return as_names(option.name, value)
    if value is None and option.default is None:
        return None
    if flag.kind == "whole":
        return _whole(option.name, value, flag.least)
    if flag.kind == "frame":
        return as_frame(value, where=f"{option.name}: ")
    if isinstance(option.default, str) and not isinstance(value, str):
        raise InputError(f"{option.name} is a name, not {value!r}")
    return value


def _whole(name: str, value: Any, least: int | None) -> int:
    number = whole(value)
    if number is None or (least is not None and number < least):
        bound = "" if least is None else f", {least} or more"
        raise InputError(f"{name} is a whole number{bound}, not {value!r}")
    return number
