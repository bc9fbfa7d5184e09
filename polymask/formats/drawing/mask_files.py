"""Masks as files beside a table: which table is whose, and the record of a mask.

A mask's table is the one in its folder, else the nearest above it; then what `--labels` names; then the
only one that lies anywhere else in the source. An instance is a label, or where a second mask tells
objects apart, a label of one object.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import PurePosixPath
from typing import NoReturn

import numpy as np

from polymask.codecs.picture_files import PictureFinder
from polymask.codecs.pictures import SUFFIXES
from polymask.errors import FormatError, InputError, LabelError
from polymask.formats import Annotations, ReadOptions
from polymask.formats.drawing.legend import (
    Codes,
    check_same,
    codes_of,
    colors_of,
    frame_of,
    is_colored,
    palette_of,
    refuse_code,
    runs_by_code,
)
from polymask.formats.reading.content import Content
from polymask.formats.reading.notes import Notes
from polymask.formats.reading.records import gather
from polymask.formats.reading.texts.pages import Page
from polymask.labels.color_tables import VOID
from polymask.labels.label_map import BACKGROUND_NAMES, VOID_8, Categories
from polymask.labels.mask_table import VOC_NAMES, MaskTable
from polymask.model import Frame, ImageRecord, Instance, Runs
from polymask.storage.source_files import File, Place

OURS, VALUES = "labels.json", "id2label.json"
# labels.json is ours, and says more than what lies beside it
TABLES = (
    OURS, "labelmap.txt", "label_colors.txt", "class_dict.csv", "_classes.csv", "class_names.txt",
    VALUES,
)  # fmt: skip
_VOID_ALONE = (
    "the masks hold nothing but background and void, which is 255 unless a table gives it to a label: "
    'to paint it, write {"255": "NAME"} into a file for --labels, or into id2label.json beside the masks'
)


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of a source, each read once; `otherwise` is that of masks for which there is none."""

    place: Place
    otherwise: MaskTable
    _read: dict[str, MaskTable | None] = field(default_factory=dict)

    def of(self, mask: str) -> MaskTable:
        """The table of a mask; raises `FormatError` for a damaged one."""
        for folder in self._folders(mask):
            if (table := self._in(folder)) is not None:
                return table
        return self.otherwise

    def ours(self, mask: str) -> MaskTable | None:
        """The table of a mask that polymask laid out; None where it has not."""
        for folder in self._folders(mask):
            if self.place.find(str(PurePosixPath(folder) / OURS)) and self._values_in(folder):
                return self._in(folder)
        return None

    def _folders(self, mask: str) -> Iterator[str]:
        """A mask's folder, those above it, and the one above the source, as `SegmentationClass` may be it."""
        yield from map(str, PurePosixPath(mask).parents)
        if not self.place.zip:
            yield ".."

    def _in(self, folder: str) -> MaskTable | None:
        if folder not in self._read:
            beside = (self.place.find(str(PurePosixPath(folder) / name)) for name in TABLES)
            file = next((file for file in beside if file), None)
            self._read[folder] = self._table(file, folder) if file else None
        return self._read[folder]

    def _table(self, file: File, folder: str) -> MaskTable:
        values = self._values_in(folder) if PurePosixPath(file.name).name == OURS else None
        if values is None:
            return table_in(file)
        _refuse_masks_of_a_label(self.place, folder)
        return table_in(file).with_values(table_in(values))

    def _values_in(self, folder: str) -> File | None:
        """What names the values of a layout's masks, where they may be others than the label map's."""
        return self.place.find(str(PurePosixPath(folder) / VALUES))


def _refuse_masks_of_a_label(place: Place, folder: str) -> None:
    """Raise `FormatError` where polymask laid out a mask for each label: 255 is no void there."""
    manifest = place.find(str(PurePosixPath(folder) / "manifest.jsonl"))
    if manifest and b'"labels":' in manifest.read().partition(b"\n")[0]:
        raise FormatError(
            "the masks beside it are one for each label, which the formats of masks do not read",
            file=manifest.path,
            advice="convert the annotations again, with `--to index`",
        )


