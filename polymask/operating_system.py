"""What differs between operating systems: open folders, links, syncing, locks, positions in files, workers.

Linux is where polymask is tested. Where a system lacks one of its calls, the stand-in below is used, and says
what it cannot promise; `tests/test_operating_system.py` runs with these calls taken away.
"""

import errno
import os
import stat
import sys
import threading
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

fcntl: Any
msvcrt: Any
try:
    import fcntl
except ImportError:
    fcntl = None
try:
    import msvcrt
except ImportError:
    msvcrt = None

OpenFolder = int | Path
"""A folder held open: its descriptor, or its path where the system opens no folders."""


def flags(*names: str) -> int:
    """The flags of `os.open`, without those that this system does not have.

    Examples:
        >>> flags("RDONLY", "NOFOLLOW", "EVERYWHERE") == os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)
        True
    """
    together = getattr(os, "O_BINARY", 0)
    for name in names:
        together |= getattr(os, f"O_{name}", 0)
    return together


OPENS_FOLDERS = hasattr(os, "O_DIRECTORY") and os.open in os.supports_dir_fd
SYNC_WAITS = sys.platform == "linux" and hasattr(os, "sync")  # elsewhere `sync` may return before it is done
FORKS = sys.platform == "linux" and hasattr(os, "fork")  # on macOS, the system's libraries do not survive it
WINDOWS = os.name == "nt"
PAUSES = (0.01, 0.03, 0.1, 0.3, 1.0)  # seconds, while another program has a file open that is replaced
_LOCKED_BYTE = (1 << 31) - 2  # of a file, where no byte is: Windows keeps others from reading what is locked
_FOLDER = flags("RDONLY", "DIRECTORY", "NOFOLLOW", "CLOEXEC")
_ROOT = flags("RDONLY", "DIRECTORY", "CLOEXEC")
_READ = flags("RDONLY", "NOFOLLOW", "NONBLOCK", "CLOEXEC")  # does not wait for a pipe
_NEW = flags("WRONLY", "CREAT", "EXCL", "NOFOLLOW", "CLOEXEC")
_position = threading.Lock()  # of files whose one position threads share


def open_folder(path: Path) -> OpenFolder:
    """Open a folder, through links too."""
    return os.open(path, _ROOT) if OPENS_FOLDERS else _folder(path)


def open_below(parent: OpenFolder, name: str) -> OpenFolder:
    """Open a folder in another; a link raises `OSError`."""
    if isinstance(parent, int):
        return os.open(name, _FOLDER, dir_fd=parent)
    _refuse_link(parent / name)
    return _folder(parent / name)


def close_folder(folder: OpenFolder) -> None:
    """Close an open folder."""
    if isinstance(folder, int):
        os.close(folder)


def open_to_read(folder: OpenFolder, name: str) -> int:
    """Open a file in a folder to read it, without waiting for a pipe; a link raises `OSError`."""
    return _opened(folder, name, _READ)


def open_new(folder: OpenFolder, name: str, mode: int) -> int:
    """Create a file in a folder, which must not be there yet."""
    return _opened(folder, name, _NEW, mode)


def status(folder: OpenFolder, name: str) -> os.stat_result:
    """What a folder says of an entry; of a link, not of what it leads to."""
    path, at = _at(folder, name)
    return os.stat(path, follow_symlinks=False, **at)


def make_folder(folder: OpenFolder, name: str) -> None:
    """Create a folder in another."""
    path, at = _at(folder, name)
    os.mkdir(path, **at)


def remove_file(folder: OpenFolder, name: str) -> None:
    """Remove a file from a folder."""
    path, at = _at(folder, name)
    os.unlink(path, **at)


def remove_folder(folder: OpenFolder, name: str) -> None:
    """Remove an empty folder from another."""
    path, at = _at(folder, name)
    os.rmdir(path, **at)


