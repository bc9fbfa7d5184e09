"""The look of a file of no known format, by its first bytes, so that its author recognizes it."""

import re

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
