"""IDD: `gtFine/<split>/<drive>/<id>_gtFine_{labelids,labellevel3Ids,labelcsIds,instanceids}.png`.

If all used labels are labels of IDD, the numbers are those of its table: its ids, the ids of level 3,
which its challenges train and score, and the ids of Cityscapes. Unlabeled, and so void, has the id 35.
Else labelids hold the label map's values, and there are no masks of level 3 or Cityscapes. instanceids
(16 bit) hold id · 1000 + n for the n-th instance of a label that has instances; n counts from 0 in paint
order, over all labels with the same level 3 id. All other pixels, including crowds, have the plain id.
Source: AutoNUE's public code, `anue_labels`, `createLabels` and `json2instanceImg`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polymask.codecs.painted_png import encode
from polymask.errors import LabelError, LimitError
from polymask.labels.cityscapes import IDD_ROWS, IGNORED, UNLABELED, IddRow
from polymask.labels.id_masks import JOINED
from polymask.labels.label_map import LabelMap
from polymask.layouts import Drawn, LayoutOptions, cityscapes
from polymask.layouts.cityscapes import MOST_ID
from polymask.layouts.common.cityscapes_instances import MOST_INSTANCES
from polymask.layouts.common.facts import LayoutFacts
from polymask.layouts.common.lookup import (
    BACKGROUND,
    ID2LABEL,
    id2label,
    lookup,
    names_by_value,
    require_8_bits,
    used_names,
)
from polymask.layouts.common.read_back import Folder, MaskFolder, masks_below, shortened, stored_labels
from polymask.layouts.common.splits import split_lists
from polymask.model import IndexMask, Label
from polymask.painting.painting import Painting
from polymask.raster.painted import PaintedSpans, mapped

IMAGES, MASKS, INDEX = cityscapes.IMAGES, cityscapes.MASKS, True
IDS, INSTANCES = "labelids", "instanceids"
LEVELS = {"labellevel3Ids": "level3_id", "labelcsIds": "cs_id"}
BLANK = IDD_ROWS[UNLABELED]

FACTS = LayoutFacts(
    title="IDD",
    source="AutoNUE's public code: anue_labels, createLabels, json2instanceImg",
    files=(
        ("gtFine/<split>/<drive>/<id>_gtFine_labelids.png", "IDD's ids, gray, 8 bit"),
        ("gtFine/<split>/<drive>/<id>_gtFine_labellevel3Ids.png", "ids of level 3, gray, 8 bit"),
        ("gtFine/<split>/<drive>/<id>_gtFine_labelcsIds.png", "Cityscapes' ids, gray, 8 bit"),
        ("gtFine/<split>/<drive>/<id>_gtFine_instanceids.png", "instance ids, gray, 16 bit"),
        ("id2label.json", "the names of the ids"),
        (
            "id2label_level3Ids.json, id2label_csIds.json",
            "the names of the ids of level 3 and of Cityscapes; labels that share an id are joined",
        ),
        ("leftImg8bit/<split>/<drive>/", "with --copy-images: the pictures"),
        ("splits/<split>.txt", "with --split-ratio, or a --split beside train: the names in each split"),
    ),
    values=(
        ("labelids", "IDD's ids, road 0 and unlabeled 35; other labels: the label map's values"),
        ("labellevel3Ids", "0 to 25; 255 is ignored: unlabeled, void, `license plate` and the like"),
        ("labelcsIds", "Cityscapes' ids, 0 unlabeled; 255 for labels without a class in Cityscapes"),
        ("instanceids", "id · 1000 + n; for crowds and labels without instances the id"),
    ),
    limits=(
        "8 bit: label maps with values above 255 are refused.",
        "With a label that IDD lacks, only labelids are written, and instanceids where 16 bits hold them.",
        "The drive is the image's folder, else chosen as the city in the layout `cityscapes`.",
        "`vehicle fallback` has the csId 355 in the public table, too large for 8 bits: it is 255.",
        "Public tables of earlier years give some fallbacks a csId (`animal` 24, `autorickshaw` 26); the "
        "present one, 255, is written.",
    ),
    read_back="labelids, turned back into the label map's values; without labels.json, by IDD's table. Under "
    "that table void comes back as background.",
)


class _Table(NamedTuple):
    """The numbers in the files for each value of a label map, and the labels that have instances."""

    ids: dict[int, int]
    levels: dict[str, dict[int, int]]
    counted: dict[int, int]  # by value: the number by which its instances are counted
    blank: int
    void: int


def is_official(label_map: LabelMap, used: frozenset[str] | None = None) -> bool:
    """Whether all used labels are labels of IDD; if `used` is None, all of the label map.

    Examples:
        >>> is_official(LabelMap.from_names(["road", "autorickshaw", "zebra"]), frozenset({"road"}))
        True
    """
    names = used_names(label_map, used)
    return bool(names) and all(name in IDD_ROWS for name in names)


def table_of(label_map: LabelMap, *, official: bool) -> _Table:
    """The numbers of IDD, or those of the label map."""
    if not official:
        values = [label.value for label in label_map.labels]
        ids = {value: value for value in (label_map.background, label_map.void, *values)}
        return _Table(ids, {}, dict(zip(values, values, strict=True)), label_map.background, label_map.void)
    rows = {label.value: _row(label) for label in label_map.labels}
    rows |= {label_map.background: BLANK, label_map.void: BLANK}
    return _Table(
        ids={value: row.id for value, row in rows.items()},
        levels={kind: {v: getattr(row, level) for v, row in rows.items()} for kind, level in LEVELS.items()},
        counted={value: row.level3_id for value, row in rows.items() if row.instances},
        blank=BLANK.id,
        void=BLANK.id,
    )


def _row(label: Label) -> IddRow:
    return IDD_ROWS.get(label.name, BLANK)


def _table(options: LayoutOptions) -> _Table:
    label_map = options.label_map
    return table_of(label_map, official=is_official(label_map, options.used))


def tables(options: LayoutOptions) -> dict[str, bytes]:
    """The names of the ids, and of the ids of other levels."""
    label_map, table = options.label_map, _table(options)
    if not table.levels:
        return {ID2LABEL: id2label(names_by_value(label_map))}
    named = [label for label in label_map.labels if table.ids[label.value] != BLANK.id]
    ids = {table.ids[label.value]: label.name for label in named} | {BLANK.id: UNLABELED}
    files = {ID2LABEL: id2label(ids)}
    for kind, numbers in table.levels.items():
        files[f"id2label_{kind.removeprefix('label')}.json"] = id2label(_joined(named, numbers))
    return files


def _joined(labels: Iterable[Label], numbers: dict[int, int]) -> dict[int, str]:
    """The names by number, without the ignored number; names of the same number are joined."""
    names: dict[int, list[str]] = {}
    for label in labels:
        names.setdefault(numbers[label.value], []).append(label.name)
    names.pop(IGNORED, None)
    return {number: JOINED.join(group) for number, group in names.items()}


def check(options: LayoutOptions) -> None:
    """Raise `LabelError` for label maps that need 16 bits, or whose instance ids would need more."""
    require_8_bits(options.label_map, "idd")
    if options.instances and not _fits(_table(options)):
        raise LabelError(
            f"instance ids are id · 1000 + n, and those of values above {MOST_ID} do not fit into 16 bits",
            advice=(
                "leave out --instances, use `--ids contiguous`, or list fewer labels in a --labels FILE, "
                "and choose them with --only"
            ),
        )


def _fits(table: _Table) -> bool:
    return all(table.ids[value] <= MOST_ID for value in table.counted)


def picture(name: str, options: LayoutOptions) -> str:
    """The path of the picture, as readers of IDD expect it."""
    return cityscapes.picture(name, options)


def paths(name: str, options: LayoutOptions) -> tuple[str, ...]:
    """The paths of the ids, of other levels if the labels are IDD's, and of instance ids where they fit."""
    table = _table(options)
    kinds = [IDS, *table.levels, *([INSTANCES] if _fits(table) else [])]
    return cityscapes.mask_paths(name, options, kinds)


