"""What lasts: files replaced whole or not at all, names that outlive a crash, private folders.

Replaced may be a file of somebody else's: only its bytes are others then.
"""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from polymask.storage.disk import disk_error

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NOT_ALLOWED = (errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EINVAL)  # as a user, or on this file system


def replace_file(path: Path, data: bytes, *, temporary: str) -> list[str]:
    """Put bytes at a path; returns what could not be kept of mode, owner, attributes and hard links.

    `temporary` is the name beside it under which they are written first; nobody else may use it.
    Links are followed. Raises `BackendError` naming the path; then nothing has changed.
    """
    real = path.resolve()
    try:
        return _replaced(real, real.with_name(temporary), data)
    except OSError as error:
        raise disk_error(error, path) from None


def _replaced(real: Path, temporary: Path, data: bytes) -> list[str]:
    temporary.unlink(missing_ok=True)  # of a run that was killed: the name is nobody else's
    try:
        descriptor = os.open(temporary, _NEW, 0o600)
        try:
            with os.fdopen(descriptor, "wb", closefd=False) as file:
                file.write(data)
            lost = _dress(descriptor, real)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(real)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(real.parent)
    return lost


def _dress(descriptor: int, real: Path) -> list[str]:
    """Give an open file the owner, mode and attributes of another; returns what could not be set."""
    facts, lost = real.stat(), list[str]()
    facts_now = os.fstat(descriptor)
    if (facts_now.st_uid, facts_now.st_gid) != (facts.st_uid, facts.st_gid) and not _owned(descriptor, facts):
        lost.append(f"its owner ({facts.st_uid}:{facts.st_gid})")
    os.fchmod(descriptor, stat.S_IMODE(facts.st_mode))  # after the owner, which takes bits away
    uncopied = (name for name in _attributes(real) if not _copy_attribute(descriptor, real, name))
    return [*lost, *(f"its attribute {name}" for name in uncopied), *lost_links(real)]


def lost_links(path: Path) -> list[str]:
    """What of a file's other names is lost when it is replaced: they go on naming the old content."""
    try:
        others = path.stat().st_nlink - 1
    except OSError as error:
        raise disk_error(error, path) from None
    if others <= 0:
        return []
    links = "1 other hard link, which keeps" if others == 1 else f"{others} other hard links, which keep"
    return [f"its {links} the old content,"]


def _owned(descriptor: int, facts: os.stat_result) -> bool:
    """Whether a file could be handed to its owner and group, or where that is not allowed, to its group."""
    for owner in (facts.st_uid, -1):
        try:
            os.fchown(descriptor, owner, facts.st_gid)
        except PermissionError:
            continue
        return owner >= 0
    return False


def _attributes(real: Path) -> list[str]:
    """The names of a file's extended attributes, its access lists among them."""
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
    """Make the names in a folder last."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_private(path: Path) -> None:
    """Make a folder and those above it that are missing, each for this user only, and lasting."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        for folder in reversed(missing):
            folder.mkdir(mode=0o700, exist_ok=True)
            sync_folder(folder.parent)
    except OSError as error:
        raise disk_error(error, path) from None


def make_lasting(path: Path) -> None:
    """Make a file's name last."""
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
