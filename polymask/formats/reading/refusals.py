"""Malformed records: each is refused with its place, or left out and reported, never guessed at."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, ParamSpec, TypeVar

import msgspec

from polymask.errors import FormatError, GeometryError
from polymask.model import Skipped
from polymask.storage.urls import Location

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
        raise Malformed(f"${place}", reason + _shown(text, place)) from None
    except RecursionError:
        raise Malformed("$", "nested too deep") from None


def _shown(text: bytes | msgspec.Raw, place: str) -> str:
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

    def refuse(self, where: str, reason: str) -> None:
        """Raise `FormatError` for the record at a JSON path, or note that it is left out."""
        if not self.skip:
            raise FormatError(
                reason,
                file=self.path,
                place=f"{where}",
                advice="correct it, or leave such records out with --skip-invalid",
            )
        self.skipped.append(Skipped(where, reason))

    def catch(self, where: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """The function's result, or None where it finds the record at the JSON path malformed."""
        try:
            return function(*args, **kwargs)
        except Malformed as error:
            self.refuse(where + error.where.removeprefix("$"), error.reason)
            return None

    def each(self, where: str, rows: Iterable[tuple[int, T]], function: Callable[[int, T], object]) -> None:
        """Call the function with every row of the JSON list at a path; `catch` for many, and quicker."""
        for index, row in rows:
            try:
                function(index, row)
            except Malformed as error:
                self.refuse(f"{where}[{index}]" + error.where.removeprefix("$"), error.reason)

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
        decoded = (
            (index, self.catch(f"{where}[{index}]", decode, item)) for index, item in enumerate(raw, first)
        )
        return [(index, item) for index, item in decoded if item is not None]

    def required(self, text: bytes | msgspec.Raw, decoder: "msgspec.json.Decoder[T]", where: str = "$") -> T:
        """What nothing can be done without; raises `FormatError` where it is not there."""
        try:
            with inside(where):
                return decode_json(text, decoder)
        except Malformed as error:
            raise FormatError(error.reason, file=self.path, place=error.where) from None


@cache
def row_decoder(kind: Any) -> "msgspec.json.Decoder[Any]":
    """The decoder of a kind of row, made once."""
    return msgspec.json.Decoder(kind)
