"""Masks read back from a folder: where they lie, what their values mean, and how to decode them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from polymask.errors import FormatError, NotFound
from polymask.files import disk_error
from polymask.labels import LabelMap
from polymask.layouts.tables import ID2LABEL
from polymask.limits import Limits
from polymask.model import IndexMask
from polymask.png import decode_png
from polymask.urls import Location, in_order, name_below

LABELS = "labels.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskFolder:
    """The index masks of a folder.

    `masks` tells the path of each by the image's name without suffix; `decode` turns such a
    path into a (height, width) mask of `label_map`'s values. `label_map` is None where
    nothing in the folder names the values. `labels_of`, where there is a mask for each label,
    gives those of a path, by label.
    """

    layout: str
    label_map: LabelMap | None
    masks: Mapping[str, str]
    decode: Callable[[str], IndexMask]
    labels_of: Callable[[str], Mapping[str, IndexMask]] | None = None


def read_bytes(path: Location) -> bytes:
    """A file's bytes; raises `NotFound` and other `BackendError`s."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise disk_error(error, path) from None


def read_png(path: Location, *, limits: Limits | None = None) -> IndexMask:
    """A gray or palette PNG's mask; raises `FormatError` naming the file."""
    data = read_bytes(path)
    try:
        return decode_png(data, limits=limits)
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from None


def stored_labels(folder: Location) -> LabelMap | None:
    """The label map that polymask, or a Hugging Face export, left in the folder."""
    for name in (LABELS, ID2LABEL):
        if (folder / name).is_file():
            return LabelMap.load(folder / name)
    return None


def masks_below(folder: Location, root: str, *, ending: str = ".png") -> dict[str, str]:
    """The files below `folder/root` with such an ending: paths in `folder`, by their names below root."""
    top = folder / root
    found = in_order(path for path in top.rglob(f"*{ending}") if path.is_file())
    return {name_below(path, top).removesuffix(ending): name_below(path, folder) for path in found}


def masks_by_split(folder: Location, root: str) -> dict[str, str]:
    """As `masks_below`, where the first folder below root is the split, which is no part of a name."""
    masks: dict[str, str] = {}
    for split in sorted(path.name for path in (folder / root).iterdir() if path.is_dir()):
        masks |= masks_below(folder, f"{root}/{split}")
    return masks


def png_folder(
    folder: Location, layout: str, masks: Mapping[str, str], *, label_map: LabelMap | None = None
) -> MaskFolder | None:
    """A folder whose PNGs are index masks already; None where it has none."""
    if not masks:
        return None
    named = stored_labels(folder) or label_map
    return MaskFolder(
        layout=layout, label_map=named, masks=masks, decode=lambda path: read_png(folder / path)
    )


def require_labels(folder: Location, label_map: LabelMap | None) -> LabelMap:
    """The label map; raises `NotFound` where a layout cannot be read without one."""
    if label_map is None:
        raise NotFound(f"{folder / LABELS}: no such file; nothing else there names the labels")
    return label_map