def draw(painting: Painting, options: LayoutOptions) -> Drawn:
    """All files of an image; `painted` is the mask that labelids decodes to."""
    table, painted = _table(options), painting.painted
    ids = mapped(painted, lookup(table.ids, default=table.blank, dtype=np.uint8))
    images = [encode(ids)]
    for numbers in table.levels.values():
        images.append(encode(mapped(painted, lookup(numbers, default=IGNORED, dtype=np.uint8))))
    if _fits(table):
        images.append(encode(_instance_ids(painting, table), depth=16))
    named = paths(painting.record.name, options)
    return Drawn(
        name=painting.record.name,
        mask=named[0],
        painted=mapped(ids, _values_by_id(options.label_map, table)),
        files=tuple(zip(named, images, strict=True)),
    )


def _instance_ids(painting: Painting, table: _Table) -> PaintedSpans:
    """The instance ids, painted one higher, then lowered: 0 would mean both road and unpainted."""
    numbers, counts = [], Counter[int]()
    for value, instance in zip(painting.values, painting.instances, strict=True):
        number = table.ids.get(value, table.blank)
        if value in table.counted and not instance.crowd:
            kind = table.counted[value]
            if counts[kind] == MOST_INSTANCES:
                raise LimitError(f"more than {MOST_INSTANCES} instances of one label; instance ids end there")
            number = number * MOST_INSTANCES + counts[kind]
            counts[kind] += 1
        numbers.append(0 if value == painting.label_map.background else number + 1)
    lower = np.arange(-1, 65535).astype(np.uint16)
    lower[0] = table.blank
    return mapped(painting.numbered(numbers, void=table.void + 1), lower)


