"""Shares of the picture where pixels are read: such polygons would paint next to nothing, silently."""

from collections.abc import Iterator
from dataclasses import replace

import msgspec
import numpy as np

from polymask.errors import FormatError, InputError
from polymask.formats.reading.contract import Annotations
from polymask.model import ImageRecord, Ring, Runs
from polymask.painting.batch import FROM, KIND, RINGS, TO, InstanceTable
from polymask.raster.geometry import outside
from polymask.wording import counted

SMALLEST = 8  # px; in an image with a side of no more, two objects may well lie in the first pixel
_EXAMPLES = 64  # rows of a table that may tell, before records are decoded
Rings = list[Ring]


def are_shares(rings: Rings) -> bool:
    """Whether all points lie between 0 and 1, as shares of a picture's sides do.

    Examples:
        >>> are_shares([np.array([(0.2, 0.2), (0.8, 0.2), (0.8, 1.0)])])
        True
        >>> are_shares([np.array([(0.2, 0.2), (1.8, 0.2), (0.8, 1.0)])])
        False
    """
    return not any(outside(ring, (1, 1)) for ring in rings)


def in_pixels(annotations: Annotations) -> Annotations:
    """The annotations, with a note where their polygons may be shares of the pictures' sides.

    Raises `FormatError` where they are by all likelihood: every point of every instance lies in the first
    pixel of its image, no image has a side of 8 px or less, there are two different instances at least, and
    not all coordinates are whole. Where only the last two do not hold, it may be an object of a
    pixel, which is noted. The first instance with a point beyond ends the search.
    """
    instances = _all_in_first_pixel(annotations)
    if not instances:
        return annotations
    image, first = instances[0]
    text = (
        f"all points of {counted(len(instances), 'instance')} lie between 0 and 1: shares of the images' "
        "sides, where pixels are read"
    )
    shapes = {tuple(ring.tobytes() for ring in rings) for _, rings in instances}
    is_whole = all((ring == np.rint(ring)).all() for _, rings in instances for ring in rings)
    if len(shapes) == 1 or is_whole:
        return replace(annotations, notes=(*annotations.notes, f"{text}? ({image})"))
    raise FormatError(
        f"{text}, e.g. ({', '.join(f'{number:g}' for number in first[0][0])}) in {image}",
        file=annotations.path,
        advice="export them in pixels, or multiply each x by its image's width and each y by its height",
    )


def _all_in_first_pixel(annotations: Annotations) -> list[tuple[str, Rings]]:
    """All instances with their images' names; none where any has a point, or a pixel, beyond the first."""
    if annotations.table is not None and _reaches_beyond(annotations.table):
        return []
    instances: list[tuple[str, Rings]] = []
    for record in _records(annotations):
        if record.instances and min(record.frame) <= SMALLEST:
            return []
        for instance in record.instances:
            if isinstance(instance.shape, Runs):
                if _shows_pixels(instance.shape):
                    return []
                continue
            rings = [ring for polygon in instance.shape for ring in polygon.rings if len(ring)]
            if not are_shares(rings):
                return []
            if rings:
                instances.append((record.name, rings))
    return instances


def _reaches_beyond(table: InstanceTable) -> bool:
    """Whether the text of the first rings has a number above 1; quicker than decoding a record."""
    rows = table.rows[np.flatnonzero(table.rows[:, KIND] == RINGS)[:_EXAMPLES]]
    rings = (msgspec.json.decode(table.text[row[FROM] : row[TO]]) for row in rows.tolist())
    return any(number > 1 for parts in rings for ring in parts for number in ring)


def _records(annotations: Annotations) -> Iterator[ImageRecord]:
    """The records of the images that have instances; those without their picture tell nothing."""
    ledger = annotations.ledger
    for index in range(len(annotations.names)):
        if ledger is not None and not ledger.instance_counts[index]:
            continue
        try:
            yield annotations.decode(index)
        except InputError:
            continue


def _shows_pixels(runs: Runs) -> bool:
    """Whether runs have a pixel beyond the first."""
    painted = int(runs.counts[1::2].sum())
    is_first_alone = painted == 1 and len(runs.counts) > 1 and runs.counts[0] == 0
    return painted > 0 and not is_first_alone
