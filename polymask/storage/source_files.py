"""The files of a source: a file, a folder, a glob, a zip or a tar, all listed and read the same way.

File names are relative to the place, with forward slashes. An archive is read in place: nothing
is extracted, its names are checked, and the unpacked size of a member is limited.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from glob import has_magic
from hashlib import sha256
from io import BytesIO
from math import inf
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from polymask.errors import FormatError, NotFound
from polymask.limits import Limits
from polymask.storage.archives.packing import is_packed_text, unpacked, unpacked_name
from polymask.storage.archives.tar import HEAD, Tar, is_tar, is_tar_file
from polymask.storage.archives.zips import ZIP, Zip
from polymask.storage.disk import disk_error, is_so, refuse_device, regular
from polymask.storage.remote.urls import Location, Url, listed_once, name_below, size_of

_IGNORED = ("__MACOSX",)  # folders that the Finder of macOS adds to a zip


@dataclass(frozen=True, slots=True)
class File:
    """A file of a place: its path, as messages show it, and its name below the place."""

    path: Location
    name: str
    place: "Place" = field(repr=False, compare=False)

    def read(self) -> bytes:
        """The file's bytes."""
        return self.place.read(self.name)

    def open(self) -> BinaryIO:
        """The file, opened for reading from its start."""
        return self.place.open(self.name)


class Tree:
    """The files below a folder, on disk or at a URL. Each folder is listed once, when it is needed.

    Links to folders are not followed, for they may form a cycle.

    Raises:
        BackendError: A folder cannot be listed; a missing folder counts as empty.
    """

    def __init__(self, path: Location) -> None:
        self.path = path
        self._inside: dict[str, tuple[list[str], list[str]]] = {}

    def inside(self, name: str) -> tuple[list[str], list[str]]:
        """The names of the files, and of the folders, right below a folder of the tree."""
        name = "" if name == "." else name
        if name not in self._inside:
            self._inside[name] = _entries(self.path / name)
        return self._inside[name]

    def below(self, name: str = "", *, visible: bool = False) -> Iterator[str]:
        """The names of the files below a folder, relative to that folder; or of the `visible` files only."""
        top = self.path / name
        if isinstance(top, Url):
            names = (name_below(path, top) for path in top.rglob("*"))
            yield from filter(_is_visible, names) if visible else names
            return
        start = "" if name in ("", ".") else f"{name}/"
        pending = [""]
        while pending:
            folder = pending.pop()
            files, folders = self.inside(f"{start}{folder}".rstrip("/"))
            yield from (folder + file for file in files if not visible or _is_visible(file))
            inner = (name for name in folders if not visible or _is_visible(name))
            pending += [f"{folder}{name}/" for name in inner if not (top / folder / name).is_symlink()]


def _entries(folder: Location) -> tuple[list[str], list[str]]:
    if isinstance(folder, Url):
        inside = list(folder.iterdir())
        files = [entry.name for entry in inside if entry.is_file()]
        return files, [entry.name for entry in inside if entry.is_dir()]
    try:
        with os.scandir(folder) as scanned:
            entries = list(scanned)
    except (FileNotFoundError, NotADirectoryError):
        return [], []
    except OSError as error:
        raise disk_error(error, folder) from None
    files = [entry.name for entry in entries if is_so(entry.is_file)]
    return files, [entry.name for entry in entries if is_so(entry.is_dir)]


