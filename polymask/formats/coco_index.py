"""A large COCO file, read by parts: an index of where each image's annotations lie.

The file is read twice, a block at a time: for its outline, and to check every record as
`polymask.formats.coco` does. What is kept is where each annotation lies and which image it is of;
a record's annotations are read again when it is asked for. The index is kept for the next run.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from polymask.errors import FormatError, InputError, SourceChanged
from polymask.formats import Annotations, ReadOptions, coco
from polymask.formats.coco import Key, _Annotation, _Category, _Image
from polymask.formats.content import Content
from polymask.formats.index_store import Stamp, Stored, is_stored, load, save
from polymask.formats.outline import NotJson, Rows, decode_plain
from polymask.formats.ranges import Ranges
from polymask.formats.refusals import Refusals
from polymask.model import Finding, Frame, ImageRecord, Skipped

T = TypeVar("T")
Whole = NDArray[np.integer[Any]]

_HEAD = 100_000  # bytes of the annotations that tell panoptic files
_MOST = 1 << 62
_AT_ONCE = 4096  # annotations
_annotations = msgspec.json.Decoder(list[_Annotation])


def sniff(content: Content) -> bool:
    """Whether a large file has COCO's lists, and no panoptic segments in them."""
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
    """As `coco.read`, with the same checks and the same refusals in the same order."""
    outlined = content.ranges
    assert outlined
    assert isinstance(content.path, Path)
    stamp = Stamp.of(content.path, skip_invalid=options.skip_invalid, max_pixels=options.limits.max_pixels)
    stored = load(stamp)
    if stored is None:
        stored = _stored(content, options)
        if Stamp.of(content.path, skip_invalid=stamp.skip_invalid, max_pixels=stamp.max_pixels) != stamp:
            raise SourceChanged(f"{content.path} was changed while it was read; run again")
        stored = save(stamp, stored)
    index = Index(outlined, stored)
    return Annotations(
        path=content.path,
        format="coco",
        categories=tuple((name, coco._category_id(key)) for key, name in stored.categories),
        names=stored.names,
        decode=index.record,
        used=dict(stored.used),
        skipped=stored.skipped,
        unsegmented=stored.unsegmented,
        findings=stored.findings,
        without=partial(_without, content, options),
    )


def _without(content: Content, options: ReadOptions, goes: Callable[[str, str], bool]) -> tuple[bytes, int]:
    """As a whole, in memory: what is left of the file is as large as the file."""
    without = coco.read_whole(content, options).without
    assert without
    return without(goes)


@dataclass(eq=False)
class Index:
    """Where the annotations of each image lie in a file."""

    file: Ranges
    stored: Stored

    def __post_init__(self) -> None:
        self.rows, self.names = Rows(self.file, self.stored.marks), dict(self.stored.categories)

    def __reduce__(self) -> tuple[type["Index"], tuple[Ranges, Stored]]:
        return Index, (self.file, self.stored)

    def record(self, index: int) -> ImageRecord:
        """The record of the i-th image, read anew; raises `SourceChanged` where the file is another."""
        key, (height, width) = self.stored.ids[index], self.stored.frames[index]
        image = _Image(key, self.stored.names[index], int(height), int(width))
        reader = coco._Reader([image], self.names)
        reader.of_image[key] = self._of_image(index, key)
        return reader.record(0)

    def _of_image(self, index: int, key: Key) -> list[_Annotation]:
        start, stop = self.stored.cuts[index : index + 2].tolist()
        numbers = self.stored.order[start:stop]
        try:
            found = _read_rows(self.rows, numbers)
        except (NotJson, msgspec.DecodeError):
            found = []
        if len(found) != stop - start or any(
            a.image_id != key or a.category_id not in self.names for a in found
        ):
            raise SourceChanged(f"{self.file.path} was changed while it was converted; run again")
        return found


