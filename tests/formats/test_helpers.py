"""What several formats share: addresses, shares of a picture, curves, masks with a legend."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymask.formats.drawing.curves import TOLERANCE, flattened
from polymask.formats.drawing.legend import color_code, runs_by_code
from polymask.formats.drawing.scaling import in_pixels
from polymask.formats.reading.images.addresses import image_name, named_file
from polymask.formats.reading.refusals import Malformed
from polymask.raster.runs import to_runs
from polymask.storage.image_names import local_name
from polymask.storage.source_files import Place
from tests.support.formats import written

NUMBERS = st.floats(-1e4, 1e4)
POINTS = st.tuples(NUMBERS, NUMBERS)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://h/a/b%20c.png?x=1#y", "a/b c.png"),
        ("gs://bucket/a.png", "a.png"),
        (r"C:\a\..\b.png", "a/b.png"),
        ("/abs/./a.png", "abs/a.png"),
        ("../../a.png", "a.png"),
        ("https://[bad/a.png", "a.png"),
        ("a%20b.png", "a%20b.png"),
    ],
)
def test_an_address_is_a_relative_path(address: str, name: str) -> None:
    """Nothing of it leads out of a folder."""
    assert local_name(address) == name


def test_an_address_without_a_name_is_refused() -> None:
    """Its host alone names no image."""
    with pytest.raises(Malformed, match="no image's name"):
        image_name("https://host/")


def test_a_file_is_found_by_the_last_parts_of_its_address(tmp_path: Path) -> None:
    """The most parts win; never a file outside of the place."""
    for name in ("in/a.json", "in/t/m.png", "in/m.png", "m.png"):
        written(tmp_path / name, "x")
    place = Place(tmp_path / "in" / "a.json")
    names = ("https://s/t/m.png", "https://s/u/m.png", "../m.png", "n.png")
    found = [named_file(place, address, beside="a.json") for address in names]
    assert [file and file.name for file in found] == ["t/m.png", "m.png", "m.png", None]


@pytest.mark.parametrize("share", [2.0, -1.0, 340.0, float("nan")])
def test_pixels_are_no_shares(share: float) -> None:
    """What is far out of 0…1 is refused, not painted somewhere."""
    with pytest.raises(Malformed, match="is it in pixels"):
        in_pixels([(0.5, share)], (4, 4))


@given(POINTS, POINTS, POINTS, POINTS)
def test_a_flattened_curve_is_within_its_tolerance(
    start: tuple[float, float],
    first: tuple[float, float],
    second: tuple[float, float],
    stop: tuple[float, float],
) -> None:
    """Every point of the curve is near a chord: the Bernstein polynomial is the oracle."""
    points = np.array([start, *flattened(start, first, second, stop)])
    t = np.linspace(0, 1, 16 * (len(points) - 1) + 1)[:, None]
    curve = (1 - t) ** 3 * start + 3 * (1 - t) ** 2 * t * first + 3 * (1 - t) * t**2 * second + t**3 * stop
    along = t[:, 0] * (len(points) - 1)
    chords = np.column_stack([np.interp(along, np.arange(len(points)), points[:, axis]) for axis in (0, 1)])
    assert np.hypot(*(curve - chords).T).max() <= TOLERANCE + 1e-9


def test_a_curve_that_is_not_finite_is_refused() -> None:
    """It has no corners."""
    with pytest.raises(Malformed, match="finite"):
        flattened((0, 0), (float("inf"), 0), (1, 1), (2, 2))


@given(st.integers(1, 9), st.integers(1, 9), st.randoms(use_true_random=False))
def test_runs_by_code_are_those_of_each_mask(height: int, width: int, luck: object) -> None:
    """In one pass what `to_runs` gives of each code's mask."""
    values = [[luck.choice((0, 1, 5, 70_000)) for _ in range(width)] for _ in range(height)]  # type: ignore[attr-defined]
    codes = np.array(values, np.uint32)
    made = dict(runs_by_code(codes))
    assert list(made) == np.unique(codes).tolist()
    for code, counts in made.items():
        assert from_counts(counts, (height, width)).tolist() == (codes == code).tolist()
        assert sum(counts.tolist()) == sum(to_runs(codes == code).counts.tolist())


def from_counts(counts: np.ndarray, frame: tuple[int, int]) -> np.ndarray:
    return np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(frame[::-1]).T


@pytest.mark.parametrize("text", ["#12345", "red", "#gggggg", "1234567"])
def test_a_color_is_six_digits(text: str) -> None:
    """Nothing is guessed of another text."""
    with pytest.raises(Malformed, match="#rrggbb"):
        color_code(text)