class Place:
    """The files at a source path; `tree` is the folder's `Tree`, if the caller has one already."""

    def __init__(self, path: Location, limits: Limits | None = None, *, tree: Tree | None = None) -> None:
        self.path, self.limits, self._tree = path, limits or Limits(), tree
        exists, is_file = path.exists(), path.is_file()
        self.is_glob = not exists and isinstance(path, Path) and has_magic(str(path))
        self._stream = self._read_pipe() if exists and not (is_file or path.is_dir()) else None
        self.is_file = self._stream is not None or (is_file and not self._is_archive())
        self._packed: dict[str, str] = {}  # by name, what a packed text is called on disk
        if not exists and not self.is_glob:
            raise NotFound("no such file or folder", file=path)
        if isinstance(path, Url) and not is_file:
            self.path = listed_once(path)  # one listing instead of a request per object

    def _read_pipe(self) -> bytes:
        """The bytes of a pipe, which can be read only once; raises `FormatError` for an archive."""
        refuse_device(self.path)
        with self.path.open("rb") as file:
            data = file.read(self.limits.max_bytes + 1)
        self.limits.check_bytes(self.path, len(data))
        if data[:4] == ZIP or is_tar(data[:HEAD]):
            raise FormatError("an archive is read in place, so it has to be a file", file=self.path)
        return data

    def _is_archive(self) -> bool:
        head = self._head()
        return head[:4] == ZIP or is_tar_file(self.path, head)

    def _head(self) -> bytes:
        with self.path.open("rb") as file:
            return file.read(HEAD)

    @cached_property
    def zip(self) -> Zip | Tar | None:
        """The archive, zip or tar, or None if the place is not an archive."""
        if self.is_file or not self.path.is_file():
            return None
        head = self._head()
        return Tar(self.path, self.limits) if is_tar_file(self.path, head) else Zip(self.path, self.limits)

    @cached_property
    def root(self) -> Location:
        """The folder that names are relative to."""
        if self.is_glob and isinstance(self.path, Path):
            return _fixed(self.path)
        return self.path.parent if self.is_file else self.path

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of all files, sorted."""
        if self.is_file:
            return self._unpacked_names([self.path.name])
        if self.zip:
            return tuple(sorted(filter(_is_visible, self.zip.sizes)))
        tree = self._tree or Tree(self.root)
        names = sorted(_matches(self.path, self.root) if self.is_glob else tree.below(visible=True))
        if not names:
            raise NotFound(f"{self.path}: no file " + ("matches" if self.is_glob else "in it"))
        return self._unpacked_names(names)

    def _unpacked_names(self, names: Sequence[str]) -> tuple[str, ...]:
        """The names without the suffix of packed texts; where a text lies there plain too, that is read."""
        plain = {unpacked_name(name): name for name in names}
        plain |= {name: name for name in names if not is_packed_text(name)}
        self._packed = {name: stored for name, stored in plain.items() if name != stored}
        return tuple(sorted(plain))

    def _stored(self, name: str) -> str:
        """The name of a file on disk."""
        if self.is_file and not self._packed:
            _ = self.names
        return self._packed.get(name, name)

    @property
    def stamp(self) -> str:
        """A text that changes whenever a file does: from names, sizes and times, or a store's tags."""
        if self._stream is not None:
            return sha256(self._stream).hexdigest()
        if self.is_file or self.zip:
            return _stamp(self.path)
        stamps = (f"{name} {_stamp(self.file(name).path)}\n".encode() for name in self.names)
        return sha256(b"".join(stamps)).hexdigest()

    def file(self, name: str) -> File:
        """The file with a name, whether it exists or not."""
        return File(self.root / self._stored(name), name, self)

    def find(self, name: str) -> File | None:
        """The file with a name if it exists, even if it is not among `names`."""
        is_file = name in self.zip.sizes if self.zip else self.file(name).path.is_file()
        return self.file(name) if is_file else None

    def read(self, name: str) -> bytes:
        """A file's bytes."""
        if self._stream is not None and name == self.path.name:
            return self._stream
        if self.zip:
            return self.zip.read(name)
        path = self.file(name).path
        self.limits.check_bytes(path, size_of(path))
        return unpacked(path, self.limits) if name in self._packed else regular(path, most=inf)

    def on_disk(self, name: str) -> Path | None:
        """The path of a file that can be read in parts; None for what is packed, in a pipe or in a store."""
        path = self.file(name).path
        is_whole = self._stream is not None or self.zip or name in self._packed
        return path if isinstance(path, Path) and not is_whole else None

    def open(self, name: str) -> BinaryIO:
        """An opened file; what is packed is read into memory first."""
        is_packed = self.zip or self._stored(name) != name
        return BytesIO(self.read(name)) if is_packed else (self.root / name).open("rb")


def _stamp(path: Location) -> str:
    if isinstance(path, Path):
        status = path.stat()
        return f"{status.st_size} {status.st_mtime_ns}"
    stored = path.stored()
    return f"{stored.size} {stored.stamp}" if stored else ""


def _fixed(pattern: Path) -> Path:
    """The part of a glob before its first wildcard."""
    parts = pattern.parts
    first_magic = next((index for index, part in enumerate(parts) if has_magic(part)), len(parts))
    return Path(*parts[:first_magic])


def _matches(pattern: Location, root: Location) -> Iterator[str]:
    assert isinstance(pattern, Path)
    assert isinstance(root, Path)
    for path in root.glob(str(pattern.relative_to(root))):
        if path.is_file():
            yield path.relative_to(root).as_posix()


def _is_visible(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return not any(part.startswith(".") or part in _IGNORED for part in parts)
