"""Cityscapes: `gtFine/<split>/<city>/<id>_gtFine_{labelIds,labelTrainIds,instanceIds,color}.png`.

Where all labels are Cityscapes' own, ids, train ids and colors are those of its table, and
void is unlabeled (0). Else the label map's values are the ids, train ids count from 0 in
their order, and every label has instances. instanceIds (16 bit) hold id · 1000 + n for the
n-th instance of a label that has instances, counted from 0 in paint order, and the plain id
for the rest, crowds among them. With values above 64 they do not fit into 16 bits: then
they are left out, and `--instances` refuses.
Source: cityscapesScripts, `json2labelImg` and `json2instanceImg`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np

from polymask.digest import pixels_sha256
from polymask.errors import LabelError, LimitError
from polymask.labels import LabelMap
from polymask.layouts import Drawn, LayoutOptions, stem
from polymask.layouts.cityscapes_labels import IGNORED, OFFICIAL, WITH_INSTANCES, Row
from polymask.layouts.facts import Facts
from polymask.layouts.reading import Folder, MaskFolder, masks_below, stored_labels
from polymask.layouts.splits import split_lists
from polymask.layouts.tables import in_value_order, lookup, require_8_bits
from polymask.model import IndexMask, Label
from polymask.png import encode_color, encode_png
from polymask.semantic import Painting

IMAGES = "leftImg8bit"
INDEX = True
KINDS = ("labelIds", "labelTrainIds", "color", "instanceIds")
MOST_ID = 64  # 65 · 1000 is beyond 16 bits
MOST_INSTANCES = 1000
_NAMED = re.compile(r"(?P<city>[A-Za-z-]+)_\d+_\d+$")

FACTS = Facts(
    title="Cityscapes",
    source="cityscapesScripts: helpers/labels.py, json2labelImg, json2instanceImg",
    files=(
        ("gtFine/<split>/<city>/<id>_gtFine_labelIds.png", "label ids, gray, 8 bit"),
        ("gtFine/<split>/<city>/<id>_gtFine_labelTrainIds.png", "train ids, gray, 8 bit"),
        ("gtFine/<split>/<city>/<id>_gtFine_instanceIds.png", "instance ids, gray, 16 bit"),
        ("gtFine/<split>/<city>/<id>_gtFine_color.png", "colors, RGB"),
        ("leftImg8bit/<split>/<city>/", "with --copy-images: the pictures"),
        ("splits/<split>.txt", "with --split-ratio: the names in each split"),
    ),
    values=(
        ("labelIds", "Cityscapes' ids where all labels are its own, else the label map's values"),
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
        "The city is the image's folder, else what is before `_<number>_<number>` in its name, else `all`.",
        "`license plate`, which Cityscapes does not paint, is unlabeled.",
        "IDD's label table is not built in: its labels use the label map's values.",
    ),
    read_back="labelIds, turned back into the label map's values; without labels.json, by Cityscapes' table. "
    "Under that table void comes back as background.",
)


class _Table(NamedTuple):
    """What each of a label map's values is in the files; void and background included."""

    ids: dict[int, int]
    train_ids: dict[int, int]
    colors: dict[int, tuple[int, int, int]]
    counted: frozenset[int]


def _is_official(label_map: LabelMap) -> bool:
    return bool(label_map.labels) and all(name in OFFICIAL for name in label_map.names)


def table_of(label_map: LabelMap) -> _Table:
    """Cityscapes' own numbers and colors, or the label map's."""
    rows = _rows(label_map)
    void = 0 if _is_official(label_map) else label_map.void
    blank = {label_map.background: Row(0, IGNORED, (0, 0, 0))}
    blank |= {label_map.void: Row(void, IGNORED, (0, 0, 0))}
    rows = blank | rows
    return _Table(
        ids={value: row.id for value, row in rows.items()},
        train_ids={value: row.train_id for value, row in rows.items()},
        colors={value: row.color for value, row in rows.items()},
        counted=frozenset(
            label.value
            for label in label_map.labels
            if not _is_official(label_map) or OFFICIAL[label.name].id in WITH_INSTANCES
        ),
    )


def _rows(label_map: LabelMap) -> dict[int, Row]:
    if _is_official(label_map):
        return {label.value: OFFICIAL[label.name] for label in label_map.labels}
    labels = in_value_order(label_map)
    return {label.value: Row(label.value, n, label.color) for n, label in enumerate(labels)}


def check(options: LayoutOptions) -> None:
    """Raise `LabelError` for label maps that need 16 bits, or whose instance ids would need more."""
    require_8_bits(options.label_map, "cityscapes")
    if options.label_map.background:
        raise LabelError("in `cityscapes` masks 0 is unlabeled; give the background the value 0")
    if options.instances and not _fits(options.label_map):
        raise LabelError(
            f"instance ids are id · 1000 + n, and those of values above {MOST_ID} do not fit into 16 bits; "
            "use `--ids contiguous`, fewer labels, or leave out --instances"
        )


