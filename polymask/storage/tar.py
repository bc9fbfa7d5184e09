"""A tar archive, read in place, as Supervisely's downloads are; one that is packed (`.tar.gz`) is none."""

import tarfile
from typing import BinaryIO

from polymask.errors import FormatError, InputError
from polymask.limits import Limits
from polymask.storage.remote.urls import Location
from polymask.storage.safe_names import safe_path

HEAD = 262  # bytes that show a tar
_MAGIC = b"ustar"


def is_tar(head: bytes) -> bool:
    """Whether the first `HEAD` bytes of a file are a tar's.

    >>> is_tar(bytes(257) + b"ustar")
    True
    """
    return head[HEAD - len(_MAGIC) : HEAD] == _MAGIC


class Tar:
    """The members of a tar archive, which lie in it as they are.

    Raises `FormatError` for a damaged archive, and for a member that is a link, leaves the archive or
    is there twice; `LimitError` for one that is too large.
    """

    def __init__(self, path: Location, limits: Limits) -> None:
        self.path, self.limits = path, limits
        self.sizes: dict[str, int] = {}
        self._starts: dict[str, int] = {}
        try:
            with self._opened() as file, tarfile.open(fileobj=file, mode="r:", errors="strict") as archive:
                for member in archive:
                    if not member.isdir():
                        self._add(member)
        except (tarfile.TarError, EOFError, ValueError) as error:
            if isinstance(error, InputError):  # which is a ValueError, too
                raise
            raise FormatError(f"a damaged tar: {error}", file=path) from None

    def _add(self, member: tarfile.TarInfo) -> None:
        name = member.name.removeprefix("./")
        where = f"{self.path}/{name}"
        try:
            safe_path(name)
        except InputError as error:
            raise FormatError(f"{error}", file=self.path) from None
        if not member.isreg() or member.issparse():
            raise FormatError(f"{where}: no plain file", advice="unpack the archive first")
        if name in self.sizes:
            raise FormatError(f"{where}: the archive has this name twice")
        self.limits.check_bytes(where, member.size)
        self.sizes[name], self._starts[name] = member.size, member.offset_data

    def _opened(self) -> BinaryIO:
        return self.path.open("rb")

    def read(self, name: str) -> bytes:
        """A member's bytes; raises `FormatError` where the archive ends within it."""
        with self._opened() as file:
            file.seek(self._starts[name])
            data = file.read(self.sizes[name])
        if len(data) != self.sizes[name]:
            raise FormatError(f"{self.path}/{name}: the archive ends within it")
        return data
