"""What the library is handed: texts, numpy numbers, lists and generators, and what none of them is."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest

from polymask import (
    GeometryError,
    ImageRecord,
    InputError,
    LimitError,
    Limits,
    Polygon,
    Runs,
    convert,
    rasterize,
)
from polymask.conversion.options import ConvertOptions
from polymask.conversion.plan import make_plan
from polymask.flag import GROUPS, flag_of
from polymask.formats.options import ReadingOptions
from polymask.option_types import ConvertOptionsDict, ReadingOptionsDict
from tests.conftest import SAMPLE

TRIANGLE = [(0, 0), (4, 0), (4, 4)]


@pytest.mark.parametrize("name", ["only", "where", "priority"])
@pytest.mark.parametrize("make", [str, lambda text: [text], lambda text: (one for one in [text])])
def test_one_text_is_one_name(name: str, make: Callable[[str], Any]) -> None:
    """Not its letters; lists and generators are tuples afterwards."""
    assert getattr(ConvertOptions(**{name: make("sea")}), name) == ("sea",)


def test_options_are_whole_numbers_of_any_library() -> None:
    """numpy's integers and lists become plain ones, which JSON and the fingerprint know."""
    options = ConvertOptions(
        size=[np.uint8(200), 255],  # type: ignore[arg-type]
        border=np.int64(1),  # type: ignore[arg-type]
        split_ratio=np.array([0.5, 0.5]),  # type: ignore[arg-type]
    )
    assert (options.size, options.border, options.split_ratio) == ((200, 255), 1, (0.5, 0.5))
    assert {type(side) for side in options.size or ()} == {int}


@pytest.mark.parametrize(
    "given",
    [
        {"border": 1.5},
        {"border": -1},
        {"border": True},
        {"size": (0, 10)},
        {"size": (10,)},
        {"size": 10},
        {"size": "10x10"},
        {"overlap": None},
        {"to": None},
        {"workers": 0},
        {"max_delete": -1},
        {"only": 3},
        {"where": [None]},
    ],
)
def test_options_of_another_kind_are_refused_at_once(given: dict[str, Any], tmp_path: Path) -> None:
    """With the option's name, before anything is read or written."""
    with pytest.raises(InputError, match=next(iter(given))):
        convert(tmp_path / "none.json", tmp_path / "out", **given)


def test_the_border_is_part_of_what_makes_a_run_the_same(tmp_path: Path) -> None:
    """Two runs that differ in their border have two fingerprints; in their workers, one."""
    marks = [make_plan(SAMPLE, tmp_path / "out", ConvertOptions(border=n)).check.fingerprint for n in (1, 2)]
    assert [mark["border"] for mark in marks] == [1, 2]
    assert (
        make_plan(SAMPLE, tmp_path / "out", ConvertOptions(border=1, workers=5)).check.fingerprint == marks[0]
    )


def test_frames_of_numpy_numbers_do_not_wrap() -> None:
    """uint8 and int32 sides are counted as whole numbers, wherever a frame is given."""
    polygon, frame = Polygon([(0, 0), (255, 0), (255, 200), (0, 200)]), (np.uint8(200), np.uint8(255))
    assert rasterize(polygon, frame).all()
    assert rasterize(polygon, frame).shape == (200, 255)
    assert type(ImageRecord(1, "a", frame).frame[0]) is int
    assert Runs([0, 51000], frame).frame == (200, 255)
    with pytest.raises(LimitError):
        Limits().check_frame("x", (np.int32(70000), np.int32(70000)))


@pytest.mark.parametrize("frame", [(0, 4), (4, -1), (1.5, 2), (4,), (1, 2, 3), 4, None, "44"])
def test_what_is_no_frame_is_refused(frame: Any) -> None:
    """Height and width, whole and above 0."""
    for use in (
        lambda: rasterize(Polygon(TRIANGLE), frame),
        lambda: ImageRecord(1, "a", frame),
        lambda: Runs([16], frame),
    ):
        with pytest.raises(GeometryError, match="a frame"):
            use()


def test_run_counts_that_int64_cannot_hold_are_refused() -> None:
    """2**64 - 1 would be -1, and the sum right by accident."""
    for counts in (np.array([2**64 - 1, 17], np.uint64), np.array([2**63, 16], np.uint64), [17, -1]):
        with pytest.raises(GeometryError, match="run counts"):
            Runs(counts, (4, 4))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("a, b", ("a", "b")),
        (["a, b"], ("a", "b")),
        (["a", "b"], ("a", "b")),
        (["a, b", "c"], ("a, b", "c")),
        ([], ()),
    ],
)
def test_one_priority_is_a_list_with_commas(labels: Any, expected: tuple[str, ...]) -> None:
    """As the flag is, given once or several times."""
    assert ConvertOptions(priority=labels).priority == expected


def test_the_types_of_options_are_those_of_the_dataclasses() -> None:
    """What a type checker knows of `convert` is what `convert` takes: names and types."""
    made = subprocess.run([sys.executable, "docs/generate_option_types.py", "--check"], check=False)
    assert made.returncode == 0
    for typed, dataclass in ((ConvertOptionsDict, ConvertOptions), (ReadingOptionsDict, ReadingOptions)):
        known = get_type_hints(dataclass)
        typed_hints = get_type_hints(typed)
        assert typed_hints == {name: known[name] for name in typed_hints}
    assert set(get_type_hints(ConvertOptionsDict)) == {each.name for each in fields(ConvertOptions)}


def test_every_option_has_a_group_and_a_sentence() -> None:
    """Help is made from them."""
    for each in fields(ConvertOptions):
        assert flag_of(each).group in GROUPS
        assert flag_of(each).help.endswith(".")
