"""SegNet's CamVid: `<split>annot/<name>.png` in gray, and lists of pairs.

Classes count from 0, in the label map's order of values, and the number behind the last is unlabelled:
background, and void as well. Where all labels that are used are SegNet's eleven, the values are its own,
Sky 0 to Bicyclist 10, and 11 is unlabelled. The color masks that other readers of CamVid want are the
layout `camvid`. Source: SegNet's tutorial (its CamVid, and `ignore_label: 11`).
"""

from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from polymask.codecs.painted_png import encode
from polymask.errors import LabelError
from polymask.labels.label_map import VOID_8, LabelMap
from polymask.labels.mask_table import SEGNET_NAMES
from polymask.layouts import Drawn, LayoutOptions, camvid
from polymask.layouts.common.facts import LayoutFacts
from polymask.layouts.common.lookup import BACKGROUND, ID2LABEL, id2label, in_value_order, lookup
from polymask.layouts.common.read_back import Folder, MaskFolder, masks_below, stored_labels
from polymask.model import IndexMask
from polymask.painting.painting import Painting
from polymask.raster.painted import mapped

IMAGES, INDEX = camvid.IMAGES, True

FACTS = LayoutFacts(
    title="SegNet",
    source="SegNet's tutorial: its CamVid, `ignore_label: 11`",
    files=(
        ("<split>annot/<name>.png", "the mask, gray, 8 bit"),
        ("<split>.txt", "pairs of picture and mask"),
        ("id2label.json", "the names of the values"),
        ("<split>/", "with --copy-images: the pictures"),
    ),
    values=(
        ("0 … K - 1", "the labels in value order; SegNet's own values where all used labels are its eleven"),
        ("K, of SegNet's labels 11", "unlabelled, to be ignored: background and void"),
    ),
    limits=(
        "More than 255 labels are refused.",
        "SegNet's labels are Sky, Building, Pole, Road, Pavement, Tree, SignSymbol, Fence, Car, Pedestrian "
        "and Bicyclist, written so.",
        "Readers of CamVid in colors want `--to camvid`.",
    ),
    read_back="By id2label.json, turned back into the label map's values; void comes back as background.",
)


def values_of(label_map: LabelMap, used: frozenset[str] | None) -> dict[str, int]:
    """The value of each label.

    >>> values_of(LabelMap.from_names(["cat", "dog"]), None), values_of(LabelMap.from_names(["Car"]), None)
    ({'cat': 0, 'dog': 1}, {'Car': 8})
    """
    names = [name for name in label_map.names if used is None or name in used] or label_map.names
    if names and set(names) <= set(SEGNET_NAMES):
        return {name: SEGNET_NAMES.index(name) for name in label_map.names if name in SEGNET_NAMES}
    return {label.name: number for number, label in enumerate(in_value_order(label_map))}


def unlabelled(values: dict[str, int]) -> int:
    """The value that is no label's."""
    return len(SEGNET_NAMES) if set(values) <= set(SEGNET_NAMES) else len(values)


def tables(options: LayoutOptions) -> dict[str, bytes]:
    """The names of the values; that of unlabelled is the background's."""
    values = values_of(options.label_map, options.used)
    return {ID2LABEL: id2label({unlabelled(values): BACKGROUND, **{n: name for name, n in values.items()}})}


def check(options: LayoutOptions) -> None:
    """Raise `LabelError` for more labels than 8 bits number."""
    if len(options.label_map.labels) > VOID_8:
        raise LabelError(
            f"`segnet` masks hold {VOID_8} labels",
            advice="use `--to index`, or list fewer labels in a --labels FILE, and choose them with --only",
        )


def paths(name: str, options: LayoutOptions) -> tuple[str, ...]:
    """The mask."""
    return camvid.paths(name, options)


def draw(painting: Painting, options: LayoutOptions) -> Drawn:
    """The index mask in SegNet's values."""
    (path,) = paths(painting.record.name, options)
    label_map, values = options.label_map, values_of(options.label_map, options.used)
    blank = unlabelled(values)
    numbers = {label.value: values.get(label.name, blank) for label in label_map.labels}
    written = mapped(painting.painted, lookup(numbers, default=blank, dtype=np.uint8))
    return Drawn(
        name=painting.record.name,
        mask=path,
        painted=mapped(written, _back(label_map, values)),
        dtype=label_map.dtype,
        files=((path, encode(written)),),
    )


def _back(label_map: LabelMap, values: dict[str, int]) -> NDArray[np.unsignedinteger]:
    """The label map's value for each value of the files."""
    back = {number: label_map.value_of(name) for name, number in values.items()}
    return lookup(back, default=label_map.background, dtype=label_map.dtype)


def finish(drawn: Iterable[Drawn], options: LayoutOptions) -> Iterator[tuple[str, bytes]]:
    """Each split's pairs of picture and mask."""
    yield from camvid.pairs(drawn, options)


def open_folder(folder: Folder) -> MaskFolder | None:
    """The gray masks of all splits, where id2label.json names them; others are not known to be these."""
    annotated = sorted(path.name for path in folder.glob("*annot") if path.is_dir())
    if not annotated or (folder / camvid.TABLE).is_file():
        return None
    named = stored_labels(folder, (ID2LABEL,))
    masks = {name: path for root in annotated for name, path in masks_below(folder, root).items()}
    if named is None or not masks:
        return None
    label_map = stored_labels(folder) or named
    values = {label.name: label.value for label in named.labels if label.name in label_map}
    decode = partial(_decode, folder=folder, back=_back(label_map, values))
    return MaskFolder(
        layout="segnet",
        label_map=label_map,
        masks=masks,
        decode=decode,
        unscored=frozenset({BACKGROUND}),  # `ignore_label`
    )


def _decode(path: str, *, folder: Folder, back: NDArray[np.unsignedinteger]) -> IndexMask:
    values: IndexMask = back[folder.mask(path)]
    return values
