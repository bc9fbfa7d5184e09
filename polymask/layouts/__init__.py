"""Masks → files: one file a layout, one row in the table.

A layout is a module with `IMAGES` (the folder that copied pictures go to), `INDEX`
(whether it holds one index mask an image, or one mask a label), and four functions:

- `check(options)`: raise where these labels cannot be laid out this way;
- `paths(name)`: the paths that an image of this name will take, the mask's first;
- `draw(painting, options)`: an image's files, as a `Drawn`;
- `finish(drawn, options)`: the files that belong to all images together.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from polymask.errors import InputError
from polymask.labels import LabelMap
from polymask.semantic import Painting

LAYOUTS = {
    "index": "masks/<name>.png: one 8 or 16 bit index mask an image, and labels.json",
    "binary": "masks/<name>/<label>.png: one mask a label, 0 and 255; masks may overlap",
    "voc": "PASCAL VOC: palette PNGs, ImageSets, labelmap.txt",
    "coco": "annotations.json: one RLE annotation a label and image",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutOptions:
    """What a layout may be asked: the label map, the split's name, and whether to add instance ids."""

    label_map: LabelMap
    split: str = "train"
    instances: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What a layout made of one image.

    `mask` is the path (or `file#key`) of the mask, `pixels_sha256` the digest of its decoded
    pixels; where there is a mask for each label, `labels` holds their digests and
    `pixels_sha256` is `combined` of them. `row` is the image's share of a file that all
    images have in common.
    """

    name: str
    mask: str
    pixels_sha256: str
    files: tuple[tuple[str, bytes], ...] = ()
    labels: Mapping[str, str] | None = None
    row: bytes = b""


class Layout(Protocol):
    """What a layout module offers; see above."""

    IMAGES: str
    INDEX: bool

    def check(self, options: LayoutOptions) -> None: ...  # noqa: D102
    def paths(self, name: str) -> Sequence[str]: ...  # noqa: D102
    def draw(self, painting: Painting, options: LayoutOptions) -> Drawn: ...  # noqa: D102
    def finish(  # noqa: D102
        self, drawn: Iterable[Drawn], options: LayoutOptions
    ) -> Iterator[tuple[str, bytes]]: ...


def layout_named(name: str) -> Layout:
    """The layout's module; raises `InputError` for a name not in the table."""
    if name not in LAYOUTS:
        raise InputError(f"no layout '{name}'; there are: {', '.join(LAYOUTS)}")
    return cast("Layout", import_module(f"polymask.layouts.{name.replace('-', '_')}"))


def stem(name: str) -> str:
    """An image's name without its suffix, folders kept.

    >>> stem("train/0001.jpg")
    'train/0001'
    """
    folder, slash, last = name.rpartition("/")
    plain, dot, suffix = last.rpartition(".")
    return f"{folder}{slash}{plain}" if dot and plain and suffix else name
