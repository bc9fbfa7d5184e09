"""Paths and URLs read the same way: `located` gives a `Path`, or a `Url` with a path's own methods.

What is remote is read through fsspec. A URL keeps no connection, so that it can be sent to
other processes: each makes its own.
"""

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

from polymask.errors import FormatError, InputError, NotFound
from polymask.storage.remote.connections import EXTRAS, ObjectFile, shown, store_errors, store_of
from polymask.storage.remote.listing import Listing, ObjectInfo

BLOCK = 1 << 20  # bytes a request of an opened file: a header costs one, a file few
_MERGED = {f"{protocol}:" for protocol in (*EXTRAS, "memory")}
_URL = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)


def is_url(place: object) -> bool:
    """Whether a text is a URL and not a path.

    >>> is_url("s3://bucket/a.json"), is_url("a.json")
    (True, False)
    """
    return isinstance(place, Url) or (isinstance(place, str) and _URL.match(place) is not None)


def located(place: "str | Path | Url") -> "Location":
    """The path or the URL that is meant; `file://` is a path, `zip://FILE` the archive itself.

    Raises `InputError` for a URL that no driver is known for, or that holds a password.

    >>> located("masks"), located("memory://bucket/masks")
    (PosixPath('masks'), Url('memory://bucket/masks'))
    """
    if isinstance(place, Path) and place.parts[:1] and place.parts[0] in _MERGED:
        raise InputError(
            f"{place}: a Path cannot hold a URL, for it merges slashes", advice="pass it as text"
        )
    if not isinstance(place, str) or not (match := _URL.match(place)):
        return place if isinstance(place, Url) else Path(place)
    protocol, rest = match[1].lower(), place[match.end() :]
    if protocol in ("file", "local"):
        return Path(unquote(urlsplit(place).path) if protocol == "file" else rest)
    if protocol == "zip":
        return _archive(place, rest)
    return Url(protocol, rest.strip("/") if "?" not in rest else rest.lstrip("/"))


def _archive(place: str, rest: str) -> "Location":
    """The archive that a zip:// URL names: archives are read in place anyway, wherever they lie."""
    inner, chained, outer = rest.partition("::")
    if chained and inner.strip("/"):
        raise InputError(
            f"{shown(place)}: a zip is read as a whole", advice=f"name the archive: {shown(outer)}"
        )
    return located(outer if chained else rest)


