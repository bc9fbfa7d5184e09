"""The compiled kernel beside its numpy twin: whatever the bytes mean, both give the same answer."""

import struct
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from polymask import Runs, native
from polymask.formats.parsing import native_json
from polymask.raster import kernel, overlaps
from polymask.raster.painted import fill
from polymask.raster.rules import center
from polymask.raster.runs import from_runs, run_spans
from polymask.raster.spans import SpanTable, paint

_NUMBERS = (0.0, 0.5, -0.5, 1.0, 3.0, 7.5, 8.0, 1e-300, 5e-324, 1e16, -1e300, 1.7e308, -1e13, 0.1, 2.25, 5.75)


def _outlines(data: bytes) -> tuple[kernel.Outlines, tuple[int, int]]:
    """Shapes of rings: each byte chooses a number of the table, or is one on the half or hundredth grid."""
    frame = data[0] % 18 + 1, data[1] % 18 + 1
    rings: list[np.ndarray] = []
    polygons, shapes = [], []
    for piece in data[2:].split(b"\n")[:12]:
        values = [_number(piece[at : at + 2]) for at in range(0, len(piece) - 1, 2)][:400]
        opens = len(piece) % 3
        if opens or not polygons:
            polygons.append(len(shapes))
            shapes.append(max(0, (shapes[-1] if shapes else -1) + (opens == 1)))
        else:
            polygons.append(polygons[-1])
        rings.append(np.array(values[: len(values) // 2 * 2], np.float64).reshape(-1, 2))
    return kernel.Outlines(rings=rings, polygons=polygons, shapes=shapes, count=shapes[-1] + 1), frame


def _number(two: bytes) -> float:
    kind, value = two[0], two[1]
    if kind < 16:
        return _NUMBERS[value % 16]
    if kind < 128:
        return (value - 40) / 8
    if kind < 192:
        return float(np.nextafter((value - 60) / 4, kind - 160))
    return struct.unpack("<H", two)[0] / 100 - 300


def rasterize(data: bytes, _: Path) -> bool:
    """The kernel and its numpy twin give the same spans."""
    if len(data) < 3 or native.compiled is None:
        return False
    what, frame = _outlines(data)
    fast = kernel.center_spans(what, frame)
    slow = kernel.united(center.intervals(what.rings, what.polygons, frame), what, frame)
    assert np.array_equal(fast.table, slow.table)
    assert np.array_equal(fast.cuts, slow.cuts)
    return True


def painting(data: bytes, _: Path) -> bool:
    """Painting and merging: the kernel and its numpy twin agree."""
    if len(data) < 8 or native.compiled is None:
        return False
    frame = (data[0] % 6 + 1, data[1] % 30 + 1)
    rows = np.frombuffer(data[2 : 2 + (len(data) - 2) // 4 * 4], np.uint8).reshape(-1, 4).astype(np.int64)
    count = data[2] % 9 + 1
    owner = np.sort(rows[:, 0] % count)
    line = (owner * frame[0] + rows[:, 1] % frame[0]) * (frame[1] + 1)
    start = np.minimum(rows[:, 2] % frame[1], frame[1] - 1)
    stop = np.minimum(start + 1 + rows[:, 3] % 7, frame[1])
    what = kernel.Outlines(rings=[], polygons=[], shapes=list(range(count)), count=count)
    table = kernel.united((line + start, line + stop), what, frame)
    order = sorted(range(count), key=lambda one: data[one % len(data)])
    groups = [(-1, 0, 1, 63, 64, 130)[data[(one * 3) % len(data)] % 6] for one in range(count)]
    values = [max(group, 0) for group in groups]
    _same_painting(table, order, values, frame)
    scene = overlaps.Scene(order=order, values=values, labels=groups, frame=frame)
    fast, slow = overlaps.merge(table, scene), overlaps.swept(table, scene, overlaps.MOST_SHARES)
    assert slow
    assert (fast.labeled, fast.contested) == (slow.labeled, slow.contested)
    assert np.array_equal(fast.shares, slow.shares)
    assert np.array_equal(fill(fast.painted), fill(slow.painted))
    return True


def _same_painting(
    table: SpanTable, order: Sequence[int], values: Sequence[int], frame: tuple[int, int]
) -> None:
    for dtype in (np.uint8, np.uint16):
        fast, slow = np.full(frame, 3, dtype), np.full(frame, 3, dtype)
        kernel.paint_all(fast, table, order=order, values=values)
        for one in order:
            paint(slow, table[one], values[one])
        assert np.array_equal(fast, slow)


def runs(data: bytes, _: Path) -> bool:
    """Runs: the kernel and its numpy twin give the same spans."""
    if len(data) < 4 or native.compiled is None:
        return False
    height, counts = data[0] % 40 + 1, list(data[3:])
    width = sum(counts) // height + 1
    given = Runs([*counts, height * width - sum(counts)], (height, width))
    slow = from_runs(given)
    assert np.array_equal(run_spans(given), np.stack([slow.row, slow.start, slow.stop], axis=1))
    return True


def rings(data: bytes, _: Path) -> bool:
    """Rings that the kernel reads in JSON are those that the JSON library reads."""
    found = native_json.plain_rings([data])
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
    except msgspec.DecodeError:
        assert found is None
        return False
    if found is None:
        return False
    expected = msgspec.json.decode(data, type=list[list[float]])
    assert [ring.reshape(-1).tolist() for ring in found[0]] == expected
    return True
