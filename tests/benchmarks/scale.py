"""What a conversion costs, and what large ones therefore take: `python -m tests.benchmarks.scale`.

    python -m tests.benchmarks.scale            measure, fit, check and print
    python -m tests.benchmarks.scale --write    and renew docs/scale.md
    python -m tests.benchmarks.scale --quick    fewer images, to see that it works

Files with more and more instances and pixels are converted, each image timed (by the processor, so
that a busy machine matters little); a linear model is fitted to the times. It is checked against real
runs with one and two workers, and against a simulation in which cores take chunks of images whose times
are drawn from those measured.
"""

import argparse
import json
import random
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from pycocotools import mask as pycocotools_mask

from polymask.codecs.png import decode_rgba, encode_rgba
from polymask.conversion import run as conversion
from polymask.conversion.batch_plan import Batch
from polymask.conversion.options import ConvertOptions
from polymask.conversion.plan import Plan, make_plan
from polymask.conversion.run import convert_images, run_plan
from polymask.model import ImageRecord, Instance, Polygon
from polymask.painting.masks import label_masks
from tests.benchmarks.__main__ import renew
from tests.benchmarks.generator import annotation, write_coco
from tests.benchmarks.measures import environment
from tests.benchmarks.running import SCRATCH, once, polymask_command
from tests.benchmarks.scale_model import DATASETS, Dataset, Model, Point, fitted

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"
FRAMES = {0.3: (480, 640), 1.2: (960, 1280), 3.4: (1500, 2250), 8.3: (2160, 3840)}  # by megapixels
COCO = (480, 640)
CORES = (1, 16, 256)


@contextmanager
def image_times() -> Iterator[list[float]]:
    """The seconds that each image takes to convert, filled in while runs go on."""
    times: list[float] = []

    def timed(plan: Plan, indices: Sequence[int]) -> Batch:
        made = Batch()
        for index in indices:
            began = time.process_time()
            made.add(convert_images(plan, [index]))
            times.append(time.process_time() - began)
        return made

    with patch.object(conversion, "convert_images", timed):
        yield times


def write_runs(path: Path, *, images: int, frame: tuple[int, int], instances: int) -> None:
    """A COCO file of compressed runs; the instances are as large beside the frame as COCO's are."""
    rng, number = random.Random(2), 0
    growth = (frame[0] * frame[1] / (COCO[0] * COCO[1])) ** 0.5
    rows, annotations = [], []
    for image in range(images):
        rows.append({"id": image, "file_name": f"{image}.jpg", "height": frame[0], "width": frame[1]})
        for _ in range(instances):
            row = annotation(rng, COCO)
            rings = [[growth * value for value in part] for part in row["segmentation"]]
            runs = pycocotools_mask.merge(pycocotools_mask.frPyObjects(rings, *frame))
            row["segmentation"] = {"size": list(frame), "counts": runs["counts"].decode()}
            annotations.append(row | {"id": number, "image_id": image, "category_id": 1})
            number += 1
    document = {"images": rows, "annotations": annotations, "categories": [{"id": 1, "name": "object"}]}
    path.write_text(json.dumps(document))


def measured(source: Path, *, instances: float, megapixels: float) -> Point:
    """Convert a file, each image timed."""
    with tempfile.TemporaryDirectory(dir=SCRATCH) as scratch:
        began = time.process_time()
        plan = make_plan(source, Path(scratch, "out"), ConvertOptions(workers=1))
        opened = time.process_time() - began
        began = time.process_time()
        with image_times() as times:
            run_plan(plan)
        finished = time.process_time() - began - sum(times)
    counts = [0] * len(times)
    for row in json.loads(source.read_bytes())["annotations"]:
        counts[row["image_id"]] += 1
    return Point(instances, megapixels, opened, times, finished, source.stat().st_size, counts)