def _read_rows(rows: Rows, numbers: Whole) -> list[_Annotation]:
    """Annotations by their places in the list, ascending; neighbours are read together."""
    if not len(numbers):
        return []
    text = b"[%b]" % b",".join([rows.text(start, stop) for start, stop in _runs(numbers.tolist())])
    try:
        found = _annotations.decode(text)
    except msgspec.DecodeError:
        found = _annotations.decode(decode_plain(text))
    for number, annotation in zip(numbers.tolist(), found, strict=False):
        if annotation.id is None:
            annotation.id = f"annotations[{number}]"
    return found


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """Half-open ranges of numbers that follow each other."""
    start = before = numbers[0]
    for number in numbers:
        if number > before + 1:
            yield start, before + 1
            start = number
        before = number
    yield start, before + 1


def _stored(content: Content, options: ReadOptions) -> Stored:
    try:
        return _Reading(content, options).stored()
    except (InputError, NotJson, RecursionError) as error:
        # Of several things that are wrong, the one is told that a reader of the whole file comes upon first.
        content.outline.check()
        _Reading(content, options).check_types()
        if isinstance(error, InputError):
            raise
        raise FormatError(f"{content.path}: not JSON: {error}") from None


class _Reading:
    """One look at every record of a file."""

    def __init__(self, content: Content, options: ReadOptions) -> None:
        self.outline, self.options = content.outline, options
        self.types = Refusals(content.path, skip=options.skip_invalid)
        self.values = Refusals(content.path, skip=options.skip_invalid)
        self.sections = self.types.required(self.outline.text, coco._sections)

    def stored(self) -> Stored:
        """What the index keeps."""
        images = list(self._rows(self.sections.images, _Image, "$.images"))
        categories = list(self._rows(self.sections.categories, _Category, "$.categories"))
        positions = coco._positions(images, self.values, self.options)
        some = len(images)
        kept = _Images(image for index, image in images if positions.get(image.id) == index)
        del images, positions  # large, and no longer needed
        names = coco._category_names(categories, self.values)
        columns = _Columns(kept, names)
        rows = self._rows(self.sections.annotations, _Annotation, "$.annotations")
        self.values.each("$.annotations", rows, columns.add)
        self._refuse_none(some or self.types.skipped)
        sections = self.sections.annotations, self.sections.images, self.sections.categories
        marks, *others = [found for one in sections if (found := self.outline.rows(one)) is not None]
        self.outline.check(but=[marks, *others])
        return columns.stored(marks, skipped=(*self.types.skipped, *self.values.skipped))

    def check_types(self) -> None:
        """Raise `FormatError` for the first record that has another type than it should."""
        images = self._rows(self.sections.images, _Image, "$.images")
        some = sum(1 for _ in images)
        for section, kind, where in (
            (self.sections.categories, _Category, "$.categories"),
            (self.sections.annotations, _Annotation, "$.annotations"),
        ):
            for _ in self._rows(section, kind, where):
                pass
        self._refuse_none(some or self.types.skipped)

    def _refuse_none(self, there: object) -> None:
        if not there:
            raise FormatError(f"{self.types.path}: the file has no images")

    def _rows(self, section: msgspec.Raw, kind: type[T], where: str) -> Iterator[tuple[int, T]]:
        rows = self.outline.rows(section)
        if rows is None:
            self.types.rows(section, kind, where)  # raises: it is no list
            return
        for start, stop in rows.blocks():
            text = b"[%b]" % rows.text(start, stop)
            try:
                found = self.types.rows(text, kind, where, first=start)
            except msgspec.DecodeError:
                found = self.types.rows(decode_plain(text), kind, where, first=start)
            if not found and not text[1:-1].strip():
                raise NotJson("nothing between two commas")
            yield from found


class _Images(Mapping[Key, Frame]):
    """Frames by image id; `place` is where an image stands among those that are kept."""

    def __init__(self, images: Iterable[_Image]) -> None:
        self.place: dict[Key, int] = {}
        self.names: list[str] = []
        self.frames: list[Frame] = []
        same: dict[Frame, Frame] = {}
        for image in images:
            self.place[image.id] = len(self.names)
            self.names.append(image.file_name)
            self.frames.append(same.setdefault(image.frame, image.frame))

    def __contains__(self, key: object) -> bool:
        return key in self.place

    def __getitem__(self, key: Key) -> Frame:
        return self.frames[self.place[key]]

    def __iter__(self) -> Iterator[Key]:
        return iter(self.place)

    def __len__(self) -> int:
        return len(self.place)


