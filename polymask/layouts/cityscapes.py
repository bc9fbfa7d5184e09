"""Cityscapes: `gtFine/<split>/<city>/<id>_gtFine_{labelIds,labelTrainIds,instanceIds,color}.png`, polygons.

If all used labels are labels of Cityscapes, ids, train ids and colors are those of its table, and void is
unlabeled (0). Else the label map's values are the ids, train ids count from 0 in their order, and every label
has instances. instanceIds (16 bit) hold id · 1000 + n for the n-th instance of a label that has instances,
counted from 0 in paint order, and the plain id for all other pixels, including crowds. For values above 64
they do not fit into 16 bits: then they are not written, and `--instances` is refused. `*_polygons.json` has
the objects under Cityscapes' table.
Source: cityscapesScripts, `json2labelImg` and `json2instanceImg`.
"""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polymask.codecs.painted_png import encode, encode_colors
from polymask.errors import LabelError
from polymask.labels.cityscapes import CITYSCAPES, IGNORED, KNOWN, UNLABELED, CityscapesClass
from polymask.labels.label_map import LabelMap
from polymask.layouts import Drawn, LayoutOptions
from polymask.layouts.common.cityscapes_instances import instance_ids, polygons_json
from polymask.layouts.common.facts import LayoutFacts
from polymask.layouts.common.lookup import (
    BACKGROUND,
    ID2LABEL,
    id2label,
    in_value_order,
    lookup,
    require_8_bits,
    used_names,
)
from polymask.layouts.common.read_back import Folder, MaskFolder, masks_below, shortened, stored_labels
from polymask.layouts.common.splits import split_lists
from polymask.model import IndexMask, Label
from polymask.painting.painting import Painting
from polymask.raster.painted import mapped
from polymask.storage.image_names import picture_suffix, stem
from polymask.validation import Color

IMAGES, MASKS = "leftImg8bit", "gtFine/{split}"
WANTED_PICTURES = "png", "mmsegmentation's CityscapesDataset looks for *_leftImg8bit.png"
INDEX = True
MASK_KINDS = ("labelIds", "labelTrainIds", "color", "instanceIds")
MOST_ID = 64  # 65 · 1000 is beyond 16 bits
TRAIN_IDS = "id2label_trainIds.json"
_NAMED = re.compile(r"(?P<city>[A-Za-z-]+)_\d+_\d+$")

FACTS = LayoutFacts(
    title="Cityscapes",
    source="cityscapesScripts: helpers/labels.py, json2labelImg, json2instanceImg",
    files=(
        ("gtFine/<split>/<city>/<id>_gtFine_labelIds.png", "label ids, gray, 8 bit"),
        ("gtFine/<split>/<city>/<id>_gtFine_labelTrainIds.png", "train ids, gray, 8 bit"),
        ("gtFine/<split>/<city>/<id>_gtFine_instanceIds.png", "instance ids, gray, 16 bit"),
        ("gtFine/<split>/<city>/<id>_gtFine_color.png", "colors, RGB"),
        (
            "gtFine/<split>/<city>/<id>_gtFine_polygons.json",
            "the objects, if all used labels are labels of Cityscapes, and the source is no such file itself",
        ),
        ("id2label.json", "the names of the label ids"),
        ("id2label_trainIds.json", "the names of the train ids"),
        ("leftImg8bit/<split>/<city>/", "with --copy-images: the pictures"),
        ("splits/<split>.txt", "with splits (--split-ratio, or the source's own), or a --split beside train"),
    ),
    values=(
        ("labelIds", "Cityscapes' ids if all used labels are labels of Cityscapes, else label map values"),
        ("labelTrainIds", "Cityscapes' train ids, else 0 … K - 1 in value order; 255 is ignored"),
        (
            "instanceIds",
            "id · 1000 + n, n from 0 in paint order; for crowds and labels without instances the id",
        ),
        ("unlabeled", "0 in labelIds, 255 in labelTrainIds: background, and void under Cityscapes' table"),
    ),
    limits=(
        "8 bit: label maps with values above 255 are refused.",
        "Instance ids of values above 64 need over 16 bits: none are written, --instances refuses.",
        "1,000 instances of a label in one image.",
        "Objects of *_polygons.json are rings; seams, lines there and back, join holes and parts. Runs, and "
        "under --border, --overlap void or another pixel rule all that is visible, are traced around pixels.",
        "The city is the image's folder, else what is before `_<number>_<number>` in its name, else `all`.",
        "`license plate`, which Cityscapes does not paint, is unlabeled.",
        "IDD's labels use the label map's values here: `--to idd` has its own ids and Cityscapes'.",
    ),
    read_back="labelIds, turned back into the label map's values; without labels.json, by Cityscapes' table. "
    "Under that table void comes back as background.",
)


