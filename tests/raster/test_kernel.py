"""The compiled kernel gives what its numpy twin gives, bit for bit."""

import os
import random
import subprocess
import sys
import time
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from polymask import native
from polymask.errors import GeometryError
from polymask.formats.parsing import native_json
from polymask.model import Runs
from polymask.raster import kernel
from polymask.raster.kernel import Outlines
from polymask.raster.rules import center
from polymask.raster.runs import counts_from_string, from_runs, run_counts, run_spans
from polymask.raster.spans import SpanTable, paint

compiled = pytest.mark.skipif(
    native.compiled is None, reason="the compiled kernel is not built or not wanted"
)

Ring = NDArray[np.float64]
halves = st.integers(-8, 40).map(lambda twice: twice / 2)
coordinates = st.one_of(
    halves,  # ties: centers exactly on edges
    halves.map(lambda value: float(np.nextafter(value, 1e9))),
    st.floats(-5, 25),
    st.integers(-500, 2500).map(lambda cents: cents / 100),
    st.floats(-1e13, 1e13),
    st.sampled_from([1e-300, -1e-300, 5e-324, 1e16, -1e300, 1.7e308, -1.7e308, 0.0, -0.0]),
)
rings = st.lists(st.tuples(coordinates, coordinates), max_size=8).map(
    lambda points: np.array(points, np.float64).reshape(-1, 2)
)
shapes = st.lists(st.lists(st.lists(rings, min_size=1, max_size=3), max_size=3), max_size=4)
frames = st.tuples(st.integers(1, 18), st.integers(1, 18))


def outlines(drawn: list[list[list[Ring]]]) -> Outlines:
    polygons = [(index, polygon) for index, shape in enumerate(drawn) for polygon in shape]
    return Outlines(
        rings=[ring for _, polygon in polygons for ring in polygon],
        polygons=[place for place, (_, polygon) in enumerate(polygons) for _ in polygon],
        shapes=[index for index, _ in polygons],
        count=len(drawn),
    )


def reference(what: Outlines, frame: tuple[int, int]) -> SpanTable:
    return kernel.united(center.intervals(what.rings, what.polygons, frame), what, frame)


def assert_same(one: SpanTable, other: SpanTable) -> None:
    np.testing.assert_array_equal(one.table, other.table)
    np.testing.assert_array_equal(one.cuts, other.cuts)


@compiled
@settings(max_examples=400)
@given(shapes, frames)
def test_compiled_spans_are_those_of_the_reference(
    drawn: list[list[list[Ring]]], frame: tuple[int, int]
) -> None:
    """Whatever the coordinates: ties on centers, tiny, huge, repeated points, rings of none."""
    what = outlines(drawn)
    assert_same(kernel.center_spans(what, frame), reference(what, frame))


def exact_mask(polygon: list[Ring], frame: tuple[int, int]) -> NDArray[np.bool_]:
    """The center rule on fractions, pixel by pixel: slow, short, and without float64."""
    mask = np.zeros(frame, bool)
    for ring in polygon:
        points = [(Fraction(x), Fraction(y)) for x, y in ring.tolist()]
        for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1], strict=True):
            for row in range(frame[0]):
                y = row + Fraction(1, 2)
                if (y0 <= y) != (y1 <= y):
                    left = x0 + (y - y0) * (x1 - x0) / (y1 - y0) - Fraction(1, 2)
                    mask[row, max(0, min(ceil(left), frame[1])) :] ^= True
    return mask


@settings(max_examples=200)
@given(st.lists(rings, min_size=1, max_size=3), frames)
def test_spans_are_those_of_exact_arithmetic(polygon: list[Ring], frame: tuple[int, int]) -> None:
    """Whichever kernel runs."""
    table = kernel.center_spans(outlines([[polygon]]), frame)
    mask = np.zeros(frame, np.uint8)
    kernel.paint_all(mask, table, order=[0], values=[1])
    np.testing.assert_array_equal(mask.astype(bool), exact_mask(polygon, frame))


@compiled
@pytest.mark.parametrize("digits", [0, 2, 15])
def test_many_random_polygons_are_the_same(digits: int) -> None:
    """Thousands at once, self-crossing, over the frame's edges, on the grid and off it."""
    rng = np.random.default_rng(digits)
    drawn = [
        [
            [
                np.round(rng.uniform(-20, 80, (rng.integers(0, 12), 2)) * 2) / 2
                if digits == 0
                else np.round(rng.uniform(-20, 80, (rng.integers(0, 12), 2)), digits)
            ]
        ]
        for _ in range(4000)
    ]
    what = outlines(drawn)
    assert_same(kernel.center_spans(what, (60, 64)), reference(what, (60, 64)))


