"""Files that all images of a folder share, where earlier runs wrote some of the images."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from polymask.errors import FormatError
from polymask.layouts import Drawn, LayoutOptions
from polymask.layouts.common.splits import SPLITS
from polymask.storage.manifest import MANIFEST

DEFAULT_SPLIT = "train"
Read = Callable[[str], bytes | None]


def with_earlier_splits(
    options: LayoutOptions, before: Mapping[str, Mapping[str, Any]], now: Iterable[str], *, listed: bool
) -> LayoutOptions:
    """The options for lists that also hold the images of earlier runs, in the splits of those runs.

    `before` are the manifest's lines by name, `now` the images of this run; `listed` says whether lists
    of splits exist already. A split that lost its last image keeps an empty list.

    Examples:
        >>> from polymask import LabelMap
        >>> earlier = {"a.jpg": {"split": "val"}, "b.jpg": {}}
        >>> options = LayoutOptions(label_map=LabelMap(()), split="test")
        >>> options = with_earlier_splits(options, earlier, ["c.jpg"], listed=False)
        >>> options.all_splits, options.split_of("a.jpg"), options.split_of("c.jpg")
        (('train', 'val', 'test'), 'val', 'test')
    """
    earlier = {options.image_of(name): str(row.get("split", DEFAULT_SPLIT)) for name, row in before.items()}
    present = {*options.all_splits, *earlier.values()}
    ordered = [*(split for split in SPLITS if split in present), *sorted(present.difference(SPLITS))]
    has_lists = listed or bool(options.split_names) or present != {DEFAULT_SPLIT}
    splits = {**earlier, **{options.image_of(name): options.split_of(name) for name in now}}
    return replace(options, splits=splits, split_names=tuple(ordered) if has_lists else ())


def stored_rows(layout: object, drawn: Iterable[Drawn], read: Read) -> Mapping[str, bytes]:
    """The rows of images of earlier runs in the shared file, by name; empty where there is no such file.

    Raises `FormatError` for a file that is damaged, or in which an image is missing.
    """
    rows_of: Callable[..., Mapping[str, bytes]] | None = getattr(layout, "stored_rows", None)
    return rows_of(drawn, read) if rows_of else {}


def stored_options(layout: object, options: LayoutOptions, read: Read) -> LayoutOptions:
    """The options with what the layout's own tables tell of a run: what is stuff, what void became."""
    options_of: Callable[..., LayoutOptions] | None = getattr(layout, "stored_options", None)
    return options_of(options, read) if options_of else options


def require_rows(rows: Mapping[str, bytes], drawn: Iterable[Drawn], file: str) -> Mapping[str, bytes]:
    """The rows of a shared file; raises `FormatError` where an image is missing."""
    for image in drawn:
        if image.name not in rows:
            raise FormatError(
                f"{file} says nothing of {image.name}, which {MANIFEST} lists",
                advice="convert all images with --overwrite, or choose another DEST",
            )
    return rows


def with_rows(
    drawn: Iterable[Drawn], rows: Mapping[str, bytes], stored: Mapping[str, bytes]
) -> Iterator[Drawn]:
    """The images, each with its row of this run, else of an earlier run."""
    return (replace(image, row=rows.get(image.name) or stored.get(image.name, b"")) for image in drawn)
