"""Subsets: a dataset's images for training, validation and test, told apart by folders and files.

Tools store subsets in folders (Roboflow's `train/`, `valid/`, `test/`) or in a file each
(`instances_train2017.json`). Files of one format that hold different subsets are read as one source.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import msgspec

from polymask.codecs.picture_files import PictureFinder
from polymask.formats.reading.content import Content
from polymask.formats.reading.contract import Annotations, ReadOptions
from polymask.formats.reading.images.renamed import renamed
from polymask.ledger import Ledger
from polymask.model import ImageRecord, Skipped
from polymask.storage.source_files import File

_WORDS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
_SPLIT_OF = {word: split for split, words in _WORDS.items() for word in words}


def split_named(word: str) -> str:
    """The split that a word means, with or without a year; an empty text for other words.

    Examples:
        >>> split_named("valid"), split_named("Train2017"), split_named("default")
        ('val', 'train', '')
    """
    return _SPLIT_OF.get(word.lower().rstrip("0123456789"), "")


def subset_in(name: str) -> str:
    """The first folder of a path that is named like a split, as written; an empty text without one.

    Examples:
        >>> subset_in("harbor/valid/a.jpg"), subset_in("train.jpg")
        ('valid', '')
    """
    return next((part for part in PurePosixPath(name).parts[:-1] if split_named(part)), "")


def with_splits(annotations: Annotations, subsets: Sequence[str]) -> Annotations:
    """The annotations with the splits that the images' subsets are named after, if there are any."""
    splits = [split_named(subset) for subset in subsets]
    return replace(annotations, subsets=splits if any(splits) else ())


class Subset(msgspec.Struct, frozen=True):
    """The subset that a file holds: its split, and the folder that its images' names get."""

    split: str
    folder: PurePosixPath


def subset_of_file(name: str) -> Subset | None:
    """The subset that a file holds, by a word of its name or by a folder above it; None without either.

    Examples:
        >>> subset_of_file("annotations/instances_val2017.json")
        Subset(split='val', folder=PurePosixPath('val2017'))
        >>> subset_of_file("harbor/valid/_annotations.coco.json")
        Subset(split='val', folder=PurePosixPath('harbor/valid'))
    """
    path = PurePosixPath(name)
    words = [word for word in re.split(r"[^A-Za-z0-9]+", path.stem) if split_named(word)]
    if len(words) == 1:
        return Subset(split_named(words[0]), PurePosixPath(words[0]))
    for depth, part in reversed(list(enumerate(path.parts[:-1], 1))):
        if split_named(part):
            return Subset(split_named(part), PurePosixPath(*path.parts[:depth]))
    return None


def subsets_of_files(names: Sequence[str]) -> Sequence[Subset] | None:
    """The subsets of files, with folders relative to the common one; None unless all splits differ."""
    subsets = [subset for name in names if (subset := subset_of_file(name))]
    if len(subsets) < len(names) or len({subset.split for subset in subsets}) < len(names):
        return None
    while len({subset.folder.parts[0] for subset in subsets}) == 1:
        subsets = [Subset(s.split, PurePosixPath(*s.folder.parts[1:])) for s in subsets]
    return subsets


def joined(
    content: Content,
    files: Sequence[Content],
    subsets: Sequence[Subset],
    read: Callable[[Content], Annotations],
    options: ReadOptions,
) -> Annotations:
    """The annotations of several files as one source; image names begin with their subset's folder."""
    parts = [_with_relative_names(read(file)) for file in files]
    union, ledger = _Joined(parts, subsets), Ledger()
    pictures = PictureFinder(content.place, options.images)

    def picture_file(index: int) -> File | None:
        number, at = union.places[index]
        file = pictures.find(union.names[index], beside=files[number].name)
        is_archive = files[number].place is not content.place
        return parts[number].picture_file(at) if is_archive and not file else file

    for part in parts:
        assert part.ledger
        ledger.add(part.ledger)
    return replace(
        parts[0],
        path=content.path,
        categories=_categories(parts),
        names=union.names,
        source_names=union.source_names(parts),
        groups=(),
        subsets=[
            subsets[number].split or (parts[number].subsets[at] if parts[number].subsets else "")
            for number, at in union.places
        ],
        decode=union,
        used=_label_counts(parts),
        ledger=ledger,
        skipped=tuple(
            replace(entry, name=f"{file.name}: {entry.name}")
            for file, part in zip(files, parts, strict=True)
            for entry in part.skipped
        ),
        unsupported=union.listed(part.unsupported for part in parts),
        unchosen=union.listed(part.unchosen for part in parts),
        images_left_out=union.listed(part.images_left_out for part in parts),
        findings=tuple(
            replace(entry, image=union.named(number, entry.image))
            for number, part in enumerate(parts)
            for entry in part.findings
        ),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        picture_file=picture_file,
        picture=union.bytes_of([part.picture for part in parts]),
        original=union.bytes_of([part.original for part in parts]),
        sized_by_pictures=[
            index
            for index, (part, index_in_part) in enumerate(union.places)
            if index_in_part in parts[part].sized_by_pictures
        ],
        without=None,
        table=None,
        table_of=None,
    )


