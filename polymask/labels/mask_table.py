"""The meaning of the pixels of existing masks: labels by pixel value, and by color.

Values and colors that are not in a table have no label. Where no table names the values, a mask with
VOC's colors has PASCAL VOC's labels, and the labels of any other mask are numbers.
Source: PASCAL VOC development kit (names, palette); SegNet's CamVid (the names of its twelve values).
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from polymask.errors import LabelError
from polymask.labels.color_tables import BACKGROUND, VOID, TableRow, table_rows
from polymask.labels.label_files import label_values
from polymask.labels.label_map import BACKGROUND_NAMES, VOID_8, Categories, LabelMap, from_text
from polymask.labels.voc_palette import default_color, voc_colors

BORDER = (224, 224, 192)  # VOC's color for 255, void
VOC_NAMES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
SEGNET_NAMES = (
    "Sky", "Building", "Pole", "Road", "Pavement", "Tree", "SignSymbol", "Fence", "Car", "Pedestrian",
    "Bicyclist",
)  # fmt: skip


class MaskTable(msgspec.Struct, frozen=True):
    r"""Labels by value, for gray and palette masks, and by packed color (red · 65536 + green · 256 + blue).

    Either may be empty: without `values`, labels follow from colors, even in gray and palette masks.
    `categories` are the labels with their numbers, in the table's order. With `assumed`, no table named
    the values: where a mask has VOC's colors they have VOC's labels, else those of `numbers`; without
    `numbers` the values themselves are the names.

    Examples:
        >>> table = MaskTable.of_text("0 0 0 Void\n64 0 128 Car")
        >>> table.label(64 << 16 | 128, colored=True), table.label(7, colored=True)
        ('Car', None)
    """

    values: Mapping[int, str]
    colors: Mapping[int, str]
    categories: Categories
    assumed: bool = False
    numbers: Mapping[int, str] | None = None

    @classmethod
    def of_text(cls, text: str) -> "MaskTable":
        """The table in the text of a label file of any kind; raises `LabelError`."""
        try:
            label_map, rows = from_text(text), table_rows(text)
        except LabelError:  # values that a mask may have, but that polymask does not give to labels
            if not (values := label_values(text)):
                raise
            return cls.of_values({0: BACKGROUND, VOID_8: VOID} | values)
        return cls.of_label_map(label_map) if rows is None else cls._of_rows(rows, label_map)

    @classmethod
    def _of_rows(cls, rows: Iterable[TableRow], label_map: LabelMap) -> "MaskTable":
        values = {row.value: row.painted_as for row in rows if row.value is not None}
        colors = {packed(row.color): row.painted_as for row in rows if row.color is not None}
        return cls(values, colors, _categories(label_map))

    @classmethod
    def of_label_map(cls, label_map: LabelMap) -> "MaskTable":
        """A label map's values and colors; black is background, and VOC's border color void."""
        values = {label.value: label.name for label in label_map.labels}
        values = {VOID_8: VOID} | values | {label_map.void: VOID, label_map.background: BACKGROUND}
        counts = Counter(label.color for label in label_map.labels)
        colors = {packed(label.color): label.name for label in label_map.labels if counts[label.color] == 1}
        return cls(values, {packed(BORDER): VOID, 0: BACKGROUND} | colors, _categories(label_map))

    @classmethod
    def of_values(cls, values: Mapping[int, str]) -> "MaskTable":
        """Names by value, without colors.

        If 0 is a label, the background gets its value in the table, else the largest unused value.
        """
        named = [(name, value) for value, name in sorted(values.items())]
        special = BACKGROUND_NAMES | {VOID}
        if values.get(0, BACKGROUND) in special:
            return cls(values, {}, tuple(pair for pair in named if pair[0] not in special))
        if BACKGROUND not in values.values():
            named.insert(0, (BACKGROUND, next(n for n in range(VOID_8, 0, -1) if n not in values)))
        return cls(values, {}, tuple(named))

    def with_values(self, table: "MaskTable") -> "MaskTable":
        """The same colors and labels with the values of another table; void values stay void."""
        void = {value: name for value, name in self.values.items() if name == VOID}
        return replace(self, values=void | dict(table.values))

    @classmethod
    def unnamed(cls, labels: "MaskTable | None" = None) -> "MaskTable":
        """The table for masks that have none: VOC's names for VOC's colors, else the values of `labels`."""
        vocs = cls.of_label_map(LabelMap.from_names(VOC_NAMES))
        return replace(vocs, assumed=True, numbers=labels.values if labels else None)

    def chooses_from(self, names: Collection[str]) -> bool:
        """Whether all labels are among `names`, and all colors are the default ones."""
        plain = {packed(default_color(value)): name for name, value in self.categories if value}
        labeled = {code: name for code, name in self.colors.items() if name not in (VOID, BACKGROUND)}
        return {name for name, _ in self.categories} <= set(names) and labeled == plain

    def label(self, code: int, *, colored: bool, palette: NDArray[np.uint8] | None = None) -> str | None:
        """The label of a value or a color; None where the table has none.

        `palette` are the (n, 3) colors of the mask's values; they show whether the mask is VOC's.
        """
        if colored or not self.assumed:
            return (self.colors if colored else self.values).get(code)
        name = self.values.get(code, f"{code}")
        is_certain = name in (VOID, BACKGROUND) or (palette is not None and _is_vocs(palette, code))
        if is_certain or self.numbers is None:
            return name if is_certain else f"{code}"
        return self.numbers.get(code)


SEGNET = MaskTable.of_values(dict(enumerate((*SEGNET_NAMES, VOID))))


def _is_vocs(palette: NDArray[np.uint8], value: int) -> bool:
    return value < len(palette) and bool((palette[value] == voc_colors()[value]).all())


def _categories(label_map: LabelMap) -> Categories:
    return tuple((label.name, label.value) for label in label_map.labels)


def packed(color: Iterable[int]) -> int:
    """A color as a number, red · 65536 + green · 256 + blue.

    Examples:
        >>> packed((0, 1, 2))
        258
    """
    red, green, blue = color
    return red << 16 | green << 8 | blue
