"""COCO-Stuff pixel maps: `stuffthingmaps/<name>.png`, gray; the category id minus one, 255 unlabeled.

Beside them `annotations/<split>/<name>_labelTrainIds.png`, as mmsegmentation prepares and reads them: the
labels' places in the order of their ids, from 0, 255 unlabeled.
Background and void are both unlabeled; read back, they are background. `labels.txt` names the ids.
Source: nightrome/cocostuff, "Stuff+thing PNG-style annotations", `labels.txt`; mmsegmentation 1.x,
`COCOStuffDataset` and the preparation of COCO-Stuff 164k.
"""

from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np

from polymask.codecs.painted_png import encode
from polymask.errors import LabelError
from polymask.labels.label_map import VOID_8, LabelMap
from polymask.layouts import Drawn, LayoutOptions
from polymask.layouts.common.facts import SPLIT_LISTS, LayoutFacts
from polymask.layouts.common.lookup import (
    BACKGROUND,
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

IMAGES = "images/{split}"
INDEX = True
WANTED_PICTURES = "jpg", "mmsegmentation's COCOStuffDataset looks for <name>.jpg"
TRAIN_IDS = "id2label_trainIds.json"
TABLE = "labels.txt"
UNLABELED = 255

FACTS = LayoutFacts(
    title="COCO-Stuff pixel maps",
    source="nightrome/cocostuff; mmsegmentation 1.x, COCOStuffDataset",
    files=(
        ("stuffthingmaps/<name>.png", "the pixel map, gray, 8 bit"),
        ("annotations/<split>/<name>_labelTrainIds.png", "the train ids, gray, 8 bit, for mmsegmentation"),
        ("labels.txt", "`id: name`"),
        ("id2label.json", "the names of the pixel map's values: ids minus one"),
        ("id2label_trainIds.json", "the names of the train ids"),
        ("images/<split>/", "with --copy-images: the pictures"),
        SPLIT_LISTS,
    ),
    values=(
        ("0 … 254", "the label map's value minus one; with `--ids source`, the category id minus one"),
        ("train ids", "the labels' places in the order of their ids, from 0: `METAINFO`'s `classes`"),
        ("255", "unlabeled: background and void"),
    ),
    limits=("The masks have 8 bits, so label maps with values above 255 are refused.",),
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
    """The pixel map, and the train ids."""
    plain = stem(name)
    train_ids = f"annotations/{options.split_of(name)}/{plain}_labelTrainIds.png"
    return f"stuffthingmaps/{plain}.png", train_ids


def draw(painting: Painting, options: LayoutOptions) -> Drawn:
    """The pixel map and the train ids as gray PNGs. `painted` is the mask that it decodes to."""
    ids = {label.value: label.value - 1 for label in options.label_map.labels}
    train_ids = {value: number for number, value in enumerate(sorted(ids))}
    stored = [
        encode(mapped(painting.painted, lookup(values, default=UNLABELED, dtype=np.uint8)))
        for values in (ids, train_ids)
    ]
    named = paths(painting.record.name, options)
    return Drawn(
        name=painting.record.name,
        mask=named[0],
        painted=without_void(painting.painted, options.label_map),
        dtype=options.label_map.dtype,
        files=tuple(zip(named, stored, strict=True)),
    )


def tables(options: LayoutOptions) -> dict[str, bytes]:
    """The names of the pixel map's values, and of the train ids."""
    names = {label.value - 1: label.name for label in in_value_order(options.label_map)}
    return {ID2LABEL: id2label(names), TRAIN_IDS: id2label(dict(enumerate(names.values())))}


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
    return MaskFolder(
        layout="coco-stuff",
        label_map=label_map,
        masks=masks,
        decode=decode,
        unscored=frozenset({BACKGROUND}),  # unlabeled
    )


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