class Url:
    """A place in a store: what a `pathlib.Path` offers for reading, of an object or a prefix.

    With a `listing` (see `snapshot`), what is there is looked up and not asked for. Its text is
    what may be shown: a query, which may hold a signature, is left out.
    """

    __slots__ = ("key", "listing", "protocol")

    def __init__(self, protocol: str, key: str, listing: Listing | None = None) -> None:
        self.protocol, self.key, self.listing = protocol, key, listing
        if any(part in ("", ".", "..") for part in self._plain.rstrip("/").split("/")):
            raise InputError(f"{shown(str(self))} is no place in a store: a part of it is empty, '.' or '..'")
        if ":" in key.partition("/")[0].rpartition("@")[0]:
            raise InputError(
                f"{shown(str(self))}: no password in a URL",
                advice="set it where the store's own tools look for it",
            )

    def __str__(self) -> str:
        return f"{self.protocol}://{self._plain}"

    def __repr__(self) -> str:
        return f"Url('{self}')"

    @property
    def _plain(self) -> str:
        """The key without a query, which may hold a signature; other stores' keys may hold a `?`."""
        return self.key.partition("?")[0] if self.protocol in ("http", "https") else self.key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Url) and (self.protocol, self.key) == (other.protocol, other.key)

    def __hash__(self) -> int:
        return hash((self.protocol, self.key))

    def __reduce__(self) -> tuple[type["Url"], tuple[str, str]]:
        return Url, (self.protocol, self.key)  # what is there is asked for anew by another process

    def __truediv__(self, name: str) -> "Url":
        if name.startswith("../"):  # as formats look beside a folder of theirs; no listing tells of it
            return Url(self.protocol, self.parent.key) / name[3:]
        return self if name in ("", ".") else Url(self.protocol, f"{self.key}/{name}", self.listing)

    @property
    def name(self) -> str:
        """The last part."""
        return self._plain.rpartition("/")[2]

    @property
    def parts(self) -> tuple[str, ...]:
        """All parts, the bucket first."""
        return tuple(self._plain.split("/"))

    @property
    def stem(self) -> str:
        """The last part without its ending."""
        return Path(self.name).stem

    @property
    def suffix(self) -> str:
        """The last part's ending, with its dot."""
        return Path(self.name).suffix

    @property
    def parent(self) -> "Url":
        """The prefix that it lies below; a bucket's is itself."""
        above = self._plain.rpartition("/")[0]
        return Url(self.protocol, above, self.listing) if above else self

    def absolute(self) -> "Url":
        """Itself."""
        return self

    @property
    def store(self) -> Any:
        """The fsspec file system, one a process; raises `InputError` where its driver is missing."""
        return store_of(self.protocol, self.key)

    def call(self, method: str, *arguments: Any, **options: Any) -> Any:
        """What a method of the store gives for this key; its errors are polymask's."""
        store = self.store
        with store_errors(str(self)):
            return getattr(store, method)(self._path, *arguments, **options)

    @property
    def _path(self) -> str:
        return str(self.store._strip_protocol(f"{self.protocol}://{self.key}"))

    def info(self) -> dict[str, Any] | None:
        """What the store tells of an object or a prefix now, or None where there is neither."""
        try:
            return dict(self.call("info"))
        except NotFound:
            return None

    def stored(self) -> ObjectInfo | None:
        """An object's size and stamp, or None where there is no object."""
        if self.listing is not None:
            return self.listing.files.get(self.listing.name_of(self.key))
        info = self.info()
        return ObjectInfo.of(info) if info and info["type"] == "file" else None

    def is_file(self) -> bool:
        """Whether an object is there."""
        return self.stored() is not None

    def is_dir(self) -> bool:
        """Whether objects lie below it."""
        if self.listing is not None:
            name = self.listing.name_of(self.key)
            return name in self.listing.folders or (not name and bool(self.listing.files))
        info = self.info()
        return info is not None and info["type"] == "directory"

    def exists(self) -> bool:
        """Whether an object is there, or objects below it."""
        return self.is_file() or self.is_dir()

    def snapshot(self) -> "Url":
        """The same place, with all that lies below it listed; raises `FormatError` for a hostile key."""
        objects = self.call("find", detail=True)
        prefix = f"{self._path.rstrip('/')}/"
        files = {
            _safe(self, path[len(prefix) :]): ObjectInfo.of(info)
            for path, info in objects.items()
            if path.startswith(prefix) and path != prefix
        }
        listed = Url(self.protocol, self.key)
        listed.listing = Listing(self.key, files)
        return listed

    @property
    def listed(self) -> Listing:
        """What lies below it, asked for once."""
        if self.listing is None:
            self.listing = self.snapshot().listing
        assert self.listing is not None
        return self.listing

    def rglob(self, pattern: str) -> Iterator["Url"]:
        """The objects below it whose last part matches, sorted."""
        return map(self._listed_as, self.listed.files_below(self.key, pattern))

    def iterdir(self) -> Iterator["Url"]:
        """The objects and prefixes right below it, sorted."""
        return map(self._listed_as, self.listed.entries_of(self.key))

    def _listed_as(self, name: str) -> "Url":
        return Url(self.protocol, self.listed.key, self.listed) / name

    def glob(self, pattern: str) -> Iterator["Url"]:
        """Those right below it whose name matches, sorted."""
        return (entry for entry in self.iterdir() if fnmatchcase(entry.name, pattern))

    def read_bytes(self) -> bytes:
        """An object's bytes."""
        return bytes(self.call("cat_file"))

    def _range(self, start: int, end: int) -> bytes:
        return bytes(self.call("cat_file", start=start, end=end))

    def open(self, mode: str = "rb") -> BinaryIO:
        """An object, opened for reading: seekable, a request for each megabyte that is looked at."""
        assert mode == "rb"
        size = self.call("info")["size"]
        return BufferedReader(ObjectFile(self._range, size), BLOCK) if size is not None else _whole(self)


Location = Path | Url


def name_below(path: Location, top: Location) -> str:
    """The name of a file below a folder, with forward slashes.

    >>> name_below(Path("masks/a/1.png"), Path("masks"))
    'a/1.png'
    """
    if isinstance(path, Url) or isinstance(top, Url):
        return f"{path}".removeprefix(f"{top}/")
    return path.relative_to(top).as_posix()


def in_order(places: Iterable[Location]) -> list[Location]:
    """Sorted part by part, as paths are."""
    return sorted(places, key=lambda place: place.parts)


def listed_once(place: Location) -> Location:
    """The same place; of a URL, with what lies below it asked for once and then looked up."""
    return place.snapshot() if isinstance(place, Url) and place.listing is None else place


def _whole(url: Url) -> BinaryIO:
    """An object of a store that does not tell sizes."""
    return BytesIO(url.read_bytes())


def _safe(url: Url, name: str) -> str:
    if any(part in ("", ".", "..") for part in name.split("/")):
        raise FormatError(f"{url}: holds the key {name!r}, a part of which is empty, '.' or '..'")
    return name