def archive_subsets(names: Sequence[str]) -> Sequence[Subset]:
    """The subsets of archives: those that their names tell, else each archive by its name, of no split."""
    stems = (PurePosixPath(name).name.partition(".")[0] for name in names)
    return subsets_of_files(names) or [Subset("", PurePosixPath(stem)) for stem in stems]


def _with_relative_names(part: Annotations) -> Annotations:
    """A part under image names that are relative paths, so that a subset's folder can precede them."""
    return renamed(part, picture_in_folders=lambda _: None)


class _Joined:
    """Decodes the images of all parts in order; picklable, so that other processes can use it."""

    def __init__(self, parts: Sequence[Annotations], subsets: Sequence[Subset]) -> None:
        self.decoders = [part.decode for part in parts]
        self.folders = [subset.folder for subset in subsets]
        self.places = [
            (number, index) for number, part in enumerate(parts) for index in range(len(part.names))
        ]
        self.names = [self.named(number, parts[number].names[index]) for number, index in self.places]

    def named(self, part: int, name: str) -> str:
        """An image's name below its subset's folder; a name that begins with the folder stays as it is."""
        folder = f"{self.folders[part]}/"
        return name if not name or name.startswith(folder) else folder + name.lstrip("/")

    def source_names(self, parts: Sequence[Annotations]) -> Sequence[str]:
        """The images' names in the files; empty where these are relative paths throughout."""
        if not any(part.source_names for part in parts):
            return ()
        return [
            parts[part].source_names[index] if parts[part].source_names else name
            for (part, index), name in zip(self.places, self.names, strict=True)
        ]

    def bytes_of(self, readers: Sequence[Callable[[int], bytes] | None]) -> Callable[[int], bytes] | None:
        """What each part has of an image, by the image's index; None where a part has no such thing."""
        present = [reader for reader in readers if reader]
        if len(present) < len(readers):
            return None

        def read(index: int) -> bytes:
            part, at = self.places[index]
            return present[part](at)

        return read

    def listed(self, parts: Iterable[Iterable[Skipped]]) -> tuple[Skipped, ...]:
        """The parts' reports on images, under the joined names."""
        return tuple(
            replace(entry, name=self.named(number, entry.name))
            for number, part in enumerate(parts)
            for entry in part
        )

    def __call__(self, index: int) -> ImageRecord:
        """The record of the i-th image."""
        part, index_in_part = self.places[index]
        return replace(self.decoders[part](index_in_part), name=self.names[index])


def _categories(parts: Sequence[Annotations]) -> tuple[tuple[str, int | None], ...]:
    """The labels of all parts; with their ids only if an id means the same label in every part."""
    pairs = dict.fromkeys(pair for part in parts for pair in part.categories)
    names, ids = {name for name, _ in pairs}, {key for _, key in pairs}
    agree = len(names) == len(ids) == len(pairs)
    return tuple(pairs) if agree else tuple((name, None) for name in dict.fromkeys(name for name, _ in pairs))


def _label_counts(parts: Sequence[Annotations]) -> dict[str, int]:
    used: dict[str, int] = {}
    for part in parts:
        for label, count in part.used.items():
            used[label] = used.get(label, 0) + count
    return used
