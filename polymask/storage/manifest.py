"""`manifest.jsonl`: a line an image, telling what its mask is and what it was made of."""

from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from typing import IO, Annotated, Any

import msgspec

from polymask.errors import FormatError
from polymask.storage.disk import disk_error
from polymask.storage.local import Root
from polymask.storage.object_store import ObjectRoot

MANIFEST = "manifest.jsonl"
IN_MEMORY = 1 << 26  # bytes of lines
BLOCK = 1 << 20


def manifest_line(entry: Mapping[str, Any]) -> bytes:
    """An image's line as the manifest holds it."""
    return msgspec.json.encode(entry) + b"\n"


class Lines(Mapping[str, bytes]):
    """A run's lines by image name, in order: in memory while they are few, else in a temporary file.

    >>> lines = Lines()
    >>> lines.update({"b.jpg": b'{"name":"b.jpg"}\\n', "a.jpg": b'{"name":"a.jpg"}\\n'})
    >>> list(lines), lines["a.jpg"]
    (['b.jpg', 'a.jpg'], b'{"name":"a.jpg"}\\n')
    """

    def __init__(self) -> None:
        self._file: IO[bytes] = BytesIO()
        self._places: dict[str, int] = {}
        self._end = 0

    def update(self, lines: Mapping[str, bytes]) -> None:
        """Take lines in, behind those that are there."""
        text = b"".join(lines.values())
        try:
            if isinstance(self._file, BytesIO) and self._end + len(text) > IN_MEMORY:
                self._file = _on_disk(self._file.getvalue())
            self._file.seek(self._end)
            self._file.write(text)
        except OSError as error:
            raise disk_error(error, _temporary_folder()) from None
        for name, line in lines.items():
            self._places[name] = self._end
            self._end += len(line)

    def __getitem__(self, name: str) -> bytes:
        self._file.seek(self._places[name])
        return self._file.readline()

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __del__(self) -> None:
        self._file.close()


def _on_disk(text: bytes) -> IO[bytes]:
    """A temporary file that begins with a text, and goes when it is closed."""
    from tempfile import TemporaryFile  # quick to start without

    file: IO[bytes] = TemporaryFile()  # noqa: SIM115 - closed when the lines go
    file.write(text)
    return file


def _temporary_folder() -> str:
    from tempfile import gettempdir  # quick to start without

    return gettempdir()


def in_blocks(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines joined to blocks that are worth a call of the system."""
    block = bytearray()
    for line in lines:
        block += line
        if len(block) >= BLOCK:
            yield bytes(block)
            block.clear()
    yield bytes(block)


def is_made_of(text: bytes | None, lines: Iterable[bytes]) -> bool:
    """Whether there is a text, and it is these lines, one after another."""
    if text is None:
        return False
    at = 0
    for block in in_blocks(lines):
        if text[at : at + len(block)] != block:
            return False
        at += len(block)
    return at == len(text)


class Entries(Mapping[str, dict[str, Any]]):
    """The lines of a manifest by image name, each decoded when it is asked for: there may be millions.

    Raises `FormatError` naming the line that is damaged.

    >>> entries = Entries(b'{"name":"a.jpg","mask":"masks/a.png","mask_sha256":"00"}\\n', "manifest.jsonl")
    >>> entries["a.jpg"]["mask"], "b.jpg" in entries
    ('masks/a.png', False)
    """

    def __init__(self, text: bytes, path: object) -> None:
        self._text = text
        self._places: dict[str, int] = {}
        at = 0
        for number, line in enumerate(BytesIO(text), 1):
            try:
                msgspec.json.decode(line)  # what is not looked at here is looked at later
                self._places[_entry.decode(line).name] = at
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                raise FormatError(
                    f"line {number} is damaged", file=path, advice="move the file away and convert again"
                ) from None
            at += len(line)

    def __getitem__(self, name: str) -> dict[str, Any]:
        start = self._places[name]
        stop = self._text.find(b"\n", start)
        entry: dict[str, Any] = msgspec.json.decode(self._text[start : stop if stop >= 0 else None])
        return entry

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def read_manifest(root: Root | ObjectRoot) -> Entries:
    """The manifest's lines by image name; none where there is no manifest."""
    return Entries(root.read(MANIFEST) or b"", root.path / MANIFEST)


class _Entry(msgspec.Struct):
    """What a line must hold to be worked with; it may come from elsewhere."""

    name: str
    mask: str
    mask_sha256: str = ""
    pixels_sha256: str = ""  # of pictures, and of masks in earlier builds
    labels: dict[str, str] = {}
    files: dict[str, str] = {}
    sources: list[tuple[int | str, str]] = []
    remaining_sha256: str = ""
    split: str = ""
    height: Annotated[int, msgspec.Meta(gt=0)] | None = None
    width: Annotated[int, msgspec.Meta(gt=0)] | None = None
    pixel_rule: str = ""
    overlap: str = ""
    crowd: str = ""
    holes: str | None = None
    border: int = 0
    priority: list[str] = []

    def __post_init__(self) -> None:
        if not (self.mask_sha256 or self.pixels_sha256):
            raise ValueError("a line without a digest")


_entry = msgspec.json.Decoder(_Entry)
