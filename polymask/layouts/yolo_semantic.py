"""Ultralytics semantic segmentation: `images/<split>`, `masks/<split>/<name>.png` and `data.yaml`.

Masks are gray, values are the keys of the YAML's `names`: 0 is background, a class like
the others. 255 is ignored by loss and metrics.
Source: docs.ultralytics.com/datasets/semantic, "PNG mask format".
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

from polymask.codecs.painted_png import Encoding
from polymask.labels.label_map import LabelMap
from polymask.layouts import Drawn, LayoutOptions
from polymask.layouts.common.facts import LayoutFacts
from polymask.layouts.common.lookup import classes_to, gray, gray_mask, require_8_bits
from polymask.layouts.common.read_back import (
    Folder,
    MaskFolder,
    in_file,
    in_line,
    masks_by_split,
    png_folder,
    read_bytes,
    read_text,
)
from polymask.layouts.common.splits import by_split, lines
from polymask.painting.painting import Painting
from polymask.storage.image_names import stem
from polymask.storage.remote.urls import Location, in_order

IMAGES = "images/{split}"
MASKS = "masks/{split}"
INDEX = True
FILE = "data.yaml"

FACTS = LayoutFacts(
    title="YOLO semantic segmentation",
    source="docs.ultralytics.com/datasets/semantic, PNG mask format",
    files=(
        ("masks/<split>/<name>.png", "the index mask, gray, 8 bit"),
        (
            "data.yaml",
            "the splits of all runs, masks_dir and the names of the values. Ultralytics needs `train` and "
            "`val`: if one has no images, it names the other's folder, with a remark",
        ),
        ("images/<split>/", "with --copy-images: the pictures"),
    ),
    values=(
        ("0", "background, a class like the others"),
        ("1 … 254", "labels: the keys of `names`"),
        ("255", "void: ignored by loss and metrics"),
    ),
    limits=(
        "The masks have 8 bits, so label maps with values above 255 are refused.",
        "Classes are numbered without gaps, so a value without a label gets the name `unused-<value>`.",
    ),
    read_back="Unchanged; labels.json names the values, or without it the YAML.",
    shown="data.yaml",
)


def check(options: LayoutOptions) -> None:
    """Raise `LabelError` for label maps that need 16 bits."""
    require_8_bits(options.label_map, "yolo-semantic")


def paths(name: str, options: LayoutOptions) -> tuple[str, ...]:
    """The mask."""
    return (f"masks/{options.split_of(name)}/{stem(name)}.png",)


def encoding(options: LayoutOptions) -> Encoding:
    """Gray PNGs."""
    return gray(options.label_map)


def draw(painting: Painting, options: LayoutOptions) -> Drawn:
    """The index mask as gray PNG."""
    return gray_mask(painting, paths(painting.record.name, options)[0])


def finish(drawn: Iterable[Drawn], options: LayoutOptions) -> Iterator[tuple[str, bytes]]:
    """The YAML: the folders of the splits, relative to the file, and the names of the values."""
    names = [f"  {value}: {_quoted(name)}" for value, name in enumerate(classes_to(options.label_map))]
    yield FILE, lines([*_splits(by_split(drawn, options)), "masks_dir: masks", "names:", *names])


def _splits(images: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """The lines of the splits: Ultralytics needs `train` and `val`, so an empty one names the other."""
    filled = [split for split, names in images.items() if names]
    for split in dict.fromkeys(["train", "val", *filled]):
        substitute = next(iter(filled), split)
        remark = "" if split in filled or substitute == split else f"  # there are no images of {split} yet"
        folder = split if not remark else substitute
        yield f"{split if split.isidentifier() else json.dumps(split)}: {_quoted(f'images/{folder}')}{remark}"


def _quoted(text: str) -> str:
    """A JSON string that is a YAML string too; YAML has more kinds of line breaks, which are escaped."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() or ord(c) > 0xFFFF else f"\\u{ord(c):04x}" for c in quoted)


def open_folder(folder: Folder) -> MaskFolder | None:
    """The masks of all splits; labels.json or the YAML names their values."""
    listed = [path for path in in_order(folder.glob("*.yaml")) if b"masks_dir: masks" in read_bytes(path)]
    if not listed or not (folder / "masks").is_dir():
        return None
    named = partial(_from_yaml, listed[0])
    return png_folder(folder, "yolo-semantic", masks_by_split(folder, "masks"), named=named)


def _from_yaml(path: Location) -> LabelMap:
    """The label map of the lines `  7: name`; other YAML cannot name values."""
    values = {}
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if pair := re.match(r"\s+(\d{1,9}):\s*(.+?)\s*$", line):
            value, name = pair.groups()
            with in_line(path, number, "a name is plain, or a JSON string"):
                values[json.loads(name) if name.startswith('"') else name.strip("'")] = int(value)
    with in_file(path):
        return LabelMap.from_values(values)
