"""The names of a zip's members: decoded, or refused if their encoding is unknown."""

import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from polymask.errors import FormatError

if TYPE_CHECKING:
    from zipfile import ZipInfo

_IS_UTF8 = 0x800  # the flag for names in UTF-8
_WINDOWS = (0, 10, 14)  # MS-DOS, NTFS, VFAT: the systems of those who write code pages
_LAST_OF_TWO_BYTES = 0x7FF  # the last character that has no more in UTF-8
_UNICODE_PATH = 0x7075  # the extra field in which Info-ZIP repeats a name in UTF-8


def member_names(members: Iterable["ZipInfo"], path: object) -> Iterator[tuple[str, "ZipInfo"]]:
    r"""Each member with its name, with `/` for `\`.

    For names without the flag for UTF-8, the standard prescribes code page 437, but systems write the
    code page of their country, or UTF-8. So a name that is valid UTF-8 is read as UTF-8, except where it
    is as likely a name in a code page: in an archive made on Windows, if all of its other characters are
    two bytes, for these are single characters of Chinese code pages (`ͼ` in UTF-8 is `图` in GBK).

    Raises:
        FormatError: A name is neither ASCII nor surely UTF-8, so its encoding is unknown.
    """
    for member in members:
        name = _stored_name(member)
        if not name.isascii() and not member.flag_bits & _IS_UTF8:
            name = _decoded(member, path)
        yield name.replace("\\", "/"), member


def _stored_name(member: "ZipInfo") -> str:
    """The name as stored, up to a zero byte: since Python 3.13, `filename` may be that of another field."""
    return member.orig_filename.partition("\0")[0]


def _decoded(member: "ZipInfo", path: object) -> str:
    raw = _stored_name(member).encode("cp437", "replace")
    if (name := _unicode_path(member.extra, raw)) is not None:
        return name
    name = _as_utf_8(raw)
    if name is None or (member.create_system in _WINDOWS and all(ord(c) <= _LAST_OF_TWO_BYTES for c in name)):
        raise FormatError(
            f"the archive does not tell the encoding of the name {raw!r}",
            file=path,
            advice="unpack it and name the folder, or zip it again with names in UTF-8",
        )
    return name


def _as_utf_8(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def _unicode_path(extra: bytes, raw: bytes) -> str | None:
    """The name in the extra field for UTF-8, if its checksum fits the raw name."""
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == _UNICODE_PATH and len(field) > 5:
            version, checksum = struct.unpack_from("<BL", field)
            if version == 1 and checksum == zlib.crc32(raw):
                return field[5:].decode(errors="replace")
    return None
