"""nnU-Net: `labelsTr/<case>.png` in values without gaps, `imagesTr/<case>_0000.png` and `dataset.json`.

A case is an image's name without suffix, `_` for the folders' slashes, as there are no folders below
`labelsTr`. Images of the split test go to `imagesTs` and `labelsTs`; where there are train and val,
`splits_final.json` tells them apart as nnU-Net's preprocessed folder does.
nnU-Net has no value that is left out unless `dataset.json` has a label `ignore`, of the highest value. So
what becomes of void is asked: `--void-as ignore` makes it that label, `--void-as background` background.
Source: nnU-Net v2, "Dataset format", "Ignore label" and "Manual data splits".
"""

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from polymask.codecs.painted_png import encode
from polymask.errors import LabelError, unknown
from polymask.labels.label_map import VOID_8, LabelMap
from polymask.labels.texts.name_lines import quoted
from polymask.layouts import Drawn, LayoutOptions
from polymask.layouts.common.facts import LayoutFacts
from polymask.layouts.common.lookup import (
    BACKGROUND,
    ID2LABEL,
    id2label,
    in_value_order,
    lookup,
    without_void,
)
from polymask.layouts.common.read_back import Folder, MaskFolder, masks_below, stored_labels
from polymask.layouts.common.splits import lines
from polymask.model import IndexMask
from polymask.painting.painting import Painting
from polymask.raster.painted import PaintedSpans, mapped
from polymask.storage.image_names import stem

IMAGES = "imagesTr"
INDEX = True
FILE = "dataset.json"
SPLITS = "splits_final.json"
PICTURE_FORMAT, PICTURE_MODE = "png", "RGB"
IGNORE = "ignore"
VOID_CHOICE = (IGNORE, BACKGROUND)
VOID_ADVICE = (
    "add `--void-as ignore` (nnU-Net's own label for what is not learned), or `--void-as background`"
)
CHANNELS = {"0": "R", "1": "G", "2": "B"}

FACTS = LayoutFacts(
    title="nnU-Net",
    source="nnU-Net v2, Dataset format, Ignore label, Manual data splits",
    files=(
        ("labelsTr/<case>.png", "the mask, gray, 8 bit"),
        ("dataset.json", "channels, labels with their values, the number of training cases, the file ending"),
        (
            "splits_final.json",
            "if there are train and val; move it into the dataset's folder in nnUNet_preprocessed",
        ),
        ("labelsTs/<case>.png", "the masks of the split test"),
        ("id2label.json", "the names of the values"),
        ("imagesTr/, imagesTs/<case>_0000.png", "with --copy-images: the pictures, RGB, 8 bit"),
    ),
    values=(
        ("0", "background, a class like the others"),
        ("1 … K", "the labels in the order of their values, without gaps"),
        ("K + 1", "with --void-as ignore: void, which nnU-Net calls ignore"),
    ),
    limits=(
        "A mask with void is refused, unless --void-as says what void becomes.",
        "More than 254 labels, or a label called `ignore`, are refused.",
        "nnU-Net wants DEST to be called `DatasetXXX_Name`.",
        "All copied pictures are PNG with three channels. Other formats, gray and palette pictures are "
        "converted; pictures with more than 8 bits or with transparency fail.",
    ),
    read_back="By dataset.json, turned back into the label map's values; `ignore` is void.",
    shown="dataset.json",
)


def check(options: LayoutOptions) -> None:
    """Raise `LabelError` for more labels than 8 bits number, and for names that mean something else."""
    if options.void_as not in ("", *VOID_CHOICE):
        raise unknown("value of --void-as", options.void_as, VOID_CHOICE)
    if len(options.label_map.labels) > VOID_8 - 1:
        raise LabelError(
            f"`nnunet` masks hold {VOID_8 - 1} labels",
            advice="use `--to index`, or list fewer labels in a --labels FILE, and choose them with --only",
        )
    if IGNORE in options.label_map.names:
        raise LabelError(
            f"nnU-Net takes a label '{IGNORE}' for what is not learned",
            advice=f"rename it in a --labels file (`{quoted(IGNORE)} -> NAME`)",
        )


def values_of(options: LayoutOptions) -> dict[str, int]:
    """The value of background, the labels, and of ignore where void becomes that.

    Examples:
        >>> values_of(LayoutOptions(label_map=LabelMap.from_values({"cat": 3, "dog": 7}), void_as="ignore"))
        {'background': 0, 'cat': 1, 'dog': 2, 'ignore': 3}
    """
    names = [BACKGROUND, *(label.name for label in in_value_order(options.label_map))]
    if options.void_as == IGNORE:
        names.append(IGNORE)
    return {name: value for value, name in enumerate(names)}


