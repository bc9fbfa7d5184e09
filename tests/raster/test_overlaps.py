"""The merge of spans: owners under every overlap rule, conflicts by pair, and what it costs."""

import random
import time
import tracemalloc
from typing import Any

import numpy as np
import pytest

from polymask import LimitError, native
from polymask.raster import kernel, overlaps
from polymask.raster.overlaps import Merged, Scene, merge
from polymask.raster.painted import fill, pixels_by_value
from polymask.raster.spans import SpanTable
from tests.raster.scenes import ByPixel, random_painting, random_paintings

compiled = pytest.mark.skipif(
    native.compiled is None, reason="the compiled kernel is not built or not wanted"
)


def table(*instances: list[tuple[int, int, int]]) -> SpanTable:
    return SpanTable.of([np.array(spans, np.int32).reshape(-1, 3) for spans in instances])


def row(*spans: tuple[int, int]) -> SpanTable:
    """One span an instance, in one row."""
    return table(*([(0, start, stop)] for start, stop in spans))


def rows_of(merged: Merged) -> list[tuple[int, ...]]:
    return list(zip(*(array.tolist() for array in merged.painted.arrays), strict=True))


def assert_same(one: Merged, other: Merged) -> None:
    for first, second in zip(one.painted.arrays, other.painted.arrays, strict=True):
        np.testing.assert_array_equal(first, second)
        assert first.dtype == second.dtype
    assert (one.labeled, one.contested) == (other.labeled, other.contested)
    np.testing.assert_array_equal(one.shares, other.shares)
    np.testing.assert_array_equal(one.pixels, other.pixels)


def test_the_last_in_order_is_on_top() -> None:
    """The same spans in either order; what the loser claims still counts."""
    spans = row((0, 4), (2, 6))
    scene: dict[str, Any] = {"values": [7, 8], "labels": [0, 1], "frame": (1, 8)}
    assert rows_of(merge(spans, Scene(order=[0, 1], **scene))) == [(0, 0, 2, 7), (0, 2, 6, 8)]
    merged = merge(spans, Scene(order=[1, 0], **scene))
    assert rows_of(merged) == [(0, 0, 4, 7), (0, 4, 6, 8)]
    assert (merged.labeled, merged.contested, merged.shares.tolist()) == (6, 2, [[0, 1, 0, 2]])
    assert merged.pixels.tolist() == [0] * 7 + [4, 2]


def test_spans_that_touch_with_one_value_are_one() -> None:
    """Equal masks have equal painted spans, however they were drawn."""
    merged = merge(
        row((0, 3), (3, 5), (1, 4)), Scene(order=[0, 1, 2], values=[4] * 3, labels=[0] * 3, frame=(1, 5))
    )
    assert rows_of(merged) == [(0, 0, 5, 4)]
    assert (merged.contested, merged.labeled) == (0, 5)


def test_background_on_top_cuts_a_hole_and_claims_nothing() -> None:
    """Also where labels conflict below it and conflicts become void."""
    scene = Scene(order=[0, 1, 2], values=[1, 2, 0], labels=[0, 1, -1], frame=(1, 6), void=255, owned=False)
    merged = merge(row((0, 5), (1, 6), (2, 3)), scene)
    assert rows_of(merged) == [(0, 0, 1, 1), (0, 1, 2, 255), (0, 3, 5, 255), (0, 5, 6, 2)]
    assert (merged.labeled, merged.contested, merged.shares.tolist()) == (6, 4, [[0, 1, -1, 4]])


def test_instances_that_are_not_in_the_order_are_not_there() -> None:
    """They neither paint nor claim."""
    merged = merge(row((0, 4), (2, 6)), Scene(order=[1], values=[7, 8], labels=[0, 1], frame=(1, 8)))
    assert rows_of(merged) == [(0, 2, 6, 8)]
    assert (merged.labeled, merged.contested) == (4, 0)


def test_a_scene_of_nothing_is_background() -> None:
    """No instances, or none with spans."""
    for spans in (table(), table([])):
        n = len(spans)
        merged = merge(spans, Scene(order=range(n), values=[1] * n, labels=[0] * n, frame=(3, 3)))
        assert (len(merged.painted), merged.labeled, len(merged.shares)) == (0, 0, 0)