class _Table(NamedTuple):
    """The numbers and colors in the files for each value of a label map, including void and background."""

    ids: dict[int, int]
    train_ids: dict[int, int]
    colors: dict[int, Color]
    counted: frozenset[int]


def is_official(label_map: LabelMap, used: frozenset[str] | None = None) -> bool:
    """Whether all used labels are labels of Cityscapes; if `used` is None, all of the label map.

    Examples:
        >>> street = LabelMap.from_names(["road", "car", "zebra"])
        >>> is_official(street), is_official(street, frozenset({"car"}))
        (False, True)
    """
    names = used_names(label_map, used)
    return bool(names) and all(name in KNOWN for name in names)


def table_of(label_map: LabelMap, *, official: bool) -> _Table:
    """The numbers and colors of Cityscapes, or those of the label map."""
    unlabeled = CITYSCAPES[UNLABELED]
    blank = {
        label_map.background: unlabeled,
        label_map.void: unlabeled if official else unlabeled._replace(id=label_map.void),
    }
    rows = blank | (_official_rows(label_map) if official else _rows(label_map))
    return _Table(
        ids={value: row.id for value, row in rows.items()},
        train_ids={value: row.train_id for value, row in rows.items()},
        colors={value: row.color for value, row in rows.items()},
        counted=frozenset(value for value, row in rows.items() if row.instances),
    )


def _official_rows(label_map: LabelMap) -> dict[int, CityscapesClass]:
    """The rows of the labels that have an id in Cityscapes; other labels are unlabeled."""
    return {
        label.value: KNOWN[label.name]
        for label in label_map.labels
        if label.name in KNOWN and KNOWN[label.name].id > 0
    }


def _rows(label_map: LabelMap) -> dict[int, CityscapesClass]:
    labels = in_value_order(label_map)
    return {
        label.value: CityscapesClass(label.value, n, label.color, instances=True)
        for n, label in enumerate(labels)
    }


def _table(options: LayoutOptions) -> _Table:
    label_map = options.label_map
    return table_of(label_map, official=is_official(label_map, options.used))


def tables(options: LayoutOptions) -> dict[str, bytes]:
    """The names of the label ids, and of the train ids."""
    label_map, table = options.label_map, _table(options)
    official = is_official(label_map, options.used)
    named = [label for label in label_map.labels if table.ids.get(label.value)]
    ids = {0: UNLABELED if official else BACKGROUND} | {table.ids[label.value]: label.name for label in named}
    train_ids = {table.train_ids[label.value]: label.name for label in named}
    train_ids.pop(IGNORED, None)
    return {ID2LABEL: id2label(ids), TRAIN_IDS: id2label(train_ids)}


def check(options: LayoutOptions) -> None:
    """Raise `LabelError` for label maps that need 16 bits, or whose instance ids would need more."""
    require_8_bits(options.label_map, "cityscapes")
    if options.label_map.background:
        raise LabelError("in `cityscapes` masks 0 is unlabeled", advice="give the background the value 0")
    if options.instances and not _fits(_table(options)):
        raise LabelError(
            (f"instance ids are id · 1000 + n, and those of values above {MOST_ID} do not fit into 16 bits"),
            advice=(
                f"leave --instances out, or number the labels up to {MOST_ID}: with `--ids contiguous`, or "
                "in the --labels file"
            ),
        )


def _fits(table: _Table) -> bool:
    return all(table.ids[value] <= MOST_ID for value in table.counted)


def place(name: str, options: LayoutOptions) -> tuple[str, str]:
    """`<split>/<city>` and `<id>` of an image: from its folder, or from a name as in Cityscapes.

    Examples:
        >>> place("aachen_000001_000019_leftImg8bit.png", LayoutOptions(label_map=LabelMap(())))
        ('train/aachen', 'aachen_000001_000019')
    """
    path = PurePosixPath(stem(name))
    identity = path.name.removesuffix("_leftImg8bit").removesuffix("_gtFine_polygons")
    named = _NAMED.match(identity)
    city = path.parent.name or (named["city"] if named else "all")
    return f"{options.split_of(name)}/{city}", identity


def picture(name: str, options: LayoutOptions) -> str:
    """The path of the picture, as readers of Cityscapes expect it."""
    folder, identity = place(name, options)
    return f"{IMAGES}/{folder}/{identity}_leftImg8bit{picture_suffix(name)}"


