"""Reading masks back from a folder: their paths, their label map, and their decoding."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from stat import S_ISDIR
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from polymask.codecs.png import decode_color, decode_png
from polymask.errors import FormatError, InputError, LabelError, LimitError, NotFound
from polymask.labels.label_map import LabelMap, from_text
from polymask.layouts.common.lookup import ID2LABEL
from polymask.limits import Limits
from polymask.model import Frame, IndexMask
from polymask.storage.disk import disk_error, regular
from polymask.storage.remote.urls import Location, Url
from polymask.storage.source_files import Tree
from polymask.storage.text_encodings import as_utf_8

LABELS = "labels.json"
Unsigned = TypeVar("Unsigned", bound=NDArray[np.unsignedinteger])


class Folder:
    """A folder of stored masks, with the limits for reading it.

    Every layout examines the folder to recognize it, so listings and label files are cached:
    each folder on disk is listed once, and each label file is read once.
    """

    def __init__(self, path: Location, limits: Limits | None = None, *, tree: Tree | None = None) -> None:
        self.path, self.limits, self.tree = path, limits or Limits(), tree or Tree(path)
        self._label_maps: dict[tuple[str, ...], LabelMap | None] = {}

    def __truediv__(self, name: str) -> Location:
        return self.path / name

    def glob(self, pattern: str) -> Iterable[Location]:
        """The files and folders directly inside whose names match."""
        files, folders = self.tree.inside("")
        return (self.path / name for name in (*files, *folders) if fnmatchcase(name, pattern))

    def named(self, root: str, pattern: str) -> list[str]:
        """The paths of the files right below `root` whose names match, sorted."""
        return sorted(f"{root}/{name}" for name in self.tree.inside(root)[0] if fnmatchcase(name, pattern))

    def label_map(self, names: Sequence[str]) -> LabelMap | None:
        """The label map in the first of the files that exists; raises `FormatError`, `LabelError`."""
        key = tuple(names)
        if key not in self._label_maps:
            path = next((self.path / name for name in names if (self.path / name).is_file()), None)
            self._label_maps[key] = _label_map(path) if path is not None else None
        return self._label_maps[key]

    def read(self, name: str) -> bytes:
        """The bytes of a file; raises `LimitError` for a large file, `NotFound` and other `BackendError`s."""
        path = self.path / name
        self.limits.check_bytes(path, _size(path))
        return read_bytes(path)

    def mask(self, name: str) -> IndexMask:
        """The mask in a gray or palette PNG; raises `FormatError` and `LimitError` naming the file."""
        return self.decoded(name, decode_png)

    def colors(self, name: str) -> NDArray[np.uint8]:
        """The (height, width, 3) pixels of a PNG; raises the errors of `mask`."""
        return self.decoded(name, decode_color)

    def decoded(self, name: str, decode: Callable[..., Unsigned]) -> Unsigned:
        """What `decode(data, limits=...)` makes of a file; raises the errors of `mask`."""
        data = self.read(name)
        try:
            return decode(data, limits=self.limits)
        except (FormatError, LimitError) as error:
            raise type(error)(f"{self.path / name}: {error}") from None


class MaskFolder(msgspec.Struct, frozen=True, kw_only=True):
    """The index masks of a folder.

    `masks` maps an image's name without suffix to the path of its mask; `decode` turns such a
    path into a (height, width) mask of `label_map`'s values. `label_map` is None where
    nothing in the folder names the values. In layouts with a mask per label, `labels_of` gives the
    labels and masks of a path, in label-map order, each decoded when iterated; `frame_of` gives the size
    of an image that may have no masks, if the folder records it. `unscored` are the labels of TRUTH that
    the layout's official scorers ignore.
    """

    layout: str
    label_map: LabelMap | None
    masks: Mapping[str, str]
    decode: Callable[[str], IndexMask]
    labels_of: Callable[[str], Iterable[tuple[str, IndexMask]]] | None = None
    frame_of: Callable[[str], Frame] | None = None
    unscored: frozenset[str] = frozenset()


def _size(path: Location) -> int:
    if isinstance(path, Url):
        stored = path.stored()
        return stored.size if stored else 0  # a missing file raises when it is read
    try:
        status = path.stat()
    except OSError as error:
        raise disk_error(error, path) from None
    if S_ISDIR(status.st_mode):
        raise FormatError("a folder, where a mask should be", file=path)
    return status.st_size


def read_bytes(path: Location) -> bytes:
    """A regular file's bytes; raises `BackendError`, and `InputError` for a pipe or a device."""
    return regular(path)