def finish(drawn: Iterable[Drawn], options: LayoutOptions) -> Iterator[tuple[str, bytes]]:
    """The lists of the splits, which the folders show too."""
    yield from split_lists(drawn, options)


def open_folder(folder: Folder) -> MaskFolder | None:
    """The ids of all splits and drives; without labels.json, named by IDD's table."""
    if not (folder / "gtFine").is_dir():
        return None
    listed = masks_below(folder, "gtFine", ending=f"_gtFine_{IDS}.png")
    if not listed:
        return None
    label_map = stored_labels(folder) or _official_map()
    official = is_official(label_map) or _stores_official_ids(folder, label_map)
    ignored = (name for name in label_map.names if IDD_ROWS.get(name, BLANK).level3_id == IGNORED)
    return MaskFolder(
        layout="idd",
        label_map=label_map,
        masks=shortened(listed, lambda name: PurePosixPath(name).name),
        decode=partial(_decode, folder=folder, label_map=label_map, official=official),
        unscored=frozenset({BACKGROUND, *(ignored if official else ())}),
    )


def _official_map() -> LabelMap:
    rows = {name: row for name, row in IDD_ROWS.items() if name != UNLABELED}
    return LabelMap(tuple(Label(name, row.id, row.color) for name, row in rows.items()), background=BLANK.id)


def _stores_official_ids(folder: Folder, label_map: LabelMap) -> bool:
    """Whether id2label.json names IDD's ids, though the label map has other, unused labels too."""
    stored = stored_labels(folder, (ID2LABEL,))
    named = {label.name: label.value for label in stored.labels} if stored else {}
    official = {name: IDD_ROWS[name].id for name in label_map.names if name in IDD_ROWS}
    return bool(named) and named == official


def _decode(path: str, *, folder: Folder, label_map: LabelMap, official: bool) -> IndexMask:
    values: IndexMask = _values_by_id(label_map, table_of(label_map, official=official))[folder.mask(path)]
    return values


def _values_by_id(label_map: LabelMap, table: _Table) -> NDArray[np.unsignedinteger]:
    """The value of each id; ids without a label are void in IDD's table, else unchanged."""
    values = {} if table.levels else {number: number for number in range(256)}
    values |= {number: value for value, number in table.ids.items()}
    values |= {table.blank: label_map.background}
    return lookup(values, default=label_map.void, dtype=label_map.dtype)
