"""What became of each instance of a record, drawn by hand and against masks painted pixel by pixel."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymask import ImageRecord, Instance, LabelMap, Polygon
from polymask.ledger import NO_PIXEL, NOT_CHOSEN, Reason
from polymask.model import Runs
from polymask.painting.accounted import (
    BACKGROUND,
    CROWD,
    HIDDEN,
    VOID,
    VOID_CROWD,
    Account,
)
from polymask.painting.label_choice import NOT_IN_MAP, LabelChoice
from polymask.painting.painting import Painting, Rules

NAMES = ("cat", "dog", "background", "__ignore__", "tree")
LABELS = LabelMap.from_names(["cat", "dog", "tree"], aliases={"bird": "cat", "fog": "__ignore__"})
FRAME = (6, 8)


def box(key: int, label: str, x: int, y: int, w: int = 2, h: int = 2, **more: bool) -> Instance:
    corners = [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]
    return Instance(key, label, Polygon(corners), **more)


def reasons(*instances: Instance, index: bool = True, **rules: Any) -> dict[int, Reason]:
    record = ImageRecord(1, "a.jpg", FRAME, instances)
    return Account(Painting(record, LABELS, Rules(**rules)), index=index).unaccounted


def test_what_is_read_and_not_painted_is_not_accounted_for() -> None:
    """Background, void, names that stand for them, crowds left out, and what covers no pixel."""
    odd = [box(1, "background", 0, 0), box(2, "__ignore__", 2, 0), box(3, "fog", 4, 0), box(4, "cat", 90, 90)]
    told = {0: BACKGROUND, 1: VOID, 2: VOID, 3: NO_PIXEL}
    for index in (True, False):
        assert reasons(*odd, box(5, "bird", 6, 4), index=index) == told
    crowd = box(1, "cat", 0, 0, crowd=True)
    assert reasons(crowd, crowd=("skip")) == {0: CROWD}
    assert reasons(crowd, crowd=("void")) == {0: VOID_CROWD}
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
    account = Account(Painting(record, LABELS, Rules()), index=True)
    assert account.deletable == [0]
    assert account.remaining == replace(record, instances=record.instances[1:])


def test_what_is_hidden_was_painted_but_may_not_be_deleted() -> None:
    """The count of a run and its deletion are made from one account."""
    record = ImageRecord(1, "a.jpg", FRAME, (box(1, "cat", 2, 2), box(2, "dog", 2, 2)))
    account = Account(Painting(record, LABELS, Rules()), index=True)
    assert account.unpainted == {}
    assert account.deletable == [1]


def test_positions_are_those_of_the_record_as_it_is_declared() -> None:
    """Labels that were not chosen, or that the map does not have, are left out and stay."""
    declared = ImageRecord(
        1,
        "a.jpg",
        FRAME,
        (box(1, "cow", 0, 0), box(2, "dog", 2, 2), box(3, "cat", 4, 4), box(4, "cat", 90, 90)),
    )
    record = replace(declared, instances=declared.instances[2:])
    choice = LabelChoice(label_map=LABELS, only=frozenset({"cat"}))
    account = Account(Painting(record, LABELS, Rules()), index=True, declared=declared, choice=choice)
    assert account.unpainted == {0: NOT_IN_MAP, 1: NOT_CHOSEN, 3: NO_PIXEL}
    assert account.deletable == [2]
    assert account.remaining == replace(record, instances=record.instances[1:])


def test_a_mask_that_is_there_asks_for_labels_and_rules_alone() -> None:
    """Its polygons are gone: what is left in the record has its pixels in the mask already."""
    record = ImageRecord(1, "a.jpg", FRAME, (box(1, "cat", 90, 90), box(2, "background", 0, 0)))
    painting = Painting(record, LABELS, Rules())
    assert Account(painting, index=True, is_drawn=False).unpainted == {1: BACKGROUND}
    assert Account(painting, index=True).unpainted == {0: NO_PIXEL, 1: BACKGROUND}


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
    account = Account(Painting(record, LABELS, Rules(crowd=crowd)), index=index)
    assert held == set(range(len(instances))) - account.unaccounted.keys()


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
