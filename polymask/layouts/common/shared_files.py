"""Files that all images of a folder share, when some of these images are of earlier runs."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from polymask.layouts import Drawn, LayoutOptions
from polymask.layouts.common.splits import SPLITS

DEFAULT_SPLIT = "train"
Read = Callable[[str], bytes | None]


def with_earlier_splits(
    options: LayoutOptions, before: Mapping[str, Mapping[str, Any]], now: Iterable[str], *, listed: bool
) -> LayoutOptions:
    """The options for lists that hold the images of earlier runs too, each in the split of its own run.

    `before` are the manifest's lines by name, `now` the images of this run; `listed` tells that there
    are lists of splits already. A split that lost its last image keeps its list, which is empty.

    >>> from polymask import LabelMap
    >>> earlier = {"a.jpg": {"split": "val"}, "b.jpg": {}}
    >>> options = LayoutOptions(label_map=LabelMap(()), split="test")
    >>> options = with_earlier_splits(options, earlier, ["c.jpg"], listed=False)
    >>> options.all_splits, options.split_of("a.jpg"), options.split_of("c.jpg")
    (('train', 'val', 'test'), 'val', 'test')
    """
    earlier = {name: str(entry.get("split", DEFAULT_SPLIT)) for name, entry in before.items()}
    seen = {*options.all_splits, *earlier.values()}
    ordered = [*(split for split in SPLITS if split in seen), *sorted(seen.difference(SPLITS))]
    has_lists = listed or bool(options.split_names) or seen != {DEFAULT_SPLIT}
    splits = {**earlier, **{name: options.split_of(name) for name in now}}
    return replace(options, splits=splits, split_names=tuple(ordered) if has_lists else ())


def stored_rows(layout: object, drawn: Iterable[Drawn], read: Read) -> Mapping[str, bytes]:
    """What images of earlier runs hold in the file of all images, by name; empty where there is none.

    Raises `FormatError` for a file that is damaged or says nothing of an image.
    """
    rows_of: Callable[..., Mapping[str, bytes]] | None = getattr(layout, "stored_rows", None)
    return rows_of(drawn, read) if rows_of else {}


def with_rows(
    drawn: Iterable[Drawn], rows: Mapping[str, bytes], stored: Mapping[str, bytes]
) -> Iterator[Drawn]:
    """The images, each with its row of this run, else of an earlier one."""
    return (replace(image, row=rows.get(image.name) or stored.get(image.name, b"")) for image in drawn)
