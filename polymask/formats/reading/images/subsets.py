"""Subsets: which of a dataset's images are for training, validation and test, by folders and files.

Tools pack a dataset as folders (Roboflow's `train/`, `valid/`, `test/`) or as a file each
(`instances_train2017.json`). Files of one format that differ in their subset are read as one source.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

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
    """The split that a word means, with or without a year; nothing for other words.

    >>> split_named("valid"), split_named("Train2017"), split_named("default")
    ('val', 'train', '')
    """
    return _SPLIT_OF.get(word.lower().rstrip("0123456789"), "")


def subset_in(name: str) -> str:
    """The folder of a path that is called as a split, as it is written; nothing where none is.

    >>> subset_in("harbor/valid/a.jpg"), subset_in("train.jpg")
    ('valid', '')
    """
    return next((part for part in PurePosixPath(name).parts[:-1] if split_named(part)), "")


@dataclass(frozen=True, slots=True)
class Subset:
    """What a file is of: its split, and the folder that its images' names have."""

    split: str
    folder: PurePosixPath


def subset_of_file(name: str) -> Subset | None:
    """The subset that a file is of, by a word of its name or by a folder that it lies in.

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
    """The subsets of files, their folders below the one that all have in common; None unless all differ."""
    subsets = [subset for name in names if (subset := subset_of_file(name))]
    if len(subsets) < len(names) or len({subset.split for subset in subsets}) < len(names):
        return None
    while len({subset.folder.parts[0] for subset in subsets}) == 1:
        subsets = [replace(subset, folder=PurePosixPath(*subset.folder.parts[1:])) for subset in subsets]
    return subsets


def joined(
    content: Content,
    files: Sequence[Content],
    subsets: Sequence[Subset],
    read: Callable[[Content], Annotations],
    options: ReadOptions,
) -> Annotations:
    """The annotations of several files as one source: images are named with the folder of their subset."""
    parts = [_with_relative_names(read(file)) for file in files]
    union, ledger = _Joined(parts, subsets), Ledger()
    pictures = PictureFinder(content.place, options.images)

    def picture_file(index: int) -> File | None:
        part, _ = union.places[index]
        return pictures.find(union.names[index], beside=files[part].name)

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
        subsets=[subsets[part].split for part, _ in union.places],
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
        sized_by_pictures=[
            index for index, (part, at) in enumerate(union.places) if at in parts[part].sized_by_pictures
        ],
        without=None,
        table=None,
    )


def _with_relative_names(part: Annotations) -> Annotations:
    """A part whose images are named by relative paths, to be put below the folder of its subset."""
    return renamed(part, picture_in_folders=lambda _: None)


class _Joined:
    """Decodes the images of all parts, in their order; can be sent to another process."""

    def __init__(self, parts: Sequence[Annotations], subsets: Sequence[Subset]) -> None:
        self.decoders = [part.decode for part in parts]
        self.folders = [subset.folder for subset in subsets]
        self.places = [(number, at) for number, part in enumerate(parts) for at in range(len(part.names))]
        self.names = [self.named(number, parts[number].names[at]) for number, at in self.places]

    def named(self, part: int, name: str) -> str:
        """An image's name below the folder of its subset, unless it begins with it."""
        folder = f"{self.folders[part]}/"
        return name if not name or name.startswith(folder) else folder + name.lstrip("/")

    def source_names(self, parts: Sequence[Annotations]) -> Sequence[str]:
        """What the files call the images, where they do not call all by relative paths."""
        if not any(part.source_names for part in parts):
            return ()
        return [
            parts[part].source_names[at] if parts[part].source_names else name
            for (part, at), name in zip(self.places, self.names, strict=True)
        ]

    def listed(self, parts: Iterable[Iterable[Skipped]]) -> tuple[Skipped, ...]:
        """What parts tell of images, under the images' names."""
        return tuple(
            replace(each, name=self.named(number, each.name))
            for number, part in enumerate(parts)
            for each in part
        )

    def __call__(self, index: int) -> ImageRecord:
        """The record of the i-th image."""
        part, at = self.places[index]
        return replace(self.decoders[part](at), name=self.names[index])


def _categories(parts: Sequence[Annotations]) -> tuple[tuple[str, int | None], ...]:
    """The labels of all parts, with their ids where these mean the same in each."""
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