magnitudes = st.sampled_from([5e-324, 1e-300, 2.0**-54, 1e13, 2.0**46, 1e15, 1e16, 1e18, 1e300, 1.7e308])
wild = st.one_of(
    halves,
    st.builds(lambda size, part: size * part, magnitudes, st.sampled_from([-1, -0.3, 0.1, 0.7, 1])),
    st.floats(allow_nan=False, allow_infinity=False),
)
wild_rings = st.lists(st.tuples(wild, wild), min_size=2, max_size=5).map(
    lambda points: np.array(points, np.float64).reshape(-1, 2)
)


@settings(max_examples=300)
@given(wild_rings, frames)
@example(np.array([[-1.7e308, -1.7e308], [1.7e308, 1.7e308], [0, 9]]), (9, 9))
@example(np.array([[0.5, 0.5], [1e300, 3], [0, 1e300]]), (4, 4))
@example(np.array([[-1e300, 0.5 - 2.0**-54], [1e300, 0.5], [3, 9]]), (9, 9))
@example(np.array([[-1e15, -3e15], [1e15 + 1, 3e15], [5, 8]]), (18, 18))
def test_coordinates_of_any_size_are_decided_exactly(ring: Ring, frame: tuple[int, int]) -> None:
    """From the least to the largest float64, by either kernel."""
    what = outlines([[[ring]]])
    table = kernel.center_spans(what, frame)
    assert_same(table, reference(what, frame))
    mask = np.zeros(frame, np.uint8)
    kernel.paint_all(mask, table, order=[0], values=[1])
    np.testing.assert_array_equal(mask.astype(bool), exact_mask([ring], frame))


@pytest.mark.parametrize("size", [1e15, 1e18, 1e300, 1.7e308])
def test_coordinates_of_any_size_are_decided_in_a_moment(size: float) -> None:
    """A few hundred bytes of JSON must not take minutes: many edges through all rows of a tall frame."""
    angles = [(side, 0.1 + number / 5) for number in range(7) for side in (1, -1)]
    points = [(side * size * np.cos(angle), side * size * np.sin(angle)) for side, angle in angles]
    rows = 30_000 if native.compiled else 2_000
    before = time.process_time()
    table = kernel.center_spans(outlines([[[np.array(points)]]]), (rows, 30_000))
    assert len(table.table) > rows / 2
    assert time.process_time() - before < 20


@compiled
def test_buffers_that_do_not_fit_together_are_refused() -> None:
    """A wrong call raises; it never reads or writes outside the arrays."""
    ints = lambda *values: np.array(values, np.int64)  # noqa: E731
    table = np.array([[0, 0, 9]], np.int32)
    module: Any = native.compiled
    with pytest.raises(ValueError, match="do not fit"):
        module.spans([np.zeros((2, 2))], [0, 0], [0], 1, 4, 4)
    with pytest.raises(ValueError, match="do not fit"):
        module.spans([np.zeros((2, 2))], [1], [0], 1, 4, 4)
    with pytest.raises(ValueError, match="pairs"):
        module.spans([np.zeros(3)], [0], [0], 1, 4, 4)
    with pytest.raises(TypeError):
        module.spans([np.zeros((2, 2))], ["0"], [0], 1, 4, 4)
    with pytest.raises(ValueError, match="outside the mask"):
        module.paint(np.zeros((1, 4), np.uint8), table, ints(0, 1), ints(0), ints(1))
    with pytest.raises(ValueError, match="does not hold"):
        module.paint(np.zeros((1, 9), np.uint8), table, ints(0, 1), ints(0), ints(256))


