"""The center rule: exact, half-open, even-odd."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymask import GeometryError, InputError, Polygon, rasterize
from polymask.raster import spans_of
from polymask.raster.rules import center
from tests.exact_campaign import differing
from tests.support.oracles import drawn, exact_mask, exact_union

FRAME = (6, 8)
halves = st.integers(-4, 20).map(lambda n: n / 2)
decimals = st.integers(-200, 1000).map(lambda n: n / 100)
coordinates = st.one_of(
    halves, decimals, st.floats(-1e3, 1e3), st.floats(allow_nan=False, allow_infinity=False)
)
rings = st.lists(st.tuples(coordinates, coordinates), max_size=8)
polygons = st.builds(Polygon, rings, st.lists(rings, max_size=2))


def test_a_square_covers_the_centers_inside_it() -> None:
    """A square from 1 to 4 covers three pixels each way."""
    mask = rasterize(Polygon([(1, 1), (4, 1), (4, 4), (1, 4)]), (5, 6))
    assert (mask == drawn("......", ".###..", ".###..", ".###..", "......")).all()


def test_left_and_top_edges_are_in_right_and_bottom_edges_are_out() -> None:
    """A square whose edges run through pixel centers takes the left and top ones."""
    mask = rasterize(Polygon([(1.5, 1.5), (3.5, 1.5), (3.5, 3.5), (1.5, 3.5)]), (5, 5))
    assert (mask == drawn(".....", ".##..", ".##..", ".....", ".....")).all()


def test_a_hole_is_left_out() -> None:
    """Rings of one polygon are filled even-odd."""
    ring = Polygon([(0, 0), (5, 0), (5, 5), (0, 5)], holes=[[(1, 1), (4, 1), (4, 4), (1, 4)]])
    assert (rasterize(ring, (5, 5)) == drawn("#####", "#...#", "#...#", "#...#", "#####")).all()


def test_a_pentagram_has_an_empty_middle() -> None:
    """Even-odd holds for a ring that winds twice around its middle."""
    star = Polygon([(5, 0), (8, 10), (0, 4), (10, 4), (2, 10)])
    mask = rasterize(star, (10, 10))
    assert not mask[5, 5]
    assert mask[2, 5]


def test_parts_are_united() -> None:
    """Two polygons that overlap paint their union, once."""
    left, right = Polygon([(0, 0), (3, 0), (3, 2), (0, 2)]), Polygon([(2, 1), (5, 1), (5, 3), (2, 3)])
    assert (rasterize([left, right], (3, 5)) == drawn("###..", "#####", "..###")).all()


def test_what_lies_outside_the_frame_is_clipped() -> None:
    """A square that reaches out on all sides fills the frame."""
    assert rasterize(Polygon([(-1e9, -5), (1e9, -5), (1e9, 50), (-1e9, 50)]), (3, 4)).all()


@pytest.mark.parametrize("ring", [[], [(1, 1)], [(1, 1), (4, 4)], [(1, 1), (4, 4), (1, 1)], [(2.5, 2.5)] * 9])
def test_degenerate_rings_have_no_pixels(ring: list[tuple[float, float]]) -> None:
    """Nothing, a point, a line and a line there and back enclose no center."""
    assert not rasterize(Polygon(ring), FRAME).any()


@given(st.lists(polygons, max_size=4))
def test_the_answer_is_exact(shape: list[Polygon]) -> None:
    """Any finite polygons give the mask that fractions give."""
    assert (rasterize(shape, FRAME) == exact_union(shape, FRAME)).all()


def test_a_seeded_part_of_the_campaign_finds_no_differing_pixel() -> None:
    """20,000 random polygons, a hundred in a call, equal the exact oracle."""
    assert differing(20_000, seed=7) == 0


@given(st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=6), coordinates)
def test_polygons_that_share_an_edge_neither_overlap_nor_leave_a_gap(
    outline: list[tuple[float, float]], inner: float
) -> None:
    """A polygon cut along a line gives two whose pixels add up to its own."""
    cut = len(outline) // 2
    first = [*outline[: cut + 1], (inner, inner / 3)]
    second = [*outline[cut:], outline[0], (inner, inner / 3)]
    parts = [rasterize(Polygon(ring), FRAME) for ring in (first, second)]
    assert (parts[0] ^ parts[1] == rasterize(Polygon(outline), FRAME)).all()


def test_ten_thousand_random_pairs_share_an_edge_cleanly() -> None:
    """Of two quadrilaterals that tile a rectangle, each pixel belongs to exactly one."""
    rng = np.random.default_rng(5)
    for _ in range(10_000):
        top, bottom = rng.uniform(0.5, 7.5, 2).round(rng.integers(0, 4))
        left = rasterize(Polygon([(0, 0), (top, 0), (bottom, 6), (0, 6)]), FRAME)
        right = rasterize(Polygon([(top, 0), (8, 0), (8, 6), (bottom, 6)]), FRAME)
        assert (left ^ right).all()


@given(rings, st.integers(0, 7), st.booleans())
def test_where_a_ring_starts_and_which_way_it_runs_does_not_matter(
    ring: list[tuple[float, float]], turn: int, reverse: bool
) -> None:
    """Rotating or reversing a ring's points changes no pixel."""
    other = ring[turn:] + ring[:turn]
    other = other[::-1] if reverse else other
    assert (rasterize(Polygon(ring), FRAME) == rasterize(Polygon(other), FRAME)).all()


