"""Whether the images of a conversion are painted many at once, and by whom."""

from polymask.conversion.options import ConvertOptions
from polymask.formats import Annotations
from polymask.layouts import LayoutOptions, layout_named
from polymask.painting.batch import BatchPainter
from polymask.painting.label_choice import LabelChoice


def painter_of(
    annotations: Annotations, labels: LabelChoice, layout_options: LayoutOptions, options: ConvertOptions
) -> BatchPainter | None:
    """Who paints many images at once, where that gives what painting each by its record does.

    That is for annotations with a table, all of whose labels are painted, in their own size, by
    rules that the kernel knows, in a layout whose one file of an image is its index mask as PNG. Crowds
    that are painted as void are counted by themselves, so they go by records.
    """
    encoding_of = getattr(layout_named(options.to), "encoding", None)
    encoding = encoding_of(layout_options) if encoding_of else None
    rules, table = options.rules(), annotations.table
    is_other = options.size or options.copy_images or options.crowd == "void"
    is_part = not all(map(labels.is_painted, annotations.used))
    if table is None or encoding is None or is_other or is_part or not BatchPainter.takes(rules):
        return None
    most = options.limits.max_conflict_pairs
    return BatchPainter(table, labels.label_map, rules, encoding=encoding, most_pairs=most)
