"""Planning the layout's options: labels, splits, original records; labels that it cannot hold are refused."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from polymask.conversion.options import ConvertOptions
from polymask.errors import InputError, unknown
from polymask.formats import Annotations
from polymask.layouts import PICTURE_FORMATS, LayoutOptions, layout_named
from polymask.layouts.common.splits import SPLITS, group_of, source_splits, split_options
from polymask.painting.label_choice import LabelChoice
from polymask.storage.image_names import picture_suffix
from polymask.storage.safe_names import safe_path


def plan_layout(annotations: Annotations, labels: LabelChoice, options: ConvertOptions) -> LayoutOptions:
    """The options of the layout; raises `InputError` if it cannot hold the labels."""
    name_of = labels.label_map.name_of
    layout_options = LayoutOptions(
        label_map=labels.label_map,
        split=safe_path(options.split or SPLITS[0]),
        instances=options.instances,
        used=frozenset(map(name_of, filter(labels.is_painted, annotations.used))),
        stuff=frozenset(map(name_of, options.stuff)),
        original=_originals(annotations),
        delete_source=options.delete_source,
        picture_format=_picture_format(options),
        picture_suffixes=_picture_suffixes(annotations, options),
        void_as=options.void_as or "",
        palette=options.palette,
        tiling=options.tiling,
        keeps_splits=not asks_for_splits(options),
        source_format=annotations.format,
        **_splits(annotations, options),
    )
    layout = layout_named(options.to)
    layout.check(layout_options)
    void_advice: str = getattr(layout, "VOID_ADVICE", "")
    if void_advice and options.rules().makes_void and not options.void_as:
        raise InputError(
            f"masks of the layout `{options.to}` have no void, which these rules make", advice=void_advice
        )
    if (options.size or options.scale) and annotations.original and getattr(layout, "NAMES_PICTURES", False):
        raise InputError(
            f"the layout `{options.to}` adds masks to the source's own JSON, whose items keep their size",
            advice="leave --size and --scale out, or choose another layout",
        )
    if options.copy_images and options.images is None and annotations.picture is None:
        raise InputError("--copy-images needs to know where the pictures are", advice="add --images DIR")
    return layout_options


def _picture_format(options: ConvertOptions) -> str:
    """The format of copied pictures; raises `InputError` for one that is asked in vain, or unknown."""
    if options.picture_format not in (None, *PICTURE_FORMATS):
        raise unknown("picture format", options.picture_format, PICTURE_FORMATS)
    if options.picture_format and not options.copy_images:
        raise InputError(
            "--picture-format is of copied pictures", advice="add --copy-images, or leave it out"
        )
    layout = layout_named(options.to)
    if options.picture_format and getattr(layout, "NAMES_PICTURES", False):
        raise InputError(
            f"each file of the layout `{options.to}` names its item as the source does",
            advice="leave --picture-format out",
        )
    only: str = getattr(layout, "PICTURE_FORMAT", "")
    if only and options.picture_format not in (None, only):
        raise InputError(
            f"the layout `{options.to}` has pictures as {only}",
            advice=f"leave --picture-format out, or make it {only}",
        )
    if options.is_reshaped and options.copy_images and getattr(layout, "NAMES_PICTURES", False):
        raise InputError(
            f"each file of the layout `{options.to}` names its item as the source does, at its own size",
            advice="leave --copy-images out, or --scale",
        )
    return only or options.picture_format or ("png" if options.is_reshaped and options.copy_images else "")


def _picture_suffixes(annotations: Annotations, options: ConvertOptions) -> dict[str, str]:
    """The suffixes of copies of pictures that the source names without one, for readers go by suffixes."""
    layout = layout_named(options.to)
    if not options.copy_images or annotations.picture or getattr(layout, "NAMES_PICTURES", False):
        return {}
    names = {index: name for index, name in enumerate(annotations.names) if not picture_suffix(name)}
    return {name: _suffix_of_picture(annotations, index) for index, name in names.items()}


def _suffix_of_picture(annotations: Annotations, index: int) -> str:
    """The suffix of an image's picture; none of one that is not found."""
    with suppress(InputError):  # the image fails, or is not of this run
        file = annotations.picture_file(index)
        return picture_suffix(file.name) if file else ""
    return ""


def asks_for_splits(options: ConvertOptions) -> bool:
    """Whether a run says which splits its images go to; otherwise those of earlier runs stay."""
    return options.split is not None or options.split_ratio is not None


def _splits(annotations: Annotations, options: ConvertOptions) -> dict[str, Any]:
    """The splits by `--split-ratio` or `--split`, otherwise those of the source.

    With neither, images of earlier runs stay in their splits: see `kept_splits`.
    """
    if options.split_by is not None and options.split_ratio is None:
        raise InputError(
            "--split-by says which images --split-ratio keeps together", advice="add --split-ratio 0.8,0.2"
        )
    if asks_for_splits(options):
        return split_options(
            annotations.names, options.split_ratio, seed=options.seed, split_by=options.split_by
        )
    return source_splits(annotations.names, annotations.subsets)


def notes_on_groups(names: Sequence[str], options: ConvertOptions) -> list[str]:
    """A note on the images that belong to no group of `--split-by`, if there are any."""
    pattern = options.split_by
    apart = [name for name in names if not group_of(name, pattern)] if pattern is not None else []
    if not apart:
        return []
    return [
        f"{len(apart):,} of {len(names):,} images do not match --split-by, e.g. {apart[0]}: "
        "each goes to a split by its own name"
    ]


def _originals(annotations: Annotations) -> Callable[[str], bytes | None]:
    """A function from an image's name to its original record, for layouts that extend it."""
    original = annotations.original
    if original is None:
        return lambda _: None
    indices = {name: index for index, name in enumerate(annotations.names)}
    return lambda name: original(indices[name])