def test_random_scenes_are_those_of_a_painter_by_pixel() -> None:
    """Masks, conflicts by pair with who wins, and sums, under every overlap rule."""
    for painting in random_paintings(1, 120):
        merged, plain = merge(painting.spans, painting.scene), ByPixel(painting)
        names = painting.label_map.names
        np.testing.assert_array_equal(fill(merged.painted, np.uint16), plain.mask)
        assert (merged.labeled, merged.contested) == (plain.labeled, plain.contested)
        shares = {tuple(sorted((names[low], names[high]))): {} for low, high, *_ in merged.shares.tolist()}
        for low, high, owner, pixels in merged.shares.tolist():
            shares[tuple(sorted((names[low], names[high])))][None if owner < 0 else names[owner]] = pixels
        assert {(*pair, owner): n for pair, won in shares.items() for owner, n in won.items()} == plain.shares
        assert pixels_by_value(merged.painted) == dict(
            zip(*np.unique(plain.mask, return_counts=True), strict=True)
        )


def test_random_scenes_are_those_that_are_painted_over_one_another() -> None:
    """Painting spans on a frame, and merging them, are two ways to one mask, also with 70,000 rows."""
    paintings = [p for p in random_paintings(2, 240) if p.rules.overlap not in ("void", "error")]
    for painting in (*paintings, random_painting(random.Random(3), "last", (70_000, 9))):
        mask = np.full(painting.record.frame, painting.label_map.background, np.uint16)
        kernel.paint_all(mask, painting.spans, order=painting.paint_order, values=painting.values)
        np.testing.assert_array_equal(fill(merge(painting.spans, painting.scene).painted, np.uint16), mask)


@compiled
def test_the_twin_merges_alike() -> None:
    """Whatever the rule: spans, sums and shares."""
    for painting in random_paintings(4, 240):
        scene = painting.scene
        twin = overlaps.swept(painting.spans, scene, overlaps.MOST_SHARES)
        assert twin
        assert_same(merge(painting.spans, scene), twin)


@compiled
@pytest.mark.parametrize("width", [5000, 300_000])
def test_the_twin_merges_thousands_in_a_row_alike(width: int) -> None:
    """More spans in one row than one word, or 64, have bits; then fewer, then others."""
    rng = np.random.default_rng(width)
    instances = []
    for _ in range(5000):
        start = np.sort(rng.integers(0, width - 50, 3))
        rows = np.unique(rng.choice([0, 0, 0, 1, 66_000, 70_000], 3))
        instances.append([(r, s, s + int(rng.integers(1, 50))) for r, s in zip(rows, start, strict=False)])
    spans = table(*instances)
    scene = Scene(
        order=rng.permutation(5000).tolist(),
        values=rng.integers(0, 900, 5000).tolist(),
        labels=rng.integers(-1, 6, 5000).tolist(),
        frame=(70_001, width),
    )
    twin = overlaps.swept(spans, scene, overlaps.MOST_SHARES)
    assert twin
    assert_same(merge(spans, scene), twin)


def over_one_another(labels: int) -> tuple[SpanTable, Scene]:
    """Every label's span meets all others, and each begins at a column of its own."""
    spans = row(*((start, 2 * labels) for start in range(labels)))
    everyone = range(labels)
    return spans, Scene(order=everyone, values=everyone, labels=everyone, frame=(1, 2 * labels))


@pytest.mark.parametrize("labels", [2000, 4000, 20_000])
def test_thousands_of_labels_on_one_pixel_are_refused_before_memory_is_taken(labels: int) -> None:
    """A small file must not take minutes and gigabytes: refused in less than a few seconds."""
    if native.compiled is None and labels > 2000:
        pytest.skip("the twin is slower, and as frugal")
    spans, scene = over_one_another(labels)
    same = [(0, 1)] * labels
    before = time.process_time()
    tracemalloc.start()
    for table_ in (spans, row(*same)):
        with pytest.raises(LimitError, match="--only"):
            merge(table_, scene)
    assert tracemalloc.get_traced_memory()[1] < 300e6
    tracemalloc.stop()
    assert time.process_time() - before < 60


