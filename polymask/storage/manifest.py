"""`manifest.jsonl`: one line per image, on its mask and on the record that the mask was made from."""

import re
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from typing import Annotated, Any

import msgspec

from polymask.errors import FormatError
from polymask.storage.local_disk.spill import Spill
from polymask.storage.roots.local import Root
from polymask.storage.roots.object_store import ObjectRoot

MANIFEST = "manifest.jsonl"
BLOCK = 1 << 20
_IN_A_FILE = re.compile(r"([^/#]+\.json)#(.*)", re.DOTALL)


def file_and_part(path: str) -> tuple[str, str]:
    """The file of a mask's path, and the image within it if all images share one JSON file, else "".

    A `#` in an image's own name parts nothing.

    Examples:
        >>> file_and_part("annotations.json#plot #1.png"), file_and_part("masks/plot #1.png")
        (('annotations.json', 'plot #1.png'), ('masks/plot #1.png', ''))
    """
    match = _IN_A_FILE.fullmatch(path)
    return (match[1], match[2]) if match else (path, "")


def manifest_line(entry: Mapping[str, Any]) -> bytes:
    """An image's entry as a line of the manifest."""
    return msgspec.json.encode(entry) + b"\n"


class Lines(Mapping[str, bytes]):
    """A run's lines by image name, in order; if they are many, they are kept in a temporary file.

    Examples:
        >>> lines = Lines()
        >>> lines.update({"b.jpg": b'{"name":"b.jpg"}\\n', "a.jpg": b'{"name":"a.jpg"}\\n'})
        >>> list(lines), lines["a.jpg"]
        (['b.jpg', 'a.jpg'], b'{"name":"a.jpg"}\\n')
    """

    def __init__(self) -> None:
        self._spill = Spill()
        self._numbers: dict[str, int] = {}

    def update(self, lines: Mapping[str, bytes]) -> None:
        """Append lines."""
        for name, line in lines.items():
            self._numbers[name] = self._spill.put(line)

    def __getitem__(self, name: str) -> bytes:
        return self._spill.get(self._numbers[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)


def in_blocks(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines joined into blocks that are large enough for a system call."""
    block = bytearray()
    for line in lines:
        block += line
        if len(block) >= BLOCK:
            yield bytes(block)
            block.clear()
    yield bytes(block)


def is_made_of(text: bytes | None, lines: Iterable[bytes]) -> bool:
    """Whether a text exists and consists of the lines, one after another."""
    if text is None:
        return False
    start = 0
    for block in in_blocks(lines):
        if text[start : start + len(block)] != block:
            return False
        start += len(block)
    return start == len(text)


class Entries(Mapping[str, dict[str, Any]]):
    """The entries of a manifest by image name, each decoded at access, as there may be millions.

    Raises:
        FormatError: A line is damaged; the message names its number.

    Examples:
        >>> line = b'{"name":"a.jpg","mask":"masks/a.png","mask_sha256":"00"}\\n'
        >>> entries = Entries(line, "manifest.jsonl")
        >>> entries["a.jpg"]["mask"], "b.jpg" in entries
        ('masks/a.png', False)
    """

    def __init__(self, text: bytes, path: object) -> None:
        self._text = text
        self._starts: dict[str, int] = {}
        start = 0
        for number, line in enumerate(BytesIO(text), 1):
            try:
                msgspec.json.decode(line)  # all members, as `_entry` skips those that it does not know
                self._starts[_entry.decode(line).name] = start
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                raise FormatError(
                    f"line {number} is damaged", file=path, advice="move the file away and convert again"
                ) from None
            start += len(line)

    def __getitem__(self, name: str) -> dict[str, Any]:
        start = self._starts[name]
        stop = self._text.find(b"\n", start)
        entry: dict[str, Any] = msgspec.json.decode(self._text[start : stop if stop >= 0 else None])
        return entry

    def __iter__(self) -> Iterator[str]:
        return iter(self._starts)

    def __len__(self) -> int:
        return len(self._starts)


def read_manifest(root: Root | ObjectRoot) -> Entries:
    """The manifest's entries by image name; empty if there is no manifest."""
    return Entries(root.read(MANIFEST) or b"", root.path / MANIFEST)


Count = Annotated[int, msgspec.Meta(ge=0)]
Size = Annotated[int, msgspec.Meta(gt=0)]


class _TilePlace(msgspec.Struct):
    """Where a tile lies in its image, and how that was cut."""

    image: str
    frame: tuple[Size, Size]
    window: tuple[Count, Count, Size, Size]
    size: tuple[Size, Size]
    overlap: Count


class _Entry(msgspec.Struct):
    """The members of a line that polymask reads, with their types; the line may come from elsewhere."""

    name: str
    mask: str
    mask_sha256: str = ""
    pixels_sha256: str = ""  # the digest of pictures, and of masks in earlier builds
    labels: dict[str, str] = {}
    files: dict[str, str] = {}
    sources: list[tuple[int | str, str]] = []
    remaining_sha256: str = ""
    split: str = ""
    split_ratio: list[float] = []
    seed: int = 0
    split_by: str = ""
    height: Size | None = None
    width: Size | None = None
    pixel_rule: str = ""
    overlap: str = ""
    crowd: str = ""
    holes: str | None = None
    border: int = 0
    priority: list[str] = []
    tile: _TilePlace | None = None

    def __post_init__(self) -> None:
        if not (self.mask_sha256 or self.pixels_sha256):
            raise ValueError("a line without a digest")


_entry = msgspec.json.Decoder(_Entry)
