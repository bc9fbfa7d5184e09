"""Mask pictures that annotations name only by an address: searched below a folder, never fetched."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import PurePosixPath
from urllib.parse import unquote

from polymask.errors import NotFound
from polymask.formats.reading.refusals import Malformed
from polymask.limits import Limits
from polymask.storage.image_names import local_name
from polymask.storage.remote.urls import Location
from polymask.storage.source_files import File, Place

# words that a service puts into the address of every mask
_NO_NAMES = ("annotation", "annotations", "feature", "features", "index", "mask", "masks")


class LinkedFiles:
    """The files below a folder, found by an address or an id.

    A file matches in any subfolder, and whether or not the `.png` suffix is given.
    """

    def __init__(self, path: Location, limits: Limits | None = None) -> None:
        self.path, self.limits = path, limits

    @cached_property
    def place(self) -> Place:
        """The folder; raises `NotFound` where it is missing."""
        return Place(self.path, self.limits)

    def named(self, key: str) -> File | None:
        """The file named like an id; None without one. Raises `Malformed` where several match."""
        return self._single(key, PurePosixPath(key)) if key and "/" not in key else None

    def linked(self, address: str) -> File | None:
        """The file that an address names: by as many of its last parts as match, else by an id in it.

        Raises `Malformed` where several files match.
        """
        parts = PurePosixPath(*_parts(address)).parts
        tails = (
            PurePosixPath(*parts[start:])
            for start in range(len(parts))
            if _is_name(parts[-1]) or start + 1 < len(parts)
        )
        ids = (PurePosixPath(part) for part in reversed(parts[:-1]) if _is_name(part))
        return next((file for path in (*tails, *ids) if (file := self._single(address, path))), None)

    def _single(self, reference: str, path: PurePosixPath) -> File | None:
        names = [name for name in self._by_stem.get(_stem(path.name), ()) if _ends_with(name, path)]
        if len(names) > 1:
            raise Malformed(
                "$", f"{len(names)} files below {self.path} fit {reference}, {names[0]} and {names[1]}"
            )
        return self.place.file(names[0]) if names else None

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        by_stem: dict[str, list[str]] = {}
        try:
            for name in self.place.names:
                by_stem.setdefault(_stem(PurePosixPath(name).name), []).append(name)
        except NotFound:  # either an empty folder,
            self.place  # noqa: B018 - or a missing one, for which this raises
        return by_stem


def _parts(address: str) -> Iterator[str]:
    yield from unquote(local_name(address)).split("/")


def _is_name(part: str) -> bool:
    """Whether a part of an address can identify a mask: it is neither a number nor a common word."""
    return not part.isdecimal() and part not in _NO_NAMES


def _stem(name: str) -> str:
    return name.rpartition(".")[0] if name.lower().endswith(".png") else name


def _ends_with(name: str, path: PurePosixPath) -> bool:
    inner = PurePosixPath(name)
    parts = (*inner.parts[:-1], _stem(inner.name))
    ending = (*path.parts[:-1], _stem(path.name))
    return parts[-len(ending) :] == ending
