"""Uncompressed tar archives, such as Supervisely's downloads, read in place (no `.tar.gz`)."""

import tarfile
from typing import BinaryIO

from polymask.errors import FormatError, InputError
from polymask.limits import Limits
from polymask.storage.remote.urls import Location
from polymask.storage.safe_names import member_path

HEAD = 262  # bytes that suffice to recognize a tar
_MAGIC = b"ustar"


def is_tar(head: bytes) -> bool:
    """Whether the first `HEAD` bytes of a file are a tar's.

    >>> is_tar(bytes(257) + b"ustar")
    True
    """
    return head[HEAD - len(_MAGIC) : HEAD] == _MAGIC


class Tar:
    """A tar archive, read in place.

    Raises:
        FormatError: The archive is damaged, or a member is a link, would leave the archive or occurs twice.
        LimitError: A member is too large.
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
            if isinstance(error, InputError):  # which is a ValueError too
                raise
            raise FormatError(f"a damaged tar: {error}", file=path) from None

    def _add(self, member: tarfile.TarInfo) -> None:
        name = member.name.removeprefix("./")
        path = member_path(self.path, name, names=self.sizes)
        if not member.isreg() or member.issparse():
            raise FormatError(f"{path}: no plain file", advice="unpack the archive first")
        self.limits.check_bytes(path, member.size)
        self.sizes[name], self._starts[name] = member.size, member.offset_data

    def _opened(self) -> BinaryIO:
        return self.path.open("rb")

    def read(self, name: str) -> bytes:
        """A member's bytes; raises `FormatError` if the archive ends within the member."""
        with self._opened() as file:
            file.seek(self._starts[name])
            data = file.read(self.sizes[name])
        if len(data) != self.sizes[name]:
            raise FormatError(f"{self.path}/{name}: the archive ends within it")
        return data
