"""The columns of a large COCO file's index: a few numbers for each annotation."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from polymask.formats.coco.large.index_cache import FileIndex, IndexFacts
from polymask.formats.coco.loose import DEFAULT, NO_CATEGORY, Loose
from polymask.formats.coco.rows import Annotation, Image, Key
from polymask.formats.coco.segmentations import omission
from polymask.formats.parsing.outline import Rows, decode_plain
from polymask.formats.reading.ids import record_id
from polymask.ledger import Reason
from polymask.model import Finding, Frame, Skipped

Whole = NDArray[np.integer[Any]]

_LARGEST_ID = 1 << 62
BATCH_SIZE = 4096  # annotations
_annotations = msgspec.json.Decoder(list[Annotation])


def read_rows(rows: Rows, numbers: Whole) -> list[Annotation]:
    """The annotations at ascending positions of the list; adjacent ones are read together."""
    if not len(numbers):
        return []
    text = b"[%b]" % b",".join(rows.texts(numbers))
    try:
        annotations = _annotations.decode(text)
    except msgspec.ValidationError:
        decode = Loose(DEFAULT).decoder(Annotation)
        annotations = [decode(row) for row in msgspec.json.decode(text, type=list[msgspec.Raw])]
    except msgspec.DecodeError:
        annotations = _annotations.decode(decode_plain(text))
    for number, annotation in zip(numbers.tolist(), annotations, strict=False):
        if annotation.id is None:
            annotation.id = f"annotations[{number}]"
    return annotations


class Images(Mapping[Key, Frame]):
    """Frames by image id; `place` maps an image id to its position among the usable images."""

    def __init__(self, images: Iterable[Image]) -> None:
        self.place: dict[Key, int] = {}
        self.names: list[str] = []
        self.frames: list[Frame] = []
        shared: dict[Frame, Frame] = {}
        for image in images:
            self.place[image.id] = len(self.names)
            self.names.append(image.file_name)
            self.frames.append(shared.setdefault(image.frame, image.frame))

    def __contains__(self, key: object) -> bool:
        return key in self.place

    def __getitem__(self, key: Key) -> Frame:
        return self.frames[self.place[key]]

    def __iter__(self) -> Iterator[Key]:
        return iter(self.place)

    def __len__(self) -> int:
        return len(self.place)


class Columns:
    """Collects a few numbers for each annotation that paints, in columns."""

    def __init__(self, images: Images, names: dict[Key, str], *, boxes: bool, loose: Loose) -> None:
        self.images, self.names, self.boxes, self.loose = images, names, boxes, loose
        self.codes = {key: code for code, key in enumerate(names)}
        self.image, self.code, self.row, self.id = array("I"), array("I"), array("I"), array("q")
        self.left_out: dict[Reason, Counter[int]] = {}

    def add(self, index: int, annotation: Annotation) -> None:
        """Add an annotation; raises `Malformed` where it cannot be used."""
        place_of = self.images.place
        omitted = omission(annotation, index, self.images, self.names, boxes=self.boxes, loose=self.loose)
        if omitted:
            self.left_out.setdefault(omitted.reason, Counter())[place_of[annotation.image_id]] += 1
            return
        self.image.append(place_of[annotation.image_id])
        self.code.append(self.codes[annotation.category_id])
        self.row.append(index)
        self.id.append(_as_number(annotation.id))

    def stored(self, marks: Rows, *, skipped: tuple[Skipped, ...], declared: int, invalid: int) -> FileIndex:
        """The finished index: the columns in the order of the images, and the facts about the file."""
        findings = tuple(self._duplicates(marks))
        self.id = array("q")  # frees memory: no longer needed
        image = np.frombuffer(self.image, np.uint32)
        order = np.argsort(image, kind="stable")
        bounds = np.zeros(len(self.images) + 1, np.int64)
        np.cumsum(np.bincount(image, minlength=len(self.images)), out=bounds[1:])
        facts = IndexFacts(
            names=self.images.names,
            ids=list(self.images.place),
            categories=[
                category for category in self.names.items() if category[0] != DEFAULT or self._has_default
            ],
            used=self._label_counts(np.frombuffer(self.code, np.uint32)[order]),
            skipped=skipped,
            declared=declared,
            invalid=invalid,
            left_out=[(*reason, dict(counts)) for reason, counts in self.left_out.items()],
            findings=findings,
            remarks=dict(self.loose.remarks),
        )
        return FileIndex(
            marks=marks.marks,
            order=np.frombuffer(self.row, np.uint32)[order],
            cuts=bounds,
            frames=np.array(self.images.frames, np.int64).reshape(-1, 2),
            facts=facts,
        )

    @property
    def _has_default(self) -> bool:
        return bool(self.loose.remarks[NO_CATEGORY])

    def _label_counts(self, codes: Whole) -> dict[str, int]:
        """The number of instances by label, in the order of first occurrence."""
        counts = np.bincount(codes, minlength=len(self.names)).tolist()
        first = {int(codes[position]): None for position in _first_positions(codes, counts)}
        keys, used = list(self.names), Counter[str]()
        for code in first:
            used[self.names[keys[code]]] += counts[code]
        return dict(used)

    def _duplicates(self, marks: Rows) -> Iterator[Finding]:
        """A finding for each annotation whose id occurs more than once, in the order of the images."""
        ids = np.frombuffer(self.id, np.int64)
        ascending = np.sort(ids)
        repeated = np.unique(ascending[1:][ascending[1:] == ascending[:-1]])
        if not len(repeated):
            return
        del ascending
        positions = np.flatnonzero(np.isin(ids, repeated))
        places = np.frombuffer(self.image, np.uint32)[positions]
        order = np.argsort(places, kind="stable")
        numbers = np.frombuffer(self.row, np.uint32)[positions[order]]
        keys = [key for part in parts_of(numbers) for key in _ids(marks, part)]
        counts = Counter(keys)  # numbers may agree where ids do not
        for place, key in zip(places[order].tolist(), keys, strict=True):
            if counts[key] > 1:
                name = self.images.names[place]
                yield Finding("duplicate-id", name, record_id(key), f"{counts[key]} annotations have this id")


def _first_positions(codes: Whole, counts: list[int]) -> list[int]:
    """The position of the first occurrence of each code that occurs, ascending."""
    return sorted(int(np.argmax(codes == code)) for code, count in enumerate(counts) if count)


def _as_number(key: Key | None) -> int:
    """A number that is equal for equal ids, and nearly always different for different ids."""
    return key if isinstance(key, int) and -_LARGEST_ID <= key < _LARGEST_ID else hash(key)


def parts_of(numbers: Whole) -> Iterator[Whole]:
    """The numbers in batches that are read together."""
    for start in range(0, len(numbers), BATCH_SIZE):
        yield numbers[start : start + BATCH_SIZE]


def _ids(marks: Rows, numbers: Whole) -> list[Key]:
    """The ids of annotations, in the order of their numbers."""
    order = np.argsort(numbers)
    ids: list[Key] = [0] * len(numbers)
    for place, annotation in zip(order.tolist(), read_rows(marks, numbers[order]), strict=True):
        ids[place] = annotation.id or 0
    return ids
