"""What somebody did to polygons and masks between two runs, and how the mask follows."""

from dataclasses import replace

import numpy as np
import pytest

from polymask.in_place.protocols import Stored
from polymask.provenance.digest import pixels_sha256
from tests.in_place.test_reconcile import ask, damaged, drawn, locations, of, stored, union, written


def test_an_erased_polygon_leaves_the_mask() -> None:
    """A polygon that is gone from a mask that does not say that it deletes was erased: the mask follows."""
    for deletes in (False, True):
        decision = ask(drawn("p2"), of("p1", "p2", deletes=False), deletes=deletes)
        assert decision.write is not None
        assert np.array_equal(decision.write.mask, union("p2"))
        assert [source["id"] for source in decision.write.claim["sources"]] == ["p2"]
        assert (locations(decision), decision.accounted) == (["m1"], ())


def test_the_mask_of_a_label_whose_polygons_were_all_erased_goes() -> None:
    """It held nothing that was deleted on its account."""
    decision = ask([], of("p1", "p2", deletes=False))
    assert (decision.write, locations(decision), decision.problem) == (None, ["m1"], "")


def test_a_deleted_polygon_stays_in_the_mask_that_says_so() -> None:
    """In a plain run as in a deleting one; nothing is written."""
    for deletes in (False, True):
        decision = ask(drawn("p2"), of("p1", "p2"), deletes=deletes)
        assert (decision.write, decision.retract, decision.accounted) == (None, (), ("p2",))


def test_a_claim_that_does_not_speak_of_deleting_allows_it() -> None:
    """Earlier builds did not write it: what is gone from their masks stays in them."""
    mask = earlier(of("p1", "p2"))
    assert ask(drawn("p2"), mask).accounted == ("p2",)
    assert ask([], mask).retract == ()
    joined = written(drawn("p3"), earlier(of("p1", "p2")), deletes=False)
    assert np.array_equal(joined.mask, union("p1", "p2", "p3"))


def earlier(proof: Stored) -> Stored:
    """The mask as an earlier build would have written it."""
    claim = {name: value for name, value in proof.claim.items() if name not in ("deletes", "pixels")}
    told = ("details_sha256", "deleted")
    claim["sources"] = [{k: v for k, v in one.items() if k not in told} for one in claim["sources"]]
    return replace(proof, claim=claim)


def test_a_deleting_run_makes_its_masks_say_so_first() -> None:
    """A mask that does not say that it deletes is written anew, the pixels the same, before anything goes."""
    plain = of("p1", "p2", deletes=False)
    decision = ask(drawn("p1", "p2"), plain)
    assert decision.accounted == ()
    assert decision.write is not None
    assert decision.write.claim["deletes"] is True
    assert decision.write.key != plain.key
    assert np.array_equal(decision.write.mask, union("p1", "p2"))
    after = ask(drawn("p1", "p2"), plain, stored(decision.write, "m2"))
    assert (after.write, locations(after), after.accounted) == (None, ["m1"], ("p1", "p2"))


def test_a_plain_run_keeps_the_mask_that_says_that_it_deletes() -> None:
    """Of two masks of the same polygons, whichever is older: another run may be about to delete."""
    masks = of("p1", deletes=False, location="m1"), of("p1", location="m2")
    assert locations(ask(drawn("p1"), *masks, deletes=False)) == ["m1"]
    assert ask(drawn("p1"), of("p1"), deletes=False).write is None


@pytest.mark.parametrize("how", ["pixels", "relabeled"])
def test_a_changed_mask_is_theirs_once_they_deleted_its_polygons(how: str) -> None:
    """Nothing was deleted on its account, and nothing of its label is left: it stays, and is not told."""
    decision = ask([], damaged(of("p1", "p2", deletes=False), how), of("p1", deletes=False, location="m2"))
    assert (decision.problem, decision.write, locations(decision)) == ("", None, ["m2"])


@pytest.mark.parametrize("deletes", [False, True])
def test_a_polygon_of_another_label_leaves_the_old_labels_mask(deletes: bool) -> None:
    """It is present, under the other label: the mask is written anew without it, whatever its claim says."""
    decision = ask(drawn("p2"), of("p1", "p2", deletes=deletes), elsewhere=["p1"], deletes=deletes)
    assert decision.write is not None
    assert np.array_equal(decision.write.mask, union("p2"))
    alone = ask([], of("p1", "p2", deletes=deletes), elsewhere=["p1", "p2"], deletes=deletes)
    assert (alone.write, locations(alone)) == (None, ["m1"])


