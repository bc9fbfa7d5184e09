"""SegNet's CamVid: `<split>annot/<name>.png` in gray, and lists of pairs.

Classes count from 0, in the label map's order of values, and the number after the last is unlabelled:
background and void. If all used labels are among SegNet's eleven, the values are SegNet's: Sky 0 to
Bicyclist 10, and 11 unlabelled. Other readers of CamVid want color masks, which the layout `camvid`
writes. Source: SegNet's tutorial (its CamVid, and `ignore_label: 11`).
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
from polymask.layouts.common.lookup import BACKGROUND, ID2LABEL, id2label, in_value_order, lookup, used_names
from polymask.layouts.common.read_back import Folder, MaskFolder, stored_labels
from polymask.model import IndexMask
from polymask.painting.painting import Painting
from polymask.raster.painted import mapped

IMAGES, MASKS, INDEX = camvid.IMAGES, camvid.MASKS, True

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
        ("0 … K - 1", "the labels in value order; SegNet's values if all used labels are among its eleven"),
        ("K, of SegNet's labels 11", "unlabelled, to be ignored: background and void"),
    ),
    limits=(
        "More than 255 labels are refused.",
        "SegNet's labels are Sky, Building, Pole, Road, Pavement, Tree, SignSymbol, Fence, Car, Pedestrian "
        "and Bicyclist, in this spelling.",
        "Readers of CamVid in colors want `--to camvid`.",
    ),
    read_back="By id2label.json, turned back into the label map's values; void comes back as background.",
)


def values_of(label_map: LabelMap, used: frozenset[str] | None) -> dict[str, int]:
    """The value of each label.

    Examples:
        >>> values_of(LabelMap.from_names(["cat", "dog"]), None)
        {'cat': 0, 'dog': 1}
        >>> values_of(LabelMap.from_names(["Car"]), None)
        {'Car': 8}
    """
    names = used_names(label_map, used)
    if names and set(names) <= set(SEGNET_NAMES):
        return {name: SEGNET_NAMES.index(name) for name in label_map.names if name in SEGNET_NAMES}
    return {label.name: number for number, label in enumerate(in_value_order(label_map))}


def unlabelled(values: dict[str, int]) -> int:
    """The value of pixels without a label."""
    return len(SEGNET_NAMES) if set(values) <= set(SEGNET_NAMES) else len(values)


def tables(options: LayoutOptions) -> dict[str, bytes]:
    """The names of the values; unlabelled has the name of the background."""
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
        painted=mapped(written, _label_map_values(label_map, values)),
        dtype=label_map.dtype,
        files=((path, encode(written)),),
    )


def _label_map_values(label_map: LabelMap, values: dict[str, int]) -> NDArray[np.unsignedinteger]:
    """A table from the values of the files to those of the label map."""
    label_values = {number: label_map.value_of(name) for name, number in values.items()}
    return lookup(label_values, default=label_map.background, dtype=label_map.dtype)


def finish(drawn: Iterable[Drawn], options: LayoutOptions) -> Iterator[tuple[str, bytes]]:
    """Each split's pairs of picture and mask."""
    yield from camvid.pairs(drawn, options)


def open_folder(folder: Folder) -> MaskFolder | None:
    """The gray masks of all splits, if id2label.json names their values, without which they are unknown."""
    masks = camvid.annotated_masks(folder)
    if not masks or (folder / camvid.TABLE).is_file():
        return None
    named = stored_labels(folder, (ID2LABEL,))
    if named is None:
        return None
    label_map = stored_labels(folder) or named
    values = {label.name: label.value for label in named.labels if label.name in label_map}
    decode = partial(_decode, folder=folder, values=_label_map_values(label_map, values))
    return MaskFolder(
        layout="segnet",
        label_map=label_map,
        masks=masks,
        decode=decode,
        unscored=frozenset({BACKGROUND}),  # `ignore_label`
    )


def _decode(path: str, *, folder: Folder, values: NDArray[np.unsignedinteger]) -> IndexMask:
    mask: IndexMask = values[folder.mask(path)]
    return mask