def test_a_hundred_labels_on_one_pixel_are_counted_exactly() -> None:
    """No real file has so many; all of their pairs are told."""
    labels = 100
    spans, scene = over_one_another(labels)
    merged = merge(spans, scene)
    assert merged.contested == 2 * labels - 1
    pairs: dict[tuple[int, int], int] = {}
    for low, high, _, pixels in merged.shares.tolist():
        pairs[low, high] = pairs.get((low, high), 0) + pixels
    assert pairs == {(low, high): 2 * labels - high for high in range(labels) for low in range(high)}
    won = merged.shares[(merged.shares[:, 0] == 3) & (merged.shares[:, 1] == 5)]
    assert won[:, 2:].tolist() == [
        [5, 1],
        *([owner, 1] for owner in range(6, labels - 1)),
        [labels - 1, labels + 1],
    ]


def test_the_limit_on_shares_is_exact() -> None:
    """As many as allowed are counted, one more is refused."""
    spans = row(*[(0, 1)] * 4)
    scene = Scene(order=range(4), values=range(1, 5), labels=range(4), frame=(1, 1))
    assert len(merge(spans, scene, most=6).shares) == 6
    with pytest.raises(LimitError, match="more than 5 pairs"):
        merge(spans, scene, most=5)


def test_cost_follows_the_spans() -> None:
    """A frame of 2**60 pixels takes no more than its few spans do."""
    side = 2**30
    merged = merge(
        table([(0, 0, side), (side - 1, 5, side)]),
        Scene(order=[0], values=[3], labels=[0], frame=(side, side)),
    )
    assert rows_of(merged) == [(0, 0, side, 3), (side - 1, 5, side, 3)]
    assert merged.pixels.tolist() == [0, 0, 0, 2 * side - 5]


@compiled
@pytest.mark.parametrize(
    ("spans", "cuts", "numbers", "frame"),
    [
        ([[0, 0, 9]], [0, 1], ([0], [1], [0]), (1, 8)),
        ([[1, 0, 2]], [0, 1], ([0], [1], [0]), (1, 8)),
        ([[0, 2, 2]], [0, 1], ([0], [1], [0]), (1, 8)),
        ([[0, -1, 2]], [0, 1], ([0], [1], [0]), (1, 8)),
        ([[0, 0, 2]], [0, 2], ([0], [1], [0]), (1, 8)),
        ([[0, 0, 2]], [0, 1], ([1], [1], [0]), (1, 8)),
        ([[0, 0, 2]], [0, 1], ([0], [65536], [0]), (1, 8)),
        ([[0, 0, 2]], [0, 1], ([0], [1], [65536]), (1, 8)),
        ([[0, 0, 2]], [0, 1], ([0], [1, 2], [0]), (1, 8)),
    ],
)
def test_spans_that_do_not_fit_are_refused(
    spans: list[list[int]], cuts: list[int], numbers: tuple[list[int], ...], frame: tuple[int, int]
) -> None:
    """A wrong call raises; it never reads or writes outside the arrays."""
    module: Any = native.compiled
    whole = (np.array(part, np.int64) for part in numbers)
    with pytest.raises(ValueError, match="do not fit"):
        module.merge(np.array(spans, np.int32), np.array(cuts, np.int64), *whole, *frame, 0, -1, True, 9)


@pytest.mark.skipif(native.compiled is None, reason="the twin goes row by row in any case")
def test_more_spans_than_are_put_in_order_at_once_are_merged_band_by_band() -> None:
    """A column of many rows, another over its right half, and a third that leaves every other row out."""
    height = 900_000
    rows = np.arange(height)
    columns = [(rows, 0, 4), (rows, 2, 6), (rows[::2], 5, 7)]
    spans = [np.stack([at, 0 * at + start, 0 * at + stop], axis=1) for at, start, stop in columns]
    table_ = np.concatenate(spans).astype(np.int32)
    cuts = np.cumsum([0, *(len(at) for at, _, _ in columns)])
    numbers = [1, 2, 3]
    scene = Scene(order=[0, 1, 2], values=numbers, labels=numbers, frame=(height, 9))
    merged = merge(SpanTable(table_, cuts), scene)
    assert merged.labeled == 6 * height + height // 2
    assert merged.shares.tolist() == [[1, 2, 2, 2 * height], [2, 3, 3, height // 2]]
    even = [[0, 2, 1], [2, 5, 2], [5, 7, 3]]
    odd = [[0, 2, 1], [2, 6, 2]]
    painted = merged.painted
    found = np.stack([painted.start, painted.stop, painted.value], axis=1).reshape(-1, 5, 3)
    assert (found == np.array([even + odd])).all()
    assert (painted.row.reshape(-1, 5) == rows.reshape(-1, 2)[:, [0, 0, 0, 1, 1]]).all()
