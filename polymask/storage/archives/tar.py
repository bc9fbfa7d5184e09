"""Tar archives, such as Supervisely's downloads, read in place.

A tar that is packed as a whole (`.tar.gz`, `.tgz`, `.tar.bz2`, `.tar.xz`) is unpacked in memory.
"""

from functools import cached_property
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO

from polymask.errors import FormatError, InputError
from polymask.limits import Limits
from polymask.storage.archives.packing import head_of, packing_of, unpacked
from polymask.storage.remote.urls import Location
from polymask.storage.safe_names import member_path

if TYPE_CHECKING:
    import tarfile

HEAD = 262  # bytes that suffice to recognize a tar
_MAGIC = b"ustar"


def is_tar(head: bytes) -> bool:
    """Whether the first `HEAD` bytes of a file are a tar's.

    Examples:
        >>> is_tar(bytes(257) + b"ustar")
        True
    """
    return head[HEAD - len(_MAGIC) : HEAD] == _MAGIC


def is_tar_file(path: Location, head: bytes) -> bool:
    """Whether a file that begins so is a tar, be it packed or not."""
    module = packing_of(head)
    return is_tar(head_of(path, module, HEAD) if module else head)


class Tar:
    """A tar archive, read in place.

    Raises:
        FormatError: The archive is damaged, or a member is a link, would leave the archive or occurs twice.
        LimitError: A member is too large.
    """

    def __init__(self, path: Location, limits: Limits) -> None:
        import tarfile  # quick to start without

        self.path, self.limits = path, limits
        self.sizes: dict[str, int] = {}
        self._starts: dict[str, int] = {}
        with path.open("rb") as file:
            self._is_packed = bool(packing_of(file.read(HEAD)))
        try:
            with self._opened() as file, tarfile.open(fileobj=file, mode="r:", errors="strict") as archive:
                for member in archive:
                    if not member.isdir():
                        self._add(member)
        except (tarfile.TarError, EOFError, ValueError) as error:
            if isinstance(error, InputError):  # which is a ValueError too
                raise
            raise FormatError(f"a damaged tar: {error}", file=path) from None

    def _add(self, member: "tarfile.TarInfo") -> None:
        name = member.name.removeprefix("./")
        path = member_path(self.path, name, names=self.sizes)
        if not member.isreg() or member.issparse():
            raise FormatError(f"{path}: no plain file", advice="unpack the archive first")
        self.limits.check_bytes(path, member.size)
        self.sizes[name], self._starts[name] = member.size, member.offset_data

    def _opened(self) -> BinaryIO:
        return BytesIO(self._unpacked) if self._is_packed else self.path.open("rb")

    @cached_property
    def _unpacked(self) -> bytes:
        """The archive without its packing; raises `LimitError` before it is too large."""
        return unpacked(self.path, self.limits, kind="tar")

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_unpacked"}

    def read(self, name: str) -> bytes:
        """A member's bytes; raises `FormatError` if the archive ends within the member."""
        with self._opened() as file:
            file.seek(self._starts[name])
            data = file.read(self.sizes[name])
        if len(data) != self.sizes[name]:
            raise FormatError(f"{self.path}/{name}: the archive ends within it")
        return data
