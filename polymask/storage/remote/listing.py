"""A listing of the objects below a prefix of a store, requested once and then looked up."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

import msgspec


class ObjectInfo(msgspec.Struct, frozen=True):
    """An object's size in bytes, and a stamp that changes with its content."""

    size: int
    stamp: str

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> "ObjectInfo":
        """The facts in fsspec's `info`; every store has its own names for what changes with the content."""
        names = ("ETag", "etag", "md5Hash", "generation", "LastModified", "mtime")
        marks = [*map(info.get, names), info.get("last_modified") or info.get("created")]
        return cls(int(info.get("size") or 0), " ".join(f"{mark}" for mark in marks if mark))


class Listing:
    """The objects below a key by name, and the folders there; names are relative to the key."""

    def __init__(self, key: str, files: dict[str, ObjectInfo]) -> None:
        self.key, self.files = key, files
        self.folders = {folder for name in files for folder in _parents(name)}

    def name_of(self, key: str) -> str:
        """The name of a key, relative to the key of the listing."""
        return key[len(self.key) + 1 :]

    def files_below(self, key: str, pattern: str) -> Iterator[str]:
        """The names of the objects below a key whose last part matches, sorted."""
        start = self._start(key)
        for name in sorted(self.files):
            if name.startswith(start) and fnmatchcase(name.rpartition("/")[2], pattern):
                yield name

    def entries_of(self, key: str) -> Iterator[str]:
        """The names of the objects and folders right below a key, sorted."""
        start = self._start(key)
        for name in sorted({*self.files, *self.folders}):
            if name.startswith(start) and "/" not in name[len(start) :]:
                yield name

    def _start(self, key: str) -> str:
        return f"{name}/" if (name := self.name_of(key)) else ""


def _parents(name: str) -> Iterator[str]:
    while name := name.rpartition("/")[0]:
        yield name
