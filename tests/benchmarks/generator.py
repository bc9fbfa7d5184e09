"""A COCO file with the statistics of train2017, from a seed: anybody gets the same one.

`python -m tests.benchmarks.generator FILE --gigabytes 5` writes a large one; nothing of it is kept in
memory.
"""

import argparse
import json
import math
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

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
    names = [{"id": n, "name": f"class {n}"} for n in range(1, CATEGORIES + 1)]
    with path.open("w") as file:
        file.write('{"images": [')
        for image in range(images):
            row = {"id": image, "file_name": f"{image:012}.jpg", "height": height, "width": width}
            file.write((", " if image else "") + json.dumps(row))
        file.write(f'], "categories": {json.dumps(names)}, "annotations": [')
        for image in range(images):
            for _ in range(round(rng.expovariate(1 / instances)) if instances < 50 else round(instances)):
                row = {"id": number, "image_id": image, **annotation(rng, frame)}
                file.write((", " if number else "") + json.dumps(row))
                number += 1
        file.write("]}")


def write_large(path: Path, *, size: int, drawn: int = 20_000) -> int:
    """Write a COCO file of about so many bytes and return how many images it has.

    The annotations of as many images as are `drawn` come again for others, with ids of their own,
    for to draw them is what takes the time.
    """
    write_coco(path, images=drawn)
    document = json.loads(path.read_bytes())
    times, step = max(1, round(size / path.stat().st_size)), 10 * len(document["annotations"])
    images = (
        row | {"id": turn * drawn + row["id"], "file_name": f"{turn:04}/{row['file_name']}"}
        for turn in range(times)
        for row in document["images"]
    )
    annotations = (
        row | {"id": turn * step + row["id"], "image_id": turn * drawn + row["image_id"]}
        for turn in range(times)
        for row in document["annotations"]
    )
    with path.open("w") as file:
        file.write('{"images": [')
        _write_rows(file, images)
        file.write(f'], "categories": {json.dumps(document["categories"])}, "annotations": [')
        _write_rows(file, annotations)
        file.write("]}")
    return times * drawn


def _write_rows(file: TextIO, rows: Iterable[dict[str, Any]]) -> None:
    for number, row in enumerate(rows):
        file.write((", " if number else "") + json.dumps(row))


def main() -> None:
    """Write a large file."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.generator", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--gigabytes", type=float, default=5)
    given = parser.parse_args()
    images = write_large(given.file, size=int(given.gigabytes * 1e9))
    print(f"{given.file}: {images:,} images, {given.file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
