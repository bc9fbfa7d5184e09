"""COCO-Stuff pixel maps: `stuffthingmaps/<name>.png`, gray; the category id minus one, 255 unlabeled.

Background and void are both unlabeled; read back, they are background. `labels.txt` names the ids.
Source: nightrome/cocostuff, "Stuff+thing PNG-style annotations", `labels.txt`.
"""

from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np

from polymask.codecs.painted_png import encode
from polymask.errors import LabelError
from polymask.labels.label_map import VOID_8, LabelMap
from polymask.layouts import Drawn, LayoutOptions
from polymask.layouts.common.facts import LayoutFacts
from polymask.layouts.common.lookup import (
    ID2LABEL,
    id2label,
    in_value_order,
    lookup,
    require_8_bits,
    require_one_line,
    without_void,
)
from polymask.layouts.common.read_back import (
    LABELS,
    Folder,
    MaskFolder,
    in_file,
    in_line,
    masks_below,
    read_text,
    require_labels,
    stored_labels,
)
from polymask.layouts.common.splits import lines, split_lists
from polymask.model import IndexMask
from polymask.painting.painting import Painting
from polymask.raster.painted import mapped
from polymask.storage.image_names import stem
from polymask.storage.remote.urls import Location

IMAGES = "images"
INDEX = True
TABLE = "labels.txt"
UNLABELED = 255

FACTS = LayoutFacts(
    title="COCO-Stuff pixel maps",
    source="nightrome/cocostuff",
    files=(
        ("stuffthingmaps/<name>.png", "the pixel map, gray, 8 bit"),
        ("labels.txt", "`id: name`"),
        ("id2label.json", "the names of the pixel map's values: ids minus one"),
        ("images/", "with --copy-images: the pictures"),
        ("splits/<split>.txt", "with splits (--split-ratio, or the source's own), or a --split beside train"),
    ),
    values=(
        ("0 … 254", "the label map's value minus one; with `--ids source`, the category id minus one"),
        ("255", "unlabeled: background and void"),
    ),
    limits=("8 bit: label maps with values above 255 are refused.",),
    read_back="As index masks of the ids; void comes back as background.",
    shown="labels.txt",
)


def check(options: LayoutOptions) -> None:
    """Raise `LabelError` for label maps that need 16 bits or have a label of value 0.

    Also raise it for a label that does not fit into a line of labels.txt.
    """
    require_8_bits(options.label_map, "coco-stuff")
    require_one_line(options.label_map, TABLE)
    if any(label.value == 0 for label in options.label_map.labels):
        raise LabelError(
            "`coco-stuff` masks hold ids minus one, which is not possible for the id 0",
            advice="number the labels from 1: with `--ids contiguous`, or in the --labels file",
        )


def paths(name: str, options: LayoutOptions) -> tuple[str, ...]:
    """The pixel map."""
    return (f"stuffthingmaps/{stem(name)}.png",)


def draw(painting: Painting, options: LayoutOptions) -> Drawn:
    """The pixel map as gray PNG. `painted` is the mask that it decodes to."""
    (path,) = paths(painting.record.name, options)
    ids = {label.value: label.value - 1 for label in options.label_map.labels}
    pixels = mapped(painting.painted, lookup(ids, default=UNLABELED, dtype=np.uint8))
    return Drawn(
        name=painting.record.name,
        mask=path,
        painted=without_void(painting.painted, options.label_map),
        dtype=options.label_map.dtype,
        files=((path, encode(pixels)),),
    )


def tables(options: LayoutOptions) -> dict[str, bytes]:
    """The names of the pixel map's values."""
    return {ID2LABEL: id2label({label.value - 1: label.name for label in options.label_map.labels})}


def finish(drawn: Iterable[Drawn], options: LayoutOptions) -> Iterator[tuple[str, bytes]]:
    """The names of the ids, and the lists of the splits."""
    labels = in_value_order(options.label_map)
    yield TABLE, lines(["0: unlabeled", *(f"{label.value}: {label.name}" for label in labels)])
    yield from split_lists(drawn, options)


def open_folder(folder: Folder) -> MaskFolder | None:
    """The pixel maps as index masks of the ids; labels.json or labels.txt names them."""
    if not (folder / "stuffthingmaps").is_dir():
        return None
    named = stored_labels(folder, (LABELS,)) or _from_table(folder / TABLE)
    label_map = require_labels(folder, named)
    decode = partial(_decode, folder=folder, label_map=label_map)
    masks = masks_below(folder, "stuffthingmaps")
    return MaskFolder(layout="coco-stuff", label_map=label_map, masks=masks, decode=decode)


def _from_table(path: Location) -> LabelMap | None:
    if not path.is_file():
        return None
    values = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        with in_line(path, number, "a line is `id: name`"):
            value, name = line.split(":", 1)
            if int(value):  # 0 is unlabeled
                values[name.strip()] = int(value)
    with in_file(path):
        return LabelMap.from_values(values)


def _decode(path: str, *, folder: Folder, label_map: LabelMap) -> IndexMask:
    """Decode a pixel map; ids without a label are unchanged, so that comparisons show them."""
    ids = {value: value + 1 for value in range(VOID_8)} | {UNLABELED: label_map.background}
    mask: IndexMask = lookup(ids, default=0, dtype=label_map.dtype)[folder.mask(path)]
    return mask
