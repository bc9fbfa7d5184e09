"""Bytes of items: stored, lying in somebody's folder, or blank until asked for."""

import io
import mimetypes
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image

from polymask.codecs.pictures import opened_picture
from polymask.errors import InputError

_ORIENTATION = 0x0112
# Anything but JPEG is served as PNG, which has every size and orientation.
_MAKERS = {"image/jpeg": "JPEG"}


class Pictures:
    """The bytes of every item, by item id.

    With a folder they are files in it; without, they stay in memory. An item
    without bytes has a blank picture of its recorded size.

    Examples:
        >>> pictures = Pictures()
        >>> pictures.save("1", b"abc")
        >>> pictures.load("1", {})
        b'abc'
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._memory: dict[str, bytes] = {}
        self._links: dict[str, Path] = {}
        if folder:
            folder.mkdir(parents=True, exist_ok=True)

    def save(self, item_id: str, data: bytes) -> None:
        """Keep the bytes of an item."""
        if self._folder is None:
            self._memory[item_id] = data
            return
        # Renamed when complete: a half-written picture must never be served.
        part = self._folder / f"{item_id}.part"
        part.write_bytes(data)
        part.replace(self._folder / item_id)

    def link(self, item_id: str, path: Path) -> None:
        """Let an item's bytes be those of a file that stays where it is."""
        if self._folder is None:
            self._links[item_id] = path
        else:
            (self._folder / item_id).symlink_to(path.resolve())

    def copy(self, item_id: str, other_id: str) -> None:
        """Give an item the bytes of another, if that has any but a blank picture."""
        if path := self._file(item_id):
            self.link(other_id, path) if item_id in self._links else self.save(other_id, path.read_bytes())
        elif item_id in self._memory:
            self._memory[other_id] = self._memory[item_id]

    def load(self, item_id: str, system: dict[str, Any]) -> bytes:
        """Return an item's bytes; `system` is its `metadata.system`, for a blank picture."""
        if item_id in self._memory:
            return self._memory[item_id]
        path = self._file(item_id)
        return path.read_bytes() if path else blank_of(system)

    def _file(self, item_id: str) -> Path | None:
        # A linked file may have gone since; blank is then all there is.
        path = self._links.get(item_id) or (self._folder / item_id if self._folder else None)
        return path if path and path.exists() else None

    def remove(self, item_id: str) -> None:
        """Forget the bytes of an item, if there are any."""
        self._memory.pop(item_id, None)
        self._links.pop(item_id, None)
        if self._folder:
            (self._folder / item_id).unlink(missing_ok=True)


def describe(name: str, data: bytes) -> dict[str, Any]:
    """Return what `metadata.system` says of bytes: size, mimetype, and a picture's stored size.

    Width and height are those of the stored pixels; an EXIF orientation is
    named beside them, not applied.

    Examples:
        >>> describe("note.txt", b"hello")
        {'originalname': 'note.txt', 'size': 5, 'encoding': '7bit', 'mimetype': 'text/plain'}
    """
    facts = {"originalname": name, "size": len(data), "encoding": "7bit", "mimetype": guess_mimetype(name)}
    try:
        with opened_picture(io.BytesIO(data)) as picture:
            facts |= _picture_facts(picture)
    except InputError:
        # Not a picture, or none that can be measured: the platform stores it all the same.
        return facts
    return facts


def describe_blank(
    name: str, size: tuple[int, int], *, mimetype: str | None = None, orientation: int | None = None
) -> dict[str, Any]:
    """Return `metadata.system` of an item without bytes; `size` is (width, height) in stored pixels."""
    facts: dict[str, Any] = {"originalname": name, "encoding": "7bit", "width": size[0], "height": size[1]}
    facts["mimetype"] = mimetype or guess_mimetype(name)
    if orientation:
        facts["exif"] = {"Orientation": orientation}
    return facts | {"size": len(blank_of(facts))}


def guess_mimetype(name: str) -> str:
    """Return the mimetype that a file name suggests."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def blank_of(system: dict[str, Any]) -> bytes:
    """Return the black picture that an item's `metadata.system` describes; the same bytes each time."""
    orientation = (system.get("exif") or {}).get("Orientation")
    maker = _MAKERS.get(str(system.get("mimetype")), "PNG")
    return _blank(system.get("width") or 1, system.get("height") or 1, orientation, maker)


# A seed has thousands of items and a handful of sizes.
@lru_cache(512)
def _blank(width: int, height: int, orientation: int | None, maker: str) -> bytes:
    exif = Image.Exif()
    if orientation:
        exif[_ORIENTATION] = orientation
    buffer = io.BytesIO()
    Image.new("L", (width, height)).save(buffer, maker, exif=exif)
    return buffer.getvalue()


def _picture_facts(picture: Image.Image) -> dict[str, Any]:
    facts: dict[str, Any] = {"width": picture.width, "height": picture.height}
    if picture.format in Image.MIME:
        facts["mimetype"] = Image.MIME[picture.format]
    orientation = picture.getexif().get(_ORIENTATION)
    return facts | ({"exif": {"Orientation": orientation}} if orientation else {})
