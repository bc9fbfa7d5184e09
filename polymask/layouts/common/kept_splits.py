"""The splits that earlier runs put the images of a folder into, which later runs keep."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from polymask.errors import InputError
from polymask.layouts import LayoutOptions
from polymask.layouts.common.shared_files import DEFAULT_SPLIT
from polymask.layouts.common.splits import split_options

DRAWING = ("split_ratio", "seed", "split_by")  # of a manifest's line, if its split was drawn by a ratio
EntriesByName = Mapping[str, Mapping[str, Any]]


def with_kept_splits(options: LayoutOptions, names: Sequence[str], entries: EntriesByName) -> LayoutOptions:
    """The options of a run that asks for no splits: images stay in theirs, new ones are drawn as before.

    `names` are the images of the source, `entries` the manifest's lines. If the source has splits, only
    what a ratio drew is kept: an image that has moved in the source since is for `refuse_moved`.

    Raises:
        InputError: Earlier runs drew by several ratios, and there are new images.

    Examples:
        >>> from polymask import LabelMap
        >>> stored = {"a.jpg": {"split": "val", "split_ratio": [0.0, 1.0], "seed": 0}}
        >>> options = with_kept_splits(LayoutOptions(label_map=LabelMap(())), ["a.jpg", "b.jpg"], stored)
        >>> options.splits
        {'b.jpg': 'val', 'a.jpg': 'val'}
    """
    stays = (lambda entry: bool(drawing_of(entry))) if options.splits else (lambda _: True)
    kept = _splits_by_image(options, entries, stays)
    added = [name for name in names if name not in kept]
    drawing = {} if options.splits else _drawing(entries.values(), is_needed=bool(added))
    drawn = split_options(added, drawing.pop("split_ratio", None), **drawing)
    splits = {**options.splits, **drawn.get("splits", {}), **kept}
    return replace(
        options,
        splits=splits,
        split_names=tuple(dict.fromkeys([*options.split_names, *drawn.get("split_names", ())])),
        drawing=drawn.get("drawing", {}),
    )


def _splits_by_image(
    options: LayoutOptions,
    entries: EntriesByName,
    stays: Callable[[Mapping[str, Any]], bool],
) -> dict[str, str]:
    """The splits of those stored images that stay."""
    return {
        options.image_of(name): str(entry.get("split", DEFAULT_SPLIT))
        for name, entry in entries.items()
        if stays(entry)
    }


def drawing_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """How an image's split was drawn, by its line in the manifest; empty if it was not."""
    return {name: entry[name] for name in DRAWING if name in entry}


def _drawing(entries: Iterable[Mapping[str, Any]], *, is_needed: bool) -> dict[str, Any]:
    """How earlier runs drew splits; empty if they drew none."""
    drawings: list[dict[str, Any]] = []
    for entry in entries:
        if (drawing := drawing_of(entry)) and drawing not in drawings:
            drawings.append(drawing)
    if len(drawings) > 1 and is_needed:
        ratios = " and ".join(",".join(map("{:g}".format, drawing["split_ratio"])) for drawing in drawings)
        raise InputError(
            f"the splits here were drawn by several --split-ratio ({ratios}), and there are new images",
            advice="say where these go, with --split or --split-ratio",
        )
    return drawings[0] if drawings else {}


def refuse_moved(options: LayoutOptions, names: Iterable[str], entries: EntriesByName) -> None:
    """Raise `InputError` for an image that a run would put into another split than earlier runs did."""
    for name in names:
        before = str(entries[name].get("split", DEFAULT_SPLIT)) if name in entries else ""
        if before and before != options.split_of(name):
            kept = (
                "give the --split or --split-ratio of the earlier run"
                if options.keeps_splits
                else "leave out the options of splits to keep the splits as they are"
            )
            raise InputError(
                f"{options.image_of(name)} is in the split {before}, and this run would move it to "
                f"{options.split_of(name)}",
                advice=f"{kept}, pass --overwrite to move images, or choose another DEST",
            )
