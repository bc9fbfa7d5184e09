"""Malformed records: each is refused with its place, or left out and reported; none is guessed at."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from typing import Any, ParamSpec, TypeVar

import msgspec

from polymask.errors import FormatError, GeometryError
from polymask.formats.reading.ids import decoded_id
from polymask.model import Skipped
from polymask.storage.remote.urls import Location

_IDS = ("id", "uuid", "uid", "feature_id", "objectHash")  # the fields that hold an annotation's id
_NO_ANNOTATION = re.compile(r"\$\.(images|categories)\b")
T = TypeVar("T")
P = ParamSpec("P")


class Malformed(Exception):
    """A record that cannot be used: the place in it, as a JSON path that starts with `$`, and the reason."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: {reason}")
        self.where, self.reason = where, reason


@contextmanager
def inside(where: str) -> Iterator[None]:
    """Prefix the place of `Malformed` and `GeometryError` with the path `where` of the enclosing value."""
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
        value = _value_at(text, place)
        if value.strip(' ("-)') in (
            "NaN",
            "Infinity",
        ):  # which the reader made a string, for JSON has neither
            reason, value = reason.replace("got `str`", "got no finite number"), value.replace('"', "")
        raise Malformed(f"${place}", reason + value) from None
    except RecursionError:
        raise Malformed("$", "nested too deep") from None


def _value_at(text: bytes | msgspec.Raw, place: str) -> str:
    """The scalar at a JSON path as written, in parentheses; an empty text for other values."""
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
    """Handles the malformed records of one file: raises `FormatError`, or lists them in `skipped`."""

    def __init__(self, path: Location, *, skip: bool) -> None:
        self.path, self.skip = path, skip
        self.skipped: list[Skipped] = []

    def refuse(self, where: str, reason: str, *, record: object = None) -> None:
        """Raise `FormatError` for the record at a JSON path, or list it as left out.

        The list includes the ids of the `record` and of its image, where it has them.
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
        """The function's result; None where it raises `Malformed`, which is refused at the JSON path."""
        try:
            return function(*args, **kwargs)
        except Malformed as error:
            record = next((argument for argument in reversed(args) if _tells_id(argument)), None)
            self.refuse(where + error.where.removeprefix("$"), error.reason, record=record)
            return None

    def apply(self, where: str, rows: Iterable[tuple[int, T]], function: Callable[[int, T], object]) -> None:
        """Call the function with every row of the JSON list at a path: `catch` for many rows, but faster."""
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
        """The rows of a JSON list with their indices, counted from `first` where it is part of a list.

        If the list does not decode as a whole, `decode` takes the rows one by one.
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
        """The decoded value of an indispensable part; raises `FormatError` where it is malformed."""
        try:
            with inside(where):
                return decode_json(text, decoder)
        except Malformed as error:
            raise FormatError(error.reason, file=self.path, place=error.where) from None


def named_images(skipped: Iterable[Skipped], names: Mapping[str, str]) -> tuple[Skipped, ...]:
    """The refused annotations, with their image's id replaced by its name from `names`."""
    return tuple(
        refusal
        if _NO_ANNOTATION.match(refusal.name)
        else replace(refusal, image=names.get(refusal.image, ""))
        for refusal in skipped
    )


def _identity(where: str, record: object) -> tuple[str, int | str | None]:
    """The image's name or id, and the annotation's id, as far as a record gives them."""
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
    """Access by name to the members of any kind of record: undecoded JSON, an XML element, a struct."""
    if isinstance(record, msgspec.Raw):
        try:
            record = msgspec.json.decode(record)
        except (msgspec.DecodeError, RecursionError):
            record = None
    get: Callable[[str], Any] | None = getattr(record, "get", None)
    return get or (lambda name: getattr(record, name, None))


@cache
def row_decoder(kind: Any) -> "msgspec.json.Decoder[Any]":
    """The cached decoder for a kind of row."""
    return msgspec.json.Decoder(kind, dec_hook=decoded_id)
