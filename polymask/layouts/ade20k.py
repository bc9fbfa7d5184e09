"""ADE20K (SceneParse150): `annotations/<split>/<name>.png`, gray; 0 is "other", labels count from 1.

Its splits are called `training` and `validation`. `objectInfo.txt` names the values.
Readers train without the zero label: mmsegmentation's `reduce_zero_label=True`, Hugging Face's
`do_reduce_labels`. Void (255) stays void under mmsegmentation's, SegFormer's and BEiT's.
Source: the SceneParsing benchmark's toolkit (CSAILVision/sceneparsing), `objectInfo150.txt`.
"""

from collections.abc import Iterable, Iterator
from functools import partial

from polymask.codecs.painted_png import Encoding
from polymask.labels.label_map import LabelMap
from polymask.layouts import Drawn, LayoutOptions
from polymask.layouts.common.facts import LayoutFacts
from polymask.layouts.common.lookup import (
    BACKGROUND,
    ID2LABEL,
    gray,
    gray_mask,
    id2label,
    in_value_order,
    names_by_value,
    require_8_bits,
    require_one_line,
)
from polymask.layouts.common.read_back import (
    Folder,
    MaskFolder,
    in_file,
    in_line,
    masks_by_split,
    png_folder,
    read_text,
)
from polymask.layouts.common.splits import lines
from polymask.painting.painting import Painting
from polymask.storage.image_names import stem
from polymask.storage.remote.urls import Location, in_order

IMAGES = "images"
MASKS = "annotations/{split}"
WANTED_PICTURES = "jpg", "mmsegmentation's ADE20KDataset looks for <name>.jpg"
INDEX = True
TABLE = "objectInfo.txt"
REDUCED = "id2label_reduced.json"
SPLITS = {"train": "training", "val": "validation", "test": "testing"}

FACTS = LayoutFacts(
    title="ADE20K",
    source="the SceneParsing benchmark (CSAILVision/sceneparsing)",
    files=(
        (
            "annotations/<split>/<name>.png",
            "the index mask, gray, 8 bit; train is `training`, val `validation`",
        ),
        ("objectInfo.txt", "value, tab, name"),
        ("id2label.json", "the names of the masks' values"),
        (
            "id2label_reduced.json",
            "for readers that reduce the zero label: the same names, each value minus one",
        ),
        ("images/<split>/", "with --copy-images: the pictures"),
    ),
    values=(
        ("0", "other: not evaluated; readers train with reduce_zero_label or do_reduce_labels"),
        ("1 … 254", "labels"),
        (
            "255",
            "void, which stays void when mmsegmentation, SegFormer or BEiT reduce the zero label; "
            "MaskFormer and its relatives turn it into 254 (see Training, Hugging Face)",
        ),
    ),
    limits=(
        "The masks have 8 bits, so label maps with values above 255 are refused.",
        "objectInfo.txt cannot hold labels with a tab, a line break or outer spaces.",
    ),
    read_back="Unchanged; labels.json names the values, or without it objectInfo.txt.",
    shown="objectInfo.txt",
)


def check(options: LayoutOptions) -> None:
    """Raise `LabelError` for label maps that need 16 bits, and for labels that do not fit into a line."""
    require_8_bits(options.label_map, "ade20k")
    require_one_line(options.label_map, TABLE, barred="\t")


def _split(name: str, options: LayoutOptions) -> str:
    split = options.split_of(name)
    return SPLITS.get(split, split)


def picture(name: str, options: LayoutOptions) -> str:
    """The path of the picture, which mirrors that of its mask."""
    return f"{IMAGES}/{_split(name, options)}/{name}"


def paths(name: str, options: LayoutOptions) -> tuple[str, ...]:
    """The mask."""
    return (f"annotations/{_split(name, options)}/{stem(name)}.png",)


def encoding(options: LayoutOptions) -> Encoding:
    """Gray PNGs."""
    return gray(options.label_map)


def draw(painting: Painting, options: LayoutOptions) -> Drawn:
    """The index mask as gray PNG."""
    return gray_mask(painting, paths(painting.record.name, options)[0])


def tables(options: LayoutOptions) -> dict[str, bytes]:
    """The names of the masks' values, and of the values after the zero label is reduced."""
    names = names_by_value(options.label_map)
    reduced = {value - 1: name for value, name in names.items() if value}
    return {ID2LABEL: id2label(names), REDUCED: id2label(reduced)}


def finish(drawn: Iterable[Drawn], options: LayoutOptions) -> Iterator[tuple[str, bytes]]:
    """The names of the values."""
    labels = in_value_order(options.label_map)
    yield TABLE, lines(["Idx\tName", *(f"{label.value}\t{label.name}" for label in labels)])


def open_folder(folder: Folder) -> MaskFolder | None:
    """The masks of all splits; labels.json or objectInfo.txt names their values."""
    if not (folder / "annotations").is_dir():
        return None
    listed = in_order(folder.glob("objectInfo*.txt"))
    table = partial(_from_table, listed[0]) if listed else None
    masks = masks_by_split(folder, "annotations")
    return png_folder(folder, "ade20k", masks, named=table, unscored=frozenset({BACKGROUND}))


def _from_table(path: Location) -> LabelMap:
    """The table's label map: values are in the first column, names, with commas and spaces, in the last."""
    values = {}
    for number, line in enumerate(read_text(path).splitlines()[1:], 2):
        value, *columns = line.split("\t")
        with in_line(path, number, "a line is a value, tabs and a name"):
            values[columns[-1].strip()] = int(value)
    with in_file(path):
        return LabelMap.from_values(values)
