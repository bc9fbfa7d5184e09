"""Files that are known by their content: where a backup lies in place of its file again."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from itertools import chain
from pathlib import Path

from polymask.errors import BackendError
from polymask.storage.local_disk.durable import read_whole


def missing_files(digests: Iterable[str], near: Path, *, sizes: dict[str, int]) -> list[str]:
    """Those of some SHA-256 digests that no JSON file has in a folder, the one above it, or one beside it.

    `sizes` are the bytes of the files with these digests, as far as they are known, so that few are read.
    """
    wanted = list(dict.fromkeys(digests))
    missing = set(wanted)
    for path in _candidates(near) if missing else ():
        missing -= _digest(path, sizes=sizes, missing=missing)
        if not missing:
            break
    return [digest for digest in wanted if digest in missing]


def _candidates(folder: Path) -> Iterator[Path]:
    above = folder.resolve().parent
    with suppress(OSError):
        yield from chain(above.glob("*.json"), above.glob("*/*.json"))


def _digest(path: Path, *, sizes: dict[str, int], missing: set[str]) -> set[str]:
    with suppress(BackendError, OSError):
        size = path.stat().st_size
        if path.is_file() and any(sizes.get(digest, size) == size for digest in missing):
            return {sha256(read_whole(path)).hexdigest()}
    return set()
