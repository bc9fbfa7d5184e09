"""Assigns images to train, val and test by ratio and seed, independent of their order and of workers.

A digest of the seed and an image's name is a fraction from 0 to 1, which decides its split. So adding
or removing other images never moves an image. The sizes match the ratio on average.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import accumulate
from math import isclose, isfinite
from typing import Any

from polymask.errors import InputError
from polymask.layouts import Drawn, LayoutOptions
from polymask.storage.image_names import stem

SPLITS = ("train", "val", "test")
LISTS = "splits/{split}.txt"


def parse_ratio(text: str) -> tuple[float, ...]:
    """The shares in `0.8,0.1,0.1`.

    Raises `InputError` for a text that is no list of up to three shares that sum to 1.

    Examples:
        >>> parse_ratio("0.9,0.1")
        (0.9, 0.1)
    """
    try:
        return checked_ratio([float(part) for part in text.split(",")])
    except ValueError as error:
        raise InputError(f"{error}", place=f"--split-ratio {text}") from None


def checked_ratio(shares: Sequence[float]) -> tuple[float, ...]:
    """The shares of train, val and test; raises `InputError` unless they are 0 or more and sum to 1."""
    if not 1 <= len(shares) <= len(SPLITS):
        raise InputError(f"a split has up to 3 shares, of {', '.join(SPLITS)}; not {len(shares)}")
    if not all(isfinite(share) and share >= 0 for share in shares) or not isclose(sum(shares), 1):
        raise InputError(f"the shares of a split sum to 1, none below 0; these sum to {sum(shares):g}")
    return tuple(shares)


def assign(names: Iterable[str], shares: Sequence[float], *, seed: int = 0) -> dict[str, str]:
    """The split of each name, which depends only on the name, the shares and the seed.

    Examples:
        >>> assign("abcde", (0.6, 0.2, 0.2), seed=1)
        {'a': 'train', 'b': 'train', 'c': 'val', 'd': 'train', 'e': 'train'}
    """
    ends = [*accumulate(shares)][:-1]
    return {name: SPLITS[bisect_right(ends, fraction(name, seed=seed))] for name in names}


def fraction(name: str, *, seed: int = 0) -> float:
    """A number from 0 to below 1 for a name and a seed: the first 53 bits of a SHA-256.

    Examples:
        >>> round(fraction("a.jpg"), 3)
        0.176
    """
    digest = sha256(f"{seed}:{name}".encode(errors="surrogatepass")).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / (1 << 53)


def group_of(name: str, pattern: str) -> str:
    """What of a name is the same in all images that stay together; "" where the pattern does not match.

    That is the text of the pattern's first group, else the whole text that matches.

    Examples:
        >>> group_of("p07_left.png", "p[0-9]+"), group_of("p07_left.png", "p([0-9]+)_"), group_of("a", "p")
        ('p07', '07', '')
    """
    match = re.search(pattern, name)
    return (match[1] if match.re.groups else match[0]) or "" if match else ""


def split_options(
    names: Iterable[str],
    ratio: str | Sequence[float] | None,
    *,
    seed: int = 0,
    split_by: str | None = None,
) -> dict[str, Any]:
    """The options `splits`, `split_names` and `drawing` for a ratio; empty without one.

    Images of one group, by the pattern `split_by`, come into one split; an image of no group is its own.

    Examples:
        >>> options = split_options(["a.jpg"], "1,0")
        >>> options["splits"], options["split_names"], options["drawing"]
        ({'a.jpg': 'train'}, ('train', 'val'), {'split_ratio': (1.0, 0.0), 'seed': 0})
    """
    if ratio is None:
        return {}
    shares = parse_ratio(ratio) if isinstance(ratio, str) else checked_ratio(ratio)
    groups = {name: (split_by is not None and group_of(name, split_by)) or name for name in names}
    split_of = assign(groups.values(), shares, seed=seed)
    splits = {name: split_of[group] for name, group in groups.items()}
    drawing = {"split_ratio": shares, "seed": seed, "split_by": split_by}
    drawing = {name: value for name, value in drawing.items() if value is not None}
    return {"splits": splits, "split_names": SPLITS[: len(shares)], "drawing": drawing}


def source_splits(names: Sequence[str], subsets: Sequence[str]) -> dict[str, Any]:
    """The options `splits` and `split_names` for splits from the source; empty if no image has one.

    Examples:
        >>> source_splits(["a.jpg", "b.jpg"], ["val", ""])
        {'splits': {'a.jpg': 'val'}, 'split_names': ('train', 'val')}
    """
    splits = {name: split for name, split in zip(names, subsets, strict=bool(subsets)) if split}
    default = {SPLITS[0]} if len(splits) < len(names) else set()
    present = {*splits.values(), *default}
    return {"splits": splits, "split_names": tuple(s for s in SPLITS if s in present)} if splits else {}


def by_split(drawn: Iterable[Drawn], options: LayoutOptions) -> dict[str, list[str]]:
    """The images' names without suffix, in order, by split; a split without images has an empty list."""
    lists: dict[str, list[str]] = {split: [] for split in options.all_splits}
    for image in drawn:
        lists.setdefault(options.split_of(image.name), []).append(stem(image.name))
    return lists


def split_lists(drawn: Iterable[Drawn], options: LayoutOptions) -> Iterator[tuple[str, bytes]]:
    """`splits/<split>.txt`, for layouts without another place for splits; none if there are no splits."""
    if options.split_names:
        for split, names in by_split(drawn, options).items():
            yield LISTS.format(split=split), lines(names)


def lines(names: Iterable[str]) -> bytes:
    """A text file with a name on each line."""
    return "".join(f"{name}\n" for name in names).encode()