@compiled
@given(st.lists(st.integers(0, 9), max_size=40), st.integers(1, 7))
def test_compiled_spans_of_runs_are_those_of_the_reference(counts: list[int], height: int) -> None:
    """Runs of no pixels, runs over several columns, and columns without any."""
    width = max(1, -(-sum(counts) // height))
    given_runs = Runs([*counts, height * width - sum(counts)], (height, width))
    spans = from_runs(given_runs)
    wanted = np.stack([spans.row, spans.start, spans.stop], axis=1)
    np.testing.assert_array_equal(run_spans(given_runs), wanted)


@compiled
@given(st.text(st.characters(min_codepoint=46, max_codepoint=113), max_size=60) | st.text(max_size=4))
@example("0" + "o" * 10 + "O")
@example("".join(["000", *["oooooooooo7"] * 600]))
@example("0\0")
def test_compiled_counts_are_those_of_the_reference(text: str) -> None:
    """What is no compressed RLE, or counts beyond any frame, the reference tells."""
    module: Any = native.compiled
    try:
        expected = counts_from_string(text)
    except GeometryError:
        assert module.counts(text) is None
        return
    found = module.counts(text)
    if found is None:
        assert max(map(abs, expected)) > 2**60
    else:
        assert np.frombuffer(found, np.int64).tolist() == expected
    assert np.array_equal(np.asarray(run_counts(text), object), np.asarray(expected, object))


@compiled
def test_runs_of_very_many_rows_go_to_the_reference() -> None:
    """The compiled kernel takes memory for each row, so it leaves a frame of 2**25 rows alone."""
    tall = Runs([3, 2, 2**25 - 5], (2**25, 1))
    module: Any = native.compiled
    assert module.runs(tall.counts, *tall.frame) is None
    assert run_spans(tall).tolist() == [[3, 0, 1], [4, 0, 1]]


@compiled
@pytest.mark.parametrize("counts", [[5, 0], [1, 2], [-1, 5], [2**62, 2**62, 2**62]])
def test_counts_that_do_not_fit_the_frame_are_refused(counts: list[int]) -> None:
    """A wrong call raises; it never writes outside the frame."""
    module: Any = native.compiled
    with pytest.raises(ValueError, match="do not fit"):
        module.runs(np.array(counts, np.int64), 2, 2)


spans = st.lists(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(1, 4)), max_size=4), max_size=6
)


def tabled(many: list[list[tuple[int, int, int]]]) -> SpanTable:
    """Each instance's spans united as `spans_of` gives them, in a frame of 4 rows and 13 columns."""
    rows = [(i, row, start, start + n) for i, group in enumerate(many) for row, start, n in group]
    columns = np.array(rows, np.int64).reshape(-1, 4).T
    what = Outlines(rings=[], polygons=[], shapes=list(range(len(many))), count=len(many))
    line = (columns[0] * 4 + columns[1]) * 14
    return kernel.united((line + columns[2], line + columns[3]), what, (4, 13))


@compiled
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32])
@given(many=spans, seed=st.integers(0, 99))
def test_painting_is_that_of_the_reference(
    dtype: type[np.integer[Any]], many: list[list[tuple[int, int, int]]], seed: int
) -> None:
    """Whatever covers what."""
    table, order = tabled(many), list(range(len(many)))
    random.Random(seed).shuffle(order)
    values = [(7 * index + seed) % 11 * (1 if dtype is np.uint8 else 400) for index in range(len(many))]
    mask, expected = np.full((4, 13), 3, dtype), np.full((4, 13), 3, dtype)
    kernel.paint_all(mask, table, order=order, values=values)
    for index in order:
        paint(expected, table[index], values[index])
    np.testing.assert_array_equal(mask, expected)


numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(0.0001, 10_000).map(repr),
    st.integers(1, 10**19).map(lambda value: f"{value // 10**16}.{value % 10**16:016}"),
    st.integers(-(10**20), 10**20).map(str),
    st.decimals(-9999, 9999, places=3).map(str),
    st.sampled_from(["-0", "-0.0", "01", "1.", ".5", "1e400", "NaN", "null", '"1"', "9007199254740993"]),
)


@given(st.lists(st.lists(numbers, min_size=5, max_size=8), max_size=3), st.sampled_from([",", ", ", " ,\n"]))
def test_plain_rings_are_read_as_the_json_library_reads_them(texts: list[list[str]], comma: str) -> None:
    """What is not plain, or not JSON, is left to it."""
    text = ("[" + comma.join("[" + comma.join(ring) + "]" for ring in texts) + "]").encode()
    found = native_json.plain_rings([text, b"[[0,1,2,3,4,5]]", text])
    assert native_json.is_plain(text) == bool(found and found[0])
    if found is not None:
        expected = [np.array(ring).reshape(-1, 2).tolist() for ring in msgspec.json.decode(text)]
        assert [[ring.tolist() for ring in rings] for rings in found] == [
            expected,
            [[[0, 1], [2, 3], [4, 5]]],
            expected,
        ]


