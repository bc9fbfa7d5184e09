"""Zip archives, read in place: nothing is extracted, names are checked, sizes are limited."""

import os
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polymask.errors import FormatError
from polymask.limits import Limits
from polymask.storage.archives.zip_names import member_names
from polymask.storage.remote.urls import Location, size_of
from polymask.storage.safe_names import member_path

if TYPE_CHECKING:
    import zipfile

ZIP = b"PK\x03\x04"  # how a zip begins


class Zip:
    """A zip archive, read in place.

    Raises:
        FormatError: The archive is damaged or encrypted, or a name would leave the archive or occurs twice.
        LimitError: A member unpacks to too many bytes.
    """

    def __init__(self, path: Location, limits: Limits) -> None:
        self.path, self.limits = path, limits
        self.sizes: dict[str, int] = {}
        self._opened: dict[int, zipfile.ZipFile] = {}
        self._stored: dict[str, str] = {}  # the spelling in the archive, for names that differ from it
        for name, member in member_names(self._archive().infolist(), path):
            if not name.endswith("/"):  # `is_dir` fails on a member without a name
                self._check(name, member)
                self.sizes[name] = member.file_size
                if name != member.filename:
                    self._stored[name] = member.filename
        # members may share packed bytes, so the ratio of the whole may be larger than theirs
        limits.check_ratio(path, packed=size_of(path), size=sum(self.sizes.values()))

    def _check(self, name: str, member: "zipfile.ZipInfo") -> None:
        path = member_path(self.path, name, names=self.sizes)
        if member.flag_bits & 1:
            raise FormatError(f"{path}: encrypted", advice="unpack it first")
        self.limits.check_bytes(path, member.file_size)
        self.limits.check_ratio(path, packed=member.compress_size, size=member.file_size)

    def _archive(self) -> "zipfile.ZipFile":
        """The archive opened in this process: forked workers must not share a file position."""
        import zipfile  # quick to start without

        if os.getpid() not in self._opened:
            try:
                source = self.path if isinstance(self.path, Path) else self.path.open("rb")
                self._opened[os.getpid()] = archive = zipfile.ZipFile(source)
            except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
                raise FormatError(f"a damaged zip: {error}", file=self.path) from None
            # in a cycle of garbage, Python may drop the open file before the archive that would close it
            weakref.finalize(self, archive.close)
        return self._opened[os.getpid()]

    def read(self, name: str) -> bytes:
        """A member's bytes, never more than the size that was checked."""
        import zipfile

        try:
            with self._archive().open(self._stored.get(name, name)) as member:
                data = member.read(self.sizes[name] + 1)
        except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, zipfile.zlib.error) as error:  # type: ignore[attr-defined]
            raise FormatError(f"{self.path}/{name}: a damaged zip: {error}") from None
        if len(data) != self.sizes[name]:
            raise FormatError(f"{self.path}/{name}: unpacks to another size than it says")
        return data

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": {}}
