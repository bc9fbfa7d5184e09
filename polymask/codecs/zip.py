"""Zip archives whose bytes depend on their content alone: no time, no system, a fixed compressor.

The standard library's `zipfile` writes times, and needs whole members.
Source: PKWARE, APPNOTE.TXT, sections 4.3.7, 4.3.12 and 4.3.16.
"""

import struct
import zlib
from collections.abc import Iterable, Mapping

from polymask.errors import LimitError

DEFLATED = 8
VERSION = 20
NO_TIME = (0, 0x21)  # 1980-01-01, the first day of the format
MOST_BYTES = 2**32 - 1


def zipped(files: Mapping[str, Iterable[bytes]]) -> bytes:
    """The files, each in parts, as a zip archive; raises `LimitError` for a file of 4 GiB or more.

    Examples:
        >>> import io, zipfile
        >>> zipfile.ZipFile(io.BytesIO(zipped({"a.txt": [b"ab", b"c"]}))).read("a.txt")
        b'abc'
    """
    bodies, directory, offset = [], [], 0
    for name, parts in files.items():
        packed, checksum, size = _packed(name, parts)
        path = name.encode()
        fields = struct.pack(
            "<5H3L2H",
            VERSION,
            0,
            DEFLATED,
            *NO_TIME,
            checksum,
            len(packed),
            size,
            len(path),
            0,
        )
        bodies += [b"PK\x03\x04", fields, path, packed]
        directory += [b"PK\x01\x02", struct.pack("<H", VERSION), fields]
        directory += [struct.pack("<3H2L", 0, 0, 0, 0, offset), path]
        offset += 4 + len(fields) + len(path) + len(packed)
    central = b"".join(directory)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, len(files), len(files), len(central), offset, 0)
    return b"".join([*bodies, central, end])


def _packed(name: str, parts: Iterable[bytes]) -> tuple[bytes, int, int]:
    """The compressed parts of a file, their checksum, and their size in bytes."""
    stream = zlib.compressobj(1, wbits=-15)
    packed, checksum, size = [], 0, 0
    for part in parts:
        size += len(part)
        if size > MOST_BYTES:
            raise LimitError(f"{name}: over 4 GiB do not fit into a zip archive", advice="use `--to index`")
        packed.append(stream.compress(part))
        checksum = zlib.crc32(part, checksum)
    return b"".join([*packed, stream.flush()]), checksum, size