def tables_of(place: Place, labels: MaskTable | None, *, unnamed: MaskTable) -> Tables:
    """The tables of a source: those that are found, then `labels`, then what is known of unnamed masks."""
    if labels is not None:
        return Tables(place, labels)
    elsewhere = [name for name in place.names if PurePosixPath(name).name in TABLES]
    return Tables(place, table_in(place.file(elsewhere[0])) if len(elsewhere) == 1 else unnamed)


def table_in(file: File) -> MaskTable:
    """The table in a file; raises `FormatError` where it is none."""
    try:
        return MaskTable.of_text(Content(file).text.decode())
    except LabelError as error:
        advice = error.special_advice
        raise FormatError(error.message, file=file.path, place=error.place, advice=advice) from None


def categories_of(tables: Iterable[MaskTable]) -> Categories:
    """The labels of all tables, each once."""
    return tuple(dict.fromkeys(pair for table in tables for pair in table.categories))


def no_objects(_: File) -> None:
    """No second mask: what stands where objects are not told apart."""


def no_crowd(_label: str, _number: int) -> bool:
    """No object is several: what stands where a format has no such."""
    return False


def masked(
    data: bytes,
    table: MaskTable,
    notes: Notes,
    *,
    objects: bytes | None = None,
    is_crowd: Callable[[str, int], bool] = no_crowd,
) -> tuple[Frame, tuple[Instance, ...]]:
    """The frame of a mask and its instances; void is one, the background none.

    `objects` are the bytes of a second mask, which tells objects apart. Raises `Malformed` for bytes that
    are no mask, and for a value or a color that the table lacks, with its first pixel.
    """
    limits = notes.options.limits
    colored = is_colored(data) or not table.values
    codes = colors_of(data, limits) if colored else codes_of(data, limits)
    palette = palette_of(data, limits) if table.assumed else None
    runs = dict(runs_by_code(codes))
    labels = {code: table.label(code, colored=colored, palette=palette) for code in runs}
    for code, label in labels.items():
        if label is None:
            _refuse(codes, code, colored=colored, named=bool(table.colors))
    names = {code: label for code, label in labels.items() if label is not None}
    names = {code: label for code, label in names.items() if label not in BACKGROUND_NAMES}
    if objects is not None:
        numbers = codes_of(objects, limits)
        check_same(frame_of(codes), numbers, "a mask of labels")
        instances = tuple(_by_object(codes, names, numbers, is_crowd))
    else:
        instances = tuple(Instance(code, names[code], Runs(runs[code], codes.shape)) for code in names)
    notes.declared += len(instances)
    return frame_of(codes), instances


def _refuse(codes: Codes, code: int, *, colored: bool, named: bool) -> NoReturn:
    """Raise `Malformed` for a value or a color without a label; `named` tells that colors have any."""
    what = f"the color {_rgb(code)}" if colored else f"the value {code}"
    why = "is no label's" if named or not colored else "has no label: no table of colors is beside"
    refuse_code(codes, code, what, why)


def _rgb(code: int) -> tuple[int, int, int]:
    return code >> 16, code >> 8 & 255, code & 255


def _by_object(
    codes: Codes, names: Mapping[int, str], numbers: Codes, is_crowd: Callable[[str, int], bool]
) -> Iterator[Instance]:
    """An instance for each label of each object: what is there by codes, whose it is by numbers."""
    for both, counts in runs_by_code(codes.astype(np.uint64) << np.uint64(32) | numbers):
        code, number = both >> 32, both & 0xFFFFFFFF
        if (label := names.get(code)) is not None:
            yield Instance(number, label, Runs(counts, frame_of(codes)), crowd=is_crowd(label, number))


