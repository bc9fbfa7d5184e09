"""What lies at a source path, read once and shared by the formats that look at it."""

import json
from functools import cached_property
from pathlib import Path

import msgspec

from polymask.errors import FormatError

_BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x00\x00": "UTF-32"}


class Content:
    """A file's bytes, its text without a byte order mark, and its outermost JSON keys."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def text(self) -> bytes:
        """The file's bytes, if they can be UTF-8; raises `FormatError` where they cannot."""
        data = self.path.read_bytes().removeprefix(b"\xef\xbb\xbf")
        encoding = _BOMS.get(data[:2]) or ("UTF-16" if data[1:2] == b"\0" else None)
        if encoding:
            raise FormatError(f"{self.path}: {encoding} text; save it as UTF-8")
        if not data.strip():
            raise FormatError(f"{self.path}: the file is empty")
        return data

    @cached_property
    def json(self) -> bytes:
        """JSON text in which NaN and Infinity, which JSON does not know, have become strings.

        So the place they stand in can be named. Raises `FormatError` for other text.
        """
        try:
            msgspec.json.decode(self.text, type=msgspec.Raw)
        except msgspec.DecodeError as error:
            if b"NaN" in self.text or b"Infinity" in self.text:
                return self._without_constants()
            raise FormatError(f"{self.path}: not JSON: {error}") from None
        except RecursionError:
            raise FormatError(f"{self.path}: not JSON that can be read: nested too deep") from None
        return self.text

    def _without_constants(self) -> bytes:
        try:
            return msgspec.json.encode(json.loads(self.text, parse_constant=str))
        except (ValueError, RecursionError) as error:
            raise FormatError(f"{self.path}: not JSON: {error}") from None

    @cached_property
    def keys(self) -> frozenset[str]:
        """The keys of the outermost JSON object, or those of a JSON list's first object."""
        if not self.path.is_file() or self.text.lstrip()[:1] not in (b"{", b"["):
            return frozenset()
        if self.is_list:
            rows = msgspec.json.decode(self.json, type=list[msgspec.Raw])
            return _object_keys(rows[0]) if rows else frozenset()
        return _object_keys(self.json)

    @property
    def is_list(self) -> bool:
        """Whether the outermost JSON value is a list."""
        return self.text.lstrip()[:1] == b"["


def _object_keys(text: bytes | msgspec.Raw) -> frozenset[str]:
    try:
        return frozenset(msgspec.json.decode(text, type=dict[str, msgspec.Raw]))
    except msgspec.ValidationError:
        return frozenset()
