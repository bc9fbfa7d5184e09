"""What lies below a prefix of a store, asked for once and then looked up."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What a listing tells of an object: its size in bytes, and what changes with its content."""

    size: int
    stamp: str

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> "ObjectInfo":
        """The facts of fsspec's `info`; every store names what changes in its own way."""
        names = ("ETag", "etag", "md5Hash", "generation", "LastModified", "mtime")
        marks = [*map(info.get, names), info.get("last_modified") or info.get("created")]
        return cls(int(info.get("size") or 0), " ".join(f"{mark}" for mark in marks if mark))


class Listing:
    """Everything below a key: objects by their names below it, and its folders."""

    def __init__(self, key: str, files: dict[str, ObjectInfo]) -> None:
        self.key, self.files = key, files
        self.folders = {folder for name in files for folder in _parents(name)}

    def name_of(self, key: str) -> str:
        """The name that a key has below the listing's own."""
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
