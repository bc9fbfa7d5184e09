"""Files that are packed as a whole, by gzip, bzip2 or xz: unpacked in memory, never beyond the limits."""

import zlib
from importlib import import_module
from typing import BinaryIO, cast

from polymask.errors import FormatError, InputError
from polymask.limits import Limits
from polymask.storage.remote.urls import Location

_PACKINGS = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\0": "lzma"}  # by the first bytes
_MOST_BYTES = max(map(len, _PACKINGS))
_PART = 1 << 20
_GZ = ".gz"
_TEXTS = (".json", ".ndjson", ".jsonl", ".geojson", ".csv", ".xml")  # what tools pack alone


def is_packed_text(name: str) -> bool:
    """Whether a file's name is that of a single packed text, such as `instances.json.gz`.

    Examples:
        >>> is_packed_text("instances.json.gz"), is_packed_text("export.tar.gz")
        (True, False)
    """
    lower = name.lower()
    return lower.endswith(_GZ) and lower.removesuffix(_GZ).endswith(_TEXTS)


def unpacked_name(name: str) -> str:
    """The name that a packed text has once it is unpacked; any other name unchanged.

    Examples:
        >>> unpacked_name("train/instances.json.gz"), unpacked_name("a.tar.gz")
        ('train/instances.json', 'a.tar.gz')
    """
    return name[: -len(_GZ)] if is_packed_text(name) else name


def packing_of(head: bytes) -> str:
    """The module that unpacks a file which begins so; nothing for one that is not packed."""
    return next((module for magic, module in _PACKINGS.items() if head.startswith(magic)), "")


def head_of(path: Location, module: str, size: int) -> bytes:
    """The first bytes of what a file unpacks to; none where it is damaged."""
    try:
        with path.open("rb") as file, _opened(file, module) as content:
            return content.read(size)
    except _damage(module):
        return b""


def unpacked(path: Location, limits: Limits, *, kind: str = "file") -> bytes:
    """What a packed file holds; the bytes themselves of one that is not packed.

    Raises:
        FormatError: The file is damaged; the message calls it a `kind`.
        LimitError: It unpacks to too many bytes, or to too many times its size; raised before it is whole.
    """
    with path.open("rb") as file:
        module = packing_of(file.read(_MOST_BYTES))
    return _unpacked(path, module, limits, kind) if module else _whole(path, limits)


def _whole(path: Location, limits: Limits) -> bytes:
    with path.open("rb") as file:
        data = file.read(limits.max_bytes + 1)
    limits.check_bytes(path, len(data))
    return data


def _unpacked(path: Location, module: str, limits: Limits, kind: str) -> bytes:
    parts, size = [], 0
    try:
        with path.open("rb") as file, _opened(file, module) as content:
            while part := content.read(_PART):
                parts.append(part)
                size += len(part)
                limits.check_bytes(path, size)
                limits.check_ratio(path, packed=max(1, file.tell()), size=size)
    except _damage(module) as error:
        if isinstance(error, InputError) or getattr(error, "errno", None) is not None:
            raise  # of the limits or of the disk, and not of what is on it
        raise FormatError(f"a damaged {kind}: {error}", file=path) from None
    return b"".join(parts)


def _opened(file: BinaryIO, module: str) -> BinaryIO:
    return cast("BinaryIO", import_module(module).open(file, "rb"))  # most sources are not packed


def _damage(module: str) -> tuple[type[Exception], ...]:
    """What a module raises for damaged bytes; an `OSError` of them has no number."""
    errors: tuple[type[Exception], ...] = (OSError, EOFError, ValueError, zlib.error)
    return (*errors, import_module(module).LZMAError) if module == "lzma" else errors
