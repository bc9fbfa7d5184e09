"""Which instances a mask accounts for, drawn by hand and against masks painted pixel by pixel."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymask import ImageRecord, Instance, LabelMap, Polygon
from polymask.model import Runs
from polymask.painting.accounted import (
    BACKGROUND,
    CROWD,
    EMPTY,
    HIDDEN,
    VOID,
    deletable,
    unaccounted,
    without,
)
from polymask.painting.painting import Painting, Rules

NAMES = ("cat", "dog", "background", "__ignore__", "tree")
LABELS = LabelMap.from_names(["cat", "dog", "tree"], aliases={"bird": "cat", "fog": "__ignore__"})
FRAME = (6, 8)


def box(key: int, label: str, x: int, y: int, w: int = 2, h: int = 2, **more: bool) -> Instance:
    corners = [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]
    return Instance(key, label, Polygon(corners), **more)


def reasons(*instances: Instance, index: bool = True, **rules: object) -> dict[int, str]:
    record = ImageRecord(1, "a.jpg", FRAME, instances)
    return unaccounted(Painting(record, LABELS, Rules(**rules)), index=index)  # type: ignore[arg-type]


def test_what_is_read_and_not_painted_is_not_accounted_for() -> None:
    """Background, void, names that stand for them, crowds left out, and what covers no pixel."""
    odd = [box(1, "background", 0, 0), box(2, "__ignore__", 2, 0), box(3, "fog", 4, 0), box(4, "cat", 90, 90)]
    told = {0: BACKGROUND, 1: VOID, 2: VOID, 3: EMPTY}
    for index in (True, False):
        assert reasons(*odd, box(5, "bird", 6, 4), index=index) == told
    crowd = box(1, "cat", 0, 0, crowd=True)
    assert reasons(crowd, crowd=("skip")) == {0: CROWD}
    assert reasons(crowd, crowd=("void")) == {0: VOID}
    assert reasons(crowd) == {}


@pytest.mark.parametrize(
    ("overlap", "hidden"), [("last", [0]), ("first", [1]), ("smallest", [0]), ("void", [0, 1])]
)
def test_what_others_cover_wholly_is_hidden_in_an_index_mask(overlap: str, hidden: list[int]) -> None:
    """Two on the same pixels, under each overlap rule; masks of their own hold both."""
    both = box(1, "cat", 2, 2), box(2, "dog", 2, 2)
    assert reasons(*both, overlap=overlap) == dict.fromkeys(hidden, HIDDEN)
    assert reasons(*both, index=False) == {}


def test_runs_stay_whatever_holds_them() -> None:
    """Only polygons may go; what stays is the record without them, in order."""
    runs = Instance(2, "dog", Runs([0, 2, 46], FRAME))
    record = ImageRecord(1, "a.jpg", FRAME, (box(1, "cat", 2, 2), runs, box(3, "background", 5, 2)))
    told = unaccounted(Painting(record, LABELS, Rules()), index=True)
    assert deletable(record, told) == [0]
    assert without(record, told) == replace(record, instances=record.instances[1:])


boxes = st.builds(
    box,
    st.integers(1, 9),
    st.sampled_from(NAMES),
    st.integers(-2, 8),
    st.integers(-2, 6),
    st.integers(1, 5),
    st.integers(1, 5),
    crowd=st.booleans(),
)


@given(st.lists(boxes, max_size=6), st.sampled_from(["keep", "void", "skip"]), st.booleans())
def test_as_painted_pixel_by_pixel(instances: list[Instance], crowd: str, index: bool) -> None:
    """An independent painting tells which instances have a pixel of their label's."""
    record = ImageRecord(1, "a.jpg", FRAME, instances)
    held = {place for place, shown in enumerate(_shown(instances, crowd, index=index)) if shown}
    told = unaccounted(Painting(record, LABELS, Rules(crowd=crowd)), index=index)
    assert held == set(range(len(instances))) - told.keys()


def _shown(instances: list[Instance], crowd: str, *, index: bool) -> list[bool]:
    mask, areas = np.zeros(FRAME, np.uint8), []
    for instance in instances:
        area = np.zeros(FRAME, bool)
        (x0, y0), (x1, y1) = instance.shape[0].exterior[[0, 2]].astype(int)  # type: ignore[index]
        area[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = True
        value = {"cat": 1, "dog": 2, "tree": 3, "background": 0, "__ignore__": 255}[instance.label]
        value = 255 if instance.crowd and crowd == "void" else value
        left_out = instance.crowd and crowd == "skip"
        mask[area & (not left_out)] = value
        areas.append((area, 0 if left_out or value == 255 else value))
    return [bool(value and (area & (mask == value) if index else area).any()) for area, value in areas]
