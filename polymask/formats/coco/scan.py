"""A COCO file scanned by the compiled kernel: numbers in a table, not an object for each annotation.

This is the fast path past `polymask.formats.coco.whole`, for files without any doubt. Annotations that
are not plain (a box alone, an empty list, runs in an unusual spelling) are checked one by one. Where
anything is wrong or doubtful there is no table: the file is then read as a whole, and faults are
reported with their place.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from weakref import WeakKeyDictionary

import msgspec
import numpy as np

from polymask.errors import InputError
from polymask.formats import Annotations, ReadOptions
from polymask.formats.coco.loose import Loose
from polymask.formats.coco.rows import (
    UNSIZED,
    Annotation,
    Category,
    Image,
    Key,
    T,
    category_id,
    category_names,
    positions_of,
    refuse_doubled_rows,
)
from polymask.formats.coco.segmentations import instances_of, omission
from polymask.formats.coco.sizes import Sizes
from polymask.formats.reading.content import Content
from polymask.formats.reading.ids import record_id
from polymask.formats.reading.refusals import Malformed, Refusals
from polymask.ledger import Ledger, Omitted
from polymask.model import Finding, Frame, ImageRecord
from polymask.native import compiled
from polymask.painting.batch import (
    CROWD,
    FROM,
    HEIGHT,
    ID,
    IMAGE,
    KIND,
    LABEL,
    ODD,
    RINGS,
    RUNS,
    TO,
    WIDTH,
    InstanceTable,
)
from polymask.raster.spans import Int64

_DEEPEST = 200  # levels of brackets; `coco.whole` checks the depth of files that nest deeper
_HEAD = 100_000  # bytes of the annotations in which `segments_info` marks a panoptic file
_LEAST_DEPTH = 5  # levels of brackets in a file of rings
_annotation = msgspec.json.Decoder(Annotation)
_scans: "WeakKeyDictionary[Content, Scan | None]" = WeakKeyDictionary()


class Uncertain(Exception):
    """The file is not plain enough for the fast path: it must be read as a whole."""


class Scan(msgspec.Struct, frozen=True):
    """The kernel's result for a file: the table's rows, and where the lists begin and end in the text."""

    rows: bytes
    images: tuple[int, int]
    annotations: tuple[int, int]
    categories: tuple[int, int]

    def is_panoptic(self, content: Content) -> bool:
        """Whether the annotations are panoptic; all of them have segments, so the first ones decide."""
        start, stop = self.annotations
        return b'"segments_info"' in content.text[start : min(stop, start + _HEAD)]


def scanned(content: Content) -> Scan | None:
    """The scan of a file, made once; None where anything in the file is doubtful."""
    if content not in _scans:
        _scans[content] = _scanned(content)
    return _scans[content]


def _scanned(content: Content) -> Scan | None:
    if not content.is_json or content.is_list:
        return None
    return _scan_of(content.text, content.place.limits.max_depth)


def _scan_of(text: bytes, depth: int) -> Scan | None:
    if compiled is None or depth < _LEAST_DEPTH:
        return None
    result = compiled.coco(text, min(depth, _DEEPEST))
    return Scan(*result) if result else None


def rows_of(text: bytes, depth: int) -> Int64 | None:
    """The (n, 9) rows of a file's annotations; None where anything in the file is doubtful."""
    scan = _scan_of(text, depth)
    return None if scan is None else np.frombuffer(scan.rows, np.int64).reshape(-1, WIDTH + 1).copy()


def read(content: Content, options: ReadOptions) -> Annotations | None:
    """`coco.whole.read` on the fast path; None where anything in the file is doubtful."""
    scan = scanned(content)
    if scan is None:
        return None
    del _scans[content]  # frees memory: needed once
    try:
        return _Reading(content, options, scan).annotations()
    except (Uncertain, InputError, Malformed, OverflowError, msgspec.MsgspecError):
        return None


