"""Label maps: names ↔ pixel values ↔ colors; `label_files` parses the common kinds of files."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from polymask.errors import LabelError, nearest
from polymask.extras import dataframe
from polymask.labels.label_files import in_file, parse, text_at
from polymask.labels.texts.rows import LabelRows
from polymask.labels.voc_palette import default_color, voc_colors
from polymask.limits import Limits
from polymask.model import ImageRecord, Label
from polymask.storage.disk import disk_error
from polymask.storage.remote.urls import Location, located
from polymask.validation import as_value

BACKGROUND_NAMES = frozenset({"_background_", "__background__", "background"})
VOID_NAMES = frozenset({"__ignore__"})
VOID_8, VOID_16 = 255, 65535

Categories = Sequence[tuple[str, int | None]]  # names and category ids, in a source's order


@dataclass(frozen=True)
class LabelMap:
    """Ordered labels, the values of background and void, and aliases of labels.

    Values are whole numbers from 0 to 65535; `background` is painted where there is no
    instance, `void` where no label shall count. `aliases` maps a source's name to
    the label it is painted as. Raises `LabelError` for labels that share a name or a
    value, for a value that is the background's or void's, and for a value that no mask can hold.

    Examples:
        >>> labels = LabelMap.from_names(["cat", "dog"])
        >>> labels.value_of("dog"), labels.value_of("_background_"), labels.value_of("__ignore__")
        (2, 0, 255)
    """

    labels: tuple[Label, ...]
    background: int = 0
    void: int = VOID_8
    aliases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", tuple(self.labels))
        for name in ("background", "void"):
            object.__setattr__(self, name, as_value(name, getattr(self, name)))
        if self.background == self.void:
            raise LabelError(f"background and void are both {self.void}")
        owners = {self.background: "the background", self.void: "void"}
        names: set[str] = set()
        for label in self.labels:
            if label.value in owners:
                raise LabelError(
                    f"label '{label.name}' has value {label.value}, which is that of {owners[label.value]}"
                )
            if label.name in names:
                raise LabelError(f"label '{label.name}' is there twice")
            owners[label.value] = f"'{label.name}'"
            names.add(label.name)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the labels, in order."""
        return tuple(label.name for label in self.labels)

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """The place in `labels` of each pixel value, (65536,) int64; without a label, `len(labels)`."""
        places = np.full(VOID_16 + 1, len(self.labels), np.int64)
        places[[label.value for label in self.labels]] = range(len(self.labels))
        return places

    @cached_property
    def dtype(self) -> DTypeLike:
        """uint8 if all values fit, else uint16."""
        largest = max([self.background, self.void, *(label.value for label in self.labels)])
        return np.uint8 if largest <= VOID_8 else np.uint16

    @cached_property
    def _values(self) -> dict[str, int]:
        values = dict.fromkeys(BACKGROUND_NAMES, self.background)
        values |= dict.fromkeys(VOID_NAMES, self.void)
        values |= {label.name: label.value for label in self.labels}
        return values

    def name_of(self, name: str) -> str:
        """The label that a source's name is painted as."""
        return self.aliases.get(name, name)

    def value_of(self, name: str) -> int:
        """The pixel value of a source's label.

        Raises `LabelError` for a name that is not in the map.
        """
        try:
            return self._values[self.name_of(name)]
        except KeyError:
            raise unknown_label(name, self.names) from None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "aliases": dict(self.aliases)}  # a mapping proxy cannot be pickled

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.name_of(name) in self._values

    def palette(self) -> NDArray[np.uint8]:
        """A (256, 3) uint8 palette for 8-bit masks: each label's color, black for the background.

        Other values have VOC's colors.
        """
        colors = voc_colors()
        if self.background <= VOID_8:
            colors[self.background] = 0
        for label in self.labels:
            if label.value <= VOID_8:
                colors[label.value] = label.color
        return colors

    @classmethod
    def from_names(cls, names: Iterable[str], *, aliases: Mapping[str, str] | None = None) -> "LabelMap":
        """Names to values 1 … n in their order, with VOC colors; 16 bit from 255 labels on.

        Names of the background (`_background_`, `background`) and void (`__ignore__`) take
        no number. A name that occurs twice counts once. Raises `LabelError` for a single text
        instead of a list.

        Examples:
            >>> [label.value for label in LabelMap.from_names(["__ignore__", "_background_", "cat"]).labels]
            [1]
        """
        if isinstance(names, str):
            raise LabelError(f"names are a list, e.g. [{names!r}], not one text")
        numbered = [name for name in dict.fromkeys(names) if name not in BACKGROUND_NAMES | VOID_NAMES]
        return cls.from_values({name: value for value, name in enumerate(numbered, 1)}, aliases=aliases)

    @classmethod
    def from_values(
        cls, values: Mapping[str, int], *, aliases: Mapping[str, str] | None = None
    ) -> "LabelMap":
        """Names with given values, e.g. a source's category ids, and VOC colors.

        Void is 255 while all values fit into 8 bits, else 65535. Raises `LabelError`
        for values that collide with background or void, or that no mask can hold.
        """
        values = {name: as_value(f"label '{name}'", value) for name, value in values.items()}
        numbered = {n: v for n, v in values.items() if n not in BACKGROUND_NAMES | VOID_NAMES}
        background = next((v for n, v in values.items() if n in BACKGROUND_NAMES), 0)
        wide = max(numbered.values(), default=0) > VOID_8 or len(numbered) >= VOID_8
        void = next((v for n, v in values.items() if n in VOID_NAMES), VOID_16 if wide else VOID_8)
        colors = {0: default_color(background)}  # no label is black, because that is the background's color
        labels = tuple(Label(n, v, colors.get(v) or default_color(v)) for n, v in numbered.items())
        return cls(labels, background, void, MappingProxyType(dict(aliases or {})))

    @classmethod
    def from_records(cls, records: Iterable[ImageRecord]) -> "LabelMap":
        """The labels that occur in the records, sorted by name, numbered from 1.

        Examples:
            >>> LabelMap.from_records([]).names
            ()
        """
        return cls.from_names(sorted({instance.label for record in records for instance in record.instances}))

    @classmethod
    def from_source(
        cls, path: str | Path, *, ids: str = "contiguous", limits: Limits | None = None
    ) -> "LabelMap":
        """The label map of an annotation file or folder, or of a dataset, in the order of the source.

        `ids="source"` keeps the source's category ids. Raises `LabelError` where they
        collide with background or void, `FormatError` for a file that cannot be read, `LimitError`
        above `limits`.
        """
        selection = import_module("polymask.formats.selection")  # a higher layer, imported only here
        options = selection.ReadingOptions.of({}, limits=limits)
        return from_categories(selection.open_chosen(path, options).categories, ids=ids)

    @classmethod
    def load(cls, path: str | Location) -> "LabelMap":
        """Read a label file of any kind.

        Raises `LabelError` naming the file and the line or key, `NotFound` for a missing file,
        another `BackendError` for a file that cannot be read.
        """
        with in_file(path := located(path)):
            return from_text(text_at(path))

    def save(self, path: str | Path) -> None:
        """Write `labels.json`, which `load` reads back; raises `BackendError` if the disk refuses."""
        try:
            Path(path).write_bytes(self.to_json())
        except OSError as error:
            raise disk_error(error, path) from None

    def to_json(self) -> bytes:
        """The bytes of `labels.json`: names, values and colors (`#rrggbb`), background and void."""
        return (json.dumps(self.to_dict(), ensure_ascii=False, indent=1) + "\n").encode()

    def to_dict(self) -> dict[str, Any]:
        """What `labels.json` holds, as plain values."""
        labels = [
            {"name": label.name, "value": label.value, "color": "#{:02x}{:02x}{:02x}".format(*label.color)}
            for label in self.labels
        ]
        document: dict[str, Any] = {"labels": labels, "background": self.background, "void": self.void}
        if self.aliases:
            document["aliases"] = dict(self.aliases)
        return document

    def to_dataframe(self) -> Any:
        """A pandas `DataFrame` with a row a label: value, color; `InputError` where pandas is missing."""
        rows = [{"label": row.pop("name"), **row} for row in self.to_dict()["labels"]]
        return dataframe(rows, ("label", "value", "color"), index="label")

    def _repr_html_(self) -> str:
        """A table of the labels with their colors, as notebooks show it."""
        return str(import_module("polymask.report.notebook").label_map_html(self))