class _Columns:
    """What is kept of each annotation that paints: a few numbers."""

    def __init__(self, images: _Images, names: dict[Key, str]) -> None:
        self.images, self.names = images, names
        self.codes = {key: code for code, key in enumerate(names)}
        self.image, self.code, self.row, self.id = array("I"), array("I"), array("I"), array("q")
        self.unsegmented = 0

    def add(self, index: int, annotation: _Annotation) -> None:
        """Take an annotation in; raises `Malformed` where it cannot be used."""
        if not coco.paints(annotation, index, self.images, self.names):
            self.unsegmented += 1
            return
        self.image.append(self.images.place[annotation.image_id])
        self.code.append(self.codes[annotation.category_id])
        self.row.append(index)
        self.id.append(_as_number(annotation.id))

    def stored(self, marks: Rows, *, skipped: tuple[Skipped, ...]) -> Stored:
        """The columns in order of the images, and what is told of them."""
        findings = tuple(self._duplicates(marks))
        self.id = array("q")  # large, and no longer needed
        image = np.frombuffer(self.image, np.uint32)
        order = np.argsort(image, kind="stable")
        cuts = np.zeros(len(self.images) + 1, np.int64)
        np.cumsum(np.bincount(image, minlength=len(self.images)), out=cuts[1:])
        return Stored(
            marks=marks.marks,
            order=np.frombuffer(self.row, np.uint32)[order],
            cuts=cuts,
            names=self.images.names,
            ids=list(self.images.place),
            frames=np.array(self.images.frames, np.int64).reshape(-1, 2),
            categories=list(self.names.items()),
            used=self._used(np.frombuffer(self.code, np.uint32)[order]),
            skipped=skipped,
            unsegmented=self.unsegmented,
            findings=findings,
        )

    def _used(self, codes: Whole) -> dict[str, int]:
        """Instances by label, in the order in which the images show them."""
        counts = np.bincount(codes, minlength=len(self.names)).tolist()
        first = {int(codes[at]): None for at in _firsts(codes, counts)}
        keys, used = list(self.names), Counter[str]()
        for code in first:
            used[self.names[keys[code]]] += counts[code]
        return dict(used)

    def _duplicates(self, marks: Rows) -> Iterator[Finding]:
        """One finding for each annotation whose id occurs more than once, in order of the images."""
        ids = np.frombuffer(self.id, np.int64)
        ascending = np.sort(ids)
        several = np.unique(ascending[1:][ascending[1:] == ascending[:-1]])
        if not len(several):
            return
        del ascending
        at = np.flatnonzero(np.isin(ids, several))
        places = np.frombuffer(self.image, np.uint32)[at]
        order = np.argsort(places, kind="stable")
        numbers = np.frombuffer(self.row, np.uint32)[at[order]]
        keys = [key for part in _parts(numbers) for key in _ids(marks, part)]
        times = Counter(keys)  # numbers may agree where ids do not
        for place, key in zip(places[order].tolist(), keys, strict=True):
            if times[key] > 1:
                name = self.images.names[place]
                yield Finding(
                    "duplicate-id", name, coco._whole(key), f"{times[key]} annotations have this id"
                )


def _firsts(codes: Whole, counts: list[int]) -> list[int]:
    """Where each code that occurs does so first, ascending."""
    return sorted(int(np.argmax(codes == code)) for code, count in enumerate(counts) if count)


def _as_number(key: Key | None) -> int:
    """Equal for equal ids, and nearly always different for others."""
    return key if isinstance(key, int) and -_MOST <= key < _MOST else hash(key)


def _parts(numbers: Whole) -> Iterator[Whole]:
    for start in range(0, len(numbers), _AT_ONCE):
        yield numbers[start : start + _AT_ONCE]


def _ids(marks: Rows, numbers: Whole) -> list[Key]:
    """The ids of annotations, in the order of their numbers."""
    order = np.argsort(numbers)
    found: list[Key] = [0] * len(numbers)
    for place, annotation in zip(order.tolist(), _read_rows(marks, numbers[order]), strict=True):
        found[place] = annotation.id or 0
    return found