def read_text(path: Location) -> str:
    """The content of a text file; raises `FormatError` if it is not UTF-8."""
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError("not UTF-8 text", file=path, advice=as_utf_8(path, error.object)) from None


@contextmanager
def in_line(path: Location, number: int, expected: str) -> Iterator[None]:
    """Turn errors inside into a `FormatError` that says what is `expected` in the file and line."""
    try:
        yield
    except (ValueError, IndexError):
        raise FormatError(f"{expected}", file=path, place=f"line {number}") from None


@contextmanager
def in_file(path: Location) -> Iterator[None]:
    """Turn input errors inside into a `FormatError` that names the file; add the file to a `LimitError`."""
    try:
        yield
    except LimitError as error:
        raise error.within(file=path) from None
    except InputError as error:
        advice = error.special_advice
        raise FormatError(error.message, file=path, place=error.place, advice=advice) from None


def stored_labels(folder: Folder, names: Sequence[str] = (LABELS, ID2LABEL)) -> LabelMap | None:
    """The label map that polymask or a Hugging Face export stored in the folder."""
    return folder.label_map(names)


def _label_map(path: Location) -> LabelMap:
    text = read_text(path)
    if path.name.endswith(".json") and not text.lstrip().startswith(("{", "[")):
        raise FormatError("damaged, or no JSON", file=path, advice="put another copy there, or remove it")
    try:
        return from_text(text)
    except LabelError as error:
        raise error.within(file=path) from None


def masks_below(folder: Folder, root: str, *, ending: str = ".png") -> dict[str, str]:
    """The files below `folder/root` with an ending: paths in `folder`, by names below `root`."""
    names = sorted((name for name in folder.tree.below(root) if name.endswith(ending)), key=_parts)
    top = "" if root == "." else f"{root}/"
    return {name.removesuffix(ending): top + name for name in names}


def _parts(name: str) -> list[str]:
    return name.split("/")


def masks_by_split(folder: Folder, root: str) -> dict[str, str]:
    """As `masks_below`, but names do not include the first folder below `root`, the split."""
    below = masks_below(folder, root)
    return shortened({name: path for name, path in below.items() if "/" in name}, after_first)


def after_first(name: str) -> str:
    """A name without its first folder."""
    return name.partition("/")[2]


def shortened(masks: Mapping[str, str], shorten: Callable[[str], str]) -> dict[str, str]:
    """Masks by shortened names; names that would then be the same stay long, so that no mask is lost.

    Examples:
        >>> shortened({"train/a": "1", "val/a": "2", "val/b": "3"}, after_first)
        {'train/a': '1', 'val/a': '2', 'b': '3'}
    """
    times = Counter(map(shorten, masks))
    short = {shorten(name) if times[shorten(name)] == 1 else name: path for name, path in masks.items()}
    return short if len(short) == len(masks) else dict(masks)


def png_folder(
    folder: Folder,
    layout: str,
    masks: Mapping[str, str],
    *,
    named: Callable[[], LabelMap | None] | None = None,
    unscored: frozenset[str] = frozenset(),
) -> MaskFolder | None:
    """A folder whose PNGs are index masks; None where it has none.

    `named` reads the layout's table of labels, if no labels.json or id2label.json names the values.
    """
    if not masks:
        return None
    label_map = stored_labels(folder) or (named() if named else None)
    return MaskFolder(layout=layout, label_map=label_map, masks=masks, decode=folder.mask, unscored=unscored)


def require_labels(folder: Folder, label_map: LabelMap | None) -> LabelMap:
    """The label map; raises `NotFound` if it is None, for layouts that cannot be read without labels."""
    if label_map is None:
        raise NotFound("no such file, and no other file names the labels", file=folder / LABELS)
    return label_map
