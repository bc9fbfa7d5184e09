"""Folders of masks: which layout they are of, and which converted folder they are a part of."""

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import cast

from polymask.errors import FormatError, InputError, LimitError
from polymask.formats import camvid
from polymask.formats.reading.content import Content
from polymask.labels.id_masks import id_mask
from polymask.layouts import LAYOUTS, layout_named
from polymask.layouts.common.read_back import Folder, MaskFolder, masks_below, png_folder
from polymask.storage.image_names import stem
from polymask.storage.manifest import MANIFEST, read_manifest
from polymask.storage.remote.urls import Location
from polymask.storage.roots.object_store import open_root
from polymask.storage.source_files import Place

CLASSES = "SegmentationClass"
EXPLAINED = ("label_colors.txt", "class_dict.csv", "_classes.csv")
BARE = "png"  # instead of a layout's name
MOST_ABOVE = 8


def open_mask_folder(folder: Folder) -> MaskFolder | None:
    """The masks of a folder, read by the layout that recognizes it; None where no layout does.

    Layouts with the clearest signs stand last in the table, and are tried first.
    """
    for name in reversed(LAYOUTS):
        reader = getattr(layout_named(name), "open_folder", None)
        if reader is not None and (masks := reader(folder)) is not None:
            return cast("MaskFolder", masks)
    return _bare(folder)


def _bare(folder: Folder) -> MaskFolder | None:
    """A folder of gray or palette PNGs without any file that explains them; None for pictures."""
    masks = masks_below(folder, ".")
    if any(map(_is_explained, folder.tree.below())) or _is_camvid(folder, masks.values()):
        return None  # a format that reads masks with their table takes them
    try:
        for first in list(masks.values())[:1]:
            folder.mask(first)
    except LimitError:
        raise
    except InputError:
        return None
    return png_folder(folder, BARE, masks)


def _is_explained(name: str) -> bool:
    """Whether a file explains the values of the masks, or which of them are label masks."""
    path = PurePosixPath(name)
    return path.name in EXPLAINED or CLASSES in path.parts or id_mask(name) is not None


def _is_camvid(folder: Folder, masks: Iterable[str]) -> bool:
    """Whether a list of pairs shows that the masks are SegNet's CamVid."""
    split = next((part for path in masks for part in PurePosixPath(path).parts if part.endswith("annot")), "")
    lists = [name for name in folder.tree.below() if name.endswith(f"{split.removesuffix('annot')}.txt")]
    place = Place(folder.path, folder.limits, tree=folder.tree)
    return bool(split) and any(camvid.sniff(Content(place.file(name))) for name in lists[:1])


def converted_above(path: Location) -> tuple[Location, frozenset[str]] | None:
    """The converted folder that a folder is a part of, and the images whose masks are in that part.

    The images are named without suffix. None where no manifest above lists a mask below `path`.
    """
    path = path.resolve() if isinstance(path, Path) and ".." in path.parts else path.absolute()
    for folder in _above(path):
        below = PurePosixPath(*path.parts[len(folder.parts) :])
        if images := _listed_below(folder, f"{below}/"):
            return folder, images
    return None


def _above(path: Location) -> Iterator[Location]:
    """The nearest folders above that have a manifest."""
    folder = path
    for _ in range(MOST_ABOVE):
        if folder.parent == folder:
            return
        folder = folder.parent
        if (folder / MANIFEST).is_file():
            yield folder


def _listed_below(folder: Location, below: str) -> frozenset[str]:
    """The images whose masks a manifest lists below a folder; none for a manifest of another program."""
    try:
        entries = read_manifest(open_root(folder))
    except FormatError:
        return frozenset()
    return frozenset(stem(name) for name in entries if f"{entries[name]['mask']}/".startswith(below))
