"""Cityscapes' instances: the mask of instance ids, and the polygon JSON, which paints the mask again.

An object of the JSON is one ring, and later objects cover earlier ones: so the instances stand in paint
order, whatever the overlap rule was. Rings that belong together (holes, the parts of an instance) become one
ring through seams: lines that are drawn there and back, and enclose nothing. Where the mask is not what its
polygons paint in that order (borders, void, other pixel rules), what is visible of each instance is traced.
Source: cityscapesScripts, `helpers/annotation.py`, `json2labelImg`, `json2instanceImg`.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec
import numpy as np

from polymask.errors import LimitError
from polymask.labels.cityscapes import KNOWN, UNLABELED
from polymask.model import Polygon, Ring, Runs, Spans
from polymask.painting.painting import Painting
from polymask.painting.rules import with_holes
from polymask.raster import spans_of
from polymask.raster.exchange.outlines import polygons_around
from polymask.raster.painted import PaintedSpans

MOST_INSTANCES = 1000
Object = tuple[str, Ring]


def instance_ids(painting: Painting, ids: Mapping[int, int], counted: Collection[int]) -> PaintedSpans:
    """id · 1000 + n for the n-th instance of the `counted` values, the plain id for all else.

    `ids` are those of the values; raises `LimitError` for more than 1,000 instances of a value.
    """
    numbers, counts = [], Counter[int]()
    for value, instance in zip(painting.values, painting.instances, strict=True):
        number = ids.get(value, 0)
        if value in counted and not instance.crowd:
            if counts[value] == MOST_INSTANCES:
                raise LimitError(
                    f"more than {MOST_INSTANCES} instances of one label; instance ids end there",
                    advice="use another layout, e.g. `--to index`",
                )
            number = number * MOST_INSTANCES + counts[value]
            counts[value] += 1
        numbers.append(number)
    return painting.numbered(numbers, void=ids[painting.label_map.void])


def polygons_json(painting: Painting, numbered: PaintedSpans, *, ids: Mapping[int, int]) -> bytes:
    """The file of an image; `numbered` are its instance ids, `ids` Cityscapes' ids of the mask's values."""
    rules, labels = painting.rules, painting.label_map.labels
    names = {label.value: label.name for label in labels if label.value in ids}
    is_drawn = rules.pixel_rule == "center" and not rules.border and rules.overlap != "void"
    objects = _drawn(painting, names) if is_drawn else _traced(painting, names, numbered)
    height, width = painting.record.frame
    rows = [{"label": label, "polygon": _points(ring)} for label, ring in objects]
    return msgspec.json.encode({"imgHeight": height, "imgWidth": width, "objects": rows})


def _points(ring: Ring) -> list[list[float]]:
    return [[int(side) if side.is_integer() else side for side in point] for point in ring.tolist()]


def _drawn(painting: Painting, names: Mapping[int, str]) -> Iterator[Object]:
    """The instances as they were drawn, the last on top."""
    for at in painting.paint_order:
        instance, spans = painting.instances[at], painting.spans[at]
        label = names.get(painting.values[at], UNLABELED)
        shape = with_holes(instance, painting.rules.holes)
        polygons = polygons_around(spans) if isinstance(shape, Runs) else shape
        for ring in _rings(polygons, spans, painting.record.frame):
            yield _group(label) if instance.crowd else label, ring


def _group(label: str) -> str:
    """The label of a crowd; `polegroup` is a class of its own, and unlabeled has none."""
    group = f"{label}group"
    return label if label == UNLABELED or group in KNOWN else group


def _rings(polygons: Sequence[Polygon], spans: Spans, frame: tuple[int, int]) -> list[Ring]:
    """One ring that paints the spans; where parts overlap, one for each part."""
    rings = [ring for polygon in polygons for ring in polygon.rings if len(ring) >= 3]
    if not rings:
        return []
    whole = seamed(rings)
    if len(polygons) < 2 or _same(spans_of([(Polygon(whole),)], frame)[0], spans):
        return [whole]
    return [seamed([ring for ring in polygon.rings if len(ring) >= 3]) for polygon in polygons]


def _same(spans: Spans, other: Spans) -> bool:
    return all(
        np.array_equal(getattr(spans, side), getattr(other, side)) for side in ("row", "start", "stop")
    )


def seamed(rings: Sequence[Ring]) -> Ring:
    """Several rings as one, whose even-odd inside is theirs together.

    Examples:
        >>> seamed([np.array([[0, 0], [9, 0], [0, 9]]), np.array([[2, 2], [3, 2], [2, 3]])]).tolist()
        [[0, 0], [9, 0], [0, 9], [0, 0], [2, 2], [3, 2], [2, 3], [2, 2]]
    """
    first, *others = rings
    if not others:
        return first
    start = first[:1]
    parts = [first, *(part for ring in others for part in (start, ring, ring[:1]))]
    whole: Ring = np.concatenate(parts)
    return whole


def _traced(painting: Painting, names: Mapping[int, str], ids: PaintedSpans) -> Iterator[Object]:
    """What is seen of each instance, of groups and of classes without instances, around its pixels."""
    by_id = {KNOWN[name].id: name for name in names.values()}
    for number in np.unique(ids.value).tolist():
        chosen = ids.value == number
        spans = Spans(ids.row[chosen], ids.start[chosen], ids.stop[chosen])
        label = by_id[number // MOST_INSTANCES or number]
        is_group = number < MOST_INSTANCES and KNOWN[label].instances
        (ring,) = _rings(polygons_around(spans), spans, painting.record.frame)
        yield _group(label) if is_group else label, ring
