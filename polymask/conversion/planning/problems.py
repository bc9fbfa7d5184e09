"""Refusals that give the number of problems, and the command that lists them all."""

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
    """Open the annotations of a source.

    Raises as `open_annotations` does, except that a `FormatError` for a malformed record names its
    annotation and image, and has the number of malformed records.
    """
    try:
        return open_annotations(source, format=options.from_, options=options.reading)
    except FormatError as error:
        if options.skip_invalid:
            raise
        raise _with_count(error, source, options) from None


def _with_count(error: FormatError, source: str | Location, options: ConvertOptions) -> FormatError:
    """The error for the first of all malformed records; unchanged if the file itself cannot be read."""
    reading = replace(options.reading, skip_invalid=True)
    try:
        skipped = open_annotations(source, format=options.from_, options=reading).skipped
    except PolymaskError:
        return error
    first = next((record for record in skipped if error.place and record.name.endswith(error.place)), None)
    if first is None:
        return error
    words = [f"annotation {first.annotation}"] if first.annotation is not None else []
    words += [f"of {first.image}" if words else first.image] if first.image else []
    error.message = ": ".join([*([" ".join(words)] if words else []), error.message])
    return counted(error, len(skipped), source=source, options=options)


def counted(error: Error, problems: int, *, source: str | Location, options: ConvertOptions) -> Error:
    """Add to an error the number of such problems, and the `polymask check` command that lists them."""
    error.message += f" (problem 1 of {problems:,})"
    if problems > 1:
        error.special_advice = f"{error.advice}; `{check_command(source, options)}` lists all {problems:,}"
    return error


def check_command(source: str | Location, options: ConvertOptions) -> str:
    """The command that checks a source with the reading options of a conversion.

    Examples:
        >>> check_command("my file.json", ConvertOptions(from_="coco", only="sea", to="voc"))
        "polymask check 'my file.json' --from coco --only sea"
    """
    return shlex.join(["polymask", "check", str(source), *_flags(options)])


def _flags(options: ConvertOptions) -> Iterator[str]:
    """The reading flags that differ from their defaults, as they are typed."""
    for option in fields(ReadingOptions):
        value: Any = getattr(options, option.name)
        if option.name == "split":  # of a conversion, it says where images go
            continue
        if value == option.default or (option.name == "labels" and not is_path(value)):
            continue
        if flag_of(option).kind == "switch":
            yield spelled(option.name)
            continue
        for item in value if flag_of(option).repeatable else [value]:
            yield from (spelled(option.name), f"{item:g}" if isinstance(item, float) else str(item))
