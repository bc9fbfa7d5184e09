"""What is measured; each function returns lines of Markdown."""

import json
import os
import sys
import tempfile
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from polymask.api import convert
from polymask.codecs.painted_png import GRAY, encode, encode_colors, png_file
from polymask.codecs.png import decode_png
from polymask.conversion.options import ConvertOptions
from polymask.conversion.plan import make_plan
from polymask.model import ImageRecord, IndexMask, Instance, Polygon
from polymask.painting.painting import Painting
from polymask.provenance.digest import record_sha256
from polymask.raster import spans_of
from polymask.raster.mask_digest import mask_sha256
from polymask.raster.painted import solid
from polymask.raster.spans import merge
from tests.benchmarks.generator import ring, write_coco
from tests.benchmarks.running import (
    SCRATCH,
    Timing,
    compare,
    contestant_command,
    has,
    once,
    polymask_command,
    rasterizing,
)

T = TypeVar("T")

PEERS = {
    "floor": ("the floor: parse, blank mask, PNG, write", "isal"),
    "proven_floor": ("the floor, and the SHA-256 of the pixels", "isal"),
    "opencv": ("cv2.fillPoly + cv2.imwrite", "cv2"),
    "pillow": ("Pillow ImageDraw + PNG", "PIL"),
    "pycocotools": ("pycocotools annToMask + Pillow PNG", "pycocotools"),
    "supervision": ("supervision polygon_to_mask + Pillow PNG", "supervision"),
    "datumaro": ("datumaro coco → voc", "datumaro"),
}


def peers(source: Path, *, rounds: int, python: str) -> tuple[list[str], dict[str, float]]:
    """polymask beside the others on one core, start-up included; and images/s for the picture."""
    images = len(json.loads(source.read_bytes())["images"])
    commands = {"polymask": polymask_command(source, "--workers", "1")}
    absent = [name for name, (_, module) in PEERS.items() if not has(python, module)]
    commands |= {n: contestant_command(python, n, source) for n in PEERS if n not in absent}
    timings = compare(commands, rounds=rounds)
    told = {"polymask": "polymask convert"} | {name: title for name, (title, _) in PEERS.items()}
    rates = {told[name]: images / timing.median for name, timing in timings.items()}
    lines = ["| | images/s | its time ÷ polymask's | peak memory |", "|---|---:|---:|---:|"]
    lines += [_row(told[name], images, timing, timings["polymask"]) for name, timing in timings.items()]
    return lines + [f"| {told[name]} | not installed | | |" for name in absent], rates


def _row(title: str, images: int, timing: Timing, own: Timing) -> str:
    memory = max(timing.memory) / 2**20
    return f"| {title} | {images / timing.median:,.0f} | {timing.over(own):.2f} | {memory:,.0f} MiB |"


RASTERS = {
    "polymask": ("polymask, spans", "polymask"),
    "pycocotools": ("pycocotools `frPyObjects`, `merge`", "pycocotools"),
    "hotcoco": ("hotcoco `fr_py_objects`, `merge`", "hotcoco"),
    "rlemasklib": ("rlemasklib `from_polygon`, `union`", "rlemasklib"),
    "opencv": ("OpenCV `fillPoly`, a mask an instance", "cv2"),
    "pillow": ("Pillow `ImageDraw`, a mask an instance", "PIL"),
    "rasterio": ("rasterio `rasterize`, a mask an instance", "rasterio"),
    "skia": ("skia-python `drawPath`, a mask an instance", "skia"),
}


def raster(source: Path, *, rounds: int, python: str) -> list[str]:
    """Polygons to pixels alone, parsed before: microseconds an instance."""
    interpreters = {name: sys.executable if name == "polymask" else python for name in RASTERS}
    there = [name for name, (_, module) in RASTERS.items() if has(interpreters[name], module)]
    seconds: dict[str, list[float]] = {name: [] for name in there}
    for _ in range(rounds):
        for name in there:
            seconds[name].append(rasterizing(interpreters[name], name, source))
    lines = ["| | µs an instance | its time ÷ polymask's |", "|---|---:|---:|"]
    for name in there:
        ratio = np.median([a / b for a, b in zip(seconds[name], seconds["polymask"], strict=True)])
        lines.append(f"| {RASTERS[name][0]} | {1e6 * np.median(seconds[name]):,.0f} | {ratio:.1f} |")
    absent = [title for name, (title, _) in RASTERS.items() if name not in there]
    return lines + [f"| {title} | not installed | |" for title in absent]


