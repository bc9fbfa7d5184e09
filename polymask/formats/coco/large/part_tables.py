"""Tables of some images of a large COCO file: its fast path, as `polymask.formats.coco.scan` is of others."""

from collections.abc import Mapping, Sequence

import numpy as np

from polymask.formats.coco.large.index_cache import FileIndex
from polymask.formats.coco.rows import UNSIZED, Key
from polymask.formats.coco.scan import Uncertain, places_of, rows_of
from polymask.formats.parsing.outline import Rows
from polymask.limits import Limits
from polymask.painting.batch import FROM, IMAGE, KIND, LABEL, RINGS, TO, InstanceTable


def table_of(
    stored: FileIndex, rows: Rows, names: Mapping[Key, str], indices: Sequence[int], *, limits: Limits
) -> InstanceTable | None:
    """The instances of some images, read from the file; None where anything in them is doubtful."""
    facts, frames = stored.facts, stored.frames[list(indices)]
    parts = [stored.order[stored.cuts[index] : stored.cuts[index + 1]] for index in indices]
    counts = [len(part) for part in parts]
    if facts.remarks or (frames == UNSIZED).all(axis=1).any():
        return None
    texts = rows.texts(np.concatenate(parts)) if sum(counts) else []
    text = b'{"images":[],"categories":[],"annotations":[%b]}' % b",".join(texts)
    del texts
    table = rows_of(text, limits.max_depth)
    if table is None or len(table) != sum(counts):
        return None
    try:
        places = places_of([facts.ids[index] for index in indices], table[:, IMAGE])
        codes = places_of(list(names), table[:, LABEL])
    except Uncertain:
        return None
    lengths = (table[:, TO] - table[:, FROM])[table[:, KIND] == RINGS]
    if (places != np.repeat(np.arange(len(indices)), counts)).any() or (
        lengths.max(initial=0) > limits.max_vertices  # a point takes more than one byte of text
    ):
        return None
    table[:, IMAGE], table[:, LABEL] = places, codes
    return InstanceTable(
        text=text,
        rows=table,
        cuts=np.cumsum([0, *counts]),
        frames=frames,
        names=[facts.names[index] for index in indices],
        labels=list(names.values()),
    )
