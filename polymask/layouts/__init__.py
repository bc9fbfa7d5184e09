"""Masks → files: one file a layout, one row in the table.

A layout is a module with `IMAGES` (the folder that copied pictures go to; `{split}` stands
for the image's split), `INDEX` (whether it holds one index mask an image, or one mask a
label), and four functions:

- `check(options)`: raise where these labels cannot be laid out this way;
- `paths(name, options)`: the paths that an image of this name will take, the mask's first;
- `draw(painting, options)`: an image's files, as a `Drawn`;
- `finish(drawn, options)`: the files that belong to all images together.

A layout that can be read back has a fifth, `open_folder(folder)`: its masks there, as a
`reading.MaskFolder`, or None where the `reading.Folder` is of another layout. One whose masks hold
other values than the label map's has `tables(options)`: the JSON files that name them, by path.
One whose only file of an image is its index mask as PNG has `encoding(options)`: how it is encoded,
or None where there is more than that. One whose files of all images hold more than names has
`stored_rows(data)`: each image's `row` in `ROWS`, such a file, so that a next run adds to it. One
whose files are no PNGs has `same(there, data)`: whether a stored file holds the same masks, whatever
wrote it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import DTypeLike

from polymask.errors import unknown
from polymask.labels.label_map import LabelMap
from polymask.painting.painting import Painting
from polymask.provenance.digest import WRITTEN, combined_sha256, kind_of, painted_sha256
from polymask.raster.painted import PaintedSpans

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
    "coco": "annotations.json: one RLE annotation a label and image",
    "coco-panoptic": "annotations/panoptic_<split>.json and PNGs: a segment for each instance",
    "coco-stuff": "stuffthingmaps/<name>.png: category id - 1, 255 unlabeled; and train ids",
    "nnunet": "labelsTr/<case>.png in values without gaps, and dataset.json",
    "dataloop": "json/<name>.json: Dataloop's annotation JSON with a mask a label added",
    "onehot": "onehot/<name>.npz: H x W x K, background first",
    "overlay": "overlay/<name>.png: the mask over its picture, and contact sheets; for people",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutOptions:
    """What a layout may be asked: the label map, splits, and whether to add instance ids.

    `splits` tells each image's split by name, one of `split_names`; images that are not in
    it are of `split`. `used` are the labels that the source's instances have, where that is known;
    `stuff` those that have no instances of their own. `original` gives the source's own JSON of an
    image by name, where it has one; with `delete_source`, a layout that copies it leaves the polygons
    out.

    >>> LayoutOptions(label_map=LabelMap(()), splits={"a.jpg": "val"}).split_of("a.jpg")
    'val'
    """

    label_map: LabelMap
    split: str = "train"
    instances: bool = False
    used: frozenset[str] | None = None
    stuff: frozenset[str] = frozenset()
    splits: Mapping[str, str] = field(default_factory=dict)
    split_names: tuple[str, ...] = ()
    original: Callable[[str], bytes | None] = lambda _: None
    delete_source: bool = False
    picture_format: str = ""  # of copied pictures; empty where they are copied as they are
    void_as: str = ""  # what void becomes in masks that have no word for it
    palette: str = "safe"  # of layouts for people, as is the image's own picture
    picture: Callable[[], bytes] | None = None

    def split_of(self, name: str) -> str:
        """The split that an image belongs to."""
        return self.splits.get(name, self.split)

    @property
    def all_splits(self) -> tuple[str, ...]:
        """All splits of this run, in order: each has its list, even if it is empty."""
        return self.split_names or (self.split,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What a layout made of one image.

    `mask` is the path (or `file#key`) of the mask, `painted` what it decodes to, of `dtype`; where
    there is a mask for each label, `labels` are those. A picture that is no mask has the digest of its
    pixels, `pixels_sha256`, instead; a mask whose `mask_sha256` is known needs no `painted`. `row` is the
    image's share of a file that all images have in common.
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

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "Drawn":
        """What a manifest line tells of an image that is not drawn again."""
        return cls(name=entry["name"], mask=entry["mask"])

    def digests(self, kind: str = WRITTEN) -> dict[str, Any]:
        """What a manifest line says of the pixels: their digest, and where labels have masks, theirs.

        `kind` names the digest (`provenance.digest.DIGESTS`); a picture's is always `pixels_sha256`.
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
        """The same; of the kind that the image's line has already, where its pixels are the same."""
        if (kind := kind_of(before)) and kind != WRITTEN:
            digests = self.digests(kind)
            if all(before.get(name) == value for name, value in digests.items()):
                return digests
        return self.digests()


class Layout(Protocol):
    """What a layout module offers; see above."""

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
    """The layout's module; raises `InputError` for a name not in the table."""
    if name not in LAYOUTS:
        raise unknown("layout", name, LAYOUTS)
    return cast("Layout", import_module(f"polymask.layouts.{name.replace('-', '_')}"))


STUFF_LAYOUT = "coco-panoptic"
PICTURE_FORMATS = ("jpg", "png")  # that copied pictures can be made


def stem(name: str) -> str:
    """An image's name without its suffix, folders kept.

    >>> stem("train/0001.jpg")
    'train/0001'
    """
    folder, slash, last = name.rpartition("/")
    plain, dot, suffix = last.rpartition(".")
    return f"{folder}{slash}{plain}" if dot and plain and suffix else name


def picture_path(layout: Layout, name: str, options: LayoutOptions) -> str:
    """Where the copy of an image's picture goes."""
    place = getattr(layout, "picture", None)
    folder = layout.IMAGES.format(split=options.split_of(name))
    return picture_name(str(place(name, options)) if place is not None else f"{folder}/{name}", options)


def picture_name(name: str, options: LayoutOptions) -> str:
    """The name of the copy of an image's picture: the image's, but for a suffix of another format."""
    suffix = options.picture_format
    return f"{stem(name)}.{suffix}" if suffix else name
