"""The content at a source path, read once and shared by all formats that examine it."""

import re
from codecs import getincrementaldecoder
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from types import MappingProxyType

import msgspec

from polymask.errors import FormatError
from polymask.formats.parsing.byte_ranges import Ranges
from polymask.formats.parsing.outline import Outline, outline_of, quoted_constants
from polymask.limits import Limits
from polymask.storage.archives.packing import unpacked_name
from polymask.storage.remote.urls import Location
from polymask.storage.source_files import File, Place
from polymask.storage.text_encodings import as_utf_8

_BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x00\x00": "UTF-32"}
_UTF_16 = re.compile(rb"(?:\0[\t\n\r -~])+|(?:[\t\n\r -~]\0)+")  # ASCII without a byte order mark
BOM = b"\xef\xbb\xbf"
_PART = 1 << 20
_HEAD = 4096
LARGE = 256 << 20  # bytes above which a format reads a file in parts, if it can
_NONE: Mapping[str, msgspec.Raw] = MappingProxyType({})


class Content:
    """A file's bytes, its text without a byte order mark, and its outermost JSON members.

    Of a folder, a glob or a zip only `place` is of use; `Content(file)` is one file in it.
    """

    def __init__(self, source: Location | Place | File, limits: Limits | None = None) -> None:
        if isinstance(source, File):
            self.place = source.place
        else:
            self.place = source if isinstance(source, Place) else Place(source, limits or Limits())
        self.path = source.path if isinstance(source, File | Place) else source
        self.name = source.name if isinstance(source, File) else unpacked_name(self.path.name)

    @cached_property
    def data(self) -> bytes:
        """The file's bytes, unchanged."""
        return self.place.read(self.name)

    @cached_property
    def head(self) -> bytes:
        """The first 4096 bytes, by which formats are recognized, without a byte order mark."""
        return self.data[:_HEAD].removeprefix(BOM)

    @cached_property
    def text(self) -> bytes:
        """The file's bytes, if they are UTF-8; raises `FormatError` where they are not."""
        if self.problem:
            raise self.problem
        data = self.data.removeprefix(BOM)
        if data.isascii():
            return data
        check = getincrementaldecoder("utf-8")()
        try:  # in parts: the whole text would take the memory a second time
            for start in range(0, len(data), _PART):
                check.decode(data[start : start + _PART], final=start + _PART >= len(data))
        except UnicodeDecodeError as error:
            raise FormatError(
                f"not UTF-8 text ({error.reason})", file=self.path, advice=as_utf_8(self.path, data)
            ) from None
        return data

    @cached_property
    def ranges(self) -> Ranges | None:
        """Byte ranges of the file if it is a JSON object too large to be read at once; else None."""
        path = self.place.on_disk(self.name) if self.place.is_file else None
        if path is None or path.stat().st_size < LARGE:
            return None
        file = Ranges(path)
        head = file.read(0, min(_PART, file.size)).removeprefix(BOM).lstrip()
        line, _, following = head.partition(b"\n")
        is_lines = bool(following.strip()) and line.rstrip()[-1:] == b"}" and _is_object(line)
        return file if head[:1] == b"{" and head[1:2] != b"\0" and not is_lines else None

    @cached_property
    def outline(self) -> Outline:
        """The outline of `ranges`; raises `FormatError` where the text is not UTF-8."""
        assert self.ranges
        return outline_of(self.ranges)

    @cached_property
    def problem(self) -> FormatError | None:
        """The fault that rules out every format: an empty file, or UTF-16 or UTF-32 text."""
        data = self.data.removeprefix(BOM)
        encoding = _BOMS.get(data[:2]) or ("UTF-16" if _UTF_16.fullmatch(data[:4]) else None)
        if encoding:
            return FormatError(f"{encoding} text", file=self.path, advice=as_utf_8(self.path, data))
        if data[:_PART].strip() or data.strip():
            return None
        return FormatError("the file is empty", file=self.path, advice="export it again, or leave it out")

    @cached_property
    def json(self) -> bytes:
        """The JSON text, with NaN and Infinity, which JSON does not know, as strings.

        As strings they are refused later with their place. Raises `FormatError` for other text.
        """
        try:
            _ = self._outermost
        except msgspec.DecodeError as error:
            if b"NaN" in self.text or b"Infinity" in self.text:
                return self._without_constants()
            raise FormatError(f"not JSON: {error}", file=self.path) from None
        except RecursionError:
            raise FormatError("not JSON that can be read: nested too deep", file=self.path) from None
        self.place.limits.check_depth(self.path, self.text)
        return self.text

    @cached_property
    def _outermost(self) -> Mapping[str, msgspec.Raw]:
        """The members of the outermost JSON object, undecoded; none of another value."""
        if self.text.lstrip()[:1] == b"{":
            with suppress(msgspec.DecodeError):  # decoding below gives the better message
                return msgspec.json.decode(self.text, type=dict[str, msgspec.Raw])
        msgspec.json.decode(self.text, type=msgspec.Raw)
        return _NONE

    def _without_constants(self) -> bytes:
        self.place.limits.check_depth(self.path, self.text)
        try:
            return quoted_constants(self.text)
        except (ValueError, RecursionError) as error:
            raise FormatError(f"not JSON: {error}", file=self.path) from None

    @cached_property
    def top(self) -> Mapping[str, msgspec.Raw]:
        """The members, undecoded, of the outermost JSON object, of a list's first, or of the first line."""
        if not self.is_json:
            return _NONE
        if self.is_list:
            rows = msgspec.json.decode(self.json, type=list[msgspec.Raw])
            return members(rows[0]) if rows else _NONE
        if self.is_lines:
            return members(self.first_line)
        return self._outermost if self.json is self.text else members(self.json)

    @property
    def keys(self) -> frozenset[str]:
        """The keys of `top`."""
        return frozenset(self.top)

    @cached_property
    def is_json(self) -> bool:
        """Whether the file begins as JSON does."""
        return self.data.removeprefix(BOM).lstrip()[:1] in (b"{", b"[")

    @property
    def is_list(self) -> bool:
        """Whether the outermost JSON value is a list."""
        return self.text.lstrip()[:1] == b"["

    @property
    def first_line(self) -> bytes:
        """The text up to its first line break; nothing where there is none."""
        text = self.text.lstrip()
        return text[: max(0, text.find(b"\n"))].rstrip()

    @cached_property
    def is_lines(self) -> bool:
        """Whether each line is a JSON object of its own (NDJSON)."""
        line = self.first_line
        return line.startswith(b"{") and line.endswith(b"}") and _is_object(line)


def members(text: bytes | msgspec.Raw) -> Mapping[str, msgspec.Raw]:
    """The members of a JSON object, undecoded; none for another value."""
    try:
        return msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        return _NONE


def _is_object(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
