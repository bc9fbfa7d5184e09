"""Random small polygons against the exact oracle: `python -m tests.exact_campaign 1000000`.

The compiled kernel's spans must be those of its numpy twin, too.

Four kinds in turn: whole and half coordinates (vertices on pixel centers, collinear and
repeated points), two decimals as COCO has, any float, and hostile magnitudes.
"""

import random
import sys

import numpy as np

from polymask.model import Polygon
from polymask.raster import spans_of
from polymask.raster.kernel import Outlines, united
from polymask.raster.rules import center
from polymask.raster.spans import SpanTable, paint
from tests.support.oracles import exact_mask

FRAME = (6, 7)
BATCH = 500  # shapes rasterized in one call
HOSTILE = [0.1, 0.5, 2.5, 3.1, 4.5, 0.5 + 2**-53, 0.5 - 2**-54, 1e-300, -1e-300, 1e15, -1e15, 1e300, -1e300]
HOSTILE += [5e-324, 2.0**46, -(2.0**46), 1e18 / 3, -1e18, 1.7e308, -1.7e308]


def random_rings(rng: random.Random, number: int) -> list[list[tuple[float, float]]]:
    """One to two rings of 0 to 7 points."""
    coordinate = [
        lambda: rng.randint(-4, 18) / 2,
        lambda: round(rng.uniform(-1, 8), 2),
        lambda: rng.uniform(-2, 9),
        lambda: rng.choice(HOSTILE),
    ][number % 4]
    rings = []
    for _ in range(1 + (rng.random() < 0.2)):
        ring = [(coordinate(), coordinate()) for _ in range(rng.randint(0, 7))]
        if ring and rng.random() < 0.2:
            ring.insert(rng.randrange(len(ring)), rng.choice(ring))
        rings.append(ring)
    return rings


def by_twin(batch: list[list[list[tuple[float, float]]]]) -> SpanTable:
    """The spans that the numpy twin gives, a polygon a shape."""
    everyone = list(range(len(batch)))
    rings = [np.array(ring, np.float64).reshape(-1, 2) for polygon in batch for ring in polygon]
    polygons = [number for number, polygon in enumerate(batch) for _ in polygon]
    outlines = Outlines(rings=rings, polygons=polygons, shapes=everyone, count=len(batch))
    return united(center.intervals(rings, polygons, FRAME), outlines, FRAME)


def differing(polygons: int, seed: int, *, twin: bool = False) -> int:
    """How many pixels differ from the exact answer; with `twin`, and how many of its spans' numbers."""
    rng = random.Random(seed)
    wrong = 0
    for begin in range(0, polygons, BATCH):
        batch = [random_rings(rng, number) for number in range(begin, min(begin + BATCH, polygons))]
        drawn = spans_of([(Polygon(rings[0], rings[1:]),) for rings in batch], FRAME)
        if twin:
            wrong += int((drawn.table != by_twin(batch).table).sum())
        for rings, spans in zip(batch, drawn, strict=True):
            mask = np.zeros(FRAME, bool)
            paint(mask, spans, 1)
            wrong += int((mask != exact_mask(rings, FRAME)).sum())
    return wrong


if __name__ == "__main__":
    count = int(sys.argv[1])
    found = differing(count, 20261121, twin=True)
    print(f"{count:,} polygons of {FRAME[0]} × {FRAME[1]} px: {found:,} differing pixels")
    sys.exit(found > 0)
