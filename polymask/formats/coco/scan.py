"""A COCO file scanned by the compiled kernel: a row of numbers for each annotation, no object.

The quick way past `polymask.formats.coco.whole`, for files in which everything is certain. Annotations
that are not plain (a box alone, an empty list, runs of odd spelling) are checked one by one, as they
are there. Where anything is wrong, or is not certain, there is no table: then the whole file is read
and checked, and what is wrong is told, with its place.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
    record_id,
    refuse_doubled_rows,
)
from polymask.formats.coco.segmentations import instances_of, omission
from polymask.formats.coco.sizes import Sizes
from polymask.formats.reading.content import Content
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

_DEEPEST = 200  # brackets; what nests deeper is left to the reader that counts them
_HEAD = 100_000  # bytes of the annotations that tell panoptic files
_LEAST_DEPTH = 5  # brackets of a file of rings
_annotation = msgspec.json.Decoder(Annotation)
_scans: "WeakKeyDictionary[Content, Scan | None]" = WeakKeyDictionary()


class _Uncertain(Exception):
    """The whole file has to be read and checked."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What the kernel tells of a file: its rows, and where its lists begin and end in the text."""

    rows: bytes
    images: tuple[int, int]
    annotations: tuple[int, int]
    categories: tuple[int, int]

    def is_panoptic(self, content: Content) -> bool:
        """Whether the annotations are lists of segments; every one has them, so the first ones tell."""
        start, stop = self.annotations
        return b'"segments_info"' in content.text[start : min(stop, start + _HEAD)]


def scanned(content: Content) -> Scan | None:
    """What a file's scan tells, or None where anything in it is not certain; the file is scanned once."""
    if content not in _scans:
        _scans[content] = _scanned(content)
    return _scans[content]


def _scanned(content: Content) -> Scan | None:
    depth = content.place.limits.max_depth
    if compiled is None or depth < _LEAST_DEPTH or not content.is_json or content.is_list:
        return None
    answer = compiled.coco(content.text, min(depth, _DEEPEST))
    return Scan(*answer) if answer else None


def read(content: Content, options: ReadOptions) -> Annotations | None:
    """As `coco.whole.read`, or None where anything in the file is not certain."""
    scan = scanned(content)
    if scan is None:
        return None
    del _scans[content]  # large, and read once
    try:
        return _Reading(content, options, scan).annotations()
    except (_Uncertain, InputError, Malformed, OverflowError, msgspec.MsgspecError):
        return None


