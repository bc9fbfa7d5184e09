"""Paths and URLs, read the same way: `located` returns a `Path`, or a `Url` with the methods of a path.

Remote files are read through fsspec. A `Url` has no connection, so that it can be sent to other
processes, which connect themselves.
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

BLOCK = 1 << 20  # bytes per request of an opened file: one request for a header, a few for a file
_MERGED = {f"{protocol}:" for protocol in (*EXTRAS, "memory")}
_URL = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)


def is_url(place: object) -> bool:
    """Whether a place is a URL and not a path.

    Examples:
        >>> is_url("s3://bucket/a.json"), is_url("a.json")
        (True, False)
    """
    return isinstance(place, Url) or (isinstance(place, str) and _URL.match(place) is not None)


def located(place: "str | Path | Url") -> "Location":
    """The path or the URL of a place; `file://` URLs become paths, `zip://FILE` the archive itself.

    Raises:
        InputError: The URL has a password or an empty part, or the place is a `Path` made from a URL.

    Examples:
        >>> located("masks"), located("memory://bucket/masks")
        (PosixPath('masks'), Url('memory://bucket/masks'))
    """
    if isinstance(place, Path) and place.parts[:1] and place.parts[0] in _MERGED:
        raise InputError(
            f"{place}: a Path cannot hold a URL, for it merges slashes", advice="pass it as text"
        )
    if not isinstance(place, str) or not (match := _URL.match(place)):
        return place if isinstance(place, Url) else Path(place)
    protocol, key = match[1].lower(), place[match.end() :]
    if protocol in ("file", "local"):
        return Path(unquote(urlsplit(place).path) if protocol == "file" else key)
    if protocol == "zip":
        return _archive(place, key)
    return Url(protocol, key.strip("/") if "?" not in key else key.lstrip("/"))


def _archive(place: str, key: str) -> "Location":
    """The archive of a zip:// URL; archives are read in place anyway, wherever they are."""
    inner, chained, outer = key.partition("::")
    if chained and inner.strip("/"):
        raise InputError(
            f"{shown(place)}: a zip is read as a whole", advice=f"name the archive: {shown(outer)}"
        )
    return located(outer if chained else key)


