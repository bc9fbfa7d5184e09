"""Which images of two sets belong together, and which of them are of a split."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from polymask.errors import naming
from polymask.formats.reading.images.splits import images_in_split
from polymask.storage.image_names import joined


def matched(truth: tuple[str, ...], other: tuple[str, ...]) -> dict[str, str]:
    """Pairs of equal names in both sets; if no names are equal, pairs with the same last part.

    Names that differ only in Unicode composition or percent-encoding are equal.

    Examples:
        >>> matched(("a", "b"), ("val/a", "val/c"))
        {'a': 'val/a'}
    """
    if common := joined(truth, other):
        return common
    by_last_part = {PurePosixPath(name).name: name for name in other}
    if len(by_last_part) < len(other):
        return {}
    pairs = joined([PurePosixPath(name).name for name in truth], by_last_part)
    return {name: by_last_part[pairs[end]] for name in truth if (end := PurePosixPath(name).name) in pairs}


@dataclass(frozen=True, slots=True)
class NamedImages:
    """The images of a set, by name without suffix, and those of each split where the set knows any."""

    path: object
    names: tuple[str, ...]
    splits: Mapping[str, Collection[str]]


def in_split(sets: Sequence[NamedImages], split: str) -> list[Collection[str]]:
    """The images of a split in several sets of the same images.

    A set that knows no splits takes them from the sets that do. Raises `InputError` where no set has
    that split.

    Examples:
        >>> truth = NamedImages("truth", ("a", "b"), {"train": ["a"], "val": ["b"]})
        >>> in_split([truth, NamedImages("predicted", ("a", "b"), {})], "val")
        [['b'], ['b']]
    """
    images: list[str] = []
    for masks in [masks for masks in sets if masks.splits] or sets[:1]:
        with naming(masks.path):
            images += images_in_split(masks.splits, split)
    return [
        images_in_split(m.splits, split) if m.splits else [*matched(tuple(images), m.names).values()]
        for m in sets
    ]
