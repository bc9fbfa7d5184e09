"""The outline of pixels as polygons: around each pixel's square, so that they paint the same pixels again.

Pixels that share a side are one polygon; those that only touch at a corner are two. Holes are rings of
their own, and no ring meets itself, so the polygons are valid by OGC's Simple Features, which shapely and
databases ask for.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from polymask.model import BoolMask, Polygon, Runs, Shape, Spans
from polymask.raster.painted import scan
from polymask.raster.runs import run_spans

Corner = tuple[int, int]


def polygons_around(spans: Spans) -> list[Polygon]:
    """The polygons around the pixels of spans, by their topmost pixel, leftmost first.

    Examples:
        >>> from polymask.raster import spans_of
        >>> square = Polygon([(1, 0), (3, 0), (3, 2), (1, 2)])
        >>> [polygon.exterior.tolist() for polygon in polygons_around(spans_of([(square,)], (2, 4))[0])]
        [[[3.0, 0.0], [3.0, 2.0], [1.0, 2.0], [1.0, 0.0]]]
    """
    rows = list(zip(spans.row.tolist(), spans.start.tolist(), spans.stop.tolist(), strict=True))
    areas: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for area, span in zip(_areas(rows), rows, strict=True):
        areas[area].append(span)
    return [_polygon(area) for area in areas.values()]


def polygons_of(shape: Shape) -> Sequence[Polygon]:
    """An instance's polygons, or those around the pixels of its runs.

    Examples:
        >>> [polygon.exterior.tolist() for polygon in polygons_of(Runs([2, 2], (2, 2)))]
        [[[2.0, 0.0], [2.0, 2.0], [1.0, 2.0], [1.0, 0.0]]]
    """
    return polygons_around(Spans(*run_spans(shape).T)) if isinstance(shape, Runs) else shape


def polygons_around_mask(mask: BoolMask) -> list[Polygon]:
    """The polygons around the pixels of a (height, width) mask."""
    painted = scan(mask)
    return polygons_around(Spans(painted.row, painted.start, painted.stop))


def _areas(rows: Sequence[tuple[int, int, int]]) -> list[int]:
    """For each span, the first span of those that it hangs together with, by pixels that share a side."""
    first = list(range(len(rows)))

    def root(at: int) -> int:
        while first[at] != at:
            first[at] = at = first[first[at]]
        return at

    above = 0
    for at, (row, start, stop) in enumerate(rows):
        while rows[above][0] < row - 1 or (rows[above][0] == row - 1 and rows[above][2] <= start):
            above += 1
        beside = above
        while rows[beside][0] == row - 1 and rows[beside][1] < stop:
            earlier, later = sorted((root(at), root(beside)))
            first[later] = earlier
            beside += 1
    return [root(at) for at in range(len(rows))]


def _polygon(spans: Sequence[tuple[int, int, int]]) -> Polygon:
    """The polygon of spans that hang together: its one ring around all, and its holes."""
    rings = [ring for loop in _loops(_sides(spans)) for ring in _parted(loop)]
    (exterior,) = (ring for ring in rings if _area(ring) > 0)
    return Polygon(exterior, [ring for ring in rings if ring is not exterior])


def _sides(spans: Sequence[tuple[int, int, int]]) -> dict[Corner, list[Corner]]:
    """Where the outline goes on from each of its corners, the pixels on its right (y grows downwards)."""
    onward: dict[Corner, list[Corner]] = defaultdict(list)
    edges: dict[int, dict[int, int]] = defaultdict(dict)  # of a line between rows: what changes at a column
    for row, start, stop in spans:
        onward[stop, row].append((stop, row + 1))
        onward[start, row + 1].append((start, row))
        for line, step in ((row, 1), (row + 1, -1)):
            edges[line][start] = edges[line].get(start, 0) + step
            edges[line][stop] = edges[line].get(stop, 0) - step
    for line, steps in edges.items():
        side = 0  # 1 where pixels are below the line only, -1 where they are above it only
        columns = sorted(column for column, step in steps.items() if step)
        for begin, end in pairwise(columns):
            side += steps[begin]
            if side:
                here, there = ((begin, line), (end, line))[::side]
                onward[here].append(there)
    return onward


def _loops(onward: dict[Corner, list[Corner]]) -> Iterator[list[Corner]]:
    """The closed ways along all sides; where two meet, each keeps to its own pixel, by turning right."""
    while onward:
        begin = here = next(iter(onward))
        loop, heading = [begin], (0, 0)
        while True:
            ways = onward[here]
            way = next((at for at, there in enumerate(ways) if _is_right(heading, here, there)), 0)
            there = ways.pop(way)
            if not ways:
                del onward[here]
            heading, here = _heading(here, there), there
            if here == begin:
                break
            loop.append(here)
        yield loop


def _heading(here: Corner, there: Corner) -> Corner:
    return (there[0] > here[0]) - (there[0] < here[0]), (there[1] > here[1]) - (there[1] < here[1])


def _is_right(heading: Corner, here: Corner, there: Corner) -> bool:
    return _heading(here, there) == (-heading[1], heading[0])


def _parted(loop: Sequence[Corner]) -> Iterator[list[Corner]]:
    """The rings of a loop, which is cut where it meets itself; corners only."""
    places: dict[Corner, int] = {}
    way: list[Corner] = []
    for point in loop:
        if point in places:
            at = places[point]
            for passed in way[at:]:
                del places[passed]
            yield _corners(way[at:])
            del way[at:]
        places[point] = len(way)
        way.append(point)
    yield _corners(way)


def _corners(ring: Sequence[Corner]) -> list[Corner]:
    around = zip([ring[-1], *ring[:-1]], ring, [*ring[1:], ring[0]], strict=True)
    return [here for before, here, after in around if _heading(before, here) != _heading(here, after)]


def _area(ring: Sequence[Corner]) -> int:
    """Twice the area, positive where the inside is on the right (y grows downwards)."""
    return sum(x * below - across * y for (x, y), (across, below) in pairwise([*ring, ring[0]]))