def _with_numbers(annotations: Annotations) -> Annotations:
    """The numbers among the labels; without gaps while 8 bits hold them, so that they stay the values."""
    numbers = sorted(int(name) for name in annotations.used if name.isdecimal())
    if not numbers:
        return annotations
    named = [pair for pair in annotations.categories if any(name in annotations.used for name in VOC_NAMES)]
    listed = range(1 + len(named), numbers[-1] + 1) if numbers[-1] < VOID_8 else numbers
    rows = {f"{number}": number for number in (*listed, *numbers)}
    note = (
        "the masks have neither VOC's colors nor a table of labels, so their labels are the pixel values: "
        f"{', '.join(map(str, numbers[:5]))}{' …' if len(numbers) > 5 else ''}; "
        "to name them, name a label file with --labels, or put class_names.txt beside the masks, a name a "
        "line from value 1 on"
    )
    return replace(annotations, categories=(*named, *rows.items()), notes=(*annotations.notes, note))


class MaskPictures:
    """The pictures of masks, which lie beside masks that have their names."""

    def __init__(self, finder: PictureFinder, masks: Iterable[str]) -> None:
        self.finder, self.masks = finder, frozenset(masks)

    def find(self, stem: str) -> File | None:
        """The picture of an image's name without suffix; never a mask."""
        for suffix in SUFFIXES:
            file = self.finder.find(stem + suffix, beside=stem)
            if file and not (file.place is self.finder.place and self._is_mask(file)):
                return file
        return None

    def _is_mask(self, file: File) -> bool:
        return not self.finder.searches and file.name in self.masks

    def name(self, stem: str) -> str:
        """An image's name: with the suffix of its picture, `.png` where there is none."""
        try:
            file = self.find(stem)
        except InputError:  # several pictures have the name: whoever needs it is told
            file = None
        return stem + (PurePosixPath(file.name).suffix if file else ".png")


def gather_masks(
    content: Content,
    options: ReadOptions,
    masks: Sequence[File],
    *,
    format: str,
    table: Callable[[str], MaskTable],
    stem: Callable[[File], str],
    objects: Callable[[File], File | None] = no_objects,
    is_crowd: Callable[[str, int], bool] = no_crowd,
) -> Annotations:
    """A record for each mask.

    `table` gives the table of a mask by its name, `stem` its image's name without suffix. `objects` gives
    the mask that tells its objects apart, if there is one; `is_crowd` tells by its label and its number
    there whether an object is several.
    """
    pictures = MaskPictures(PictureFinder(content.place, options.images), (file.name for file in masks))
    drawn = partial(masked, is_crowd=is_crowd)
    parse = partial(_parse, table=table, stem=stem, objects=objects, pictures=pictures, drawn=drawn)
    annotations = gather(content, options, [Page(file) for file in masks], format=format, parse=parse)
    known = {id(each): each for each in (table(file.name) for file in masks)}.values()
    annotations = replace(
        annotations,
        categories=tuple(categories_of(known)),
        named_by_labels=any(each == options.labels for each in known),
        picture_file=lambda at: pictures.find(annotations.names[at].rpartition(".")[0]),
    )
    if set(annotations.used) == {VOID}:
        return replace(annotations, notes=(*annotations.notes, _VOID_ALONE))
    return _with_numbers(annotations) if any(each.assumed for each in known) else annotations


def _parse(
    page: Page,
    notes: Notes,
    *,
    table: Callable[[str], MaskTable],
    stem: Callable[[File], str],
    objects: Callable[[File], File | None],
    pictures: MaskPictures,
    drawn: Callable[..., tuple[Frame, tuple[Instance, ...]]],
) -> ImageRecord:
    others = objects(page.file)
    data = others.read() if others else None
    frame, instances = drawn(Content(page.file).data, table(page.file.name), notes, objects=data)
    name = stem(page.file)
    return ImageRecord(PurePosixPath(name).name, pictures.name(name), frame, instances)