@given(st.lists(st.tuples(halves, halves), max_size=8), st.integers(0, 3), st.integers(0, 3))
def test_moving_a_ring_by_whole_pixels_moves_its_pixels(
    ring: list[tuple[float, float]], right: int, down: int
) -> None:
    """Coordinates that stay exact under the move give the moved mask."""
    frame = (20, 20)
    still = rasterize(Polygon(ring), frame)
    moved = rasterize(Polygon([(x + right, y + down) for x, y in ring]), frame)
    assert (moved[down:, right:] == still[: 20 - down, : 20 - right]).all()


def test_a_frame_without_pixels_is_refused() -> None:
    """Zero rows are no frame."""
    with pytest.raises(GeometryError, match="no pixels"):
        rasterize([], (0, 4))


def test_an_unknown_pixel_rule_is_refused_by_name() -> None:
    """The error lists the rules that there are."""
    with pytest.raises(InputError, match="center"):
        rasterize([], (1, 1), pixel_rule="centre")


def test_the_oracle_itself_draws_a_square() -> None:
    """The oracle that decides above is right about an answer drawn by hand."""
    mask = exact_mask([[(1, 0), (3, 0), (3, 2), (1, 2)]], (3, 4))
    assert (mask == drawn(".##.", ".##.", "....")).all()


@given(st.lists(st.tuples(st.integers(-4, 40), st.integers(-4, 40)), min_size=3, max_size=30))
def test_bands_of_rows_change_nothing(points: list[tuple[int, int]]) -> None:
    """However few crossings may be held at once."""
    rings, frame = [np.array(points, np.float64) / 2], (17, 19)
    whole = center.intervals(rings, [0], frame)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(center, "MOST_CROSSINGS", 5)
        banded = center.intervals(rings, [0], frame)
    np.testing.assert_array_equal(np.stack(whole), np.stack(banded))


def test_a_ring_of_many_long_edges_takes_little_memory() -> None:
    """Eight million crossings, of which a band of rows is held at a time."""
    x = np.random.default_rng(0).uniform(0, 64, 2_000)
    ring = np.stack([x, np.tile([0.0, 4000.0], 1_000)], axis=1)
    tracemalloc.start()
    spans_of([(Polygon(ring),)], (4_000, 64))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**29


def test_a_ring_may_lie_in_memory_as_it_likes() -> None:
    """Libraries hand over points column by column, too."""
    ring = np.asfortranarray([(1.0, 1.0), (3.0, 1.0), (3.0, 3.0)])
    assert (rasterize(Polygon(ring), (4, 4)) == rasterize(Polygon(ring.tolist()), (4, 4))).all()
