"""Reads a large COCO file in parts, through an index of each image's annotations.

The file is read twice, a block at a time: once for its outline, and once to check every record as
`polymask.formats.coco.whole` does. The index holds the position and the image of each annotation; a
record's annotations are read again when it is decoded. The index is kept for later runs.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from polymask.errors import FormatError, InputError, SourceChanged
from polymask.formats import Annotations, ReadOptions
from polymask.formats.coco.large.columns import Columns, Images, Whole, parts_of, read_rows
from polymask.formats.coco.large.index_cache import FileIndex, Stamp, is_stored, load, save
from polymask.formats.coco.large.part_tables import table_of
from polymask.formats.coco.loose import Loose, notes_of
from polymask.formats.coco.rows import (
    NO_LIST,
    UNSIZED,
    Annotation,
    Category,
    Image,
    Key,
    T,
    category_id,
    category_names,
    positions_of,
    refuse_doubled,
    refuse_doubled_rows,
    sections_decoder,
)
from polymask.formats.coco.segmentations import instances_of, omission, refuse_large
from polymask.formats.coco.sizes import Sizes
from polymask.formats.parsing.byte_ranges import Ranges
from polymask.formats.parsing.outline import NotJson, Rows, decode_plain
from polymask.formats.reading.content import Content
from polymask.formats.reading.ids import as_text, by_text, record_id
from polymask.formats.reading.refusals import Malformed, Refusals, named_images
from polymask.limits import Limits
from polymask.model import Frame, ImageRecord, Instance
from polymask.painting.batch import InstanceTable

_HEAD = 100_000  # bytes of the annotations in which `segments_info` marks a panoptic file


def sniff(content: Content) -> bool:
    """Whether a large file has COCO's lists, without panoptic segments."""
    assert isinstance(content.path, Path)
    if is_stored(content.path):
        return True
    outline = content.outline
    members = msgspec.json.decode(outline.text, type=dict[str, msgspec.Raw])
    if not {"images", "annotations"} <= members.keys():
        return False
    rows = outline.rows(members["annotations"])
    if rows is None:
        return True
    start, stop = int(rows.marks[0]), int(rows.marks[-1])
    return b'"segments_info"' not in rows.file.read(start, min(stop, start + _HEAD))


def read(content: Content, options: ReadOptions) -> Annotations:
    """`coco.whole.read` for large files: the same checks, and the same refusals in the same order."""
    outlined = content.ranges
    assert outlined
    assert isinstance(content.path, Path)
    stamp_options: dict[str, Any] = {
        "skip_invalid": options.skip_invalid,
        "max_pixels": options.limits.max_pixels,
        "boxes": options.boxes,
        "default_label": options.default_label,
    }
    stamp = Stamp.of(content.path, **stamp_options)
    stored = load(stamp)
    if stored is None:
        stored = _stored(content, options)
        if Stamp.of(content.path, **stamp_options) != stamp:
            raise SourceChanged(f"{content.path} was changed while it was read", advice="run again")
        stored = save(stamp, stored)
    largest = int(np.diff(stored.cuts).max(initial=0))
    options.limits.check_instances(f"{content.path}: an image", largest)
    sizes = Sizes(content.place.path, content.name, options.images, options.limits)
    index = Index(outlined, stored, options.limits, sizes, options.boxes)
    return Annotations(
        path=content.path,
        format="coco",
        categories=tuple((name, category_id(key)) for key, name in stored.facts.categories),
        names=stored.facts.names,
        decode=index.record,
        table_of=None if options.boxes else index.table,
        used=dict(stored.facts.used),
        skipped=stored.facts.skipped,
        ledger=stored.ledger,
        findings=stored.facts.findings,
        notes=notes_of(Counter(stored.facts.remarks)),
        picture_file=lambda index: sizes.file(stored.facts.names[index]),
        sized_by_pictures=np.flatnonzero((stored.frames == UNSIZED).all(axis=1)).tolist(),
    )


