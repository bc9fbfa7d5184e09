"""CamVid: `<split>annot/<name>.png` in colors, `label_colors.txt` and `class_dict.csv`.

Values do not appear in the files, so label maps that need 16 bits are fine; colors must
differ. Background is black, void the off-white of PASCAL VOC. `<split>.txt` pairs pictures and masks.
Source: Brostow et al., "Semantic object classes in video" (`label_colors.txt`: `r g b name`);
the pairs of SegNet's CamVid; Kaggle's `class_dict.csv` (`name,r,g,b`).
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from polymask.codecs.painted_png import encode_colors
from polymask.errors import FormatError, LabelError
from polymask.labels.color_tables import table_rows
from polymask.labels.label_map import VOID_8, LabelMap
from polymask.labels.voc_palette import voc_colors
from polymask.layouts import Drawn, LayoutOptions, picture_name
from polymask.layouts.common.facts import LayoutFacts
from polymask.layouts.common.lookup import BACKGROUND, require_one_line
from polymask.layouts.common.read_back import (
    Folder,
    MaskFolder,
    after_first,
    masks_below,
    read_text,
    require_labels,
    shortened,
    stored_labels,
)
from polymask.layouts.common.splits import lines
from polymask.model import IndexMask
from polymask.painting.painting import Painting
from polymask.storage.image_names import stem
from polymask.validation import Color

IMAGES = "{split}"
MASKS = "{split}annot"
INDEX = True
TABLE = "label_colors.txt"
VOID_COLOR: Color = tuple(voc_colors()[VOID_8].tolist())

FACTS = LayoutFacts(
    title="CamVid",
    source="Brostow et al., label_colors.txt; SegNet's pairs; Kaggle's class_dict.csv",
    files=(
        ("<split>annot/<name>.png", "the mask in the labels' colors, RGB"),
        ("<split>.txt", "pairs of picture and mask, `/` in front, as SegNet's lists and Datumaro's have it"),
        ("label_colors.txt", "`r g b name` of background, labels and void"),
        ("class_dict.csv", "the same as name,r,g,b"),
        ("<split>/", "with --copy-images: the pictures"),
    ),
    values=(
        ("black", "background"),
        ("the label map's colors", "labels; choose them in a labelmap.txt given as --labels"),
        ("224 224 192", "void"),
    ),
    limits=(
        "Labels that share a color are refused; so are more than 254 labels without colors in a label file.",
        "Datumaro cannot read a table with a space in a label: rename the label in a --labels file.",
    ),
    read_back="Colors become values again; a color that no table has is an error. Without labels.json, "
    "label_colors.txt numbers the labels from 1.",
    shown="label_colors.txt",
)


def check(options: LayoutOptions) -> None:
    """Raise `LabelError` where two labels, or a label and background or void, share a color.

    Also raise it for a label that does not fit into a line of the table.
    """
    require_one_line(options.label_map, TABLE)
    owners: dict[Color, str] = {}
    for name, _, color in rows(options.label_map):
        if color in owners:
            raise LabelError(
                (
                    f"'{owners[color]}' and '{name}' both have the color {color}, and `camvid` masks hold "
                    "nothing else"
                ),
                advice="give one of them another color in a --labels file",
            )
        owners[color] = name


def rows(label_map: LabelMap) -> list[tuple[str, int, Color]]:
    """Background, labels and void: (name, value, color)."""
    labels = [(label.name, label.value, label.color) for label in label_map.labels]
    return [(BACKGROUND, label_map.background, (0, 0, 0)), *labels, ("void", label_map.void, VOID_COLOR)]


def paths(name: str, options: LayoutOptions) -> tuple[str, ...]:
    """The color mask."""
    return (f"{options.split_of(name)}annot/{stem(name)}.png",)


def draw(painting: Painting, options: LayoutOptions) -> Drawn:
    """The index mask in the labels' colors."""
    (path,) = paths(painting.record.name, options)
    dtype = options.label_map.dtype
    table = np.zeros((int(np.iinfo(np.dtype(dtype)).max) + 1, 3), np.uint8)
    for _, value, color in rows(options.label_map):
        table[value] = color
    files = ((path, encode_colors(painting.painted, table)),)
    return Drawn(name=painting.record.name, mask=path, painted=painting.painted, dtype=dtype, files=files)


