"""What lies beside an image's mask: instance ids, other encodings, a copy of its picture.

The manifest's line lists these files with their digests (`files`). When an image is written anew, those
that are not written with it would be stale; what is still byte for byte ours is removed.
"""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256

from polymask.conversion.dest.check import Dest
from polymask.conversion.dest.deleted import Entry
from polymask.errors import InputError
from polymask.layouts import Drawn, picture_path
from polymask.layouts.common.shared_files import DEFAULT_SPLIT


def companions(drawn: Drawn) -> dict[str, str]:
    """The digests of an image's files beside its mask, or the masks of its labels."""
    mask = drawn.mask.partition("#")[0]
    files = ((path, data) for path, data in drawn.files if path != mask and not path.startswith(f"{mask}/"))
    return {path: sha256(data).hexdigest() for path, data in files}


def kept(dest: Dest, entry: Entry, *, is_anew: bool) -> dict[str, str]:
    """Of the files that an image's line lists, those that stay: a picture in its place, or all."""
    files: dict[str, str] = entry.get("files", {})
    if not is_anew:
        return files
    picture = picture_path(dest.layout, entry["name"], dest.options) if files else ""
    return {path: digest for path, digest in files.items() if path == picture}


def stale(dest: Dest, entry: Entry, drawn: Drawn) -> list[str]:
    """The files of an image's earlier mask that would lie beside the new one, to be removed.

    Raises `InputError` for one that nothing proves to be ours, before anything of the image is written.
    """
    staying = {path for path, _ in drawn.files} | kept(dest, entry, is_anew=True).keys()
    paths = [path for path in dict.fromkeys(_earlier(dest, entry)) if path not in staying]
    for path in paths:
        data = dest.root.read(path)
        if data is not None and sha256(data).hexdigest() != entry.get("files", {}).get(path):
            raise InputError(
                (
                    f"{dest.root.path / path} would lie stale beside the new {drawn.mask}, and is not as "
                    "polymask wrote it"
                ),
                advice="move it away, or choose another DEST",
            )
    return paths


def files_of(dest: Dest, entry: Entry) -> list[str]:
    """The files of an image's earlier mask, and those beside it but a copy of its picture."""
    file = str(entry["mask"]).partition("#")[0]
    staying = kept(dest, entry, is_anew=True)
    return [path for path in dict.fromkeys([file, *_earlier(dest, entry)]) if path not in staying]


def _earlier(dest: Dest, entry: Entry) -> Iterator[str]:
    yield from entry.get("files", {})
    options = replace(dest.options, split=entry.get("split", DEFAULT_SPLIT), splits={})
    if not entry.get("labels"):
        for path in dest.layout.paths(entry["name"], options)[1:]:
            yield path.partition("#")[0]
