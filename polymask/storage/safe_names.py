"""Names from data: what stays below a root on any system, and what would collide there.

Names are refused, not mended: a name that is not refused is used as it is.
"""

import re
import unicodedata
from array import array
from collections.abc import Callable, Iterable

import numpy as np

from polymask.errors import InputError

WORK = ".polymask"  # where a run keeps what is in progress
LONGEST = 1024  # of a path below a root; systems hold 4096 bytes, or less
_BIDI = {"LRE", "LRO", "RLE", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}  # these turn names around on screen
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}


# what most names are: nothing but letters and digits, in parts too long to name a device
_PLAIN = re.compile(r"(?:[0-9A-Za-z_-]{5,99}/)*[0-9A-Za-z_-]{5,99}(?:\.[0-9A-Za-z]{1,9})?").fullmatch


def safe_path(name: str) -> str:
    """The name as a relative path with forward slashes, if it stays below a root on any system.

    Raises `InputError` for names that are empty, absolute, on a drive, hold `..`, a
    backslash, control or direction-changing characters, or that some systems cannot hold.

    >>> safe_path("train/0001.png")
    'train/0001.png'
    >>> safe_path("../up.png")
    Traceback (most recent call last):
    polymask.errors.InputError: '../up.png' is no safe file name: a part of it is '..'; give it another name
    """
    if len(name) <= LONGEST and _PLAIN(name):
        return name
    if len(name) > LONGEST or len(name.encode("utf-8", "surrogatepass")) > LONGEST:
        raise InputError(f"{name[:60]!r}… is no safe file name: it is longer than {LONGEST} bytes")
    for part in name.split("/"):
        if reason := _unsafe(part):
            raise InputError(f"{name!r} is no safe file name: {reason}", advice="give it another name")
    return name


def _unsafe(part: str) -> str | None:
    if part in ("", ".", ".."):
        return f"a part of it is {part!r}"
    if "\\" in part or part[1:2] == ":":
        return "a backslash or a drive letter means another folder on some systems"
    if not (part.isascii() and part.isprintable()) and _turns(part):
        return "it holds a control character"
    if part[-1] in ". ":
        return "a part of it ends in a dot or a space"
    if part.partition(".")[0].lower() in _DEVICES:
        return f"{part!r} names a device on some systems"
    if part == WORK or len(part.encode("utf-8", "surrogatepass")) > 255:
        return "a part of it is reserved" if part == WORK else "a part of it is longer than 255 bytes"
    return None


def _turns(part: str) -> bool:
    return any(unicodedata.category(c) in ("Cc", "Cs") or unicodedata.bidirectional(c) in _BIDI for c in part)


def refuse_collisions(planned: Callable[[], Iterable[tuple[str, str]]]) -> None:
    """Raise `InputError` where two images' paths are one on some system, or one lies inside another.

    `planned` gives (path, image name) pairs, each time it is called. Case and Unicode
    composition do not tell paths apart.
    """
    if _all_differ(path for path, _ in planned()):
        return
    taken: dict[str, str] = {}
    for path, image in planned():
        key = _folded(path)
        if key in taken:
            raise _both(taken[key], image, path)
        taken[key] = image
    folders: dict[str, str] = {}
    for key, image in taken.items():
        folder = key.rpartition("/")[0]
        while folder and folder not in folders:
            folders[folder] = image
            folder = folder.rpartition("/")[0]
    for folder in folders.keys() & taken.keys():
        raise InputError(f"'{folders[folder]}' needs a folder where the mask of '{taken[folder]}' goes")


APART = (
    "write a folder before the name of each in the annotations (one/a.jpg, two/a.jpg), "
    "or export and convert each task or subset by itself"
)


def _both(image: str, other: str, path: str) -> InputError:
    """Why two images are refused; `--where` chooses one only where their names differ."""
    if image == other:
        message = f"two images named '{image}' would both be written to {path}"
        return InputError(message, advice=APART)
    message = f"'{image}' and '{other}' would both be written to {path}"
    return InputError(message, advice="rename one, or choose with --where")


def _all_differ(paths: Iterable[str]) -> bool:
    """Whether no two paths are one and none is a folder of another for certain; takes little memory."""
    seen, folders = array("q"), set[str]()
    for path in paths:
        key = _folded(path)
        seen.append(hash(key))
        folder = key.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    hashes = np.sort(np.frombuffer(seen, np.int64))
    above = np.fromiter(map(hash, folders), np.int64, len(folders))
    return not (hashes[1:] == hashes[:-1]).any() and not np.isin(above, hashes).any()


def _folded(path: str) -> str:
    """What a path is on systems that tell neither case nor Unicode composition apart."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
