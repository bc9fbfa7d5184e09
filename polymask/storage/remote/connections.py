"""Connections to object stores, one per process, and polymask's errors for the errors of their drivers.

The drivers raise the errors of their libraries; here these become `NotFound`, `Denied` or
`Unavailable`, each with the URL and without secrets.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import SEEK_CUR, SEEK_END, SEEK_SET, RawIOBase
from sys import modules
from typing import Any
from weakref import WeakSet

from polymask.errors import Denied, InputError, NotFound, Unavailable

EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs", "az": "az", "abfs": "az", "abfss": "az"}
WRITABLE = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory")
_DRIVER_ERRORS = (  # those that are not an OSError: module and class
    ("botocore.exceptions", "BotoCoreError"),
    ("botocore.exceptions", "ClientError"),
    ("aiohttp", "ClientError"),
    ("google.auth.exceptions", "GoogleAuthError"),
    ("gcsfs.retry", "HttpError"),
    ("azure.core.exceptions", "AzureError"),
)
_SECRETS = re.compile(r"(?<=://)[^/@\s]*@|\?\S+")
_stores: dict[tuple[int, str], Any] = {}
_connections: WeakSet[Any] = WeakSet()


def store_of(protocol: str, key: str) -> Any:
    """The fsspec file system for a key; raises `InputError` if its driver is not installed."""
    host = "" if EXTRAS.get(protocol) in ("s3", "gs") else key.partition("/")[0]  # it may be an account
    place = os.getpid(), f"{protocol}://{host}"
    if place not in _stores:
        _stores[place] = _connected(f"{protocol}://{key}")
    return _stores[place]


def is_connected() -> bool:
    """Whether this process is connected to a store; then it must not fork, as threads use the connection."""
    if _connections:
        return True
    return any(pid == os.getpid() and not url.startswith("memory:") for pid, url in list(_stores))


def keep_from_forking(connection: object) -> None:
    """Have `is_connected` say so for as long as a connection to a platform is in use."""
    _connections.add(connection)


def _connected(url: str) -> Any:
    from fsspec.core import url_to_fs

    if url.startswith("dataloop:"):
        raise InputError(f"{url} is a dataset, and no file or folder", advice="name a file or folder here")
    protocol = url.partition("://")[0]
    try:
        with store_errors(url):
            # no cached listings, so that what other runs write is visible
            return url_to_fs(url, use_listings_cache=False)[0]
    except ImportError as error:
        extra = EXTRAS.get(protocol)
        install = f"pip install 'polymask[{extra}]'" if extra else f"{error}"
        raise InputError(f"{shown(url)}: the driver for {protocol}:// is missing: {install}") from None
    except ValueError as error:
        raise InputError(f"{shown(url)}: {shown(str(error))}") from None


@contextmanager
def store_errors(url: str) -> Iterator[None]:
    """Turn a driver's errors into `NotFound`, `Denied` or `Unavailable` with the URL."""
    try:
        yield
    except FileNotFoundError:
        raise NotFound(f"{url}: no such object, or no such bucket") from None
    except PermissionError as error:
        raise Denied(
            f"{url}: {_reason(error)}", advice="check the credentials, and what they allow"
        ) from None
    except IsADirectoryError:
        raise InputError(f"{url} is a prefix, not an object") from None
    except ImportError:
        raise
    except FileExistsError:
        raise
    except _driver_errors() as error:
        if re.search(r"credential|auth|token", type(error).__name__, re.IGNORECASE):
            raise Denied(
                f"{url}: {_reason(error)}", advice="log in to the store, or set its variables"
            ) from None
        raise Unavailable(f"{url}: {_reason(error)}") from None


def _reason(error: BaseException) -> str:
    return shown(str(error)) or type(error).__name__


def _driver_errors() -> tuple[type[BaseException], ...]:
    """The errors that the loaded drivers can raise."""
    loaded = (getattr(modules[module], name) for module, name in _DRIVER_ERRORS if module in modules)
    return OSError, TimeoutError, *loaded


def shown(url: str) -> str:
    """A text without the parts of URLs that may be secret."""
    return _SECRETS.sub("", url)


class ObjectFile(RawIOBase):
    """An object of `size` bytes as a file, read in ranges."""

    name = ""  # libraries expect every file to have a name

    def __init__(self, read_range: Callable[[int, int], bytes], size: int) -> None:
        self.read_range, self.size, self.at = read_range, size, 0

    def readable(self) -> bool:  # noqa: D102 - of the library
        return True

    def seekable(self) -> bool:  # noqa: D102 - of the library
        return True

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:  # noqa: D102
        self.at = max(0, offset + {SEEK_SET: 0, SEEK_CUR: self.at, SEEK_END: self.size}[whence])
        return self.at

    def tell(self) -> int:  # noqa: D102
        return self.at

    def readinto(self, buffer: Any) -> int:  # noqa: D102
        end = min(self.size, self.at + len(buffer))
        if end <= self.at:
            return 0
        data = self.read_range(self.at, end)
        buffer[: len(data)] = data
        self.at += len(data)
        return len(data)