def test_what_was_deleted_stays_where_another_polygon_is_given_another_label() -> None:
    """Of a mask of two, one was deleted, and one is a dog's now: the pixels of the first remain."""
    decision = ask([], of("p1", "p2"), elsewhere=["p2"])
    assert decision.write is not None
    assert np.array_equal(decision.write.mask, union("p1"))
    assert locations(decision) == ["m1"]
    after = ask([], of("p1", "p2"), stored(decision.write, "m2"), elsewhere=["p2"])
    assert (after.write, locations(after)) == (None, ["m1"])
    assert ask([], stored(decision.write, "m2"), elsewhere=["p2"]).retract == ()


def test_what_a_polygon_covered_before_it_moved_does_not_stay_with_what_was_deleted() -> None:
    """A run stopped between two deletions, then an edit: the mask is what was deleted, and what is there."""
    moved = drawn("p2", moved=["p2"])
    decision = ask(moved, of("p1", "p2"))
    assert decision.write is not None
    assert np.array_equal(decision.write.mask, union("p1", "p3"))
    after = ask(moved, of("p1", "p2"), stored(decision.write, "m2"))
    assert (after.write, locations(after), after.accounted) == (None, ["m1"], ("p2",))


def test_an_earlier_mask_that_cannot_tell_its_pixels_apart_is_told() -> None:
    """Earlier claims do not say whose pixels are whose: nobody guesses."""
    decision = ask(drawn("p2", moved=["p2"]), earlier(of("p1", "p2")))
    assert "restore" in decision.problem
    assert (decision.write, decision.retract, decision.accounted) == (None, (), ())


def test_a_polygon_erased_after_it_joined_what_was_deleted_leaves_again() -> None:
    """A plain run's mask tells the deleted from the drawn: only the drawn may be erased."""
    joined = stored(written(drawn("p3"), of("p1", "p2"), deletes=False), "m2")
    assert np.array_equal(joined.mask, union("p1", "p2", "p3"))
    decision = ask([], joined, deletes=False)
    assert decision.write is not None
    assert np.array_equal(decision.write.mask, union("p1", "p2"))
    last = stored(decision.write, "m3")
    assert (ask([], last, deletes=False).write, ask([], last, deletes=False).retract) == (None, ())


@pytest.mark.parametrize("name", ["attributes", "objectId", "status", "description", "user"])
def test_other_details_are_another_mask(name: str) -> None:
    """An edit of what the mask says of a polygon is seen, and the mask follows."""
    before, after = ({name: {"wet": value}} for value in (True, False))
    mask = stored(written(drawn("p1", "p2", **before)))
    assert ask(drawn("p1", "p2", **before), mask).write is None
    decision = ask(drawn("p1", "p2", **after), mask)
    assert decision.write is not None
    assert decision.write.key != mask.key
    assert decision.write.claim["sources"][0][name] == {"wet": False}
    assert (locations(decision), decision.accounted) == (["m1"], ())


@pytest.mark.parametrize("name", ["attributes", "objectId"])
def test_other_details_are_seen_in_earlier_claims(name: str) -> None:
    """They had no digest of them, but told them."""
    mask = earlier(stored(written(drawn("p1", **{name: {"wet": 1}}))))
    assert ask(drawn("p1", **{name: {"wet": 1.0}}), mask).accounted == ("p1",)
    assert ask(drawn("p1", **{name: {"wet": 2}}), mask).accounted == ()


def test_long_metadata_are_told_by_their_digest() -> None:
    """A claim repeats what is short; of the rest, a change is still seen."""
    mask = written(drawn("p1", user={"notes": "x" * 5000}))
    (source,) = mask.claim["sources"]
    assert source["user"].keys() == {"sha256", "characters"}
    assert ask(drawn("p1", user={"notes": "x" * 5000}), stored(mask)).accounted == ("p1",)
    assert ask(drawn("p1", user={"notes": "x" * 4999 + "y"}), stored(mask)).accounted == ()


def test_both_digests_of_pixels_are_proof() -> None:
    """A claim that carries the earlier one is proven by it; a wrong one proves nothing."""
    mask = of("p1")
    claim = {name: value for name, value in mask.claim.items() if name != "mask_sha256"}
    assert mask.mask is not None
    digest = pixels_sha256(mask.mask)
    earlier = replace(mask, claim=claim | {"pixels_sha256": digest}, digest=digest)
    decision = ask(drawn("p1"), earlier)
    assert (decision.accounted, decision.write) == (("p1",), None)
    assert ask(drawn("p1"), replace(earlier, claim=claim | {"pixels_sha256": "0"})).accounted == ()
