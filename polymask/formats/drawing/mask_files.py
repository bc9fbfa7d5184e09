"""Mask files with a table of labels: which table belongs to a mask, and the record of a mask.

A mask's table is the one in its folder, else the nearest above it, else that of `--labels`, else the
only table anywhere in the source. Each label of a mask is an instance; where a second mask tells
objects apart, each label of each object is one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import PurePosixPath
from typing import NoReturn

import numpy as np

from polymask.codecs.picture_files import PictureFinder
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
from polymask.storage.image_names import stem as stem_of
from polymask.storage.source_files import File, Place

LABEL_MAP_FILE, VALUES_FILE = "labels.json", "id2label.json"
# polymask writes labels.json itself: it holds more than the other tables
TABLES = (
    LABEL_MAP_FILE, "labelmap.txt", "label_colors.txt", "class_dict.csv", "_classes.csv", "class_names.txt",
    VALUES_FILE,
)  # fmt: skip
_VOID_ALONE = (
    "the masks hold nothing but background and void, which is 255 unless a table gives it to a label: "
    'to paint it, write {"255": "NAME"} into a file for --labels, or into id2label.json beside the masks'
)


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of a source, each read once; `fallback` is for masks without a table."""

    place: Place
    fallback: MaskTable
    _read: dict[str, MaskTable | None] = field(default_factory=dict)

    def of(self, mask: str) -> MaskTable:
        """The table of a mask; raises `FormatError` for a damaged one."""
        for folder in self._folders(mask):
            if (table := self._in(folder)) is not None:
                return table
        return self.fallback

    def own_table(self, mask: str) -> MaskTable | None:
        """The table of a mask that polymask wrote; None for other masks."""
        for folder in self._folders(mask):
            if self.place.find(str(PurePosixPath(folder) / LABEL_MAP_FILE)) and self._values_in(folder):
                return self._in(folder)
        return None

    def _folders(self, mask: str) -> Iterator[str]:
        """A mask's folder and its parents, up to the one above the source.

        The source may be a folder such as `SegmentationClass`, whose table lies beside it.
        """
        yield from map(str, PurePosixPath(mask).parents)
        if not self.place.zip:
            yield ".."

    def _in(self, folder: str) -> MaskTable | None:
        if folder not in self._read:
            files = (self.place.find(str(PurePosixPath(folder) / name)) for name in TABLES)
            file = next((file for file in files if file), None)
            self._read[folder] = self._table(file, folder) if file else None
        return self._read[folder]

    def _table(self, file: File, folder: str) -> MaskTable:
        values = self._values_in(folder) if PurePosixPath(file.name).name == LABEL_MAP_FILE else None
        if values is None:
            return table_in(file)
        _refuse_masks_of_a_label(self.place, folder)
        return table_in(file).with_values(table_in(values))

    def _values_in(self, folder: str) -> File | None:
        """The file with the values of a layout's masks, which may differ from the label map's values."""
        return self.place.find(str(PurePosixPath(folder) / VALUES_FILE))


def _refuse_masks_of_a_label(place: Place, folder: str) -> None:
    """Raise `FormatError` for polymask's layouts with a mask per label, in which 255 is not void."""
    manifest = place.find(str(PurePosixPath(folder) / "manifest.jsonl"))
    if manifest and b'"labels":' in manifest.read().partition(b"\n")[0]:
        raise FormatError(
            "the masks beside it are one for each label, which the formats of masks do not read",
            file=manifest.path,
            advice="convert the annotations again, with `--to index`",
        )


def tables_of(place: Place, labels: MaskTable | None, *, unnamed: MaskTable) -> Tables:
    """The tables of a source; masks without one use `labels`, else its only table, else `unnamed`."""
    if labels is not None:
        return Tables(place, labels)
    names = [name for name in place.names if PurePosixPath(name).name in TABLES]
    return Tables(place, table_in(place.file(names[0])) if len(names) == 1 else unnamed)


def table_in(file: File) -> MaskTable:
    """The table in a file; raises `FormatError` where the file holds none."""
    try:
        return MaskTable.of_text(Content(file).text.decode())
    except LabelError as error:
        advice = error.special_advice
        raise FormatError(error.message, file=file.path, place=error.place, advice=advice) from None


def categories_of(tables: Iterable[MaskTable]) -> Categories:
    """The labels of all tables, each once."""
    return tuple(dict.fromkeys(pair for table in tables for pair in table.categories))


def no_objects(_: File) -> None:
    """The `objects` of formats without a second mask that tells objects apart."""


def no_crowd(_label: str, _number: int) -> bool:
    """The `is_crowd` of formats without crowds."""
    return False