def finish(drawn: Iterable[Drawn], options: LayoutOptions) -> Iterator[tuple[str, bytes]]:
    """The class tables, and each split's pairs of picture and mask."""
    table = rows(options.label_map)
    yield TABLE, lines(f"{red} {green} {blue} {name}" for name, _, (red, green, blue) in table)
    sheet = io.StringIO()
    csv.writer(sheet, lineterminator="\n").writerows(
        [("name", "r", "g", "b"), *((name, *color) for name, _, color in table)]
    )
    yield "class_dict.csv", sheet.getvalue().encode()
    yield from pairs(drawn, options, top="/")


def pairs(drawn: Iterable[Drawn], options: LayoutOptions, *, top: str = "") -> Iterator[tuple[str, bytes]]:
    """Each split's pairs of picture and mask, `top` before each path; in quotes where a path has a space."""
    lists: dict[str, list[str]] = {split: [] for split in options.all_splits}
    for image in drawn:
        split = options.split_of(image.name)
        pair = f"{top}{split}/{picture_name(image.name, options)}", f"{top}{image.mask}"
        has_space = any(" " in path for path in pair)
        lists.setdefault(split, []).append(" ".join(f'"{path}"' if has_space else path for path in pair))
    for split, split_lines in lists.items():
        yield f"{split}.txt", lines(split_lines)


def open_folder(folder: Folder) -> MaskFolder | None:
    """The color masks of all splits; labels.json, or the class table numbered from 1, names them."""
    if not (folder / TABLE).is_file():
        return None
    if not (masks := annotated_masks(folder)):  # the original CamVid, which the format `camvid` reads
        return None
    stored = stored_labels(folder)
    label_map = require_labels(folder, stored or folder.label_map((TABLE,)))
    values = {color: value for _, value, color in rows(label_map)} if stored else _values(folder, label_map)
    decode = partial(_decode, folder=folder, label_map=label_map, values=values)
    return MaskFolder(layout="camvid", label_map=label_map, masks=masks, decode=decode)


def annotated_masks(folder: Folder) -> dict[str, str]:
    """The paths of the masks in the `*annot` folders of all splits, by image name."""
    roots = sorted(path.name for path in folder.glob("*annot") if path.is_dir())
    below = {f"{root}/{name}": path for root in roots for name, path in masks_below(folder, root).items()}
    return shortened(below, after_first)


def _values(folder: Folder, label_map: LabelMap) -> dict[Color, int]:
    """The values of the table's colors; raises `FormatError` for a table without colors."""
    table = table_rows(read_text(folder / TABLE)) or ()
    if not table:
        raise FormatError("no colors of labels are in it", file=folder / TABLE)
    return {row.color: label_map.value_of(row.painted_as) for row in table if row.color is not None}


def _decode(path: str, *, folder: Folder, label_map: LabelMap, values: Mapping[Color, int]) -> IndexMask:
    pixels = folder.colors(path)
    table = sorted((_code(np.array(color)).item(), value) for color, value in values.items())
    table_codes = np.array([code for code, _ in table])
    codes = _code(pixels)
    place = np.minimum(np.searchsorted(table_codes, codes), len(table_codes) - 1)
    if (is_unknown := table_codes[place] != codes).any():
        color = tuple(pixels[is_unknown][0].tolist())
        raise FormatError(
            f"{is_unknown.sum()} px have colors like {color}, not in {TABLE}", file=folder / path
        )
    index: IndexMask = np.array([value for _, value in table], label_map.dtype)[place]
    return index


def _code(pixels: NDArray[np.integer]) -> NDArray[np.int64]:
    code: NDArray[np.int64] = pixels.astype(np.int64) @ np.array([65536, 256, 1])
    return code
