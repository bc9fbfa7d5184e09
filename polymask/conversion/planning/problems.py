"""A refusal tells how many problems there are, and which command lists them all."""

import shlex
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any, TypeVar

from polymask.conversion.options import ConvertOptions
from polymask.errors import FormatError, PolymaskError
from polymask.flag import flag_of, spelled
from polymask.formats import Annotations, open_annotations
from polymask.formats.options import ReadingOptions
from polymask.labels.as_label_map import is_path
from polymask.storage.remote.urls import Location

Error = TypeVar("Error", bound=PolymaskError)


def open_or_count(source: str | Location, options: ConvertOptions) -> Annotations:
    """The annotations at a place.

    Raises as `open_annotations` does; a `FormatError` for a malformed record then tells its annotation
    and image, and how many such records there are.
    """
    try:
        return open_annotations(source, format=options.from_, options=options.reading)
    except FormatError as error:
        if options.skip_invalid:
            raise
        raise _of_all(error, source, options) from None


def _of_all(error: FormatError, source: str | Location, options: ConvertOptions) -> FormatError:
    """The error for the first of all malformed records; as it is where the file itself cannot be read."""
    reading = replace(options.reading, skip_invalid=True)
    try:
        skipped = open_annotations(source, format=options.from_, options=reading).skipped
    except PolymaskError:
        return error
    first = next((each for each in skipped if error.place and each.name.endswith(error.place)), None)
    if first is None:
        return error
    what = [f"annotation {first.annotation}"] if first.annotation is not None else []
    what += [f"of {first.image}" if what else first.image] if first.image else []
    error.message = ": ".join([*([" ".join(what)] if what else []), error.message])
    return counted(error, len(skipped), source=source, options=options)


def counted(error: Error, problems: int, *, source: str | Location, options: ConvertOptions) -> Error:
    """An error that tells how many there are like it, and the `polymask check` that lists them."""
    error.message += f" (problem 1 of {problems:,})"
    if problems > 1:
        error.special_advice = f"{error.advice}; `{check_command(source, options)}` lists all {problems:,}"
    return error


def check_command(source: str | Location, options: ConvertOptions) -> str:
    """The command that checks what a conversion reads, as it reads it.

    >>> check_command("my file.json", ConvertOptions(from_="coco", only="sea", to="voc"))
    "polymask check 'my file.json' --from coco --only sea"
    """
    return shlex.join(["polymask", "check", str(source), *_flags(options)])


def _flags(options: ConvertOptions) -> Iterator[str]:
    """The flags of reading that are not at their defaults, as they are typed."""
    for option in fields(ReadingOptions):
        value: Any = getattr(options, option.name)
        if value == option.default or (option.name == "labels" and not is_path(value)):
            continue
        if flag_of(option).kind == "switch":
            yield spelled(option.name)
            continue
        for each in value if flag_of(option).repeatable else [value]:
            yield from (spelled(option.name), f"{each:g}" if isinstance(each, float) else str(each))
