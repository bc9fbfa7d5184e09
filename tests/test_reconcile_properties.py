"""The decision holds its promises in any state that runs, users and crashes may leave."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from polymask.reconcile import Drawn
from polymask.seams import Stored

from .test_reconcile import SHAPES, ask, damaged, drawn, locations, stored, written

# Polygons that are there, and masks that were made at other times.
names = st.sets(st.sampled_from(sorted(SHAPES)))
versions = st.tuples(names, names, st.sampled_from(["center", "cv2-trunc"]), st.booleans())
states = st.tuples(names, names, st.lists(versions, max_size=3))


def state(given: Any) -> tuple[list[Drawn], list[Stored]]:
    present, moved, masks = given
    proofs = []
    for number, (sources, edited, rule, spoilt) in enumerate(masks):
        if sources:
            proof = stored(written(drawn(*sorted(sources), moved=edited), rule=rule), f"m{number}")
            proofs.append(damaged(proof, "pixels") if spoilt else proof)
    return drawn(*sorted(present), moved=moved), proofs


@given(states)
def test_accounted_is_covered(given: Any) -> None:
    """Every polygon that is accounted for is listed and covered by a sound mask that stays."""
    polygons, masks = state(given)
    decision = ask(polygons, *masks)
    staying = [proof for proof in masks if proof not in decision.retract and proof.sound]
    for one in polygons:
        if one.id in decision.accounted:
            assert any(
                proof.sources.get(one.id) == one.sha256 and one.within(proof.mask, proof.claim["pixel_rule"])
                for proof in staying
                if proof.mask is not None
            )


@given(states)
def test_nothing_that_is_gone_is_retracted_for_good(given: Any) -> None:
    """What a retracted mask held of polygons that are gone, a mask that stays or is written holds too."""
    polygons, masks = state(given)
    decision = ask(polygons, *masks)
    kept = [(proof.sources, proof.mask) for proof in masks if proof not in decision.retract]
    if decision.write:
        listed = {source["id"]: source["sha256"] for source in decision.write.claim["sources"]}
        kept.append((listed, decision.write.mask))
    for proof in decision.retract:
        gone = proof.sources.keys() - {one.id for one in polygons}
        assert not gone or any(
            gone <= sources.keys() and mask is not None and not (proof.mask & ~mask).any()
            for sources, mask in kept
        )


@given(states)
def test_deciding_again_wants_nothing(given: Any) -> None:
    """With the wanted mask stored nothing is wanted; with the surplus gone too, nothing is surplus."""
    polygons, masks = state(given)
    first = ask(polygons, *masks)
    if first.problem:
        return
    after = [*masks, *([stored(first.write, "m9")] if first.write else [])]
    second = ask(polygons, *after)
    assert (second.write, second.problem) == (None, "")
    assert second.accounted == tuple(one.id for one in polygons)
    left = [proof for proof in after if proof not in second.retract]
    third = ask(polygons, *left)
    assert (third.write, third.retract, third.accounted) == (None, (), second.accounted)
    assert len(left) == 1 or not polygons


@given(states)
def test_the_order_of_masks_does_not_matter(given: Any) -> None:
    """Two runs that see the same masks in another order decide the same."""
    polygons, masks = state(given)
    one, other = ask(polygons, *masks), ask(polygons, *reversed(masks))
    assert (locations(one), one.accounted, bool(one.problem)) == (
        locations(other),
        other.accounted,
        bool(other.problem),
    )
    assert (one.write and one.write.key) == (other.write and other.write.key)