class _Reading:
    """One scanned file: its images and categories decoded, its rows sorted by image, the odd ones checked."""

    def __init__(self, content: Content, options: ReadOptions, scan: Scan) -> None:
        self.path, self.text, self.options = content.path, content.text, options
        self.refusals, self.ledger, self.loose = Refusals(content.path, skip=False), Ledger(), Loose()
        self.sizes = Sizes(content.place, content.name, options.images, options.limits)
        images = self._rows(scan.images, Image, "$.images")
        if not positions_of(images, self.refusals, options):
            raise _Uncertain
        self.images = [image for _, image in images]
        self.frames = np.array([image.frame for image in self.images], np.int64).reshape(-1, 2)
        if (self.frames == UNSIZED).all(axis=1).any():
            raise _Uncertain
        self.keys = category_names(self._rows(scan.categories, Category, "$.categories"), self.refusals)
        self.odd: dict[int, Annotation] = {}  # by place among the rows
        self._sort(np.frombuffer(scan.rows, np.int64).reshape(-1, WIDTH + 1))
        if self.loose.remarks:
            raise _Uncertain
        self._check_sizes()

    def _rows(self, section: tuple[int, int], kind: type[T], where: str) -> list[tuple[int, T]]:
        text = self.text[slice(*section)]
        return refuse_doubled_rows(text, self.refusals.rows(text, kind, where), where, self.refusals)

    def _sort(self, rows: Int64) -> None:
        """The rows by image, as the file has them within each; those that paint nothing go to the ledger."""
        place = _places([image.id for image in self.images], rows[:, IMAGE])
        code = _places(list(self.keys), rows[:, LABEL])
        kept = np.ones(len(rows), bool)
        checked: dict[int, Annotation] = {}
        for number in np.flatnonzero(rows[:, KIND] == ODD).tolist():
            annotation = _annotation.decode(self.text[rows[number, FROM] : rows[number, TO]])
            if omitted := self._omission(annotation, number):
                self.ledger.leave_out(omitted.reason, int(place[number]))
                kept[number] = False
            checked[number] = annotation
        numbers = np.flatnonzero(kept)
        order = numbers[np.argsort(place[numbers], kind="stable")]
        self.rows = rows[order]
        self.rows[:, IMAGE], self.rows[:, LABEL] = place[order], code[order]
        self.cuts = np.searchsorted(self.rows[:, IMAGE], np.arange(len(self.images) + 1))
        places = np.flatnonzero(self.rows[:, KIND] == ODD).tolist()
        self.odd = {at: checked[int(order[at])] for at in places}
        self.ledger.close(declared=len(rows), instances=np.diff(self.cuts).tolist(), invalid=0)

    def _omission(self, annotation: Annotation, number: int) -> Omitted | None:
        boxes = self.options.boxes
        return omission(annotation, number, self._frame_of, self.keys, boxes=boxes, loose=self.loose)

    @cached_property
    def _frame_of(self) -> dict[Key, Frame]:
        return {image.id: image.frame for image in self.images}

    def _check_sizes(self) -> None:
        """Raise `_Uncertain` where runs have another frame than their image, or anything may be too large."""
        rows, limits = self.rows, self.options.limits
        runs = rows[rows[:, KIND] == RUNS]
        odd = max((len(memoryview(each.segmentation)) for each in self.odd.values()), default=0)
        longest = max(odd, int((rows[:, TO] - rows[:, FROM])[rows[:, KIND] == RINGS].max(initial=0)))
        if (
            (runs[:, [HEIGHT, WIDTH]] != self.frames[runs[:, IMAGE]]).any()
            or longest > limits.max_vertices  # a point takes more than a byte
            or np.diff(self.cuts).max(initial=0) > limits.max_instances
        ):
            raise _Uncertain

    def annotations(self) -> Annotations:
        """What `whole.read` gives, and the table."""
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
            used=self._used(table.labels),
            ledger=self.ledger,
            findings=tuple(self._duplicate_ids(table.names)),
            picture_file=lambda index: sizes.file(table.names[index]),
            table=table,
        )

    def _used(self, labels: Sequence[str]) -> dict[str, int]:
        """How many instances each label has, in the order in which the images show them."""
        codes, first, counts = np.unique(self.rows[:, LABEL], return_index=True, return_counts=True)
        used: Counter[str] = Counter()
        for at in np.argsort(first).tolist():
            used[labels[codes[at]]] += int(counts[at])
        return dict(used)

    def _duplicate_ids(self, names: Sequence[str]) -> Iterator[Finding]:
        """One finding for each annotation whose id occurs more than once, in order of the images."""
        _, of_row, counts = np.unique(self.rows[:, ID], return_inverse=True, return_counts=True)
        for at in np.flatnonzero(counts[of_row] > 1).tolist():
            number, many = int(self.rows[at, ID]), counts[of_row[at]]
            yield Finding(
                "duplicate-id", names[self.rows[at, IMAGE]], number, f"{many} annotations have this id"
            )


@dataclass(frozen=True, slots=True, eq=False)
class _Records:
    """Records made of a table's rows, one image at a time; `keys` are the ids of the table's labels."""

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
        instances = instances_of([self._annotation(at) for at in rows], (height, width), self.names)
        return ImageRecord(record_id(self.ids[index]), table.names[index], (height, width), tuple(instances))

    def _annotation(self, at: int) -> Annotation:
        if at in self.odd:
            return self.odd[at]
        row = self.table.rows[at].tolist()
        return Annotation(
            image_id=self.ids[row[IMAGE]],
            category_id=self.keys[row[LABEL]],
            id=row[ID],
            segmentation=msgspec.Raw(self.table.text[row[FROM] : row[TO]]),
            iscrowd=row[CROWD],
        )


def _places(ids: Sequence[Key], keys: Int64) -> Int64:
    """Where each key stands among ids; raises `_Uncertain` where one does not, or an id is no number."""
    if not all(isinstance(number, int) for number in ids):
        raise _Uncertain
    known = np.array(ids, np.int64)
    order = np.argsort(known)
    places = np.searchsorted(known[order], keys)
    if len(keys) and (not len(known) or (places == len(known)).any()):
        raise _Uncertain
    places = order[places] if len(known) else places
    if (known[places] != keys).any():
        raise _Uncertain
    return places
