"""A window of an index mask: the crop of the whole, at the memory of the part."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymask import GeometryError, ImageRecord, Instance, LabelMap, Polygon, conflicts, index_mask

FRAME = (7, 9)
POINTS = st.tuples(st.integers(-2, 20), st.integers(-2, 20)).map(lambda p: (p[0] / 2, p[1] / 2))
RINGS = st.lists(POINTS, min_size=3, max_size=6)
RECORDS = st.lists(st.tuples(RINGS, st.sampled_from("ab")), max_size=4).map(
    lambda many: ImageRecord(
        1, "a.jpg", FRAME, [Instance(i, label, Polygon(ring)) for i, (ring, label) in enumerate(many)]
    )
)
RULES = st.fixed_dictionaries(
    {"overlap": st.sampled_from(["last", "first", "smallest", "void"]), "border": st.integers(0, 2)}
)


@st.composite
def windows(draw: st.DrawFn) -> tuple[int, int, int, int]:
    row, column = draw(st.integers(0, FRAME[0] - 1)), draw(st.integers(0, FRAME[1] - 1))
    return row, column, draw(st.integers(1, FRAME[0] - row)), draw(st.integers(1, FRAME[1] - column))


@given(RECORDS, windows(), RULES)
def test_a_window_is_the_crop_of_the_whole(record: ImageRecord, window: tuple[int, ...], rules: dict) -> None:
    """Under every rule, borders too, whose pixels depend on what lies beside the window."""
    row, column, height, width = window
    whole = index_mask(record, ["a", "b"], **rules)
    part = index_mask(record, ["a", "b"], window=window, **rules)
    assert part.dtype == whole.dtype
    assert (part == whole[row : row + height, column : column + width]).all()


@pytest.mark.parametrize(
    "window",
    [(0, 0, 8, 9), (0, 8, 1, 2), (-1, 0, 2, 2), (0, 0, 0, 1), (0, 0, 1), (0, 0, 1.5, 1), (0, True, 1, 1)],
)
def test_a_window_outside_the_frame_is_refused(window: tuple[int, ...]) -> None:
    """So that no part has another size than was asked for."""
    with pytest.raises(GeometryError, match="window"):
        index_mask(ImageRecord(1, "a.jpg", FRAME), ["a"], window=window)  # type: ignore[arg-type]


def test_a_window_costs_its_own_pixels() -> None:
    """Of a frame of 900 megapixels, a window takes a few megabytes."""
    square = Polygon([(100, 100), (20_000, 100), (20_000, 20_000), (100, 20_000)])
    record = ImageRecord(1, "a.jpg", (30_000, 30_000), [Instance(1, "a", square)])
    tracemalloc.start()
    part = index_mask(record, ["a"], window=(19_990, 19_990, 20, 20))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert part[:10, :10].all()
    assert part.sum() == 100
    assert peak < 20_000_000


@pytest.mark.parametrize("labels", [["b", "a"], {"b": 1, "a": 2}, LabelMap.from_names(["b", "a"])])
def test_labels_are_a_map_names_or_values(labels: object, tmp_path) -> None:
    """Wherever a label map is taken, also as a file."""
    ring = [(0, 0), (4, 0), (4, 4), (0, 4)]
    record = ImageRecord(
        1, "a.jpg", FRAME, [Instance(1, "a", Polygon(ring)), Instance(2, "b", Polygon(ring))]
    )
    (tmp_path / "labels.txt").write_text("b\na\n")
    for each in (labels, tmp_path / "labels.txt", str(tmp_path / "labels.txt")):
        assert np.unique(index_mask(record, each)).tolist() == [0, 1]  # type: ignore[arg-type]
        assert conflicts(record, label_map=each)[0].labels == ("b", "a")  # type: ignore[arg-type]