@dataclass(eq=False)
class Index:
    """Decodes the images of a file by its index; picklable."""

    file: Ranges
    stored: FileIndex
    limits: Limits
    sizes: Sizes
    boxes: bool = False

    def __post_init__(self) -> None:
        self.rows, self.names = Rows(self.file, self.stored.marks), dict(self.stored.facts.categories)
        self.loose = Loose()

    def __reduce__(self) -> tuple[type["Index"], tuple[Ranges, FileIndex, Limits, Sizes, bool]]:
        return Index, (self.file, self.stored, self.limits, self.sizes, self.boxes)

    def record(self, index: int) -> ImageRecord:
        """The record of the i-th image, read from the file; raises `SourceChanged` where that changed."""
        key, name = self.stored.facts.ids[index], self.stored.facts.names[index]
        height, width = self.stored.frames[index].tolist()
        frame = self.sizes.frame(name, (height, width))
        start, stop = self.stored.cuts[index : index + 2].tolist()
        instances: list[Instance] = []
        for numbers in parts_of(self.stored.order[start:stop]):
            annotations = self._annotations(numbers, key, frame)
            with self.sizes.format_errors(name):
                instances += instances_of(annotations, frame, self.names)
        return ImageRecord(record_id(key), name, frame, tuple(instances))

    def table(self, indices: Sequence[int]) -> InstanceTable | None:
        """The instances of some images in columns; None where they need their records."""
        return table_of(self.stored, self.rows, self.names, indices, limits=self.limits)

    def _annotations(self, numbers: Whole, key: Key, frame: Frame) -> list[Annotation]:
        """The annotations at `numbers`, which belong to the image with the id `key`."""
        try:
            annotations = read_rows(self.rows, numbers)
        except (NotJson, msgspec.DecodeError):
            annotations = []
        for annotation in annotations if self.stored.facts.remarks else ():
            self._match(annotation, key)
        if len(annotations) != len(numbers) or any(
            a.image_id != key or a.category_id not in self.names for a in annotations
        ):
            raise SourceChanged(f"{self.file.path} was changed while it was converted", advice="run again")
        for annotation in annotations if self.boxes else ():
            omission(annotation, 0, {key: frame}, self.names, boxes=True, loose=self.loose)
        refuse_large([a.segmentation for a in annotations], self.limits, f"{self.file.path}: image {key!r}")
        return annotations

    def _match(self, annotation: Annotation, key: Key) -> None:
        """Set an annotation's ids to those of its image and category, as in the first reading."""
        with suppress(Malformed):
            if annotation.image_id != key:
                annotation.image_id = by_text([key]).get(as_text(annotation.image_id), annotation.image_id)
            if annotation.category_id not in self.names:
                annotation.category_id = self.loose.category_id(annotation.category_id, self.names)


def _stored(content: Content, options: ReadOptions) -> FileIndex:
    try:
        index = _Reading(content, options).stored()
        _check_depth(content)
        return index
    except (InputError, NotJson, RecursionError) as error:
        # Of several faults, report the one that the reader of whole files would report.
        content.outline.check()
        _check_depth(content)
        _Reading(content, options).check_types()
        if isinstance(error, InputError):
            raise
        raise FormatError(f"not JSON: {error}", file=content.path) from None


def _check_depth(content: Content) -> None:
    depth = content.outline.depth
    content.place.limits.check("max_depth", depth, str(content.path), f"{depth} brackets open at once")


