"""The decision holds its promises in any state that runs, users and crashes may leave."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from polymask import rasterize
from polymask.in_place.protocols import Stored
from polymask.in_place.reconcile import Decision, Drawing
from polymask.model import BoolMask
from polymask.provenance.digest import geometry_sha256
from tests.in_place.test_reconcile import FRAME, SHAPES, ask, damaged, drawn, locations, stored, written
from tests.in_place.test_reconcile_edits import earlier

# Polygons that are there, those of other labels, and masks that were made at other times.
names = st.sets(st.sampled_from(sorted(SHAPES)))
kinds = st.sampled_from(["plain", "deletes", "earlier"])
versions = st.tuples(names, names, st.sampled_from(["center", "cv2-trunc"]), kinds, st.booleans())
states = st.tuples(names, names, names, st.booleans(), st.lists(versions, max_size=3))
BY_DIGEST = {geometry_sha256((shape,)): shape for shape in SHAPES.values()}


class State:
    """Polygons and masks of a label, and what is decided of them."""

    def __init__(self, given: Any) -> None:
        present, moved, elsewhere, self.deletes, masks = given
        self.elsewhere = sorted(elsewhere - present)
        self.polygons = drawn(*sorted(present), moved=moved)
        self.masks = [self._mask(f"m{at}", *one) for at, one in enumerate(masks) if one[0]]
        self.here = frozenset(present | elsewhere)

    def _mask(
        self, location: str, sources: set[str], edited: set[str], rule: str, kind: str, spoilt: bool
    ) -> Stored:
        many = drawn(*sorted(sources), moved=sorted(edited))
        proof = stored(written(many, rule=rule, deletes=kind != "plain"), location)
        proof = earlier(proof) if kind == "earlier" else proof
        return damaged(proof, "undecodable") if spoilt else proof

    def ask(self, *masks: Stored) -> Decision:
        return ask(self.polygons, *masks, deletes=self.deletes, elsewhere=self.elsewhere)

    def kept(self, proof: Stored) -> dict[str, BoolMask]:
        """What was deleted on a mask's account, painted from its digest."""
        gone = proof.statements.keys() - self.here if proof.claim.get("deletes", True) else ()
        marked = {key for key, one in proof.statements.items() if one.get("deleted")} - self.here
        rule = str(proof.claim["pixel_rule"])
        return {
            key: rasterize(BY_DIGEST[proof.sources[key]], FRAME, pixel_rule=rule) for key in marked | {*gone}
        }


@given(states)
def test_accounted_is_covered(given: Any) -> None:
    """Every polygon that is accounted for is listed and covered by a sound mask that stays."""
    state = State(given)
    decision = state.ask(*state.masks)
    staying = [proof for proof in state.masks if proof not in decision.retract and proof.sound]
    for one in state.polygons:
        if one.id in decision.accounted:
            assert any(
                proof.sources.get(one.id) == one.sha256 and covers(proof.mask, one, proof.claim["pixel_rule"])
                for proof in staying
                if proof.mask is not None and (proof.deletes or not state.deletes)
            )


def covers(mask: BoolMask, one: Drawing, rule: str) -> bool:
    return bool(mask[rasterize(one.instance.shape[0], FRAME, pixel_rule=rule)].all())  # type: ignore[index]


@given(states)
def test_nothing_that_was_deleted_is_retracted_for_good(given: Any) -> None:
    """What a retracted mask keeps, one that stays or is written has too."""
    state = State(given)
    decision = state.ask(*state.masks)
    others = [(proof.sources, proof.mask) for proof in state.masks if proof not in decision.retract]
    if decision.write:
        listed = {source["id"]: source["sha256"] for source in decision.write.claim["sources"]}
        others.append((listed, decision.write.mask))
    for proof in decision.retract:
        kept = state.kept(proof)
        assert not kept or any(
            kept.keys() <= sources.keys()
            and mask is not None
            and all(mask[one].all() for one in kept.values())
            for sources, mask in others
        )


@given(states)
def test_what_is_written_is_what_is_there_and_what_was_deleted(given: Any) -> None:
    """Neither what was erased, nor what has another label, nor what a polygon covered before."""
    state = State(given)
    decision = state.ask(*state.masks)
    if not decision.write:
        return
    sound = [proof for proof in state.masks if proof.sound]
    kept = [pixels for proof in sound for pixels in state.kept(proof).values()]
    rule = str(decision.write.claim["pixel_rule"])  # a stored mask that gets another claim keeps its rule
    polygons = [rasterize(one.instance.shape[0], FRAME, pixel_rule=rule) for one in state.polygons]  # type: ignore[index]
    wanted = np.logical_or.reduce([*kept, *polygons, np.zeros(FRAME, bool)])
    told_apart = all("deletes" in proof.claim for proof in sound)
    assert not (wanted & ~decision.write.mask).any()
    assert not told_apart or np.array_equal(decision.write.mask, wanted)


@given(states)
def test_deciding_again_wants_nothing(given: Any) -> None:
    """With the wanted mask stored nothing is wanted; with the surplus gone too, nothing is surplus."""
    state = State(given)
    first = state.ask(*state.masks)
    if first.problem:
        return
    after = [*state.masks, *([stored(first.write, "m9")] if first.write else [])]
    second = state.ask(*after)
    assert (second.write, second.problem) == (None, "")
    proven = [proof for proof in after if proof not in second.retract and proof.deletes]
    assert second.accounted == tuple(one.id for one in state.polygons if proven)
    assert proven or not state.deletes or not state.polygons
    left = [proof for proof in after if proof not in second.retract]
    third = state.ask(*left)
    assert (third.write, third.retract, third.accounted) == (None, (), second.accounted)
    assert len(left) == 1 or not state.polygons


@given(states)
def test_the_order_of_masks_does_not_matter(given: Any) -> None:
    """Two runs that see the same masks in another order decide the same."""
    state = State(given)
    one, other = state.ask(*state.masks), state.ask(*reversed(state.masks))
    assert (locations(one), one.accounted, bool(one.problem)) == (
        locations(other),
        other.accounted,
        bool(other.problem),
    )
    assert (one.write and one.write.key) == (other.write and other.write.key)
