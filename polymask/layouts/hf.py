"""Hugging Face `datasets`: an imagefolder, `<split>/images`, `<split>/masks` and `<split>/metadata.jsonl`.

`load_dataset("imagefolder", data_dir=DEST)` gives the splits, each with the columns `image` and `label`,
both pictures: a column `NAME_file_name` of metadata.jsonl becomes the column `NAME`. Masks are gray;
0 is background, and `id2label.json` names the values.
Source: Hugging Face datasets, "Create an image dataset", ImageFolder.
"""

import json
from collections.abc import Iterable, Iterator

from polymask.codecs.painted_png import Encoding
from polymask.layouts import Drawn, LayoutOptions, picture_name
from polymask.layouts.common.facts import LayoutFacts
from polymask.layouts.common.lookup import gray, gray_mask
from polymask.layouts.common.read_back import Folder, MaskFolder, masks_below, png_folder, shortened
from polymask.layouts.common.splits import lines
from polymask.painting.painting import Painting
from polymask.storage.image_names import stem

IMAGES = "{split}/images"
MASKS = "{split}/masks"
INDEX = True
METADATA = "metadata.jsonl"
_INSIDE = "/masks/"

FACTS = LayoutFacts(
    title="Hugging Face imagefolder",
    source="Hugging Face datasets, Create an image dataset, ImageFolder",
    files=(
        ("<split>/masks/<name>.png", "the index mask: gray; 8 bit if all values and void fit, else 16 bit"),
        ("<split>/metadata.jsonl", "a line for each image: the paths of its picture and its mask"),
        ("<split>/images/", "with --copy-images: the pictures"),
    ),
    values=(("masks", "0 background, the label map's values, 255 void (65535 in 16 bit)"),),
    limits=(
        '`datasets.load_dataset("imagefolder", data_dir=DEST)` needs the pictures: add --copy-images, or put '
        "them into `<split>/images/`. It calls the split `val` `validation`.",
        "`datasets` knows only train, val and test: give a --split of another name its own DEST.",
        "The dataset does not hold the labels' names: take them from id2label.json.",
    ),
    read_back="Unchanged; labels.json names the values.",
    shown="train/metadata.jsonl",
)


def check(options: LayoutOptions) -> None:
    """Every label map can be laid out this way."""


def paths(name: str, options: LayoutOptions) -> tuple[str, ...]:
    """The mask."""
    return (f"{options.split_of(name)}{_INSIDE}{stem(name)}.png",)


def encoding(options: LayoutOptions) -> Encoding:
    """Gray PNGs."""
    return gray(options.label_map)


def draw(painting: Painting, options: LayoutOptions) -> Drawn:
    """The index mask as gray PNG."""
    return gray_mask(painting, paths(painting.record.name, options)[0])


def finish(drawn: Iterable[Drawn], options: LayoutOptions) -> Iterator[tuple[str, bytes]]:
    """The pairs of picture and mask of each split."""
    pairs: dict[str, list[str]] = {split: [] for split in options.all_splits}
    for image in drawn:
        pair = {
            "image_file_name": f"images/{picture_name(image.name, options)}",
            "label_file_name": f"masks/{stem(image.name)}.png",
        }
        split = options.split_of(image.name)
        pairs.setdefault(split, []).append(json.dumps(pair, ensure_ascii=False))
    for split, rows in pairs.items():
        yield f"{split}/{METADATA}", lines(rows)


def open_folder(folder: Folder) -> MaskFolder | None:
    """The masks of all splits, which have a metadata.jsonl beside."""
    tables = sorted(name for name in folder.tree.below() if name.endswith(f"/{METADATA}"))
    roots = [name.removesuffix(f"/{METADATA}") for name in tables]
    below = {
        f"{root}{_INSIDE}{name}": path
        for root in roots
        for name, path in masks_below(folder, f"{root}/masks").items()
    }
    return png_folder(folder, "hf", shortened(below, lambda name: name.partition(_INSIDE)[2]))
