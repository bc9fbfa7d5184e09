"""Malformed records: each is refused with its place, or left out and reported, never guessed at."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from typing import Any, ParamSpec, TypeVar

import msgspec

from polymask.errors import FormatError, GeometryError
from polymask.model import Skipped
from polymask.storage.remote.urls import Location

_IDS = ("id", "uuid", "uid", "feature_id", "objectHash")  # an annotation's id, as formats call it
_NO_ANNOTATION = re.compile(r"\$\.(images|categories)\b")
T = TypeVar("T")
P = ParamSpec("P")


class Malformed(Exception):
    """A record that cannot be used: where in it, as a JSON path that starts with `$`, and why."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: {reason}")
        self.where, self.reason = where, reason


@contextmanager
def inside(where: str) -> Iterator[None]:
    """Let `Malformed` and `GeometryError` tell their place from one level further out."""
    try:
        yield
    except Malformed as error:
        raise Malformed(where + error.where.removeprefix("$"), error.reason) from None
    except GeometryError as error:
        raise Malformed(where, str(error)) from None


def decode_json(text: bytes | msgspec.Raw, decoder: "msgspec.json.Decoder[T]") -> T:
    """Decode a part of a JSON text; raises `Malformed` with the place in it and the value there."""
    try:
        return decoder.decode(text)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$")
        place = place.rstrip("`")
        raise Malformed(f"${place}", reason + _value_at(text, place)) from None
    except RecursionError:
        raise Malformed("$", "nested too deep") from None


def _value_at(text: bytes | msgspec.Raw, place: str) -> str:
    """The scalar at a JSON path as it is written, in parentheses; nothing where there is none to show."""
    part = bytes(text)
    try:
        for step in place.replace("]", "").replace(".", "[").split("[")[1:]:
            if part.lstrip()[:1] == b"[":
                part = bytes(msgspec.json.decode(part, type=list[msgspec.Raw])[int(step)])
            else:
                part = bytes(msgspec.json.decode(part, type=dict[str, msgspec.Raw])[step])
    except (KeyError, ValueError, IndexError, RecursionError):
        return ""
    return "" if part.lstrip()[:1] in (b"[", b"{") else f" ({part[:60].decode(errors='replace')})"


class Refusals:
    """What to do with malformed records of one file: raise `FormatError`, or list them in `skipped`."""

    def __init__(self, path: Location, *, skip: bool) -> None:
        self.path, self.skip = path, skip
        self.skipped: list[Skipped] = []

    def refuse(self, where: str, reason: str, *, record: object = None) -> None:
        """Raise `FormatError` for the record at a JSON path, or note that it is left out.

        What the `record` says of itself, its id and its image's, is noted with it.
        """
        if not self.skip:
            raise FormatError(
                reason,
                file=self.path,
                place=f"{where}",
                advice="correct it, or leave such records out with --skip-invalid",
            )
        image, annotation = _identity(where, record)
        self.skipped.append(Skipped(where, reason, image, annotation))

    def catch(self, where: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """The function's result, or None where it finds the record at the JSON path malformed."""
        try:
            return function(*args, **kwargs)
        except Malformed as error:
            record = next((argument for argument in reversed(args) if _tells_id(argument)), None)
            self.refuse(where + error.where.removeprefix("$"), error.reason, record=record)
            return None

    def each(self, where: str, rows: Iterable[tuple[int, T]], function: Callable[[int, T], object]) -> None:
        """Call the function with every row of the JSON list at a path; `catch` for many, and quicker."""
        for index, row in rows:
            try:
                function(index, row)
            except Malformed as error:
                place = f"{where}[{index}]" + error.where.removeprefix("$")
                self.refuse(place, error.reason, record=row)

    def rows(
        self,
        text: bytes | msgspec.Raw,
        row: type[T],
        where: str,
        *,
        first: int = 0,
        decode: Callable[[msgspec.Raw], T] | None = None,
    ) -> list[tuple[int, T]]:
        """The rows of a JSON list, each with its index; of a part of one, counted from `first`.

        Where not all are rows as they should be, `decode` takes them one by one.
        """
        try:
            return list(enumerate(row_decoder(list[row]).decode(text), first))  # type: ignore[valid-type]
        except msgspec.ValidationError:
            pass
        raw = self.required(text, row_decoder(list[msgspec.Raw]), where)
        decode = decode or partial(decode_json, decoder=row_decoder(row))  # type: ignore[arg-type]
        base64_bytes = (
            (index, self.catch(f"{where}[{index}]", decode, item)) for index, item in enumerate(raw, first)
        )
        return [(index, item) for index, item in base64_bytes if item is not None]

    def required(self, text: bytes | msgspec.Raw, decoder: "msgspec.json.Decoder[T]", where: str = "$") -> T:
        """What nothing can be done without; raises `FormatError` where it is not there."""
        try:
            with inside(where):
                return decode_json(text, decoder)
        except Malformed as error:
            raise FormatError(error.reason, file=self.path, place=error.where) from None


def named_images(skipped: Iterable[Skipped], names: Mapping[str, str]) -> tuple[Skipped, ...]:
    """Refused annotations with the name of their image, where `names` has it, in place of its id."""
    return tuple(
        refusal
        if _NO_ANNOTATION.match(refusal.name)
        else replace(refusal, image=names.get(refusal.image, ""))
        for refusal in skipped
    )


def _identity(where: str, record: object) -> tuple[str, int | str | None]:
    """What a record says that it is of: the image's name or id, and the annotation's id."""
    member = _members(record)
    image = member("file_name") or member("image_id") or ""
    if _NO_ANNOTATION.match(where):
        return (str(image) if member("file_name") else ""), None
    annotation = next((value for key in _IDS if (value := member(key)) not in (None, "")), None)
    return str(image), annotation if isinstance(annotation, int | str) else None


def _tells_id(record: object) -> bool:
    member = _members(record)
    return any(member(key) is not None for key in _IDS)


def _members(record: object) -> Callable[[str], Any]:
    """Access to a record's members by name, of whatever kind it is: JSON not yet decoded, XML, a struct."""
    if isinstance(record, msgspec.Raw):
        try:
            record = msgspec.json.decode(record)
        except (msgspec.DecodeError, RecursionError):
            record = None
    get: Callable[[str], Any] | None = getattr(record, "get", None)
    return get or (lambda name: getattr(record, name, None))


@cache
def row_decoder(kind: Any) -> "msgspec.json.Decoder[Any]":
    """The decoder of a kind of row, made once."""
    return msgspec.json.Decoder(kind)
