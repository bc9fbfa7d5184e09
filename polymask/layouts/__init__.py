"""Masks → files; each layout has a module and a row in the table.

A layout is a module with `IMAGES` (the folder that copied pictures go to; `{split}` stands
for the image's split), `INDEX` (whether it stores an index mask per image, or a mask per
label), and four functions. Where each split has a folder of masks, `MASKS` names it, as `IMAGES` that of
pictures; where lists of splits are not `splits/{split}.txt`, `LISTS` names them. The functions are:

- `check(options)`: raise an error if the labels do not fit into the layout;
- `paths(name, options)`: the paths of an image's files, the mask's first;
- `draw(painting, options)`: an image's files, as a `Drawn`;
- `finish(drawn, options)`: the files that all images share.

Some layouts have further functions:

- `open_folder(folder)`, if it can be read back: the masks, as a `read_back.MaskFolder`, or None for a
  folder of another layout;
- `tables(options)`, if its masks hold other values than the label map's: the JSON files that name these
  values, by path;
- `encoding(options)`, if the only file of an image is its index mask as PNG: the PNG's encoding, or
  None where there are further files;
- `stored_rows(drawn, read)`, if a shared file holds more than names: each image's `row` in the stored
  file, so that a later run can add images;
- `stored_options(options, read)`, if its tables tell of options that its masks do not: the options with them;
- `same(stored, data)`, if its files are no PNGs: whether a stored file, by any writer, holds the
  same masks;
- `picture(name, options)`, if copied pictures do not keep their names below `IMAGES`: the path of a copy.

A file of `finish` without any bytes is not stored, and removed where an earlier run stored it: so a table of
a split is there if and only if the split has images.

And some have further constants: `WANTED_PICTURES`, the suffix that readers of the layout look for and who
they are; `NAMES_PICTURES`, if an image's file names its picture; `PICTURE_FORMAT` and
`PICTURE_MODE`, what all copied pictures become; `VOID_CHOICE` and `VOID_ADVICE`, what void may become in
a layout that cannot hold it, and how to ask for it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any, Protocol, cast

import msgspec
import numpy as np
from numpy.typing import DTypeLike

from polymask.errors import unknown
from polymask.labels.label_map import LabelMap
from polymask.model import Frame
from polymask.painting.painting import Painting
from polymask.painting.tiles import Tiling, image_of
from polymask.provenance.digest import WRITTEN, combined_sha256, kind_of, painted_sha256
from polymask.raster.painted import PaintedSpans
from polymask.storage.image_names import stem

LAYOUTS = {
    "index": "masks/<name>.png: one 8 or 16 bit index mask an image, and labels.json",
    "binary": "masks/<name>/<label>.png: one mask a label, 0 and 255; masks may overlap",
    "voc": "PASCAL VOC: palette PNGs, ImageSets, labelmap.txt",
    "cityscapes": "gtFine/<split>/<city>: labelIds, labelTrainIds, instanceIds and color",
    "idd": "gtFine/<split>/<drive>: labelids, labellevel3Ids, labelcsIds and instanceids",
    "camvid": "<split>annot/<name>.png in colors, and the class table",
    "segnet": "<split>annot/<name>.png in gray, classes from 0, as SegNet's CamVid",
    "ade20k": "annotations/<split>/<name>.png, and objectInfo.txt",
    "mmseg": "ann_dir/<split>/<name>.png, and METAINFO for the config",
    "yolo-semantic": "masks/<split>/<name>.png, and the data set's YAML",
    "hf": "<split>/masks/<name>.png and metadata.jsonl: Hugging Face's imagefolder",
    "coco": "annotations.json: one RLE annotation a label and image",
    "coco-panoptic": "annotations/panoptic_<split>.json and PNGs: a segment for each instance",
    "coco-stuff": "stuffthingmaps/<name>.png: category id - 1, 255 unlabeled; and train ids",
    "nnunet": "labelsTr/<case>.png in values without gaps, and dataset.json",
    "dataloop": "json/<name>.json: Dataloop's annotation JSON with a mask a label added",
    "onehot": "onehot/<name>.npz: H x W x K, background first",
    "overlay": "overlay/<name>.png: the mask over its picture, and contact sheets; for people",
}


class LayoutOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a layout: the label map, splits, and whether to add instance ids.

    `splits` maps names of images to splits, each one of `split_names`; other images belong to
    `split`. `used` are the labels of the source's instances, where they are known; `stuff` are the
    labels without separate instances. `drawing` is how the splits are drawn, for the manifest's lines, and
    `keeps_splits` says that those of earlier runs stay. `original` gives the source's JSON of an image by
    name, if it has one; with `delete_source`, a layout that copies the JSON leaves the polygons out.

    Examples:
        >>> LayoutOptions(label_map=LabelMap(()), splits={"a.jpg": "val"}).split_of("a.jpg")
        'val'
    """

    label_map: LabelMap
    split: str = "train"
    instances: bool = False
    used: frozenset[str] | None = None
    stuff: frozenset[str] = frozenset()
    splits: Mapping[str, str] = {}
    split_names: tuple[str, ...] = ()
    drawing: Mapping[str, Any] = {}  # `split_ratio`, `seed` and `split_by`; empty without a ratio
    keeps_splits: bool = False
    original: Callable[[str], bytes | None] = lambda _: None
    delete_source: bool = False
    picture_format: str = ""  # of copied pictures; empty for copies of the original bytes
    picture_suffixes: Mapping[str, str] = {}  # of images whose names have none
    void_as: str = ""  # what void becomes in layouts that cannot hold it
    palette: str = "safe"  # only layouts for viewing use `palette` and `picture`
    picture: Callable[[], bytes] | None = None
    annotated: Frame | None = None  # the size that the picture must have
    source_format: str = ""
    tiling: Tiling | None = None  # how images are cut into tiles, each an image of the layout

    def split_of(self, name: str) -> str:
        """The split that an image belongs to; tiles are all in the split of their image."""
        return self.splits.get(self.image_of(name), self.split)

    def image_of(self, name: str) -> str:
        """The image that a tile is of; where images are not cut, the image itself."""
        return image_of(name) if self.tiling else name

    def of_split(self, split: str) -> "LayoutOptions":
        """The same options with all images in one split."""
        return msgspec.structs.replace(self, split=split, splits={})

    @property
    def all_splits(self) -> tuple[str, ...]:
        """All splits of this run, in order; a list of a split without images is empty, and not stored."""
        return self.split_names or (self.split,)


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """The files of an image in a layout, and its masks.

    `mask` is the path (or `file#key`) of the mask, `painted` the mask that it decodes to, of `dtype`. In
    layouts with a mask per label, `labels` are these masks. A picture that is no mask has the digest of
    its pixels, `pixels_sha256`, instead; a mask with a known `mask_sha256` needs no `painted`. `row` is
    the image's part of a file that all images share.
    """

    name: str
    mask: str
    files: tuple[tuple[str, bytes], ...] = ()
    painted: PaintedSpans | None = None
    dtype: DTypeLike = np.uint8
    labels: Mapping[str, PaintedSpans] | None = None
    pixels_sha256: str = ""
    mask_sha256: str = ""
    row: bytes = b""
    tile: Mapping[str, Any] | None = None  # of a tile, where it lies: `tiles.Tiling.entry`

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "Drawn":
        """The name and path of an image that is not drawn again, from its manifest line."""
        return cls(name=entry["name"], mask=entry["mask"])

    def digests(self, kind: str = WRITTEN) -> dict[str, Any]:
        """The digests for the manifest line: of the mask, and of each label mask where there are any.

        `kind` names the digest (`provenance.digest.DIGESTS`); for pictures it is always `pixels_sha256`.
        """
        if self.pixels_sha256:
            return {"pixels_sha256": self.pixels_sha256}
        if self.mask_sha256 and kind == WRITTEN:
            return {WRITTEN: self.mask_sha256}
        if self.labels is None:
            assert self.painted is not None
            return {kind: painted_sha256(self.painted, kind, self.dtype)}
        labels = {label: painted_sha256(mask, kind, self.dtype) for label, mask in self.labels.items()}
        return {kind: combined_sha256(labels), "labels": labels}

    def digests_after(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """As `digests`, but with the kind of digest in the line `before`, if the pixels are unchanged."""
        if before and (kind := kind_of(before)) and kind != WRITTEN:
            digests = self.digests(kind)
            if all(before.get(name) == value for name, value in digests.items()):
                return digests
        return self.digests()


class Layout(Protocol):
    """The functions of every layout module; see above."""

    IMAGES: str
    INDEX: bool

    def check(self, options: LayoutOptions) -> None: ...  # noqa: D102
    def paths(self, name: str, options: LayoutOptions) -> Sequence[str]: ...  # noqa: D102
    def draw(self, painting: Painting, options: LayoutOptions) -> Drawn: ...  # noqa: D102
    def finish(  # noqa: D102
        self, drawn: Iterable[Drawn], options: LayoutOptions
    ) -> Iterator[tuple[str, bytes]]: ...


@cache
def layout_named(name: str) -> Layout:
    """The module of a layout; raises `InputError` for a name not in the table."""
    if name not in LAYOUTS:
        raise unknown("layout", name, LAYOUTS)
    return cast("Layout", import_module(f"polymask.layouts.{name.replace('-', '_')}"))


STUFF_LAYOUT = "coco-panoptic"
TILE_LAYOUTS = ("index", "voc", "mmseg", "yolo-semantic", "hf")  # whose images can be tiles
PICTURE_FORMATS = ("jpg", "png")  # that copied pictures can be made


def picture_path(layout: Layout, name: str, options: LayoutOptions) -> str:
    """The path of the copy of an image's picture."""
    path_of = getattr(layout, "picture", None)
    folder = layout.IMAGES.format(split=options.split_of(name))
    path = str(path_of(name, options)) if path_of is not None else f"{folder}/{name}"
    return _with_suffix(path, name, options)


def picture_name(name: str, options: LayoutOptions) -> str:
    """The name of an image's picture, or of its copy in the format of the options.

    Examples:
        >>> picture_name("a.png", LayoutOptions(label_map=LabelMap(()), picture_format="jpg"))
        'a.jpg'
        >>> picture_name("a", LayoutOptions(label_map=LabelMap(()), picture_suffixes={"a": ".png"}))
        'a.png'
    """
    return _with_suffix(name, name, options)


def _with_suffix(path: str, name: str, options: LayoutOptions) -> str:
    """The path of a copy with the suffix by which readers know a picture."""
    if options.picture_format:
        return f"{stem(path)}.{options.picture_format}"
    return path + options.picture_suffixes.get(options.image_of(name), "")
