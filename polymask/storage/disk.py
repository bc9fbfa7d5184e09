"""Reading regular files, and turning disk errors into polymask's errors."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

from polymask.errors import BackendError, Denied, InputError, NotFound, Unavailable
from polymask.operating_system import flags
from polymask.storage.remote.urls import Location, Url

LARGEST = 1 << 32  # bytes of a file of masks, or of what describes them; larger ones are somebody else's
_READ = flags("RDONLY", "NONBLOCK", "CLOEXEC")  # does not wait for a pipe


def disk_error(error: OSError, path: str | Location) -> BackendError:
    """The polymask error for an `OSError` at a path; a `BackendError` stays as it is."""
    if isinstance(error, BackendError):
        return error
    message = f"{path}: {os.strerror(error.errno) if error.errno else error}"
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return NotFound(message)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Denied(message, advice="check the permissions")
    return Unavailable(f"{message}; nothing half-written was left under its name")


def regular(path: Location, *, most: float = LARGEST) -> bytes:
    """The bytes of a regular file or an object.

    Raises:
        BackendError: The disk or the store fails.
        InputError: Something else than a regular file is at the path, or one of more than `most` bytes.
    """
    if isinstance(path, Url):
        return path.read_bytes()
    try:
        descriptor = os.open(path, _READ)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link that leads round, a socket
            raise _no_regular_file(path) from None
        raise disk_error(error, path) from None
    return read_regular(descriptor, path, most=most)


def _no_regular_file(path: Path) -> InputError:
    return InputError(
        f"{path} is in the way: it is no regular file", advice="put a regular file in its place"
    )


def refuse_device(path: Location) -> None:
    """Raise `InputError` for what is neither a file nor a pipe, and may have no end, as `/dev/zero`."""
    if isinstance(path, Path) and not (path.is_file() or path.is_fifo()):
        raise InputError("a device, and no file", file=path, advice="name a file, a folder or a pipe")


def is_so(ask: Callable[[], bool]) -> bool:
    """What the disk answers of an entry; a link that leads round is nothing.

    Examples:
        >>> is_so(Path("polymask").is_dir)
        True
    """
    try:
        return ask()
    except OSError:
        return False


def read_regular(descriptor: int, path: Path, *, most: float = LARGEST) -> bytes:
    """The bytes of an open regular file, which is then closed; raises as `regular` does."""
    try:
        status = os.fstat(descriptor)
        if status.st_size > most:
            raise InputError(f"{path} is in the way: it has {status.st_size:,} bytes", advice="move it away")
        if not stat.S_ISREG(status.st_mode):
            raise _no_regular_file(path)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read()
    except OSError as error:
        raise disk_error(error, path) from None
    finally:
        os.close(descriptor)
