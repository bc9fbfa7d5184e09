"""`manifest.jsonl`: a line an image, telling what its mask is and what it was made of."""

from collections.abc import Mapping
from typing import Any

import msgspec

from polymask.errors import FormatError
from polymask.files import Root
from polymask.objects import ObjectRoot

MANIFEST = "manifest.jsonl"


def manifest_line(entry: Mapping[str, Any]) -> bytes:
    """An image's line as the manifest holds it."""
    return msgspec.json.encode(entry) + b"\n"


def read_manifest(root: Root | ObjectRoot) -> dict[str, dict[str, Any]]:
    """The manifest's lines by image name; none where there is no manifest.

    Raises `FormatError` naming the line that is damaged.
    """
    entries: dict[str, dict[str, Any]] = {}
    for number, line in enumerate((root.read(MANIFEST) or b"").splitlines(), 1):
        try:
            msgspec.json.decode(line, type=_Entry)
            entry = msgspec.json.decode(line)
            entries[entry["name"]] = entry
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise FormatError(
                f"{root.path / MANIFEST}: line {number} is damaged; move the file away and convert again"
            ) from None
    return entries


class _Entry(msgspec.Struct):
    """What a line must hold to be worked with; it may come from elsewhere."""

    name: str
    mask: str
    pixels_sha256: str
    labels: dict[str, str] = {}
    sources: list[tuple[int | str, str]] = []
    split: str = ""
