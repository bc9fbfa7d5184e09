"""A COCO file with the statistics of train2017, from a seed: anybody gets the same one."""

import json
import math
import random
from pathlib import Path
from typing import Any

CATEGORIES = 80
MEAN_INSTANCES = 7.3  # annotations an image in train2017
PARTS = (1, 1, 1, 1, 1, 1, 1, 1, 2, 3)  # most instances are of one ring


def ring(rng: random.Random, frame: tuple[int, int], radius: float, vertices: int) -> list[float]:
    """A wobbly outline with two decimals, as x, y, x, y …, inside a (height, width) frame."""
    height, width = frame
    x, y = rng.uniform(0, width), rng.uniform(0, height)
    points: list[float] = []
    for step in range(vertices):
        angle, reach = math.tau * step / vertices, radius * rng.uniform(0.6, 1)
        points.append(round(min(max(x + reach * math.cos(angle), 0), width), 2))
        points.append(round(min(max(y + reach * math.sin(angle), 0), height), 2))
    return points


def annotation(rng: random.Random, frame: tuple[int, int]) -> dict[str, Any]:
    """One instance: its size and its vertices are log-normal, as COCO's are."""
    radius = min(math.exp(rng.gauss(3.3, 1.0)), frame[0] / 2)
    vertices = max(4, min(200, int(math.exp(rng.gauss(2.9, 0.6)))))
    parts = [ring(rng, frame, radius, vertices) for _ in range(rng.choice(PARTS))]
    x, y = [v for part in parts for v in part[0::2]], [v for part in parts for v in part[1::2]]
    box = [min(x), min(y), round(max(x) - min(x), 2), round(max(y) - min(y), 2)]
    row = {"category_id": rng.randint(1, CATEGORIES), "iscrowd": 0, "segmentation": parts}
    return row | {"bbox": box, "area": round(box[2] * box[3] * 0.6, 2)}


def write_coco(
    path: Path,
    *,
    images: int,
    frame: tuple[int, int] = (480, 640),
    instances: float = MEAN_INSTANCES,
    seed: int = 1,
) -> None:
    """Write a COCO file, row by row, so that its size does not matter."""
    rng, number = random.Random(seed), 0
    height, width = frame
    rows = [{"id": i, "file_name": f"{i:012}.jpg", "height": height, "width": width} for i in range(images)]
    names = [{"id": n, "name": f"class {n}"} for n in range(1, CATEGORIES + 1)]
    with path.open("w") as file:
        file.write(f'{{"images": {json.dumps(rows)}, "categories": {json.dumps(names)}, "annotations": [')
        for image in range(images):
            for _ in range(round(rng.expovariate(1 / instances)) if instances < 50 else round(instances)):
                row = {"id": number, "image_id": image, **annotation(rng, frame)}
                file.write((", " if number else "") + json.dumps(row))
                number += 1
        file.write("]}")