def case(name: str) -> str:
    """What nnU-Net calls an image.

    Examples:
        >>> case("town/0001.jpg")
        'town_0001'
    """
    return stem(name).replace("/", "_")


def _part(name: str, options: LayoutOptions) -> str:
    return "Ts" if options.split_of(name) == "test" else "Tr"


def picture(name: str, options: LayoutOptions) -> str:
    """The picture's place; all its channels are in the one file."""
    return f"images{_part(name, options)}/{case(name)}_0000.png"


def paths(name: str, options: LayoutOptions) -> tuple[str, ...]:
    """The mask."""
    return (f"labels{_part(name, options)}/{case(name)}.png",)


def draw(painting: Painting, options: LayoutOptions) -> Drawn:
    """The index mask in nnU-Net's values; raises `LabelError` for void that nobody decided on."""
    (path,) = paths(painting.record.name, options)
    label_map, values = options.label_map, values_of(options)
    painted = _decided(painting.painted, options)
    numbers = {label.value: values[label.name] for label in label_map.labels}
    numbers[label_map.void] = values.get(IGNORE, 0)
    written = mapped(painted, lookup(numbers, default=0, dtype=np.uint8))
    return Drawn(
        name=painting.record.name,
        mask=path,
        painted=painted,
        dtype=label_map.dtype,
        files=((path, encode(written)),),
    )


def _decided(painted: PaintedSpans, options: LayoutOptions) -> PaintedSpans:
    """The mask without void, where that becomes background."""
    void = options.label_map.void
    if not options.void_as and (painted.value == void).any():
        raise LabelError(
            "the mask has void pixels, and nnU-Net leaves no value out by itself",
            advice=VOID_ADVICE,
        )
    return without_void(painted, options.label_map) if options.void_as == BACKGROUND else painted


def tables(options: LayoutOptions) -> dict[str, bytes]:
    """The names of the values."""
    return {ID2LABEL: id2label({value: name for name, value in values_of(options).items()})}


def finish(drawn: Iterable[Drawn], options: LayoutOptions) -> Iterator[tuple[str, bytes]]:
    """dataset.json, and which training cases are for validation."""
    cases: dict[str, list[str]] = {split: [] for split in options.all_splits}
    for image in drawn:
        cases.setdefault(options.split_of(image.name), []).append(case(image.name))
    document = {
        "channel_names": CHANNELS,
        "labels": values_of(options),
        "numTraining": sum(len(listed) for split, listed in cases.items() if split != "test"),
        "file_ending": ".png",
        "overwrite_image_reader_writer": "NaturalImage2DIO",
    }
    yield FILE, lines([json.dumps(document, ensure_ascii=False, indent=1)])
    fold = {split: sorted(cases.get(split, ())) for split in ("train", "val")}
    yield SPLITS, lines([json.dumps([fold], ensure_ascii=False, indent=1)] if all(fold.values()) else [])


def stored_options(options: LayoutOptions, read: Callable[[str], bytes | None]) -> LayoutOptions:
    """The options with what became of void: a value of its own, where the stored names have one."""
    return replace(options, void_as=IGNORE) if f'"{IGNORE}"'.encode() in (read(ID2LABEL) or b"") else options


def open_folder(folder: Folder) -> MaskFolder | None:
    """The masks of labelsTr and labelsTs, where id2label.json names their values."""
    if not ((folder / FILE).is_file() and (folder / "labelsTr").is_dir() | (folder / "labelsTs").is_dir()):
        return None
    named = stored_labels(folder, (ID2LABEL,))
    masks = {
        name: path for part in ("Tr", "Ts") for name, path in masks_below(folder, f"labels{part}").items()
    }
    if named is None or not masks:
        return None
    label_map = stored_labels(folder) or named
    decode = partial(_decode, folder=folder, back=_back(label_map, named))
    return MaskFolder(layout="nnunet", label_map=label_map, masks=masks, decode=decode)


def _back(label_map: LabelMap, named: LabelMap) -> NDArray[np.unsignedinteger]:
    """The label map's value for each value of the files; a value that no label has is none of a mask's."""
    back = {label.value: label_map.value_of(label.name) for label in named.labels if label.name in label_map}
    back[0] = label_map.background
    return lookup(back, default=label_map.void, dtype=label_map.dtype)


def _decode(path: str, *, folder: Folder, back: NDArray[np.unsignedinteger]) -> IndexMask:
    values: IndexMask = back[folder.mask(path)]
    return values
