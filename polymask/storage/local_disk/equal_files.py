"""Files that are known by their content: which backups lie in the place of their files again."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from itertools import chain
from pathlib import Path

from polymask.errors import BackendError
from polymask.storage.local_disk.durable import read_whole


def files_beside(folder: Path, backups: Mapping[str, Path]) -> dict[str, Path]:
    """The JSON files beside a folder, or in the folders there, that have the content of backups.

    `backups` are files by the SHA-256 of what they should hold, and so is the result.
    """
    sizes = {digest: path.stat().st_size for digest, path in backups.items() if path.is_file()}
    equal: dict[str, Path] = {}
    for path in _candidates(folder):
        if len(equal) == len(backups):
            break
        with suppress(BackendError, OSError):
            size = path.stat().st_size
            if any(sizes.get(digest, size) == size for digest in backups.keys() - equal.keys()):
                digest = sha256(read_whole(path)).hexdigest()
                equal |= {digest: path} if digest in backups else {}
    return equal


def _candidates(folder: Path) -> Iterator[Path]:
    above = folder.resolve().parent
    with suppress(OSError):
        paths = chain(above.glob("*.json"), above.glob("*/*.json"))
        yield from (path for path in paths if path.is_file())
