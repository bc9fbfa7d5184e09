"""Scenes of overlapping instances, and a painter that paints them pixel by pixel."""

import random
from collections import Counter
from collections.abc import Iterator

import numpy as np

from polymask import ImageRecord, Instance, LabelMap, Polygon
from polymask.painting.painting import Painting
from polymask.painting.rules import OVERLAP_RULES, Rules

NAMES = ("a", "b", "c", "d", "e")
MAPS = (
    LabelMap.from_names(NAMES),
    LabelMap.from_values({"a": 5, "b": 2, "c": 0, "d": 3, "e": 9, "background": 7}),
    LabelMap.from_values({name: 700 * number for number, name in enumerate(NAMES, 1)}),
)


def random_painting(rng: random.Random, rule: str, frame: tuple[int, int] | None = None) -> Painting:
    """A few crooked polygons, of some labels, of background and void, of crowds, in and out of the frame."""
    height, width = frame or (rng.randint(1, 24), rng.randint(1, 30))

    def polygon() -> Polygon:
        x, y = rng.uniform(-5, width), rng.uniform(-5, min(height, 40))
        return Polygon([(x + rng.uniform(-9, 9), y + rng.uniform(-9, 9)) for _ in range(rng.randint(3, 7))])

    instances = tuple(
        Instance(
            number,
            rng.choice([*NAMES, "background", "__ignore__"]),
            tuple(polygon() for _ in range(rng.randint(1, 2))),
            rng.randint(0, 3),
            rng.random() < 0.15,
        )
        for number in range(rng.choice([0, 1, 2, 5, 12, 80]))
    )
    rules = Rules(
        overlap=rule,
        priority=("c", "a") if rule == "priority" else (),
        crowd=rng.choice(["keep", "void", "skip"]),
    )
    return Painting(ImageRecord(1, "a.jpg", (height, width), instances), rng.choice(MAPS), rules)


def random_paintings(seed: int, scenes: int) -> Iterator[Painting]:
    """Scenes under every overlap rule in turn."""
    rng = random.Random(seed)
    for number in range(scenes):
        yield random_painting(rng, tuple(OVERLAP_RULES)[number % len(OVERLAP_RULES)])


class ByPixel:
    """The merge of a painting by its definition: each pixel asks every instance."""

    def __init__(self, painting: Painting) -> None:
        rules, labels = painting.rules, painting.label_map
        names = [None if i.label in ("background", "__ignore__") else i.label for i in painting.instances]
        crowded = [i.crowd and rules.crowd == "void" for i in painting.instances]
        inside = [np.zeros(painting.record.frame, bool) for _ in names]
        for mask, spans in zip(inside, painting.spans, strict=True):
            for row, start, stop in zip(spans.row, spans.start, spans.stop, strict=True):
                mask[row, start:stop] = True
        height = {
            "first": lambda i: -i,
            "smallest": lambda i: (-inside[i].sum(), i),
            "priority": lambda i: ({"c": 2, "a": 1}.get(names[i] or "", 0), i),
        }.get(rules.overlap, lambda i: i)
        self.mask = np.full(painting.record.frame, labels.background, np.uint16)
        self.contested = self.labeled = 0
        self.shares: Counter[tuple[str, str, str | None]] = Counter()
        for pixel in np.ndindex(*painting.record.frame):
            here = [i for i, mask in enumerate(inside) if mask[pixel]]
            if not here:
                continue
            top = max(here, key=height)
            value = labels.void if crowded[top] else labels.value_of(painting.instances[top].label)
            claiming = {names[i] for i in here if not crowded[i]} - {None}
            owner = None if crowded[top] or rules.overlap in ("void", "error") else names[top]
            self.labeled += bool(claiming)
            self.contested += len(claiming) > 1
            for low in claiming:
                self.shares.update((low, high, owner) for high in claiming if low and high and low < high)
            if len(claiming) > 1 and rules.overlap == "void" and value != labels.background:
                value = labels.void
            self.mask[pixel] = value
