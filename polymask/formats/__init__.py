"""Annotation files → image records: one file a format, one row in the table.

A format is a module with two functions: `sniff(content)`, whether a file's content is
of this format, and `read(content, options)`, which gives an `Annotations`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from polymask.errors import BackendError, FormatError, InputError, NotFound, unknown
from polymask.files import disk_error
from polymask.formats.content import Content
from polymask.model import Finding, ImageRecord, Limits, Skipped

FORMATS = {
    "coco": "COCO instances: polygons, compressed and uncompressed RLE; results lists",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """What a reader may be asked: limits, and whether malformed records are left out and reported."""

    limits: Limits = field(default_factory=Limits)
    skip_invalid: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotations:
    """What a format found in a file: the images it declares, each decoded when asked for.

    `categories` are the (name, category id or None) pairs in the source's own order;
    `decode(i)` gives the record of the image `names[i]`; `used` counts the instances by
    label. `skipped` are the malformed
    records that were left out, `unsegmented` counts those that paint nothing, and
    `findings` are oddities that do no harm.
    """

    path: Path
    format: str
    categories: tuple[tuple[str, int | None], ...]
    names: Sequence[str]
    decode: Callable[[int], ImageRecord]
    used: Mapping[str, int]
    skipped: tuple[Skipped, ...] = ()
    unsegmented: int = 0
    findings: tuple[Finding, ...] = ()

    def __iter__(self) -> Iterator[ImageRecord]:
        return map(self.decode, range(len(self.names)))


class Format(Protocol):
    """What a format module offers."""

    def sniff(self, content: Content) -> bool: ...  # noqa: D102
    def read(self, content: Content, options: ReadOptions) -> Annotations: ...  # noqa: D102


def _module(name: str) -> Format:
    return cast("Format", import_module(f"polymask.formats.{name.replace('-', '_')}"))


def open_annotations(
    path: str | Path,
    *,
    format: str | None = None,
    options: ReadOptions | None = None,
) -> Annotations:
    """The annotations in a file, of the named format or of the one its content shows.

    Raises `NotFound` for no file, `InputError` for an unknown format, `FormatError`
    for content that is not what the format says.
    """
    path = Path(path)
    if not path.exists():
        raise NotFound(f"{path}: no such file or folder")
    if format is not None and format not in FORMATS:
        raise InputError(unknown("format", format, FORMATS))
    content = Content(path)
    try:
        module = _module(format) if format else _sniffed(content)
        return module.read(content, options or ReadOptions())
    except BackendError:
        raise
    except OSError as error:
        raise disk_error(error, path) from None


def _sniffed(content: Content) -> Format:
    for name in FORMATS:
        if (module := _module(name)).sniff(content):
            return module
    known = ", ".join(FORMATS)
    raise FormatError(f"{content.path}: none of the formats polymask reads ({known}); name one with --from")


def read(
    path: str | Path,
    *,
    format: str | None = None,
    limits: Limits | None = None,
) -> Iterator[ImageRecord]:
    """The image records of an annotation file, one after another.

    The whole file is checked before the first record comes. Raises `FormatError`
    naming the file and the JSON path of what is wrong.

    >>> for record in read("fixtures/shapes/instances.json"):
    ...     print(record.name, record.frame, len(record.instances))
    harbor.png (120, 160) 6
    meadow.png (120, 160) 5
    empty.png (120, 160) 0
    """
    yield from open_annotations(path, format=format, options=ReadOptions(limits=limits or Limits()))
