"""The splits of a source: which of its images are for training, validation, test, or another subset."""

from collections.abc import Collection, Mapping
from pathlib import PurePosixPath
from typing import TypeVar

from polymask.errors import InputError, unknown
from polymask.formats.reading.contract import Annotations
from polymask.formats.reading.images.subsets import split_named, subset_in, subset_of_file

Member = TypeVar("Member")


def images_in_split(splits: Mapping[str, Collection[Member]], split: str) -> Collection[Member]:
    """The images of a split, which may be called by another word for it, such as `valid` for `val`.

    Raises `InputError`, which lists the splits that exist, for one that does not.

    Examples:
        >>> images_in_split({"train": ["a"], "val": ["b"]}, "valid")
        ['b']
    """
    if not splits:
        raise InputError(
            f"no split '{split}', as nothing says which split its images are in",
            advice="leave --split out, or choose images by their names, with --where",
        )
    if split in splits:
        return splits[split]
    same = [name for name in splits if split_named(name) and split_named(name) == split_named(split)]
    if len(same) != 1:
        raise unknown("split", split, sorted(splits))
    return splits[same[0]]


def splits_of_annotations(annotations: Annotations) -> dict[str, list[int]]:
    """The indices of the images of each split; without those that the source puts into no split.

    A split is told by the source's own subsets (a CVAT image's `subset`, a Datumaro file), else by a folder
    of the image's name, else by the annotation file's name or folder.
    """
    of_file = subset_of_file(str(PurePosixPath(*annotations.path.parts[-2:])))
    splits: dict[str, list[int]] = {}
    for index, name in enumerate(annotations.names):
        split = _subset(annotations, index) or split_named(subset_in(name)) or (of_file and of_file.split)
        if split:
            splits.setdefault(split, []).append(index)
    return splits


def _subset(annotations: Annotations, index: int) -> str:
    """The subset that the source says an image is of, by the split's usual name if it has one."""
    if annotations.subsets and annotations.subsets[index]:
        return annotations.subsets[index]
    group = annotations.groups[index] if annotations.groups else ()
    subset = group[0] if group else ""
    return split_named(subset) or subset