def from_text(text: str) -> LabelMap:
    """The label map in the text of a label file of any kind; raises `LabelError`.

    Examples:
        >>> from_text('{"1": "cat", "2": "dog"}').value_of("dog")
        2
    """
    return _of_rows(parse(text))


def _of_rows(rows: LabelRows) -> LabelMap:
    """The label map of a file's rows; raises `LabelError` if they do not fit together."""
    with advising(rows.advice):
        if rows.complete:
            labels = tuple(_label(index, rows) for index in range(len(rows.names)))
            return LabelMap(labels, rows.background, rows.void, MappingProxyType(dict(rows.aliases)))
        if rows.values:
            return LabelMap.from_values(rows.values, aliases=rows.aliases)
    plain = LabelMap.from_names(rows.names, aliases=rows.aliases)
    if not rows.colors:
        return plain
    labels = tuple(replace(label, color=rows.colors.get(label.name, label.color)) for label in plain.labels)
    return replace(plain, labels=labels)


def _label(index: int, rows: LabelRows) -> Label:
    name = rows.names[index]
    try:
        return Label(name, rows.values[name], rows.colors[name])
    except LabelError as error:
        raise error.within(place=f"$.labels[{index}]") from None


def unknown_label(name: str, names: Sequence[str], *, table: str = "the label map") -> LabelError:
    """The error for a label that is not in a map, or another table, with the nearest name in it."""
    return LabelError(f"label '{name}' is not in {table}", advice=nearest(name, names) or None)


def from_categories(categories: Categories, *, ids: str = "contiguous") -> LabelMap:
    """A label map of a source's (name, category id) pairs, numbered from 1 or by the ids.

    Examples:
        >>> from_categories([("cat", 7), ("dog", 9)], ids="source").value_of("dog")
        9
    """
    names = [name for name, _ in categories]
    if ids == "contiguous":
        return LabelMap.from_names(names)
    if None in (number for _, number in categories):
        raise LabelError("this source has no category ids", advice="use `--ids contiguous`")
    if len(set(names)) < len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise LabelError(f"label '{repeated}' has two category ids", advice="use `--ids contiguous`")
    with advising("use `--ids contiguous`"):
        return LabelMap.from_values({name: number for name, number in categories if number is not None})


@contextmanager
def advising(advice: str) -> Iterator[None]:
    """Add advice to a `LabelError` raised inside."""
    try:
        yield
    except LabelError as error:
        raise error.within(advice=advice or None) from None