def move(folder: OpenFolder, name: str, target: OpenFolder, new: str) -> None:
    """Move a file from one folder to another of the same disk, in place of any file there."""
    if isinstance(folder, int) and isinstance(target, int):
        os.rename(name, new, src_dir_fd=folder, dst_dir_fd=target)
    else:
        replace(Path(folder) / name, Path(target) / new)  # type: ignore[arg-type]


def replace(path: Path, target: Path) -> None:
    """Move a file in place of another; waits a little while another program has that open, on Windows."""
    for pause in PAUSES if WINDOWS else ():
        with suppress(PermissionError):
            path.replace(target)
            return
        time.sleep(pause)
    path.replace(target)


def sync_file(descriptor: int) -> None:
    """Sync an open file to the disk: on macOS, through the disk's own memory too."""
    full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is None:
        os.fsync(descriptor)
        return
    try:
        fcntl.fcntl(descriptor, full)
    except OSError:  # not on this file system
        os.fsync(descriptor)


def sync_folder(folder: OpenFolder) -> None:
    """Sync the names in a folder. Windows opens no folder, and has them in its file system's own journal."""
    if isinstance(folder, int):
        os.fsync(folder)


def lock(descriptor: int, *, wait: bool = False) -> bool:
    """Lock an open file or folder until its descriptor is closed, or its process ends.

    Returns False if another process holds the lock; with `wait`, waits for it instead.

    Raises:
        OSError: The file system or the system has no locks.
    """
    if fcntl is None:
        return _lock_byte(descriptor, wait=wait)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def open_to_lock(path: Path) -> int:
    """A descriptor that stands for a folder when it is locked; the caller closes it.

    It is the folder's own; where none is, that of a file in the user's temporary folder, so that runs of one
    user on one machine are kept apart.
    """
    folder = open_folder(path)
    if isinstance(folder, int):
        return folder
    import tempfile  # quick to start without

    name = sha256(str(path.resolve()).encode(errors="surrogatepass")).hexdigest()
    return os.open(Path(tempfile.gettempdir()) / f"polymask-{name}.lock", flags("RDWR", "CREAT"), 0o600)


def read_at(descriptor: int, size: int, offset: int) -> bytes:
    """Bytes of an open file from an offset, whatever its position."""
    if hasattr(os, "pread"):
        return os.pread(descriptor, size, offset)
    with _position:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, size)


def write_at(descriptor: int, data: bytes, offset: int) -> int:
    """Write to an open file from an offset, whatever its position; returns how many bytes were written."""
    if hasattr(os, "pwrite"):
        return os.pwrite(descriptor, data, offset)
    with _position:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.write(descriptor, data)


def set_mode(descriptor: int, mode: int) -> None:
    """Set the permissions of an open file, where the system has them."""
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, mode)


def host() -> str:
    """The name of this machine."""
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")


def machine() -> str:
    """A text for this machine, its boot and its container, within which process numbers are unique."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{host()} {boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return os.urandom(8).hex()  # equal to no other machine


def _at(folder: OpenFolder, name: str) -> tuple[str | Path, dict[str, int]]:
    return (name, {"dir_fd": folder}) if isinstance(folder, int) else (folder / name, {})


def _opened(folder: OpenFolder, name: str, opening: int, mode: int = 0o777) -> int:
    path, at = _at(folder, name)
    if isinstance(path, Path):
        _refuse_link(path)
    return os.open(path, opening, mode, **at)


def _folder(path: Path) -> Path:
    """The path of a folder that is there; raises as opening it would."""
    if not stat.S_ISDIR(path.stat().st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    return path


def _refuse_link(path: Path) -> None:
    """Raise `OSError` for a link; one that is planted between this look and the opening is followed."""
    if path.is_symlink() or getattr(path, "is_junction", bool)():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))


def _lock_byte(descriptor: int, *, wait: bool) -> bool:
    if msvcrt is None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
    position = os.lseek(descriptor, 0, os.SEEK_CUR)
    try:
        while True:
            os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
            try:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            except PermissionError:
                if not wait:
                    return False
                time.sleep(PAUSES[0])
            else:
                return True
    finally:
        os.lseek(descriptor, position, os.SEEK_SET)