def masked(
    data: bytes,
    table: MaskTable,
    notes: Notes,
    *,
    objects: bytes | None = None,
    is_crowd: Callable[[str, int], bool] = no_crowd,
) -> tuple[Frame, tuple[Instance, ...]]:
    """The frame of a mask and its instances; void becomes an instance, background does not.

    `objects` holds the bytes of a second mask, which tells objects apart. Raises `Malformed` for bytes
    that are no mask, and, naming the first pixel, for a value or a color that the table lacks.
    """
    limits = notes.options.limits
    colored = is_colored(data) or not table.values
    codes = colors_of(data, limits) if colored else codes_of(data, limits)
    palette = palette_of(data, limits) if table.assumed else None
    runs = dict(runs_by_code(codes))
    labels = {code: table.label(code, colored=colored, palette=palette) for code in runs}
    for code, label in labels.items():
        if label is None:
            _refuse_unlabeled(codes, code, colored=colored, has_colors=bool(table.colors))
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


def _refuse_unlabeled(codes: Codes, code: int, *, colored: bool, has_colors: bool) -> NoReturn:
    """Raise `Malformed` for a value or color without a label; `has_colors` says if the table has colors."""
    subject = f"the color {_rgb(code)}" if colored else f"the value {code}"
    problem = "is no label's" if has_colors or not colored else "has no label: no table of colors is beside"
    refuse_code(codes, code, subject, problem)


def _rgb(code: int) -> tuple[int, int, int]:
    return code >> 16, code >> 8 & 255, code & 255


def _by_object(
    codes: Codes, names: Mapping[int, str], numbers: Codes, is_crowd: Callable[[str, int], bool]
) -> Iterator[Instance]:
    """An instance for each label of each object: `codes` give the label, `numbers` the object."""
    for pair, counts in runs_by_code(codes.astype(np.uint64) << np.uint64(32) | numbers):
        code, number = pair >> 32, pair & 0xFFFFFFFF
        if (label := names.get(code)) is not None:
            yield Instance(number, label, Runs(counts, frame_of(codes)), crowd=is_crowd(label, number))


def _with_numbers(annotations: Annotations) -> Annotations:
    """Annotations whose categories include the pixel values that serve as labels, and a note about them.

    While the values fit 8 bits, their numbers have no gaps, so that a conversion keeps the values.
    """
    numbers = sorted(int(name) for name in annotations.used if name.isdecimal())
    if not numbers:
        return annotations
    labels = [pair for pair in annotations.categories if any(name in annotations.used for name in VOC_NAMES)]
    values = range(1 + len(labels), numbers[-1] + 1) if numbers[-1] < VOID_8 else numbers
    rows = {f"{number}": number for number in (*values, *numbers)}
    note = (
        "the masks have neither VOC's colors nor a table of labels, so their labels are the pixel values: "
        f"{', '.join(map(str, numbers[:5]))}{' …' if len(numbers) > 5 else ''}; "
        "to name them, name a label file with --labels, or put class_names.txt beside the masks, a name a "
        "line from value 1 on"
    )
    return replace(annotations, categories=(*labels, *rows.items()), notes=(*annotations.notes, note))


class MaskPictures:
    """Finds the pictures of masks; a picture may have the same name as its mask."""

    def __init__(self, finder: PictureFinder, masks: Iterable[str]) -> None:
        self.finder, self.masks = finder, frozenset(masks)

    def find(self, stem: str) -> File | None:
        """The picture of an image's name without suffix; never a mask."""
        return self.finder.find_stem(stem, beside=stem, is_picture=self._is_picture)

    def _is_picture(self, file: File) -> bool:
        return self.finder.searches or file.name not in self.masks

    def name(self, stem: str) -> str:
        """An image's name: with the suffix of its picture, `.png` where there is none."""
        try:
            file = self.find(stem)
        except InputError:  # several pictures match: reported where the picture is needed
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

    `table` returns a mask's table by the mask's name, `stem` its image's name without suffix. `objects`
    returns the second mask that tells objects apart, if there is one; `is_crowd` says, by the label and
    the object's number there, whether the object is a crowd.
    """
    pictures = MaskPictures(PictureFinder(content.place, options.images), (file.name for file in masks))
    decode = partial(masked, is_crowd=is_crowd)
    parse = partial(_parse, table=table, stem=stem, objects=objects, pictures=pictures, decode=decode)
    annotations = gather(content, options, [Page(file) for file in masks], format=format, parse=parse)
    tables = {id(entry): entry for entry in (table(file.name) for file in masks)}.values()
    annotations = replace(
        annotations,
        categories=tuple(categories_of(tables)),
        named_by_labels=any(entry == options.labels for entry in tables),
        picture_file=lambda at: pictures.find(stem_of(annotations.names[at])),
    )
    if set(annotations.used) == {VOID}:
        return replace(annotations, notes=(*annotations.notes, _VOID_ALONE))
    return _with_numbers(annotations) if any(entry.assumed for entry in tables) else annotations


def _parse(
    page: Page,
    notes: Notes,
    *,
    table: Callable[[str], MaskTable],
    stem: Callable[[File], str],
    objects: Callable[[File], File | None],
    pictures: MaskPictures,
    decode: Callable[..., tuple[Frame, tuple[Instance, ...]]],
) -> ImageRecord:
    object_file = objects(page.file)
    data = object_file.read() if object_file else None
    frame, instances = decode(Content(page.file).data, table(page.file.name), notes, objects=data)
    name = stem(page.file)
    return ImageRecord(PurePosixPath(name).name, pictures.name(name), frame, instances)
