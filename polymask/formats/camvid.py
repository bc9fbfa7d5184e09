"""CamVid masks: in the colors of a class table, or in SegNet's values from 0 to 11.

The table is `label_colors.txt` (Cambridge's, SegNet's, CVAT's) or `class_dict.csv` (Kaggle's). `Void` is
void, and so is SegNet's value 11, Unlabelled. Masks lie in `LabeledApproved_full`, `<split>annot` or
`<split>_labels`, or their names end with `_L`; image names omit these parts.
Source: Brostow et al., "Semantic object classes in video"; SegNet's tutorial (its CamVid).
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from polymask.formats import Annotations, ReadOptions
from polymask.formats.drawing.mask_files import gather_masks, tables_of
from polymask.formats.reading.content import Content
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.texts.pages import files
from polymask.labels.color_tables import is_color_table
from polymask.labels.mask_table import SEGNET, SEGNET_NAMES
from polymask.storage.source_files import File

MANY = True
_HEAD_BYTES = 4096
_FULL_SET = "labeledapproved_full"
_FOLDER = re.compile(r"(?P<split>.*?)(annot|_labels)", re.IGNORECASE)
_PAIR = re.compile(r"(\S+\.png)\s+(\S*annot/\S+\.png)\s*$")

FACTS = Facts(
    title="CamVid",
    source="Brostow et al., “Semantic object classes in video”; SegNet's tutorial (its pairs "
    "and values); exports of Kaggle and CVAT",
    files="A folder with `label_colors.txt` or `class_dict.csv` and masks below it; or SegNet's folder.",
    sniffed="a table of `r g b name`; one whose head is `name,r,g,b`; SegNet's list of pairs, where CamVid "
    "is named in it or in its path",
    read=(
        ("label_colors.txt", "`r g b name`: the labels by color"),
        ("class_dict.csv", "`name,r,g,b`: the same"),
        ("LabeledApproved_full/*_L.png, *_labels/*_L.png, *annot/*.png", "the masks, by color"),
        ("trainannot/*.png, gray", "without a table: SegNet's values, Sky 0 to Bicyclist 10, Unlabelled 11"),
    ),
    ignored="The lists of pairs; pictures.",
    rings="None: masks are pixels. A label is one instance an image.",
    order="Masks do not overlap.",
    labels="In the table's order, numbered from 1; `Void` is void, `background` background. Of SegNet's "
    "masks its eleven, and a note says so; `--ids source` keeps its values, void is 11.",
    frame="That of the mask.",
    limits=(
        "A color or a value that the table lacks is refused, with its first pixel; gray masks beside a table "
        "of colors are read as colors.",
        "A table that gives a color, or a name, twice is refused.",
    ),
    sample="camvid/label_colors.txt",
)


def sniff(content: Content) -> bool:
    """Whether the file is a table of colors, or SegNet's list of pairs for CamVid."""
    head = content.data[:_HEAD_BYTES].decode("utf-8-sig", "replace")
    return is_color_table(head) or _is_list(head.splitlines()[:1], content)


def _is_list(lines: Sequence[str], content: Content) -> bool:
    return any(_PAIR.match(line) and "camvid" in f"{line} {content.path}".lower() for line in lines)


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each mask."""
    pngs = files(content, "*.png")
    masks = [file for file in pngs if _is_mask(file)] or pngs
    labels = options.labels
    chosen = labels is not None and labels.chooses_from(SEGNET_NAMES)
    tables = tables_of(content.place, None if chosen else labels, unnamed=SEGNET)
    annotations = gather_masks(content, options, masks, format="camvid", table=tables.of, stem=_stem)
    if any(tables.of(file.name) is SEGNET for file in masks):
        note = (
            "no table of colors is beside the masks, so their values are those of SegNet's CamVid: Sky 0 to "
        )
        note += "Bicyclist 10, 11 void; name a label file with --labels where they are others"
        annotations = replace(annotations, notes=(*annotations.notes, note))
    return annotations


def _is_mask(file: File) -> bool:
    path = PurePosixPath(file.name)
    return path.stem.endswith("_L") or any(map(_is_folder_of_masks, path.parent.parts))


def _is_folder_of_masks(name: str) -> bool:
    return name.lower() == _FULL_SET or _FOLDER.fullmatch(name) is not None


def _stem(file: File) -> str:
    """The image's name without suffix, below the folder of its split."""
    path = PurePosixPath(file.name)
    splits = (_split(part) for part in path.parent.parts)
    return str(PurePosixPath(*filter(None, splits), path.stem.removesuffix("_L")))


def _split(folder: str) -> str:
    """The pictures' folder that belongs to a folder of masks; an empty text for `LabeledApproved_full`.

    Examples:
        >>> [_split(name) for name in ("trainannot", "train_labels", "LabeledApproved_full", "CamVid")]
        ['train', 'train', '', 'CamVid']
    """
    if folder.lower() == _FULL_SET:
        return ""
    match = _FOLDER.fullmatch(folder)
    return match["split"] if match else folder
