"""Batches of images: whether a conversion paints many images at once, and what becomes of them."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import msgspec

from polymask.conversion.options import ConvertOptions
from polymask.formats import Annotations
from polymask.layouts import LayoutOptions, layout_named
from polymask.painting.batch import BatchPainter, InstanceTable, PaintedBatch
from polymask.painting.label_choice import LabelChoice
from polymask.storage.manifest import Lines
from polymask.tally import Tally


class Batch(msgspec.Struct):
    """Converted images: the sum of their outcomes, and by image name the lines and rows for the sink."""

    tally: Tally = msgspec.field(default_factory=Tally)
    lines: dict[str, bytes] | Lines = {}  # of the manifest
    rows: dict[str, bytes] = {}  # of the files that all images share

    def add(self, other: "Batch") -> None:
        """Add other images after these."""
        self.tally.merge(other.tally)
        self.lines.update(other.lines)
        self.rows |= other.rows

    def keep(self, name: str, line: bytes, row: bytes = b"") -> None:
        """Add an image's line and row."""
        self.lines.update({name: line})
        if row:
            self.rows[name] = row


Paint = Callable[[Sequence[int]], Iterator[PaintedBatch] | None]
"""Paints many images at once; None where each must be painted by its record."""


def painter_of(
    annotations: Annotations, labels: LabelChoice, layout_options: LayoutOptions, options: ConvertOptions
) -> Paint | None:
    """The painter of many images at once, or None if that would not equal painting each by its record.

    A painter is possible if the annotations have a table, all their labels are painted, images keep their
    size, the kernel knows the rules, and the layout's only file per image is an index mask as PNG. Crowds
    painted as void are counted separately, so they need records.
    """
    encoding_of = getattr(layout_named(options.to), "encoding", None)
    encoding = encoding_of(layout_options) if encoding_of else None
    needs_records = options.size or options.is_reshaped or options.copy_images or options.crowd == "void"
    rules = options.rules()
    paints_all = all(map(labels.is_painted, annotations.used))
    if encoding is None or needs_records or not paints_all or not BatchPainter.takes(rules):
        return None
    most_pairs = options.limits.max_conflict_pairs
    painter = partial(
        BatchPainter, label_map=labels.label_map, rules=rules, encoding=encoding, most_pairs=most_pairs
    )
    if annotations.table is not None:
        return painter(annotations.table).paint
    return partial(_paint_parts, annotations.table_of, painter) if annotations.table_of else None


def _paint_parts(
    table_of: Callable[[Sequence[int]], InstanceTable | None],
    painter: Callable[[InstanceTable], BatchPainter],
    indices: Sequence[int],
) -> Iterator[PaintedBatch] | None:
    """Paint images by a table of their own."""
    table = table_of(indices)
    return painter(table).paint(range(len(indices)), indices) if table else None