def png(source: Path, *, rounds: int) -> list[str]:
    """The size of the masks' PNGs, and how long Pillow takes to open one, beside other writers' PNGs."""
    with tempfile.TemporaryDirectory(dir=SCRATCH) as scratch:
        convert(source, scratch)
        ours = [path.read_bytes() for path in sorted(Path(scratch, "masks").rglob("*.png"))]
    masks = [decode_png(data) for data in ours]
    files = {"polymask": ours}
    for title, deflate in {"zlib, level 6": zlib.compress, **_isal()}.items():
        files[title] = [_png(mask, deflate) for mask in masks]
    seconds = {
        title: [_timed(partial(_open_all, pngs)) for _ in range(rounds)] for title, pngs in files.items()
    }
    lines = ["| written by | mean bytes | Pillow opens one in | ÷ polymask's |", "|---|---:|---:|---:|"]
    for title, pngs in files.items():
        size, best = sum(map(len, pngs)) / len(pngs), min(seconds[title]) / len(pngs)
        ratio = min(seconds[title]) / min(seconds["polymask"])
        lines.append(f"| {title} | {size:,.0f} | {1e6 * best:,.0f} µs | {ratio:.2f} |")
    return lines


def _open_all(pngs: list[bytes]) -> None:
    for data in pngs:
        Image.open(BytesIO(data)).load()


def _isal() -> dict[str, Callable[[bytes], bytes]]:
    try:
        from isal import isal_zlib
    except ImportError:
        return {}
    return {"isal, level 1, as polymask did before": lambda data: isal_zlib.compress(data, 1)}


def _png(mask: IndexMask, deflate: Callable[[bytes], bytes]) -> bytes:
    """An ordinary PNG of 8 bits: no filter, and the rows deflated by a library."""
    height, width = mask.shape
    return png_file((height, width), (8, GRAY), deflate(np.pad(mask, ((0, 0), (1, 0))).tobytes()))


def stages(source: Path) -> list[str]:
    """Where one process spends its time, microseconds an image."""
    spent: dict[str, float] = defaultdict(float)

    def lap(stage: str, function: Callable[[], T]) -> T:
        began = time.perf_counter()
        result = function()
        spent[stage] += time.perf_counter() - began
        return result

    with tempfile.TemporaryDirectory(dir=SCRATCH) as scratch:
        plan = lap("parse and check", lambda: make_plan(source, Path(scratch, "out"), ConvertOptions()))
        target = Path(scratch, "mask.png")
        for index in plan.indices:
            record = lap("decode an image's rings", lambda i=index: plan.annotations.decode(i))
            painting = Painting(record, plan.label_map, plan.rules)
            lap("raster: polygons to spans", lambda p=painting: p.spans)
            painted = lap("merge", lambda p=painting: p.painted)
            lap("conflicts and pixels by value", lambda p=painting: (p.conflicts, p.pixels))
            data = lap("encode PNG", lambda m=painted: encode(m))
            lap("digest of the mask", lambda m=painted: mask_sha256(m))
            lap("digest of the record", lambda r=record: record_sha256(r))
            lap("write", lambda d=data: target.write_bytes(d))
    images, total = len(plan.indices), sum(spent.values())
    rows = [f"| {stage} | {1e6 * s / images:,.0f} | {100 * s / total:.0f} % |" for stage, s in spent.items()]
    return ["| stage | µs an image | share |", "|---|---:|---:|", *rows]


def slopes(*, rounds: int) -> list[str]:
    """How the cost of a whole command grows when one quantity doubles."""
    cases: dict[str, list[dict[str, object]]] = {
        "images": [{"images": n} for n in (1000, 2000, 4000)],
        "instances, and so vertices": [{"images": 500, "instances": n} for n in (8.0, 16.0, 32.0)],
        "pixels": [{"images": 200, "frame": (480 * n, 640 * n)} for n in (2, 3, 4)],
    }
    lines = ["| what doubles | seconds | × when it doubles | peak memory |", "|---|---|---:|---:|"]
    for what, sizes in cases.items():
        timings = list(_grown(sizes, rounds=rounds))
        seconds = [timing.median for timing in timings]
        amount = [4.0, 9.0, 16.0] if what == "pixels" else [1.0, 2.0, 4.0]
        power = np.polyfit(np.log(amount), np.log(seconds), 1)[0]
        told = " → ".join(f"{s:.2f}" for s in seconds)
        memory = " → ".join(f"{max(t.memory) / 2**20:.0f}" for t in timings)
        lines.append(f"| {what} | {told} | {2**power:.2f} | {memory} MiB |")
    return lines


def _grown(sizes: list[dict[str, object]], *, rounds: int) -> Iterator[Timing]:
    with tempfile.TemporaryDirectory(dir=SCRATCH) as scratch:
        for size in sizes:
            source = Path(scratch, "coco.json")
            write_coco(source, **size)  # type: ignore[arg-type]
            yield compare({"": polymask_command(source, "--workers", "1")}, rounds=rounds)[""]


