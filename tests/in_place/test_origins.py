"""Several sources may give masks to one item: a run decides about those of its own alone."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from polymask.in_place.holdings import Drawing
from polymask.in_place.origins import notes_of, other_masks
from polymask.in_place.protocols import Stored
from polymask.in_place.reconcile import Decision, decide_all
from polymask.provenance.claims import DATASET
from polymask.results import OtherMask
from tests.in_place.test_reconcile import FRAME, drawn, locations, stored, union, written

SEA, SUN = "coco:sea.json", "coco:sun.json"


def mask_of(*names: str, origin: str, location: str = "m1", **options: Any) -> Stored:
    """A mask that a run over a source writes of polygons of the label `cat`."""
    decision = decisions(drawn(*names), origin=origin, **options)
    assert decision.write is not None
    return stored(decision.write, location)


def decisions(
    polygons: list[Drawing], *masks: Stored, origin: str = DATASET, deletes: bool = False
) -> Decision:
    present = frozenset(drawing.id for drawing in polygons)
    options = {"frame": FRAME, "pixel_rule": "center", "deletes": deletes}
    by_label = {"cat": polygons}
    return decide_all(by_label, masks, only=frozenset(), present=present, origin=origin, **options)["cat"]


def of_earlier_build(proof: Stored) -> Stored:
    return replace(proof, claim={name: value for name, value in proof.claim.items() if name != "origin"})


@pytest.mark.parametrize("deletes", [False, True])
@pytest.mark.parametrize("names", [(), ("p1",), ("p3",)])
@pytest.mark.parametrize(("mine", "other"), [(DATASET, SEA), (SEA, DATASET), (SEA, SUN)])
def test_a_mask_of_another_source_is_left_alone(
    mine: str, other: str, names: tuple[str, ...], deletes: bool
) -> None:
    """Be its polygons in this source or not: it is not retracted, holds nothing for it, and joins nothing."""
    foreign = mask_of("p1", "p2", origin=other)
    decision = decisions(drawn(*names), foreign, origin=mine, deletes=deletes)
    assert (decision.retract, decision.accounted, decision.problem) == ((), (), "")
    assert (decision.write is not None) == bool(names)
    if decision.write is not None:
        assert np.array_equal(decision.write.mask, union(*names))
        assert decision.write.claim["origin"] == mine
        assert decision.write.key != foreign.key


def test_what_was_deleted_for_another_source_stays_with_it() -> None:
    """A finished mask of the dataset's polygons does not join the mask of a local file."""
    finished = mask_of("p1", "p2", origin=DATASET, deletes=True)
    decision = decisions(drawn("p3"), finished, origin=SEA)
    assert decision.write is not None
    assert (np.array_equal(decision.write.mask, union("p3")), decision.retract) == (True, ())


def test_a_brushed_mask_of_another_source_is_no_problem_of_this_one() -> None:
    """Its own run tells it."""
    brushed = replace(mask_of("p1", origin=SEA), digest="another")
    assert decisions(drawn("p1"), brushed).problem == ""


def test_masks_follow_the_same_source() -> None:
    """A file that was edited and converted again: what is gone from it leaves its mask."""
    decision = decisions(drawn("p2"), mask_of("p1", "p2", origin=SEA), origin=SEA)
    assert decision.write is not None
    assert np.array_equal(decision.write.mask, union("p2"))
    assert locations(decision) == ["m1"]
    assert locations(decisions([], mask_of("p1", origin=SEA), origin=SEA)) == ["m1"]


def test_a_server_may_change_the_case_of_an_origin() -> None:
    """The key tells; two files whose names differ in case are two sources."""
    mask = mask_of("p1", origin=SEA)
    rewritten = replace(mask, claim={**mask.claim, "origin": SEA.upper()})
    assert decisions(drawn("p1"), rewritten, origin=SEA).write is None
    assert decisions(drawn("p1"), mask_of("p1", origin=SEA.upper()), origin=SEA).write is not None


@pytest.mark.parametrize("names", [("p1",), ("p2",), ("p1", "p2", "p3")])
def test_an_earlier_claim_is_the_datasets_where_it_lists_one_of_its_polygons(names: tuple[str, ...]) -> None:
    """Ids are unique: the others were erased, and the mask follows; also one that moved."""
    mask = of_earlier_build(mask_of("p1", "p2", origin=DATASET))
    for moved in ((), names):
        decision = decisions(drawn(*names, moved=moved), mask)
        assert locations(decision) == ["m1"]
        assert decision.write is not None


@pytest.mark.parametrize("names", [(), ("p3",)])
def test_an_earlier_claim_that_lists_nothing_of_the_dataset_is_left_alone(names: tuple[str, ...]) -> None:
    """Nothing shows whether its polygons were erased, or are in a local file."""
    mask = of_earlier_build(mask_of("p1", "p2", origin=SEA))
    assert decisions(drawn(*names), mask).retract == ()


def test_an_earlier_claim_that_deletes_is_the_datasets() -> None:
    """No other run deleted: what is drawn later joins it, and nothing of it is lost."""
    mask = of_earlier_build(mask_of("p1", "p2", origin=DATASET, deletes=True))
    decision = decisions(drawn("p3"), mask)
    assert decision.write is not None
    assert np.array_equal(decision.write.mask, union("p1", "p2", "p3"))
    assert decisions(drawn("p3"), mask, origin=SEA).retract == ()


def test_an_earlier_claim_is_a_local_files_where_it_holds_one_of_its_polygons() -> None:
    """Id and geometry: ids alone are numbers, which other files count with too."""
    mask = of_earlier_build(mask_of("p1", "p2", origin=SEA))
    assert locations(decisions(drawn("p1"), mask, origin=SEA)) == ["m1"]
    assert decisions(drawn("p1", moved=["p1"]), mask, origin=SUN).retract == ()


def test_masks_that_are_left_alone_are_told_by_source() -> None:
    """How many, of which files, and which look like this source under a former name."""
    masks = [
        mask_of("p1", origin=SEA),
        mask_of("p3", origin=SUN),
        of_earlier_build(mask_of("p2", origin=SUN)),
    ]
    options = {"present": frozenset({"p1"}), "drawn": {"cat": drawn("p1")}}
    others = other_masks(masks, DATASET, only=frozenset(), **options)
    assert others == [OtherMask(SEA, True), OtherMask(SUN, False), OtherMask("", False)]
    first, second, third = notes_of(Counter(others))
    assert first == "2 masks made from other sources (sea.json, sun.json) were left alone"
    assert second.startswith("1 of them (sea.json) hold the same polygons")
    assert third.startswith("1 mask of earlier versions was left alone")
    assert other_masks(masks, DATASET, only=frozenset({"dog"}), **options) == []
    assert list(notes_of(Counter())) == []


def test_an_own_mask_is_not_told() -> None:
    """Only what was left alone is."""
    mask = stored(written(drawn("p1")))
    options = {"present": frozenset({"p1"}), "drawn": {"cat": drawn("p1")}, "only": frozenset()}
    assert other_masks([mask], DATASET, **options) == []