@compiled
def test_ordinary_rings_are_read_by_the_kernel() -> None:
    """Two decimals, as COCO has them, with whatever white space."""
    found = native_json.plain_rings([b" [ [510.66,423.01 , -5, 424.0, 1,1],[1,2,3,4,5,6]]\n"])
    assert [[ring.tolist() for ring in rings] for rings in found or []] == [
        [[[510.66, 423.01], [-5.0, 424.0], [1.0, 1.0]], [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]]
    ]


@compiled
@pytest.mark.parametrize(
    "text",
    [
        "9007199254740993",  # halfway between two float64: to the even one
        "9007199254740993.001",
        "9007199254740992.999",
        "0.30000000000000004",
        "1234.5678901234567",
        "9999999999999999999",
        "0.9999999999999999999",
        "-3.141592653589793238",
    ],
)
def test_numbers_of_nineteen_digits_are_rounded_right(text: str) -> None:
    """Tools that write each float64 in full are read by the kernel too, as the JSON library would."""
    found = native_json.plain_rings([f"[[{text},1,2,3,4,5]]".encode()])
    assert found is not None
    assert found[0][0][0, 0] == float(text)


@compiled
@pytest.mark.parametrize("text", ["99999999999999999999", "0.99999999999999999999", "1e3", "-0", "01"])
def test_other_numbers_are_left_to_the_json_library(text: str) -> None:
    """Twenty digits, an exponent, a negative zero, or none at all."""
    assert native_json.plain_rings([f"[[{text},1,2,3,4,5]]".encode()]) is None


@compiled
def test_rings_that_cannot_be_drawn_are_left_to_the_json_library() -> None:
    """Two points are no ring, and five numbers are no points."""
    for text in (b"[[1,2,3,4]]", b"[[1,2,3,4,5,6,7]]", b"[[1,2,3,4,5,6],[]]"):
        assert native_json.plain_rings([text]) is None
        assert not native_json.is_plain(text)


@pytest.mark.parametrize(
    "text", [b"", b"]", b"[", b"[]", b"[[]]", b"[[1", b"[[1,2],]", b"[[1 2]]", b"[[1]]x", b"[[1]]\0"]
)
def test_what_is_no_plain_list_of_rings_is_left_alone(text: bytes) -> None:
    """Cut off, empty, or with anything else in it."""
    assert native_json.plain_rings([text]) is None
    assert not native_json.is_plain(text)


def asked_for(wanted: str) -> subprocess.CompletedProcess[str]:
    told = "import polymask.raster as r; print(r.KERNEL)"
    environment = {**os.environ, "POLYMASK_KERNEL": wanted}
    return subprocess.run(
        [sys.executable, "-c", told], env=environment, capture_output=True, text=True, check=False
    )


def test_the_environment_chooses_the_kernel() -> None:
    """`POLYMASK_KERNEL=numpy` runs the reference; a name that is none is refused."""
    assert asked_for("numpy").stdout == "numpy\n"
    assert "not 'fast'" in asked_for("fast").stderr


TWINNED = ("center", "kernel", "overlaps", "packed", "painted", "runs")
"""Tests of what is compiled; `python -m tests.trust nightly` runs the whole folder on the twin."""
SLOW = "ten_thousand or seeded_part or thousands_of_labels or many_long_edges or environment"


@pytest.mark.skipif(native.compiled is None, reason="this already is the numpy kernel")
def test_the_reference_passes_the_same_tests() -> None:
    """The tests of what is compiled hold on the twin too; those that take it long are left to the night."""
    files = [str(Path(__file__).with_name(f"test_{name}.py")) for name in TWINNED]
    run = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-k", f"not ({SLOW})", *files]
    done = subprocess.run(
        run, env={**os.environ, "POLYMASK_KERNEL": "numpy"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:]


@compiled
@pytest.mark.parametrize("points", [60, 2_500])
def test_crowded_rows_and_bands_of_rows_change_nothing(points: int) -> None:
    """More crossings in a row than columns; then, more in all than are held at once."""
    rng = np.random.default_rng(points)
    ring = np.stack([rng.uniform(-2, 24, points), rng.uniform(-50, 2_500, points)], axis=1)
    what = outlines([[[ring], [ring + 0.25]], [[ring[:40], ring[40:]]]])
    assert_same(kernel.center_spans(what, (2_400, 20)), reference(what, (2_400, 20)))
