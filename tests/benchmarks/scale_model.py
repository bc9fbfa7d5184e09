"""A linear model of what a conversion costs, and a simulation of cores that take chunks of images."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from polymask.parallel.pool import MAX_CHUNK

MACHINE = 16  # cores; above that, several machines each convert a shard
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Dataset:
    """A public dataset, as its authors count it."""

    name: str
    images: int
    instances: float  # an image
    megapixels: float
    runs: bool = False


DATASETS = (
    Dataset("COCO train2017", 118_287, 860_001 / 118_287, 0.31),
    Dataset("Objects365 v1", 638_000, 10_101_000 / 638_000, 0.31),
    Dataset("Open Images V5 masks", 998_000, 2_800_000 / 998_000, 0.79),
    Dataset("SA-1B", 11_185_362, 100, 3.4, runs=True),
)


@dataclass
class Point:
    """What one generated file took: seconds to open, an image, and for all together at the end."""

    instances: float
    megapixels: float
    opened: float
    times: list[float]
    finished: float
    bytes: int
    counts: list[int] = field(default_factory=list)


def features(instances: float, megapixels: float) -> list[float]:
    """What the model multiplies its costs with."""
    return [1, instances, megapixels, instances * megapixels]


def fitted(found: Sequence[Point]) -> tuple[Floats, float]:
    """Seconds for each of `features`, none below 0, and how far off the model is (mean, relative).

    Least squares over the means of the files, each weighted by its own mean: an error of a tenth counts
    alike for a quick image and for a slow one.
    """
    means = np.array([float(np.mean(point.times)) for point in found])
    rows = np.array([features(float(np.mean(point.counts)), point.megapixels) for point in found])
    used, model = list(range(rows.shape[1])), np.zeros(rows.shape[1])
    while True:
        model[:] = 0
        model[used], *_ = np.linalg.lstsq(rows[:, used] / means[:, None], np.ones(len(means)), rcond=None)
        if model.min() >= 0:
            break
        used.remove(int(model.argmin()))  # it would save time: it makes no difference
    return model, float(np.mean(np.abs(rows @ model / means - 1)))


@dataclass(frozen=True)
class Model:
    """Seconds: of every command, an annotation that is read, an image; and for what follows the images."""

    start: float
    read: float
    polygons: Floats
    runs: Floats
    finish: float
    spread: Floats  # times of single images over their mean

    def image(self, data: Dataset) -> float:
        """Of one core."""
        return float((self.runs if data.runs else self.polygons) @ features(data.instances, data.megapixels))

    def serial(self, data: Dataset, machines: int) -> float:
        """What no second core helps with; every machine reads the whole file, and finishes its own part."""
        annotations = data.images * data.instances
        return self.start + self.read * annotations + self.finish * data.images / machines

    def seconds(self, data: Dataset, cores: int) -> float:
        """On so many cores, of machines with sixteen."""
        machines = max(1, cores // MACHINE)
        return self.serial(data, machines) + self.image(data) * data.images / cores

    def simulated(self, data: Dataset, cores: int) -> float:
        """The same, where each core takes chunks as it becomes free, and images take what they take."""
        machines, rng = max(1, cores // MACHINE), np.random.default_rng(1)
        shares = rng.multinomial(data.images, [1 / machines] * machines)  # as a digest shards them
        ends = [self._queue(rng, data, int(share), cores // machines) for share in shares]
        return self.serial(data, machines) + max(ends)

    def _queue(self, rng: np.random.Generator, data: Dataset, images: int, cores: int) -> float:
        chunks = rng.choice(self.spread, (-(-images // MAX_CHUNK), MAX_CHUNK)).sum(axis=1) * self.image(data)
        free = [0.0] * cores
        for chunk in chunks.tolist():
            heapq.heapreplace(free, free[0] + chunk)
        return max(free)
