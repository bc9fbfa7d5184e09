"""Pages: the text of one image's annotations, which may be a file or a row of a list."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, TypeVar

import msgspec

from polymask.formats.reading.content import Content
from polymask.formats.reading.refusals import Refusals, decode_json
from polymask.storage.source_files import File

T = TypeVar("T")


class Page(msgspec.Struct, frozen=True):
    """One image's annotations: the file, the place in it, and the text there (None for the whole file).

    If one text describes several images, `part` says which of them the page is about.
    """

    file: File
    where: str = "$"
    text: bytes | msgspec.Raw | None = None
    part: str = ""

    @property
    def json(self) -> bytes | msgspec.Raw:
        """The JSON text."""
        return Content(self.file).json if self.text is None else self.text

    def decode(self, decoder: "msgspec.json.Decoder[T]") -> T:
        """The JSON text, decoded; raises `Malformed`."""
        return decode_json(self.json, decoder)


def json_pages(content: Content, *, pattern: str = "*.json") -> Iterator[Page]:
    """One page for each JSON file whose name matches."""
    for file in files(content, pattern):
        yield Page(file)


def files(content: Content, pattern: str) -> list[File]:
    """The files to read: the single file itself, else those whose names match in any case, in order."""
    place = content.place
    if place.is_file or place.is_glob:
        return [place.file(name) for name in place.names]
    return [place.file(name) for name in place.names if PurePosixPath(name.lower()).match(pattern.lower())]


def rows_at(*path: str) -> Callable[[Page], int]:
    """A function that counts a list's rows or an object's members at a path of keys; `*` matches any key."""
    return lambda page: _rows_below(page.json, path)


def _rows_below(text: bytes | msgspec.Raw, path: Sequence[str]) -> int:
    values = _values(text)
    if not path:
        return len(values)
    inner = [values[path[0]]] if path[0] in values else list(values.values()) if path[0] == "*" else []
    return sum(_rows_below(value, path[1:]) for value in inner)


def _values(text: bytes | msgspec.Raw) -> Mapping[str, msgspec.Raw]:
    """The members of an object, or the elements of a list by number; empty for other values."""
    value = _container.decode(text)
    if isinstance(value, list):
        return {str(number): element for number, element in enumerate(value)}
    return value if isinstance(value, dict) else {}


def listed_pages(file: File, text: bytes | msgspec.Raw, *, at: str = "$") -> list[Page]:
    """A page for each row of the JSON list at a place in a file; raises `FormatError` for other values."""
    rows = Refusals(file.path, skip=False).required(text, _rows, at)
    return [Page(file, f"{at}[{index}]", row) for index, row in enumerate(rows)]


_container: Any = msgspec.json.Decoder(dict[str, msgspec.Raw] | list[msgspec.Raw] | str | float | bool | None)
_rows = msgspec.json.Decoder(list[msgspec.Raw])