def points(images: int, *, runs: bool) -> Iterator[Point]:
    """Files with few and many instances, small and large frames."""
    with tempfile.TemporaryDirectory(dir=SCRATCH) as scratch:
        source = Path(scratch, "coco.json")
        sizes = (0.3, 3.4) if runs else FRAMES
        for megapixels in sizes:
            for instances in (10, 50, 100) if runs else (0, 7, 25, 100):
                if runs:
                    write_runs(source, images=images // 2, frame=FRAMES[megapixels], instances=instances)
                else:  # above fifty, each image has as many; below, as many on average
                    write_coco(source, images=images, frame=FRAMES[megapixels], instances=instances or 0.01)
                yield measured(source, instances=instances, megapixels=megapixels)


def model_lines(model: Model, *, off: tuple[float, float]) -> list[str]:
    """The model as a table."""
    lines = ["| | polygons as in COCO | runs as in SA-1B |", "|---|---:|---:|"]
    names = ("an image", "an instance", "a megapixel", "an instance, for each megapixel")
    rows = zip(names, model.polygons, model.runs, strict=True)
    lines += [f"| {name} | {1e6 * one:,.0f} µs | {1e6 * other:,.0f} µs |" for name, one, other in rows]
    lines += [f"| the model is off by, on average | {off[0]:.0%} | {off[1]:.0%} |", ""]
    lines.append(
        f"Beside: {model.start:.2f} s to start, {1e6 * model.read:.1f} µs to read and check an annotation, "
        f"{1e6 * model.finish:.0f} µs an image for the manifest and for making all durable."
    )
    return lines


def check_lines(model: Model, source: Path, images: int, annotations: int) -> list[str]:
    """Real commands beside the model and the simulation."""
    data = Dataset("generated", images, annotations / images, 0.3072)
    lines = ["| workers | a real run | the model | the simulation |", "|---:|---:|---:|---:|"]
    for workers in (1, 2):
        real = min(
            once(polymask_command(source, "--workers", str(workers)), cores=workers)[0] for _ in range(3)
        )
        told, drawn = model.seconds(data, workers), model.simulated(data, workers)
        lines.append(
            f"| {workers} | {real:.2f} s | {told:.2f} s ({told / real - 1:+.0%}) "
            f"| {drawn:.2f} s ({drawn / real - 1:+.0%}) |"
        )
    return lines


def plan_lines(model: Model) -> list[str]:
    """What large datasets take."""
    cores = " | ".join("1 core" if n == 1 else f"{n} cores" for n in CORES)
    lines = [
        f"| | images | instances an image | megapixels | {cores} |",
        "|---|---:|---:|---:|" + "---:|" * len(CORES),
    ]
    for data in DATASETS:
        told = [
            f"{_duration(model.seconds(data, cores))} ({_duration(model.simulated(data, cores))})"
            for cores in CORES
        ]
        facts = f"{data.images:,} | {data.instances:.1f} | {data.megapixels:.2f}"
        lines.append(f"| {data.name} | {facts} | " + " | ".join(told) + " |")
    return lines


def _duration(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def item_lines() -> list[str]:
    """What an item of a dataset costs: memory at its peak, and computing, by megapixels."""
    lines = ["| megapixels | computing | memory |", "|---:|---:|---:|"]
    for megapixels, frame in FRAMES.items():
        rng = random.Random(3)
        rings = [part for _ in range(10) for part in annotation(rng, frame)["segmentation"]]
        polygons = [Polygon(np.array(part).reshape(-1, 2)) for part in rings]
        record = ImageRecord(1, "a", frame, tuple(Instance(i, "cat", one) for i, one in enumerate(polygons)))
        seconds = min(_spent(record) for _ in range(3))
        tracemalloc.start()
        _stored(record)
        lines.append(
            f"| {megapixels} | {1e3 * seconds:.0f} ms | {tracemalloc.get_traced_memory()[1] / 1e6:.0f} MB |"
        )
        tracemalloc.stop()
    return lines


def _spent(record: ImageRecord) -> float:
    began = time.process_time()
    _stored(record)
    return time.process_time() - began


def _stored(record: ImageRecord) -> Any:
    """The label's mask, as it is uploaded and read back."""
    (mask,) = label_masks(record)
    return decode_rgba(encode_rgba(mask.mask, (255, 0, 0)))


def main() -> None:
    """Measure, fit, check and tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scale", description=__doc__)
    parser.add_argument("--write", action="store_true", help="renew docs/scale.md")
    parser.add_argument("--quick", action="store_true", help="fewer images")
    given = parser.parse_args()
    images = 20 if given.quick else 150
    with tempfile.TemporaryDirectory(dir=SCRATCH) as scratch:
        sections: dict[str, list[str]] = {"environment": environment(sys.executable)}
        few, source = Path(scratch, "few.json"), Path(scratch, "many.json")
        write_coco(few, images=1)
        write_coco(source, images=500 if given.quick else 5000)
        polygons, off = fitted(list(points(images, runs=False)))
        runs, runs_off = fitted(list(points(images, runs=True)))
        large = measured(source, instances=7.3, megapixels=0.3072)
        model = Model(
            start=min(once(polymask_command(few, "--workers", "1"), cores=1)[0] for _ in range(3)),
            read=large.opened / sum(large.counts),
            polygons=polygons,
            runs=runs,
            finish=large.finished / len(large.times),
            spread=np.array(large.times) / np.mean(large.times),
        )
        sections["model"] = model_lines(model, off=(off, runs_off))
        sections["check"] = check_lines(model, source, len(large.times), sum(large.counts))
        sections["plan"] = plan_lines(model)
        sections["item"] = item_lines()
    for name, lines in sections.items():
        sys.stdout.write("\n".join([f"## {name}", "", *lines, "", ""]))
        if given.write:
            renew(name, lines, page=PAGE)


if __name__ == "__main__":
    main()