class _Reading:
    """Checks every record of a file, and collects its index."""

    def __init__(self, content: Content, options: ReadOptions) -> None:
        self.outline, self.options, self.loose = content.outline, options, Loose.of(options)
        self.types = Refusals(content.path, skip=options.skip_invalid)
        self.values = Refusals(content.path, skip=options.skip_invalid)
        refuse_doubled(content.path, self.outline.text)
        self.sections = self.types.required(self.outline.text, sections_decoder)

    def stored(self) -> FileIndex:
        """The index of the file."""
        images = list(self._rows(self.sections.images, Image, "$.images"))
        categories = list(self._rows(self.sections.categories, Category, "$.categories"))
        positions = positions_of(images, self.values, self.options)
        image_count = len(images)
        usable_images = Images(image for index, image in images if positions.get(image.id) == index)
        del images, positions  # frees memory: no longer needed
        if self.sections.categories == NO_LIST:
            categories = self._unnamed_categories()
        else:
            categories += self.loose.default_category()
        names = category_names(categories, self.values)
        columns = Columns(usable_images, names, boxes=self.options.boxes, loose=self.loose)
        earlier_refusals = len(self.types.skipped) + len(self.values.skipped)
        rows = self._rows(self.sections.annotations, Annotation, "$.annotations")
        self.values.apply("$.annotations", rows, columns.add)
        self._refuse_none(image_count or self.types.skipped)
        self.loose.unsized(usable_images.frames)
        sections = self.sections.annotations, self.sections.images, self.sections.categories
        marks, *other_lists = [
            rows_of_section
            for section in sections
            if (rows_of_section := self.outline.rows(section)) is not None
        ]
        self.outline.check(decoded=[marks, *other_lists])
        refused = (*self.types.skipped, *self.values.skipped)
        image_names = (
            {str(key): usable_images.names[place] for key, place in usable_images.place.items()}
            if refused
            else {}
        )
        skipped = named_images(refused, image_names)
        declared = len(Rows(marks.file, marks.marks))
        return columns.stored(
            marks, skipped=skipped, declared=declared, invalid=len(skipped) - earlier_refusals
        )

    def _unnamed_categories(self) -> list[tuple[int, Category]]:
        """The categories of a file that lists none, from its annotations' ids; faults are reported later."""
        types, self.types = self.types, Refusals(self.types.path, skip=True)
        loose, self.loose = self.loose, Loose.of(self.options)
        rows = self._rows(self.sections.annotations, Annotation, "$.annotations")
        try:
            return loose.categories(row for _, row in rows)
        finally:
            self.types, self.loose = types, loose

    def check_types(self) -> None:
        """Raise `FormatError` for the first record with a wrong type."""
        images = self._rows(self.sections.images, Image, "$.images")
        image_count = sum(1 for _ in images)
        for section, kind, where in (
            (self.sections.categories, Category, "$.categories"),
            (self.sections.annotations, Annotation, "$.annotations"),
        ):
            for _ in self._rows(section, kind, where):
                pass
        self._refuse_none(image_count or self.types.skipped)

    def _refuse_none(self, has_images: object) -> None:
        if not has_images:
            raise FormatError(
                "the file has no images",
                file=self.types.path,
                advice="add those of its annotations as `images`, or export it again",
            )

    def _rows(self, section: msgspec.Raw, kind: type[T], where: str) -> Iterator[tuple[int, T]]:
        rows, decode = self.outline.rows(section), self.loose.decoder(kind)
        if kind is Category and section == NO_LIST:
            return
        if rows is None:
            self.types.rows(section, kind, where)  # raises, as the section is not a list
            return
        for start, stop in rows.blocks():
            text = b"[%b]" % rows.text(start, stop)
            try:
                decoded_rows = self.types.rows(text, kind, where, first=start, decode=decode)
            except msgspec.DecodeError:
                text = decode_plain(text)
                decoded_rows = self.types.rows(text, kind, where, first=start, decode=decode)
            mended = self.loose.has_mended(kind)
            decoded_rows = refuse_doubled_rows(
                text, decoded_rows, where, self.types, first=start, mended=mended
            )
            if not decoded_rows and not text[1:-1].strip():
                raise NotJson("nothing between two commas")
            yield from decoded_rows
