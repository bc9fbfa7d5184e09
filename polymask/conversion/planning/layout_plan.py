"""What a layout is asked: labels, splits, the source's own records; refused where it cannot hold them."""

from collections.abc import Callable
from typing import Any

from polymask.conversion.options import ConvertOptions
from polymask.errors import InputError
from polymask.formats import Annotations
from polymask.layouts import LayoutOptions, layout_named
from polymask.layouts.common.splits import SPLITS, source_splits, split_options
from polymask.painting.label_choice import LabelChoice
from polymask.storage.safe_names import safe_path


def plan_layout(annotations: Annotations, labels: LabelChoice, options: ConvertOptions) -> LayoutOptions:
    """What the layout is asked; raises `InputError` where it cannot hold these labels."""
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
    """The splits by `--split-ratio`, else those that the source tells, unless `--split` names one."""
    if options.split_ratio is not None or options.split != SPLITS[0]:
        return split_options(annotations.names, options.split_ratio, seed=options.seed)
    return source_splits(annotations.names, annotations.subsets)


def _originals(annotations: Annotations) -> Callable[[str], bytes | None]:
    """The source's own record of an image by name, for layouts that add to it."""
    original = annotations.original
    if original is None:
        return lambda _: None
    indices = {name: index for index, name in enumerate(annotations.names)}
    return lambda name: original(indices[name])
