"""File names from data: whether they stay below a root on any system, and whether they collide there.

Unsafe names are refused and not repaired; all others are used unchanged.
"""

import os
import re
import unicodedata
from array import array
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import numpy as np

from polymask.errors import FormatError, InputError

WORK = ".polymask"  # the folder for the files of an unfinished run, the journal and backups
LONGEST = 1024  # bytes of a path below a root; systems allow 4096, or fewer
_BIDI = {
    "LRE",
    "LRO",
    "RLE",
    "RLO",
    "PDF",
    "LRI",
    "RLI",
    "FSI",
    "PDI",
}  # they reverse text on screen
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}


# most names: only letters and digits, in parts that are too long for the name of a device
_PLAIN = re.compile(r"(?:[0-9A-Za-z_-]{5,99}/)*[0-9A-Za-z_-]{5,99}(?:\.[0-9A-Za-z]{1,9})?").fullmatch


def safe_path(name: str) -> str:
    """The name, unchanged, if it is a relative path that stays below a root on any system.

    Raises:
        InputError: The name is empty, absolute or on a drive, has `..`, a backslash, control or
            direction-changing characters, or is not possible on some system.

    Examples:
        >>> safe_path("train/0001.png")
        'train/0001.png'
        >>> safe_path("../up.png")
        Traceback (most recent call last):
        polymask.errors.InputError: '../up.png' is no safe file name: a part of it is '..'; give it ano...
    """
    if len(name) <= LONGEST and _PLAIN(name):
        return name
    if len(name) > LONGEST or len(name.encode("utf-8", "surrogatepass")) > LONGEST:
        raise InputError(f"{name[:60]!r}… is no safe file name: it is longer than {LONGEST} bytes")
    for part in name.split("/"):
        if reason := _unsafe(part):
            raise InputError(
                f"{name!r} is no safe file name: {reason}",
                advice="give it another name, or choose images with --where",
            )
    return name


def member_path(archive: object, name: str, *, names: Collection[str]) -> str:
    """The path of an archive's member, as messages show it; `names` are those of earlier members.

    Raises:
        FormatError: The name is not safe, or occurs twice.
    """
    try:
        safe_path(name)
    except InputError as error:
        raise FormatError(f"{error}", file=archive) from None
    if name in names:
        raise FormatError(f"{archive}/{name}: the archive has this name twice")
    return f"{archive}/{name}"


def _unsafe(part: str) -> str | None:
    if part in ("", ".", ".."):
        return f"a part of it is {part!r}"
    if "\\" in part or part[1:2] == ":":
        return "a backslash or a drive letter means another folder on some systems"
    if not (part.isascii() and part.isprintable()) and _has_control(part):
        return "it holds a control character"
    if part[-1] in ". ":
        return "a part of it ends in a dot or a space"
    if part.partition(".")[0].lower() in _DEVICES:
        return f"{part!r} names a device on some systems"
    if part == WORK or len(part.encode("utf-8", "surrogatepass")) > 255:
        return "a part of it is reserved" if part == WORK else "a part of it is longer than 255 bytes"
    return None


def _has_control(part: str) -> bool:
    return any(unicodedata.category(c) in ("Cc", "Cs") or unicodedata.bidirectional(c) in _BIDI for c in part)


def refuse_collisions(planned: Callable[[], Iterable[tuple[str, str]]]) -> None:
    """Raise `InputError` if two images' paths are equal on some system, or one lies inside another.

    `planned` returns (path, image name) pairs, anew for each call. Paths that differ only in case or
    in Unicode composition count as equal.
    """
    if _surely_differ(path for path, _ in planned()):
        return
    images: dict[str, str] = {}
    for path, image in planned():
        key = _folded(path)
        if key in images:
            raise _collision(images[key], image, path)
        images[key] = image
    folders: dict[str, str] = {}
    for key, image in images.items():
        folder = key.rpartition("/")[0]
        while folder and folder not in folders:
            folders[folder] = image
            folder = folder.rpartition("/")[0]
    for folder in folders.keys() & images.keys():
        raise InputError(f"'{folders[folder]}' needs a folder where the mask of '{images[folder]}' goes")


APART = (
    "write a folder before the name of each in the annotations (one/a.jpg, two/a.jpg), "
    "or export and convert each task or subset by itself"
)


def _collision(image: str, other: str, path: str) -> InputError:
    """The error for two images with the same path; `--where` can choose one only if their names differ."""
    if image == other:
        message = f"two images named '{image}' would both be written to {path}"
        return InputError(message, advice=APART)
    message = f"'{image}' and '{other}' would both be written to {path}"
    return InputError(message, advice="rename one, or choose with --where")


def _surely_differ(paths: Iterable[str]) -> bool:
    """Whether all paths surely differ and none is a folder of another; compares hashes to save memory."""
    path_hashes, folders = array("q"), set[str]()
    for path in paths:
        key = _folded(path)
        path_hashes.append(hash(key))
        folder = key.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    hashes = np.sort(np.frombuffer(path_hashes, np.int64))
    folder_hashes = np.fromiter(map(hash, folders), np.int64, len(folders))
    return not (hashes[1:] == hashes[:-1]).any() and not np.isin(folder_hashes, hashes).any()


def _folded(path: str) -> str:
    """A path in the form in which systems compare it that ignore case and Unicode composition."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def is_possible(path: Path) -> bool:
    """Whether a system may have such a path: no NUL, no part above 255 bytes, no more than 4,095 in all."""
    data = os.fsencode(path)
    return b"\0" not in data and len(data) < 4096 and all(len(part) < 256 for part in data.split(b"/"))