def workers(*, rounds: int, images: int = 20_000) -> list[str]:
    """Two processes on two cores beside one on one."""
    with tempfile.TemporaryDirectory(dir=SCRATCH) as scratch:
        source = Path(scratch, "coco.json")
        write_coco(source, images=images)
        one, two = (polymask_command(source, "--workers", n) for n in ("1", "2"))
        timings = compare({"1": one, "2": two}, rounds=rounds, cores={"2": 2})
    ratio = timings["1"].over(timings["2"])
    return [
        f"Two workers are {ratio:.2f} times as fast as one on {images:,} images "
        f"({timings['1'].median:.2f} s and {timings['2'].median:.2f} s)."
    ]


def large(*, rounds: int) -> list[str]:
    """Twelve images of 4K with 3,000 polygons each."""
    with tempfile.TemporaryDirectory(dir=SCRATCH) as scratch:
        source = Path(scratch, "coco.json")
        write_coco(source, images=12, frame=(2160, 3840), instances=3000)
        timing = compare({"": polymask_command(source, "--workers", "1")}, rounds=rounds)[""]
    return [f"{timing.median:.1f} s, peak {max(timing.memory) / 2**20:.0f} MiB."]


def huge(*, side: int = 100_000, instances: int = 1_000_000) -> list[str]:
    """One frame of ten billion pixels with a million polygons, run once."""
    with tempfile.TemporaryDirectory(dir=SCRATCH) as scratch:
        source = Path(scratch, "coco.json")
        write_coco(source, images=1, frame=(side, side), instances=instances)
        allowed = ("--workers", "1", "--max-pixels", str(side**2), "--max-instances", str(instances))
        seconds, peak = once(polymask_command(source, *allowed), cores=1)
    return [f"{seconds:.0f} s, peak {peak / 2**20:,.0f} MiB."]


def memory(*, images: int = 118_000) -> list[str]:
    """The peak of one run on a file of train2017's size, beside the file's."""
    with tempfile.TemporaryDirectory(dir=SCRATCH) as scratch:
        source = Path(scratch, "coco.json")
        write_coco(source, images=images)
        _, peak = once(polymask_command(source, "--workers", "1", "--dry-run"), cores=1)
        size = source.stat().st_size / 2**20
    return [f"{images:,} images in a file of {size:,.0f} MiB, `--dry-run`: peak {peak / 2**20:,.0f} MiB."]


def dataloop(*, rounds: int) -> list[str]:
    """A 4K frame with 20 polygons of one label to the mask string that Dataloop stores."""
    try:
        import dtlpy
    except ImportError:
        return ["dtlpy is not installed (`pip install polymask[dataloop]`)."]
    import base64
    import random

    rng, frame = random.Random(3), (2160, 3840)
    rings = [np.array(ring(rng, frame, 200, 40)).reshape(-1, 2) for _ in range(20)]
    record = ImageRecord(1, "a", frame, tuple(Instance(i, "cat", Polygon(r)) for i, r in enumerate(rings)))

    def ours() -> str:
        painted = solid(merge(spans_of([(i.shape,) for i in record.instances], frame), frame), 1, frame)
        colors = np.array([(0, 0, 0, 0), (255, 0, 0, 255)], np.uint8)
        return "data:image/png;base64," + base64.b64encode(encode_colors(painted, colors)).decode()

    def theirs() -> list[object]:
        kind = dtlpy.Segmentation
        return [kind.from_polygon(r, "cat", frame).to_coordinates((255, 0, 0)) for r in rings]

    ratio = sorted(_timed(theirs) / _timed(ours) for _ in range(rounds))[rounds // 2]
    own = min(_timed(ours) for _ in range(5))
    return [
        f"polymask takes {1e3 * own:.1f} ms for the label's one mask; dtlpy's `from_polygon` and "
        f"`to_coordinates`, a mask a polygon, take {ratio:.0f} times as long."
    ]


def _timed(function: Callable[[], object]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def environment(python: str) -> list[str]:
    """Date, machine and versions."""
    import platform
    from datetime import UTC, datetime
    from importlib.metadata import version

    from polymask import __version__
    from polymask.raster import KERNEL

    named = ("numpy", "msgspec", "Pillow")
    libraries = ", ".join(f"{name} {version(name)}" for name in named)
    where = "their own environment" if python != sys.executable else "the same environment"
    return [
        f"{datetime.now(UTC):%Y-%m-%d}, {_processor()}, {platform.system()}, "
        f"Python {platform.python_version()}, polymask {__version__} ({KERNEL} kernel), {libraries}; "
        f"peers in {where}; load average {os.getloadavg()[0]:.1f}."
    ]


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} × {names[0]}" if names else "an unknown processor"
