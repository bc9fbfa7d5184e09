"""Durable writing: files replaced as a whole or not at all, names that survive a crash, private folders.

A replaced file may belong to somebody else, so it keeps its owner, mode and attributes.
"""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from polymask import operating_system
from polymask.operating_system import close_folder, flags, open_folder, set_mode, sync_file
from polymask.storage.disk import disk_error

_NEW = flags("WRONLY", "CREAT", "EXCL", "NOFOLLOW", "CLOEXEC")
_NOT_ALLOWED = (
    errno.EPERM,
    errno.EACCES,
    errno.ENOTSUP,
    errno.EINVAL,
)  # to this user, or on this disk


def replace_file(path: Path, data: bytes, *, temporary: str) -> list[str]:
    """Replace the bytes of a file; links are followed.

    The bytes are written first to a file named `temporary` in the same folder; nobody else may use that
    name. Returns the attributes (owner, extended attributes, hard links) that could not be kept.

    Raises:
        BackendError: The disk fails; then the file is unchanged.
    """
    real = path.resolve()
    try:
        return _replaced(real, real.with_name(temporary), data)
    except OSError as error:
        raise disk_error(error, path) from None


def _replaced(real: Path, temporary: Path, data: bytes) -> list[str]:
    temporary.unlink(missing_ok=True)  # left by a run that was killed, for nobody else uses the name
    try:
        descriptor = os.open(temporary, _NEW, 0o600)
        try:
            with os.fdopen(descriptor, "wb", closefd=False) as file:
                file.write(data)
            lost = _copy_ownership(descriptor, real)
            sync_file(descriptor)
        finally:
            os.close(descriptor)
        operating_system.replace(temporary, real)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(real.parent)
    return lost


def _copy_ownership(descriptor: int, real: Path) -> list[str]:
    """Give an open file the owner, mode and attributes of another; returns those that could not be set."""
    status, lost = real.stat(), list[str]()
    current = os.fstat(descriptor)
    is_owned = (current.st_uid, current.st_gid) == (status.st_uid, status.st_gid)
    if not is_owned and not _set_owner(descriptor, status):
        lost.append(f"its owner ({status.st_uid}:{status.st_gid})")
    set_mode(descriptor, stat.S_IMODE(status.st_mode))  # after the owner, for `fchown` clears mode bits
    uncopied = (name for name in _attributes(real) if not _copy_attribute(descriptor, real, name))
    return [*lost, *(f"its attribute {name}" for name in uncopied), *lost_links(real)]


def replace_whole(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all, over any that is there; nothing is left beside it.

    Raises `BackendError` where the disk refuses.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        operating_system.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise disk_error(error, path.parent if isinstance(error, FileNotFoundError) else path) from None


def lost_links(path: Path) -> list[str]:
    """The loss of a file's other hard links when it is replaced, as text: they keep the old content."""
    try:
        others = path.stat().st_nlink - 1
    except OSError as error:
        raise disk_error(error, path) from None
    if others <= 0:
        return []
    links = "1 other hard link, which keeps" if others == 1 else f"{others} other hard links, which keep"
    return [f"its {links} the old content,"]


def _set_owner(descriptor: int, status: os.stat_result) -> bool:
    """Set a file's owner and group, or at least the group; returns whether the owner could be set."""
    if not hasattr(os, "fchown"):  # not on this system
        return False
    for owner in (status.st_uid, -1):
        try:
            os.fchown(descriptor, owner, status.st_gid)
        except PermissionError:
            continue
        return owner >= 0
    return False


def _attributes(real: Path) -> list[str]:
    """The names of a file's extended attributes, which include access control lists."""
    try:
        return os.listxattr(real)
    except AttributeError:  # not on this system
        return []
    except OSError as error:
        if error.errno in _NOT_ALLOWED:
            return []
        raise


def _copy_attribute(descriptor: int, real: Path, name: str) -> bool:
    try:
        os.setxattr(descriptor, name, os.getxattr(real, name))
    except OSError as error:
        if error.errno in _NOT_ALLOWED:
            return False
        raise
    return True


def sync_folder(path: Path) -> None:
    """Sync a folder, so that the names in it survive a crash."""
    folder = open_folder(path)
    try:
        operating_system.sync_folder(folder)
    finally:
        close_folder(folder)


def make_private(path: Path) -> None:
    """Create a folder and its missing parents durably, readable for this user only."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        for folder in reversed(missing):
            folder.mkdir(mode=0o700, exist_ok=True)
            sync_folder(folder.parent)
    except OSError as error:
        raise disk_error(error, path) from None


def make_lasting(path: Path) -> None:
    """Sync a file's folder, so that the file's name survives a crash; raises `BackendError`."""
    try:
        sync_folder(path.resolve().parent)
    except OSError as error:
        raise disk_error(error, path) from None


def read_whole(path: Path) -> bytes:
    """A file's bytes; raises `BackendError`."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise disk_error(error, path) from None
