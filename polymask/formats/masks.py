"""Existing masks with a table of values or colors, to be written in another layout.

The table is a file beside the masks or above them (`drawing.mask_files`), or the file of `--labels`;
masks of the Cityscapes and IDD scripts are recognized by their names. Without a table the pixel values
serve as labels, and a note says so. Source: the documentation of the tools named on the page.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath

from polymask.codecs.painted_png import SIGNATURE
from polymask.formats import Annotations, ReadOptions, voc
from polymask.formats.drawing.mask_files import Tables, gather_masks, tables_of
from polymask.formats.reading.content import Content
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.texts.pages import files
from polymask.labels.cityscapes import IDD_ROWS, KNOWN
from polymask.labels.id_masks import JOINED, KINDS, id_mask
from polymask.labels.mask_table import MaskTable
from polymask.storage.source_files import File

MANY = True
ROBOFLOW = "_classes.csv"
_MASK = "_mask"
_IDS = ("Ids", "ids")
_FOLDERS = ("masks",)  # folders that are left out of images' names
_WITH_INSTANCES = {name for rows in (KNOWN, IDD_ROWS) for name, row in rows.items() if row.instances}
FIRST_INSTANCE_ID = 1000  # instance ids are label id · 1000 + number; smaller ids are label ids
_NOT_MASKS = {"images", "img", "JPEGImages", "leftImg8bit"}
_VALUES = re.compile(rb"(?:\xef\xbb\xbf)?\s*pixel value\s*,\s*class\s*(?:\r|\n|$)", re.IGNORECASE)

FACTS = Facts(
    title="Masks with a table",
    source="Roboflow's “Semantic Segmentation Masks”; RectLabel's index color images; cityscapesScripts; "
    "AutoNUE's public code",
    files="A folder of PNG masks with a table beside them or above, or a mask.",
    sniffed="Roboflow's `_classes.csv`; a palette PNG that is not VOC's; a PNG whose name ends as the "
    "scripts of Cityscapes or IDD end it",
    read=(
        ("*.png", "palette and gray: pixel values; RGB: colors"),
        ("_classes.csv", "Roboflow: `Pixel Value, Class`; the masks are the `*_mask.png` in its folder"),
        ("*_gtFine_labelIds.png, *_labelTrainIds.png", "Cityscapes' masks, by its own table"),
        ("*_gtFine_instanceIds.png", "beside them: each instance is one of its own"),
        (
            "*_gtFine_labelids.png, *_labellevel3Ids.png, *_labelcsIds.png …",
            "IDD's masks, by its own table: ids, level 1 to 3, Cityscapes' ids and train ids",
        ),
        (
            "labels.json, labelmap.txt, label_colors.txt, class_dict.csv, class_names.txt, id2label.json",
            "the labels, values and colors",
        ),
    ),
    ignored="Pictures in `images/`, `img/`, `JPEGImages/` and `leftImg8bit/`. Of several masks that scripts "
    "made of one image, the finest is read.",
    rings="None: masks are pixels. Without a mask of instances a label is one instance an image.",
    order="Masks do not overlap.",
    labels="Those of the table nearest to the mask, else of `--labels`; without either the values' numbers, "
    "as a note says. Labels that share a value at IDD's coarser levels are named together, as "
    "`parking & drivable fallback`.",
    frame="That of the mask.",
    limits=(
        "A value or a color that the table lacks is refused, with its first pixel.",
        "255 is void where the table does not say otherwise; Cityscapes' unlabeled is background.",
        "A gray or RGB mask cannot be distinguished from a photo: name `--from masks`.",
        "Gray masks of 0 and 255 paint nothing without a table, for 255 is void: a JSON file for `--labels` "
        'with `{"255": "cat"}` makes it a label. Each file is an image, so masks of one object a file are '
        "no way in.",
        "polymask's own masks are read back so; those that are a file a label (`binary`) are not.",
    ),
    sample="masks/train/_classes.csv",
)


def sniff(content: Content) -> bool:
    """Whether the file is Roboflow's table, a palette PNG that is not VOC's, or a mask by its name."""
    if _VALUES.match(content.head[:200]):
        return True
    if not content.data.startswith(SIGNATURE):
        return False
    return id_mask(content.path.name) is not None or (voc.is_indexed(content) and not voc.sniff(content))


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each mask."""
    masks = list(_masks(content))
    tables = tables_of(content.place, options.labels, unnamed=MaskTable.unnamed())
    return gather_masks(
        content,
        options,
        masks,
        format="masks",
        table=_Tables(tables),
        stem=_stem,
        objects=_instances,
        is_crowd=_is_group,
    )


@dataclass(frozen=True, slots=True)
class _Tables:
    """Finds the table of a mask: by the name that a script gave it, else by the files beside it."""

    beside: Tables

    def __call__(self, name: str) -> MaskTable:
        id_kind = id_mask(PurePosixPath(name).name)
        if id_kind is None:
            return self.beside.of(name)
        return (id_kind.kind in _IDS and self.beside.own_table(name)) or _table_of_kind(id_kind.kind)


@cache
def _table_of_kind(kind: str) -> MaskTable:
    return KINDS[kind]()


def _masks(content: Content) -> Iterator[File]:
    """The masks among the PNGs."""
    pngs = files(content, "*.png")
    finest = _best_of_scripts(pngs)
    yield from finest
    if not finest:
        yield from [file for file in pngs if _is_mask_of_roboflow(file)] or filter(_is_mask, pngs)


def _best_of_scripts(pngs: Sequence[File]) -> list[File]:
    """For each image the finest mask of label ids that a script made, without those of colors, instances."""
    finest: dict[str, tuple[int, File]] = {}
    order = list(KINDS)
    for file in pngs:
        if id_kind := id_mask(file.name):
            rank = order.index(id_kind.kind), file
            finest[id_kind.image] = min(rank, finest.get(id_kind.image, rank), key=lambda ranked: ranked[0])
    return [file for _, file in finest.values()]


def _is_mask(file: File) -> bool:
    return not _NOT_MASKS & set(PurePosixPath(file.name).parent.parts)


def _is_mask_of_roboflow(file: File) -> bool:
    """Whether a PNG is a mask, not a picture, in a folder with Roboflow's table."""
    path = PurePosixPath(file.name)
    return path.stem.endswith(_MASK) and file.place.find(str(path.with_name(ROBOFLOW))) is not None


def _stem(file: File) -> str:
    """The image's name without suffix, and without the ending that marks a mask."""
    if id_kind := id_mask(file.name):
        return id_kind.image
    path = PurePosixPath(file.name)
    name = path.stem.removesuffix(_MASK) if _is_mask_of_roboflow(file) else path.stem
    folders = [part for part in path.parent.parts if part not in _FOLDERS]
    return str(PurePosixPath(*folders, name))


def _instances(mask: File) -> File | None:
    """The mask of instances that belongs to a mask of ids."""
    if not id_mask(mask.name):
        return None
    head, _, kind = mask.name.rpartition("_label")
    return mask.place.find(f"{head}_instance{kind}")


def _is_group(label: str, number: int) -> bool:
    """Whether pixels with a plain label id are a group of objects that were not told apart."""
    return number < FIRST_INSTANCE_ID and any(name in _WITH_INSTANCES for name in label.split(JOINED))