class _Reading:
    """A scanned file: its images and categories decoded, its rows sorted by image, odd rows checked."""

    def __init__(self, content: Content, options: ReadOptions, scan: Scan) -> None:
        self.path, self.text, self.options = content.path, content.text, options
        self.refusals, self.ledger, self.loose = Refusals(content.path, skip=False), Ledger(), Loose()
        self.sizes = Sizes(content.place, content.name, options.images, options.limits)
        images = self._rows(scan.images, Image, "$.images")
        if not positions_of(images, self.refusals, options):
            raise Uncertain
        self.images = [image for _, image in images]
        self.frames = np.array([image.frame for image in self.images], np.int64).reshape(-1, 2)
        if (self.frames == UNSIZED).all(axis=1).any():
            raise Uncertain
        self.keys = category_names(self._rows(scan.categories, Category, "$.categories"), self.refusals)
        self.odd: dict[int, Annotation] = {}  # by place among the rows
        self._sort(np.frombuffer(scan.rows, np.int64).reshape(-1, WIDTH + 1))
        if self.loose.remarks:
            raise Uncertain
        self._check_sizes()

    def _rows(self, section: tuple[int, int], kind: type[T], where: str) -> list[tuple[int, T]]:
        text = self.text[slice(*section)]
        return refuse_doubled_rows(text, self.refusals.rows(text, kind, where), where, self.refusals)

    def _sort(self, rows: Int64) -> None:
        """Sort the rows by image, in file order within each; rows that paint nothing go to the ledger."""
        place = places_of([image.id for image in self.images], rows[:, IMAGE])
        code = places_of(list(self.keys), rows[:, LABEL])
        painted = np.ones(len(rows), bool)
        checked: dict[int, Annotation] = {}
        for number in np.flatnonzero(rows[:, KIND] == ODD).tolist():
            annotation = _annotation.decode(self.text[rows[number, FROM] : rows[number, TO]])
            if omitted := self._omission(annotation, number):
                self.ledger.leave_out(omitted.reason, int(place[number]))
                painted[number] = False
            checked[number] = annotation
        numbers = np.flatnonzero(painted)
        order = numbers[np.argsort(place[numbers], kind="stable")]
        self.rows = rows[order]
        self.rows[:, IMAGE], self.rows[:, LABEL] = place[order], code[order]
        self.cuts = np.searchsorted(self.rows[:, IMAGE], np.arange(len(self.images) + 1))
        places = np.flatnonzero(self.rows[:, KIND] == ODD).tolist()
        self.odd = {row: checked[int(order[row])] for row in places}
        self.ledger.close(declared=len(rows), instances=np.diff(self.cuts).tolist(), invalid=0)

    def _omission(self, annotation: Annotation, number: int) -> Omitted | None:
        boxes = self.options.boxes
        return omission(annotation, number, self._frame_of, self.keys, boxes=boxes, loose=self.loose)

    @cached_property
    def _frame_of(self) -> dict[Key, Frame]:
        return {image.id: image.frame for image in self.images}

    def _check_sizes(self) -> None:
        """Raise `Uncertain` where runs and image differ in size, or a limit may be exceeded."""
        rows, limits = self.rows, self.options.limits
        runs = rows[rows[:, KIND] == RUNS]
        odd = max((len(memoryview(annotation.segmentation)) for annotation in self.odd.values()), default=0)
        longest = max(odd, int((rows[:, TO] - rows[:, FROM])[rows[:, KIND] == RINGS].max(initial=0)))
        if (
            (runs[:, [HEIGHT, WIDTH]] != self.frames[runs[:, IMAGE]]).any()
            or longest > limits.max_vertices  # a point takes more than one byte of text
            or np.diff(self.cuts).max(initial=0) > limits.max_instances
        ):
            raise Uncertain

    def annotations(self) -> Annotations:
        """The result of `whole.read`, and the table."""
        table = InstanceTable(
            text=self.text,
            rows=self.rows,
            cuts=self.cuts,
            frames=self.frames,
            names=[image.file_name for image in self.images],
            labels=list(self.keys.values()),
        )
        sizes = self.sizes
        records = _Records(table, [image.id for image in self.images], list(self.keys), self.keys, self.odd)
        return Annotations(
            path=self.path,
            format="coco",
            categories=tuple((name, category_id(key)) for key, name in self.keys.items()),
            names=table.names,
            decode=records.record,
            used=self._label_counts(table.labels),
            ledger=self.ledger,
            findings=tuple(self._duplicate_ids(table.names)),
            picture_file=lambda index: sizes.file(table.names[index]),
            table=table,
        )

    def _label_counts(self, labels: Sequence[str]) -> dict[str, int]:
        """The number of instances by label, in the order of first occurrence."""
        codes, first, counts = np.unique(self.rows[:, LABEL], return_index=True, return_counts=True)
        used: Counter[str] = Counter()
        for position in np.argsort(first).tolist():
            used[labels[codes[position]]] += int(counts[position])
        return dict(used)

    def _duplicate_ids(self, names: Sequence[str]) -> Iterator[Finding]:
        """A finding for each annotation whose id occurs more than once, in the order of the images."""
        _, group_of_row, counts = np.unique(self.rows[:, ID], return_inverse=True, return_counts=True)
        for row in np.flatnonzero(counts[group_of_row] > 1).tolist():
            number, count = int(self.rows[row, ID]), counts[group_of_row[row]]
            yield Finding(
                "duplicate-id", names[self.rows[row, IMAGE]], number, f"{count} annotations have this id"
            )


class _Records(msgspec.Struct, frozen=True, eq=False):
    """Decodes records from a table's rows; `keys` are the ids of the table's labels."""

    table: InstanceTable
    ids: Sequence[Key]
    keys: Sequence[Key]
    names: Mapping[Key, str]
    odd: Mapping[int, Annotation]

    def record(self, index: int) -> ImageRecord:
        """The record of the i-th image."""
        table = self.table
        height, width = table.frames[index].tolist()
        rows = range(table.cuts[index], table.cuts[index + 1])
        instances = instances_of([self._annotation(row) for row in rows], (height, width), self.names)
        return ImageRecord(record_id(self.ids[index]), table.names[index], (height, width), tuple(instances))

    def _annotation(self, number: int) -> Annotation:
        if number in self.odd:
            return self.odd[number]
        row = self.table.rows[number].tolist()
        return Annotation(
            image_id=self.ids[row[IMAGE]],
            category_id=self.keys[row[LABEL]],
            id=row[ID],
            segmentation=msgspec.Raw(self.table.text[row[FROM] : row[TO]]),
            iscrowd=row[CROWD],
        )


def places_of(ids: Sequence[Key], keys: Int64) -> Int64:
    """The position of each key in `ids`; raises `Uncertain` for a missing key, or an id that is no int."""
    if not all(isinstance(number, int) for number in ids):
        raise Uncertain
    known_ids = np.array(ids, np.int64)
    order = np.argsort(known_ids)
    places = np.searchsorted(known_ids[order], keys)
    if len(keys) and (not len(known_ids) or (places == len(known_ids)).any()):
        raise Uncertain
    places = order[places] if len(known_ids) else places
    if (known_ids[places] != keys).any():
        raise Uncertain
    return places