class Url:
    """An object or a prefix in a store, with the methods of `pathlib.Path` for reading.

    With a `listing` (see `snapshot`), these methods look objects up there and send no requests. `str`
    leaves out a query, which may have a secret signature.
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
        """The key without a query, which only http(s) has: elsewhere `?` may be part of a key."""
        return self.key.partition("?")[0] if self.protocol in ("http", "https") else self.key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Url) and (self.protocol, self.key) == (other.protocol, other.key)

    def __hash__(self) -> int:
        return hash((self.protocol, self.key))

    def __reduce__(self) -> tuple[type["Url"], tuple[str, str]]:
        return Url, (self.protocol, self.key)  # another process lists objects itself

    def __truediv__(self, name: str) -> "Url":
        if name.startswith("../"):  # beside the listed prefix, so the listing does not have it
            return Url(self.protocol, self.parent.key) / name[3:]
        return self if name in ("", ".") else Url(self.protocol, f"{self.key}/{name}", self.listing)

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self._plain.rpartition("/")[2]

    @property
    def parts(self) -> tuple[str, ...]:
        """All parts of the key, the bucket first."""
        return tuple(self._plain.split("/"))

    @property
    def stem(self) -> str:
        """The last part without its suffix."""
        return Path(self.name).stem

    @property
    def suffix(self) -> str:
        """The suffix of the last part, with its dot."""
        return Path(self.name).suffix

    @property
    def parent(self) -> "Url":
        """The prefix above; the parent of a bucket is the bucket."""
        above = self._plain.rpartition("/")[0]
        return Url(self.protocol, above, self.listing) if above else self

    def absolute(self) -> "Url":
        """The same URL, as URLs are always absolute."""
        return self

    @property
    def store(self) -> Any:
        """The fsspec file system, one per process; raises `InputError` if its driver is not installed."""
        return store_of(self.protocol, self.key)

    def call(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Call a method of the store for this key; its errors become polymask's."""
        store = self.store
        with store_errors(str(self)):
            return getattr(store, method)(self._path, *arguments, **options)

    @property
    def _path(self) -> str:
        return str(self.store._strip_protocol(f"{self.protocol}://{self.key}"))

    def info(self) -> dict[str, Any] | None:
        """The store's current information on an object or a prefix, or None if neither exists."""
        try:
            return dict(self.call("info"))
        except NotFound:
            return None

    def stored(self) -> ObjectInfo | None:
        """An object's size and stamp, or None if there is no object."""
        if self.listing is not None:
            return self.listing.files.get(self.listing.name_of(self.key))
        info = self.info()
        return ObjectInfo.of(info) if info and info["type"] == "file" else None

    def is_file(self) -> bool:
        """Whether an object has this key."""
        return self.stored() is not None

    def is_dir(self) -> bool:
        """Whether objects exist below this key."""
        if self.listing is not None:
            name = self.listing.name_of(self.key)
            return name in self.listing.folders or (not name and bool(self.listing.files))
        info = self.info()
        return info is not None and info["type"] == "directory"

    def exists(self) -> bool:
        """Whether an object has this key, or objects exist below it."""
        return self.is_file() or self.is_dir()

    def snapshot(self) -> "Url":
        """The same URL with a listing of all objects below; raises `FormatError` for an unsafe key."""
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
        """The listing of the objects below, requested once."""
        if self.listing is None:
            self.listing = self.snapshot().listing
        assert self.listing is not None
        return self.listing

    def rglob(self, pattern: str) -> Iterator["Url"]:
        """The objects below whose last part matches, sorted."""
        return map(self._listed_as, self.listed.files_below(self.key, pattern))

    def iterdir(self) -> Iterator["Url"]:
        """The objects and prefixes directly below, sorted."""
        return map(self._listed_as, self.listed.entries_of(self.key))

    def _listed_as(self, name: str) -> "Url":
        return Url(self.protocol, self.listed.key, self.listed) / name

    def glob(self, pattern: str) -> Iterator["Url"]:
        """The objects and prefixes directly below whose name matches, sorted."""
        return (entry for entry in self.iterdir() if fnmatchcase(entry.name, pattern))

    def read_bytes(self) -> bytes:
        """An object's bytes."""
        return bytes(self.call("cat_file"))

    def _range(self, start: int, end: int) -> bytes:
        return bytes(self.call("cat_file", start=start, end=end))

    def open(self, mode: str = "rb") -> BinaryIO:
        """The object as a seekable file; each megabyte that is read costs a request."""
        assert mode == "rb"
        size = self.call("info")["size"]
        return BufferedReader(ObjectFile(self._range, size), BLOCK) if size is not None else _whole(self)


Location = Path | Url


def size_of(path: Location) -> int:
    """The size of a file in bytes; 0 where a store does not tell it."""
    if isinstance(path, Path):
        return path.stat().st_size
    return int((path.info() or {}).get("size") or 0)


def name_below(path: Location, top: Location) -> str:
    """The name of a file below a folder, with forward slashes.

    Examples:
        >>> name_below(Path("masks/a/1.png"), Path("masks"))
        'a/1.png'
    """
    if isinstance(path, Url) or isinstance(top, Url):
        return f"{path}".removeprefix(f"{top}/")
    return path.relative_to(top).as_posix()


def in_order(places: Iterable[Location]) -> list[Location]:
    """The places in the order of their parts, which is that of paths."""
    return sorted(places, key=lambda place: place.parts)


def listed_once(place: Location) -> Location:
    """The same place; a URL gets a listing, so that objects below it are looked up without requests."""
    return place.snapshot() if isinstance(place, Url) and place.listing is None else place


def _whole(url: Url) -> BinaryIO:
    """An object as a file, from a store that does not know its size."""
    return BytesIO(url.read_bytes())


def _safe(url: Url, name: str) -> str:
    if any(part in ("", ".", "..") for part in name.split("/")):
        raise FormatError(f"{url}: holds the key {name!r}, a part of which is empty, '.' or '..'")
    return name
