"""Masks read back from a folder: where they lie, what their values mean, and how to decode them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from stat import S_ISDIR
from typing import TypeVar

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

LABELS = "labels.json"
Unsigned = TypeVar("Unsigned", bound=NDArray[np.unsignedinteger])


class Folder:
    """A folder that masks are read back from, and how large they may be.

    Every layout looks into it to see whether it is its own, so what was listed or read of it once
    is kept: each folder on disk is listed once, and its label files are read once.
    """

    def __init__(self, path: Location, limits: Limits | None = None, *, tree: Tree | None = None) -> None:
        self.path, self.limits, self.tree = path, limits or Limits(), tree or Tree(path)
        self._label_maps: dict[tuple[str, ...], LabelMap | None] = {}

    def __truediv__(self, name: str) -> Location:
        return self.path / name

    def glob(self, pattern: str) -> Iterable[Location]:
        """The files and folders right below it whose names match."""
        files, folders = self.tree.inside("")
        return (self.path / name for name in (*files, *folders) if fnmatchcase(name, pattern))

    def folders_in(self, root: str) -> list[str]:
        """The names of the folders right below `root`, sorted."""
        return sorted(self.tree.inside(root)[1])

    def label_map(self, names: Sequence[str]) -> LabelMap | None:
        """The label map in the first of these files that is there; raises `FormatError`, `LabelError`."""
        key = tuple(names)
        if key not in self._label_maps:
            path = next((self.path / name for name in names if (self.path / name).is_file()), None)
            self._label_maps[key] = _label_map(path) if path is not None else None
        return self._label_maps[key]

    def read(self, name: str) -> bytes:
        """A file's bytes; raises `LimitError` for too many, `NotFound` and other `BackendError`s."""
        path = self.path / name
        self.limits.check_bytes(path, _size(path))
        return read_bytes(path)

    def mask(self, name: str) -> IndexMask:
        """A gray or palette PNG's mask; raises `FormatError` and `LimitError` naming the file."""
        return self._decoded(name, decode_png)

    def colors(self, name: str) -> NDArray[np.uint8]:
        """A PNG's (height, width, 3) pixels; raises as `mask` does."""
        return self._decoded(name, decode_color)

    def _decoded(self, name: str, decode: Callable[..., Unsigned]) -> Unsigned:
        data = self.read(name)
        try:
            return decode(data, limits=self.limits)
        except (FormatError, LimitError) as error:
            raise type(error)(f"{self.path / name}: {error}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskFolder:
    """The index masks of a folder.

    `masks` tells the path of each by the image's name without suffix; `decode` turns such a
    path into a (height, width) mask of `label_map`'s values. `label_map` is None where
    nothing in the folder names the values. `labels_of`, where there is a mask for each label, gives those
    of a path with their labels, in label-map order, each when its turn comes; `frame_of` then tells the
    size of an image that may have none, if the folder does. `unscored` are the names that the layout's own
    scorers leave out where they are the truth.
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
        return stored.size if stored else 0  # reading it tells that it is not there
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
    """A text file's content; raises `FormatError` for what is no UTF-8."""
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FormatError("not UTF-8 text", file=path, advice="save it as UTF-8") from None


@contextmanager
def in_line(path: Location, number: int, expected: str) -> Iterator[None]:
    """Tell where a line is not what is expected: `FormatError` with the file and the line."""
    try:
        yield
    except (ValueError, IndexError):
        raise FormatError(f"{expected}", file=path, place=f"line {number}") from None


@contextmanager
def in_file(path: Location) -> Iterator[None]:
    """Tell the file in which something is wrong, in a `FormatError`, or in a `LimitError` of its own."""
    try:
        yield
    except LimitError as error:
        raise error.within(file=path) from None
    except InputError as error:
        advice = error.special_advice
        raise FormatError(error.message, file=path, place=error.place, advice=advice) from None


def stored_labels(folder: Folder, names: Sequence[str] = (LABELS, ID2LABEL)) -> LabelMap | None:
    """The label map that polymask, or a Hugging Face export, left in the folder."""
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
    """The files below `folder/root` with such an ending: paths in `folder`, by their names below root."""
    names = sorted((name for name in folder.tree.below(root) if name.endswith(ending)), key=_parts)
    top = "" if root == "." else f"{root}/"
    return {name.removesuffix(ending): top + name for name in names}


def _parts(name: str) -> list[str]:
    return name.split("/")


def masks_by_split(folder: Folder, root: str) -> dict[str, str]:
    """As `masks_below`, where the first folder below root is the split, which is no part of a name."""
    masks: dict[str, str] = {}
    for split in folder.folders_in(root):
        masks |= masks_below(folder, f"{root}/{split}")
    return masks


def png_folder(
    folder: Folder,
    layout: str,
    masks: Mapping[str, str],
    *,
    named: Callable[[], LabelMap | None] | None = None,
    unscored: frozenset[str] = frozenset(),
) -> MaskFolder | None:
    """A folder whose PNGs are index masks already; None where it has none.

    `named` reads the layout's own table, where nothing of polymask's names the values.
    """
    if not masks:
        return None
    label_map = stored_labels(folder) or (named() if named else None)
    return MaskFolder(layout=layout, label_map=label_map, masks=masks, decode=folder.mask, unscored=unscored)


def require_labels(folder: Folder, label_map: LabelMap | None) -> LabelMap:
    """The label map; raises `NotFound` where a layout cannot be read without one."""
    if label_map is None:
        raise NotFound("no such file; nothing else there names the labels", file=folder / LABELS)
    return label_map