def paths(name: str, options: LayoutOptions) -> tuple[str, ...]:
    """The paths of labelIds, labelTrainIds, color, instanceIds where they fit, and polygons if any."""
    masks = mask_paths(name, options, MASK_KINDS if _fits(_table(options)) else MASK_KINDS[:-1])
    polygons = masks[0].replace("_labelIds.png", "_polygons.json")
    return (*masks, polygons) if _has_polygons(options) else masks


def _has_polygons(options: LayoutOptions) -> bool:
    is_polygons = options.source_format in ("cityscapes", "idd")  # which may lie at the very same place
    return is_official(options.label_map, options.used) and not is_polygons


def mask_paths(name: str, options: LayoutOptions, kinds: Iterable[str]) -> tuple[str, ...]:
    """The paths of an image's masks of some kinds, as readers of Cityscapes expect them."""
    folder, identity = place(name, options)
    return tuple(f"gtFine/{folder}/{identity}_gtFine_{kind}.png" for kind in kinds)


def draw(painting: Painting, options: LayoutOptions) -> Drawn:
    """All files of an image; `painted` is the mask that labelIds decodes to."""
    table, painted = _table(options), painting.painted
    ids = mapped(painted, lookup(table.ids, default=0, dtype=np.uint8))
    colors = np.zeros((256, 3), np.uint8)
    for value, color in table.colors.items():
        colors[value] = color
    train_ids = mapped(painted, lookup(table.train_ids, default=IGNORED, dtype=np.uint8))
    files = [encode(ids), encode(train_ids), encode_colors(painted, colors)]
    if _fits(table):
        numbered = instance_ids(painting, table.ids, table.counted)
        files.append(encode(numbered, depth=16))
        if _has_polygons(options):
            files.append(polygons_json(painting, numbered, ids=table.ids))
    named = paths(painting.record.name, options)
    return Drawn(
        name=painting.record.name,
        mask=named[0],
        painted=mapped(ids, _values_by_id(options.label_map, table)),
        files=tuple(zip(named, files, strict=True)),
    )


def finish(drawn: Iterable[Drawn], options: LayoutOptions) -> Iterator[tuple[str, bytes]]:
    """The lists of the splits, which the folders show too."""
    yield from split_lists(drawn, options)


def open_folder(folder: Folder) -> MaskFolder | None:
    """The labelIds of all splits and cities; without labels.json, named by Cityscapes' table."""
    if not (folder / "gtFine").is_dir():
        return None
    listed = masks_below(folder, "gtFine", ending="_gtFine_labelIds.png")
    if not listed:  # only masks of other ids, which the format `masks` reads
        return None
    label_map = stored_labels(folder) or _official_map()
    official = is_official(label_map) or _stores_official_ids(folder, label_map)
    table = table_of(label_map, official=official)
    return MaskFolder(
        layout="cityscapes",
        label_map=label_map,
        masks=shortened(listed, lambda name: PurePosixPath(name).name),
        decode=partial(_decode, folder=folder, label_map=label_map, table=table),
        unscored=frozenset({BACKGROUND, *(_not_evaluated(label_map) if official else ())}),
    )


def _official_map() -> LabelMap:
    return LabelMap(tuple(Label(name, row.id, row.color) for name, row in CITYSCAPES.items() if row.id > 0))


def _stores_official_ids(folder: Folder, label_map: LabelMap) -> bool:
    """Whether id2label.json names Cityscapes' ids, though the label map has other, unused labels too."""
    stored = stored_labels(folder, (ID2LABEL,))
    named = {label.name: label.value for label in stored.labels} if stored else {}
    return bool(named) and named == {
        label.name: KNOWN[label.name].id
        for label in label_map.labels
        if label.name in KNOWN and KNOWN[label.name].id > 0
    }


def _not_evaluated(label_map: LabelMap) -> Iterator[str]:
    for name in label_map.names:
        if name not in KNOWN or KNOWN[name].train_id in (IGNORED, -1):
            yield name


def _decode(path: str, *, folder: Folder, label_map: LabelMap, table: _Table) -> IndexMask:
    mask: IndexMask = _values_by_id(label_map, table)[folder.mask(path)]
    return mask


def _values_by_id(label_map: LabelMap, table: _Table) -> NDArray[np.unsignedinteger]:
    """The value of each id; ids without a label are void in Cityscapes' table, else unchanged."""
    official = table.ids[label_map.void] == 0
    values = {} if official else {number: number for number in range(256)}
    values |= {number: value for value, number in table.ids.items() if number}
    values |= {0: label_map.background}
    return lookup(values, default=label_map.void, dtype=label_map.dtype)
