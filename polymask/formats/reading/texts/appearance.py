"""The look of a file of no known format, by its first bytes, so that its author recognizes it."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

import msgspec

from polymask.errors import FormatError
from polymask.formats.reading.content import Content

_MOST_KEYS = 6  # of a JSON object, in a message
_HEAD = 4096
_MAGIC = {
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"BM": "a BMP picture",
    b"II*\0": "a TIFF picture",
    b"MM\0*": "a TIFF picture",
    b"%PDF": "a PDF document",
    b"\x93NUMPY": "a NumPy array",
    b"\x80": "a Python pickle",
    b"\x89HDF": "an HDF5 file",
    b"SQLite": "an SQLite database",
}
PACKED = tuple(kind for kind in _MAGIC.values() if kind.endswith(" archive"))
_HTML = re.compile(rb"<(!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_ELEMENT = re.compile(rb"<([A-Za-z_][\w.:-]*)")


def appearance(content: Content) -> str:
    """What a file looks like: a picture, an archive, HTML, JSON with these keys, a text that begins so."""
    head = content.data[:_HEAD].removeprefix(b"\xef\xbb\xbf").lstrip()
    if known := next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None):
        return known
    if head.startswith(b"<"):
        return _markup(head)
    if content.is_json:
        return _json(content)
    line = head.partition(b"\n")[0][:40].decode(errors="replace").strip()
    return f"a text that begins with {line!r}" if line.isprintable() and b"\0" not in head else "binary data"


def _markup(head: bytes) -> str:
    if _HTML.search(head):
        return "a page of HTML, not a download"
    element = _ELEMENT.search(head)
    return f"XML of the element <{element[1].decode(errors='replace')}>" if element else "XML"


def _json(content: Content) -> str:
    try:
        keys = [*content.top]
    except (FormatError, msgspec.DecodeError) as error:
        return f"damaged JSON ({getattr(error, 'message', error)})"
    shown = ", ".join(key[:40] for key in keys[:_MOST_KEYS]) + (", …" if len(keys) > _MOST_KEYS else "")
    kind = "a JSON list of objects" if content.is_list else "a JSON object"
    return f"{kind} with the keys {shown}" if keys else "JSON without any keys"


ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
_LISTED = (
    "export one that `polymask formats` lists (docs/tools.md says which export of each tool to take), or "
    "name its format with --from"
)
_UNPACKED = "unpack it, and name what is in it"
_OF_MASKS = "; --from masks, if its PNGs are masks"


def no_format(content: Content, candidates: Sequence[Content]) -> FormatError:
    """The error for a source that shows no format; `candidates` are its files that may hold annotations."""
    if content.place.is_file and content.data.split() in ([b"[]"], [b"[", b"]"]):
        return FormatError(
            "an empty list, so the file has no images",
            file=content.path,
            advice="export it again, or leave it out",
        )
    archives = [name for name in content.place.names if name.lower().endswith(ARCHIVES)]
    if content.place.zip and archives:
        return FormatError(
            f"an archive of archives ({archives[0]}), which are not read within one another",
            file=content.path,
            advice="unpack it, and name the folder, or the archive in it that holds the annotations",
        )
    if content.path.is_dir():
        return FormatError(
            f"{content.path} is a folder, and no file in it shows a format that polymask reads"
            + _look_of(candidates, content),
            advice=f"name one of the archives in it, {archives[0]}"
            if archives
            else f"{_LISTED}{_OF_MASKS if _only_pngs(candidates) else ''}",
        )
    look = _look_of(candidates, content)
    return FormatError(
        f"none of the formats polymask reads{look}",
        file=content.path,
        advice=_UNPACKED if look.endswith(PACKED) else _LISTED,
    )


def _look_of(candidates: Sequence[Content], content: Content) -> str:
    """What the first of the files looks like that might have been annotations."""
    if not candidates:
        return f", e.g. {content.place.names[0]} is of none"
    first = f", e.g. {candidates[0].name}" if len(candidates) > 1 else ""
    return f"{first}: it looks like {appearance(candidates[0])}"


def _only_pngs(candidates: Sequence[Content]) -> bool:
    """Whether only PNGs could be annotations: they are photos, or masks that look like photos."""
    return {PurePosixPath(file.name).suffix.lower() for file in candidates} == {".png"}
