"""Planning the layout's options: labels, splits, original records; labels that it cannot hold are refused."""

from collections.abc import Callable, Sequence
from typing import Any

from polymask.conversion.options import ConvertOptions
from polymask.errors import InputError
from polymask.formats import Annotations
from polymask.layouts import LayoutOptions, layout_named
from polymask.layouts.common.splits import SPLITS, group_of, source_splits, split_options
from polymask.painting.label_choice import LabelChoice
from polymask.storage.safe_names import safe_path


def plan_layout(annotations: Annotations, labels: LabelChoice, options: ConvertOptions) -> LayoutOptions:
    """The options of the layout; raises `InputError` if it cannot hold the labels."""
    name_of = labels.label_map.name_of
    layout_options = LayoutOptions(
        label_map=labels.label_map,
        split=safe_path(options.split),
        instances=options.instances,
        used=frozenset(map(name_of, filter(labels.is_painted, annotations.used))),
        stuff=frozenset(map(name_of, options.stuff)),
        original=_originals(annotations),
        delete_source=options.delete_source,
        palette=options.palette,
        **_splits(annotations, options),
    )
    layout_named(options.to).check(layout_options)
    if options.copy_images and options.images is None and annotations.picture is None:
        raise InputError("--copy-images needs to know where the pictures are", advice="add --images DIR")
    return layout_options


def _splits(annotations: Annotations, options: ConvertOptions) -> dict[str, Any]:
    """The splits by `--split-ratio` or `--split`, otherwise those of the source."""
    if options.split_by is not None and options.split_ratio is None:
        raise InputError(
            "--split-by says which images --split-ratio keeps together", advice="add --split-ratio 0.8,0.2"
        )
    if options.split_ratio is not None or options.split != SPLITS[0]:
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