def _fits(label_map: LabelMap) -> bool:
    table = table_of(label_map)
    return all(table.ids[value] <= MOST_ID for value in table.counted)


def place(name: str, options: LayoutOptions) -> tuple[str, str]:
    """`<split>/<city>` and `<id>` of an image: from its folder, or from a name of Cityscapes' kind.

    >>> place("aachen_000001_000019_leftImg8bit.png", LayoutOptions(label_map=LabelMap(())))
    ('train/aachen', 'aachen_000001_000019')
    """
    path = PurePosixPath(stem(name))
    identity = path.name.removesuffix("_leftImg8bit").removesuffix("_gtFine_polygons")
    named = _NAMED.match(identity)
    city = path.parent.name or (named["city"] if named else "all")
    return f"{options.split_of(name)}/{city}", identity


def picture(name: str, options: LayoutOptions) -> str:
    """The picture's place, named as Cityscapes' readers look for it."""
    folder, identity = place(name, options)
    return f"{IMAGES}/{folder}/{identity}_leftImg8bit{PurePosixPath(name).suffix}"


def paths(name: str, options: LayoutOptions) -> tuple[str, ...]:
    """labelIds, labelTrainIds, color, and instanceIds where they fit."""
    folder, identity = place(name, options)
    kinds = KINDS if _fits(options.label_map) else KINDS[:-1]
    return tuple(f"gtFine/{folder}/{identity}_gtFine_{kind}.png" for kind in kinds)


def draw(painting: Painting, options: LayoutOptions) -> Drawn:
    """All of an image's files. The digest is of the mask that labelIds decodes to."""
    table, index = table_of(options.label_map), painting.index
    ids = lookup(table.ids, default=0, dtype=np.uint8)[index]
    colors = np.zeros((256, 3), np.uint8)
    for value, color in table.colors.items():
        colors[value] = color
    train_ids = lookup(table.train_ids, default=IGNORED, dtype=np.uint8)[index]
    images = [encode_png(ids), encode_png(train_ids), encode_color(colors[index])]
    if _fits(options.label_map):
        images.append(encode_png(_instance_ids(painting, table, ids)))
    named = paths(painting.record.name, options)
    return Drawn(
        name=painting.record.name,
        mask=named[0],
        pixels_sha256=pixels_sha256(_from_ids(ids, options.label_map)),
        files=tuple(zip(named, images, strict=True)),
    )


def _instance_ids(painting: Painting, table: _Table, ids: IndexMask) -> IndexMask:
    numbers, seen = np.zeros(len(painting.instances) + 1, np.uint16), Counter[int]()
    for place_, (value, instance) in enumerate(zip(painting.values, painting.instances, strict=True), 1):
        if value in table.counted and not instance.crowd:
            if seen[value] == MOST_INSTANCES:
                raise LimitError(f"more than {MOST_INSTANCES} instances of one label; instance ids end there")
            numbers[place_] = table.ids[value] * MOST_INSTANCES + seen[value]
            seen[value] += 1
    own = numbers[painting.owners]
    visible = (own > 0) & (own // MOST_INSTANCES == ids)  # not where a void border was laid on top
    instance_ids: IndexMask = np.where(visible, own, ids).astype(np.uint16)
    return instance_ids


def finish(drawn: Iterable[Drawn], options: LayoutOptions) -> Iterator[tuple[str, bytes]]:
    """The lists of the splits: the folders tell them too."""
    yield from split_lists(drawn, options)


def open_folder(folder: Folder) -> MaskFolder | None:
    """The labelIds of all splits and cities; without labels.json, by Cityscapes' own table."""
    if not (folder / "gtFine").is_dir():
        return None
    label_map = stored_labels(folder) or _official_map()
    found = masks_below(folder, "gtFine", ending="_gtFine_labelIds.png")
    return MaskFolder(
        layout="cityscapes",
        label_map=label_map,
        masks={PurePosixPath(name).name: path for name, path in found.items()},
        decode=partial(_decode, folder=folder, label_map=label_map),
    )


def _official_map() -> LabelMap:
    return LabelMap(tuple(Label(name, row.id, row.color) for name, row in OFFICIAL.items() if row.id))


def _decode(path: str, *, folder: Folder, label_map: LabelMap) -> IndexMask:
    return _from_ids(folder.mask(path), label_map)


def _from_ids(ids: IndexMask, label_map: LabelMap) -> IndexMask:
    """An id that no label has is void in Cityscapes' table, and stays itself in one's own."""
    back = {} if _is_official(label_map) else {number: number for number in range(256)}
    back |= {number: value for value, number in table_of(label_map).ids.items() if number}
    table = lookup(back | {0: label_map.background}, default=label_map.void, dtype=np.uint8)
    values: IndexMask = table[ids]
    return values
