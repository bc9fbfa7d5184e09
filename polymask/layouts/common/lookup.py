"""Tables and files of several layouts: names by value, `id2label.json`, lookup tables, gray masks."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from polymask.codecs.painted_png import Encoding
from polymask.errors import FormatError, LabelError
from polymask.labels.label_map import VOID_16, LabelMap
from polymask.labels.texts.name_lines import quoted
from polymask.layouts import Drawn, LayoutOptions
from polymask.model import Frame, IndexMask, Label
from polymask.painting.painting import Painting
from polymask.raster.painted import PaintedSpans, mapped

ID2LABEL = "id2label.json"
BACKGROUND = "background"
VOID = "__ignore__"  # like `background`, never the name of a label


def names_by_value(label_map: LabelMap) -> dict[int, str]:
    """Background and labels in ascending order of value, without void.

    Examples:
        >>> names_by_value(LabelMap.from_names(["cat"]))
        {0: 'background', 1: 'cat'}
    """
    names = {label.value: label.name for label in label_map.labels}
    return dict(sorted({label_map.background: BACKGROUND, **names}.items()))


def used_names(label_map: LabelMap, used: frozenset[str] | None) -> Sequence[str]:
    """The label map's names that are in `used`; all names where none is, and where `used` is None."""
    return [name for name in label_map.names if used is None or name in used] or label_map.names


def in_value_order(label_map: LabelMap) -> list[Label]:
    """The labels in ascending order of value."""
    return sorted(label_map.labels, key=lambda label: label.value)


def id2label(names: Mapping[int, str]) -> bytes:
    """Names by value as Hugging Face's models read them, in ascending order of value."""
    texts = {str(value): name for value, name in sorted(names.items())}
    return (json.dumps(texts, ensure_ascii=False, indent=1) + "\n").encode()


def value_tables(layout: object, options: LayoutOptions) -> dict[str, bytes]:
    """The files that name the values of a layout's masks: the layout's `tables`, else `id2label.json`.

    They depend on the labels alone, so they are the same for all masks of a folder.
    """
    tables: Callable[[LayoutOptions], dict[str, bytes]] | None = getattr(layout, "tables", None)
    return tables(options) if tables else {ID2LABEL: id2label(names_by_value(options.label_map))}


def classes_to(label_map: LabelMap) -> list[str]:
    """A name for every value from 0 to the largest, for readers that number classes without gaps."""
    names = names_by_value(label_map)
    return [names.get(value, f"unused-{value}") for value in range(max(names) + 1)]


def palette_of(label_map: LabelMap, count: int) -> list[list[int]]:
    """The colors of values 0 … count - 1."""
    colors: list[list[int]] = label_map.palette()[:count].tolist()
    return colors


def require_8_bits(label_map: LabelMap, layout: str) -> None:
    """Raise `LabelError` for a label map whose values need 16 bits."""
    if label_map.dtype is not np.uint8:
        raise LabelError(
            f"the layout `{layout}` holds values up to 255",
            advice="use `--to index`, or values up to 254: with `--ids contiguous`, or in the --labels file",
        )


def require_one_line(label_map: LabelMap, file: str, *, barred: str = "") -> None:
    """Raise `LabelError` for a label that does not fit into a line of a file; `barred` are separators."""
    for name in label_map.names:
        if name.strip().splitlines() != [name] or not set(barred).isdisjoint(name):
            separators = "".join(f", no {character!r}" for character in barred)
            raise LabelError(
                f"label {name!r} does not fit into {file} (no line break, no outer spaces{separators})",
                advice=f"rename it in a --labels file (`{quoted(name)} -> NAME`)",
            )


def lookup(values: Mapping[int, int], *, default: int, dtype: DTypeLike) -> NDArray[np.unsignedinteger]:
    """A table of 65536 entries that maps a mask of old values to new values.

    Examples:
        >>> lookup({1: 7}, default=0, dtype=np.uint8)[np.array([0, 1, 2])].tolist()
        [0, 7, 0]
    """
    table = np.full(VOID_16 + 1, default, dtype)
    for value, new_value in values.items():
        table[value] = new_value
    return table


def without_void(painted: PaintedSpans, label_map: LabelMap) -> PaintedSpans:
    """The mask with void as background, for layouts that do not distinguish them."""
    table = np.arange(VOID_16 + 1, dtype=np.uint16)
    table[label_map.void] = label_map.background
    return mapped(painted, table)


def painted(
    masks: Iterable[tuple[str, IndexMask]], label_map: LabelMap, *, frame: Frame | None = None
) -> IndexMask:
    """An index mask from label masks, with later masks on top.

    `frame` is needed if there is no label mask. Raises `FormatError` for masks of different sizes.

    Examples:
        >>> masks = {"dog": np.array([[1, 1, 0]], np.uint8), "cat": np.array([[0, 1, 1]], np.uint8)}
        >>> painted(masks.items(), LabelMap.from_names(["dog", "cat"])).tolist()
        [[1, 2, 2]]
    """
    index: IndexMask | None = None
    for label, mask in masks:
        if index is None:
            index = np.full(frame or mask.shape, label_map.background, label_map.dtype)
        require_size(mask, index)
        index[mask > 0] = label_map.value_of(label)
    if index is not None:
        return index
    if frame is None:
        raise FormatError("no mask of any label, and nothing gives the image's size")
    return np.full(frame, label_map.background, label_map.dtype)


def require_size(mask: NDArray[Any], index: NDArray[Any]) -> None:
    """Raise `FormatError` for a label mask whose size differs from the image's other masks."""
    if mask.shape != index.shape:
        sizes = sorted({mask.shape, index.shape})
        raise FormatError(f"the masks of an image's labels are of several sizes: {sizes}")


def gray(label_map: LabelMap) -> Encoding:
    """The encoding as gray PNG of the depth that a label map's values need."""
    return Encoding(depth=8 * np.dtype(label_map.dtype).itemsize)


def gray_mask(painting: Painting, path: str) -> Drawn:
    """An image whose only file is its index mask, as gray PNG at a path."""
    label_map, painted = painting.label_map, painting.painted
    files = ((path, gray(label_map).encode(painted)),)
    return Drawn(name=painting.record.name, mask=path, painted=painted, dtype=label_map.dtype, files=files)
