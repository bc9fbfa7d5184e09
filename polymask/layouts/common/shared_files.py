"""Files that all images of a folder share, where earlier runs wrote some of the images."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from polymask.errors import FormatError
from polymask.layouts import Drawn, Layout, LayoutOptions, picture_path
from polymask.layouts.common.splits import SPLITS
from polymask.storage.image_names import picture_suffix, stem
from polymask.storage.manifest import MANIFEST

DEFAULT_SPLIT = "train"
Read = Callable[[str], bytes | None]
SharedFiles = Mapping[str, bytes]
LIST_SUFFIXES = (".txt", ".jsonl", ".csv")  # of files whose lines can be added and taken out by themselves


def with_earlier_images(
    options: LayoutOptions,
    before: Mapping[str, Mapping[str, Any]],
    now: Iterable[str],
    *,
    layout: Layout,
    listed: bool,
    emptied: Iterable[str] = (),
) -> LayoutOptions:
    """The options for lists that also hold the images of earlier runs, in their splits, and as copied then.

    `before` are the manifest's lines by name, `now` the images of this run; `listed` says whether lists
    of splits exist already. A split that lost its last image, such as one of `emptied`, has an empty list.

    Examples:
        >>> from polymask import LabelMap
        >>> from polymask.layouts import layout_named
        >>> layout, earlier = layout_named("index"), {"a.jpg": {"split": "val"}, "b.jpg": {}}
        >>> options = LayoutOptions(label_map=LabelMap(()), split="test")
        >>> options = with_earlier_images(options, earlier, ["c.jpg"], layout=layout, listed=False)
        >>> options.all_splits, options.split_of("a.jpg"), options.split_of("c.jpg")
        (('train', 'val', 'test'), 'val', 'test')
    """
    earlier = {options.image_of(name): str(row.get("split", DEFAULT_SPLIT)) for name, row in before.items()}
    present = {*options.all_splits, *earlier.values(), *emptied}
    ordered = [*(split for split in SPLITS if split in present), *sorted(present.difference(SPLITS))]
    has_lists = listed or bool(options.split_names) or present != {DEFAULT_SPLIT}
    splits = {**earlier, **{options.image_of(name): options.split_of(name) for name in now}}
    suffixes = dict(options.picture_suffixes)
    for entry in [entry for name, entry in before.items() if not picture_suffix(name)]:
        suffixes |= as_stored(options, entry, layout).picture_suffixes
    names = tuple(ordered) if has_lists else ()
    return replace(options, splits=splits, split_names=names, picture_suffixes=suffixes)


def as_stored(options: LayoutOptions, entry: Mapping[str, Any], layout: Layout) -> LayoutOptions:
    """The options under which an image lies where its line in the manifest says.

    They have its split, and the suffix of its picture's copy if the image's name has none.
    """
    options = options.of_split(entry.get("split", DEFAULT_SPLIT))
    name = str(entry.get("name", ""))
    if picture_suffix(name) or name in options.picture_suffixes:
        return options
    copy = picture_path(layout, name, options)
    suffix = next((picture_suffix(path) for path in entry.get("files", {}) if stem(path) == copy), "")
    return replace(options, picture_suffixes={**options.picture_suffixes, name: suffix})


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


def is_list(path: str) -> bool:
    """Whether a file consists of lines that stand for themselves."""
    return path.endswith(LIST_SUFFIXES)


def with_edits(
    edited: Mapping[str, bytes], base: Mapping[str, bytes], after: Mapping[str, bytes]
) -> dict[str, bytes]:
    """The edited files with the lines that a run adds and without those that it takes out.

    `edited` are the files as they are, `base` as polymask wrote them, and `after` as the run would write
    them. A line that somebody moved to another of these files goes from there. Other files than lists stay.

    Examples:
        >>> base = {"train.txt": b"a\\nb\\n", "val.txt": b"c\\n"}
        >>> edited = {"train.txt": b"a\\n", "val.txt": b"c\\nb\\n"}
        >>> with_edits(edited, base, {"train.txt": b"a\\nb\\nd\\n", "val.txt": b""})
        {'train.txt': b'a\\nd\\n', 'val.txt': b'b\\n'}
    """
    lists = [path for path in edited if is_list(path)]
    before, present = (_lines(files.get(path, b"") for path in lists) for files in (base, after))
    removed = before - present
    return {
        path: _patched(data, base.get(path, b""), after.get(path, b""), removed) if path in lists else data
        for path, data in edited.items()
    }


def _patched(data: bytes, base: bytes, after: bytes, removed: set[bytes]) -> bytes:
    kept = [line for line in data.splitlines(keepends=True) if line.strip() not in removed]
    known = _lines((base, data))
    added = [line for line in after.splitlines(keepends=True) if line.strip() not in known]
    if added and kept and not kept[-1].endswith(b"\n"):
        kept[-1] += b"\n"
    return b"".join([*kept, *added])


def _lines(files: Iterable[bytes]) -> set[bytes]:
    return {line.strip() for data in files for line in data.splitlines()}
