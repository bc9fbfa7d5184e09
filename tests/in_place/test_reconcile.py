"""The decision: a pure function of the polygons that are there and the masks that are stored."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from polymask.in_place.holdings import Holding
from polymask.in_place.protocols import Stored
from polymask.in_place.reconcile import Decision, Drawing, decide
from polymask.model import BoolMask, Instance, Polygon
from polymask.provenance.claims import Mask, new_mask
from polymask.raster.mask_digest import mask_sha256

FRAME = (3, 6)


def box(left: float, top: float, right: float, bottom: float) -> Polygon:
    return Polygon([(left, top), (right, top), (right, bottom), (left, bottom)])


# Three polygons and their pixels, drawn.
SHAPES = {"p1": box(0, 0, 2, 2), "p2": box(1, 1, 4, 3), "p3": box(5, 0, 6, 3)}
PIXELS = {
    "p1": """
        ##....
        ##....
        ......""",
    "p2": """
        ......
        .###..
        .###..""",
    "p3": """
        .....#
        .....#
        .....#""",
}


def drawing(text: str) -> BoolMask:
    return np.array([[c == "#" for c in line.strip()] for line in text.strip().splitlines()])


def union(*names: str) -> BoolMask:
    return np.logical_or.reduce([drawing(PIXELS[name]) for name in names])


def drawn(*names: str, moved: Sequence[str] = (), **details: Any) -> list[Drawing]:
    """Polygons; those that are `moved` were edited to p3's place."""
    shapes = {name: SHAPES["p3" if name in moved else name] for name in names}
    return [Drawing(Instance(name, "cat", shape), FRAME, details) for name, shape in shapes.items()]


def stored(mask: Mask, location: str = "m1", *, pixels: BoolMask | None = None) -> Stored:
    """A mask as it would be read back, its pixels exchanged if others are given."""
    held = mask.mask if pixels is None else pixels
    return Stored(mask.key, mask_sha256(held), location, mask.label, mask.claim, held)


def written(many: Sequence[Drawing], *given: Stored, **options: Any) -> Mask:
    mask = ask(many, *given, **options).write
    assert mask is not None
    return mask


def of(*names: str, location: str = "m1", **options: Any) -> Stored:
    return stored(written(drawn(*names), **options), location)


def ask(
    many: Sequence[Drawing],
    *given: Stored,
    rule: str = "center",
    deletes: bool = True,
    elsewhere: Sequence[str] = (),
) -> Decision:
    """What a deleting run decides, or a plain one; `elsewhere` are ids that other labels of the item have."""
    present = frozenset(elsewhere) | {one.id for one in many}
    return decide("cat", many, given, frame=FRAME, pixel_rule=rule, present=present, deletes=deletes)


def locations(decision: Decision) -> list[str]:
    return sorted(proof.location for proof in decision.retract)


def test_without_a_mask_one_is_written() -> None:
    """Polygons without a mask get one: their union, which lists them, and nothing is accounted for."""
    decision = ask(drawn("p1", "p2"))
    assert decision.write is not None
    assert np.array_equal(decision.write.mask, union("p1", "p2"))
    assert [source["id"] for source in decision.write.claim["sources"]] == ["p1", "p2"]
    assert (decision.accounted, decision.retract, decision.problem) == ((), (), "")


def test_a_proven_mask_accounts_for_its_polygons() -> None:
    """With their mask stored, nothing is written and all polygons are accounted for."""
    decision = ask(drawn("p1", "p2"), of("p1", "p2"))
    assert (decision.write, decision.accounted, decision.retract) == (None, ("p1", "p2"), ())


def test_the_rest_of_a_mask_is_accounted_for() -> None:
    """A run stopped between two deletions goes on: the mask of both accounts for the one that is left."""
    decision = ask(drawn("p2"), of("p1", "p2"))
    assert (decision.write, decision.accounted) == (None, ("p2",))


def test_a_new_polygon_joins_the_mask_of_those_that_are_gone() -> None:
    """The new mask is the union of the polygon and the old mask, lists both, and supersedes the old one."""
    decision = ask(drawn("p3"), of("p1", "p2"))
    assert decision.write is not None
    assert np.array_equal(decision.write.mask, union("p1", "p2", "p3"))
    assert [source["id"] for source in decision.write.claim["sources"]] == ["p1", "p2", "p3"]
    assert (locations(decision), decision.accounted) == (["m1"], ())


def test_an_edited_polygon_is_not_accounted_for() -> None:
    """An id with another geometry gets a new mask, without the pixels that it had before."""
    decision = ask(drawn("p1", moved=["p1"]), of("p1"))
    assert decision.write is not None
    assert np.array_equal(decision.write.mask, union("p3"))
    assert locations(decision) == ["m1"]


def test_the_mask_before_an_edit_is_superseded() -> None:
    """Once the edited polygon's mask is stored, the one before goes, and nothing is written again."""
    edited = drawn("p1", moved=["p1"])
    before = of("p1")
    decision = ask(edited, before, stored(written(edited, before), "m2"))
    assert (decision.write, locations(decision), decision.accounted) == (None, ["m1"], ("p1",))


def test_a_mask_without_polygons_is_finished() -> None:
    """Where no polygon is left, a mask is neither rewritten nor retracted."""
    assert ask([], of("p1")) == Decision() or ask([], of("p1")).retract == ()
    assert ask([], of("p1")).write is None


def test_a_finished_mask_needs_no_frame() -> None:
    """Where nothing is drawn the frame is not known, and the mask is none the worse for it."""
    assert decide("cat", [], [of("p1")], frame=(1, 1), pixel_rule="center").problem == ""


@pytest.mark.parametrize("left", [("p1",), ()])
def test_of_two_equal_masks_the_later_goes(left: tuple[str, ...]) -> None:
    """A lost reply's double is retracted, polygons or none; the lower id stays."""
    decision = ask(drawn(*left), of("p1", location="m2"), of("p1", location="m1"))
    assert (decision.write, locations(decision), decision.accounted) == (None, ["m2"], left)


def test_a_superseded_mask_is_retracted() -> None:
    """A crash after the new mask was proven leaves the old one; the next run takes it away."""
    old, late = of("p1"), drawn("p3")
    new = stored(written(late, old), "m2")
    assert locations(ask(late, old, new)) == ["m1"]
    assert ask(late, old, new).accounted == ("p3",)


def test_two_finished_masks_of_different_polygons_both_stay() -> None:
    """Without polygons nothing is joined, and masks that differ are no doubles."""
    decision = ask([], of("p1", location="m1"), of("p3", location="m2"))
    assert (decision.write, decision.retract, decision.problem) == (None, (), "")


def test_masks_of_gone_polygons_are_joined_with_the_next() -> None:
    """Several finished masks become one when a polygon of their label turns up."""
    decision = ask(drawn("p2"), of("p1", location="m1"), of("p3", location="m2"))
    assert decision.write is not None
    assert np.array_equal(decision.write.mask, union("p1", "p2", "p3"))
    assert locations(decision) == ["m1", "m2"]


@pytest.mark.parametrize("damage", ["undecodable", "turned"])
def test_a_damaged_mask_is_regenerated_while_its_polygons_are_there(damage: str) -> None:
    """A mask that cannot be read, or not in its frame, is written anew from its polygons, and retracted."""
    decision = ask(drawn("p1", "p2"), damaged(of("p1", "p2"), damage))
    assert decision.write is not None
    assert np.array_equal(decision.write.mask, union("p1", "p2"))
    assert (locations(decision), decision.accounted) == (["m1"], ())


@pytest.mark.parametrize("damage", ["undecodable", "turned"])
@pytest.mark.parametrize("left", [(), ("p2",), ("p3",)])
def test_a_damaged_mask_of_gone_polygons_stops_its_label(left: tuple[str, ...], damage: str) -> None:
    """Where its polygons are gone, even one of them, nothing is written, retracted or accounted for."""
    decision = ask(drawn(*left), damaged(of("p1", "p2"), damage))
    assert "restore" in decision.problem
    assert not decision.changed
    assert (decision.write, decision.retract, decision.accounted) == (None, (), ())


@pytest.mark.parametrize("deletes", [False, True])
@pytest.mark.parametrize("left", [(), ("p2",), ("p1", "p2"), ("p1", "p2", "p3")])
@pytest.mark.parametrize("how", ["pixels", "relabeled"])
def test_a_mask_that_somebody_changed_is_told_and_left_alone(
    left: tuple[str, ...], how: str, deletes: bool
) -> None:
    """Brushed or given another label: it is neither replaced nor retracted, and no reason to delete."""
    decision = ask(drawn(*left), damaged(of("p1", "p2"), how), of("p1", "p2", location="m2"), deletes=deletes)
    assert decision.changed
    assert "m1" in decision.problem
    assert ("restore" in decision.problem) == (not {"p1", "p2"} <= set(left))
    assert (decision.write, decision.retract, decision.accounted) == (None, (), ())


def damaged(proof: Stored, how: str) -> Stored:
    if how == "undecodable":
        return replace(proof, mask=None, digest="")
    assert proof.mask is not None
    if how == "relabeled":
        return replace(proof, label="dog")
    if how == "turned":  # the same bytes in another frame
        return replace(proof, mask=proof.mask.reshape(FRAME[::-1]))
    pixels = proof.mask.copy()
    pixels[0, 5] ^= True
    return replace(proof, mask=pixels, digest=mask_sha256(pixels))


def test_a_mask_that_lists_a_polygon_without_its_pixels_does_not_account_for_it() -> None:
    """Id and digest are not enough: every pixel of the polygon must be set."""
    (one,) = drawn("p1")
    liar = new_mask(
        "cat", union("p3"), [{"id": one.id, "sha256": one.sha256}], pixel_rule="center", deletes=True
    )
    decision = ask([one], stored(liar))
    assert decision.accounted == ()
    assert decision.write is not None
    assert np.array_equal(decision.write.mask, union("p1"))


def test_a_mask_of_another_pixel_rule_is_painted_anew() -> None:
    """All of its polygons are there: the new mask has the asked rule, and deletes if the old one did."""
    one = drawn("p1")
    other = stored(written(one, rule="cv2-trunc"))
    assert not np.array_equal(other.mask, union("p1"))  # OpenCV fills the border as well
    decision = ask(one, other, deletes=False)
    assert decision.write is not None
    assert np.array_equal(decision.write.mask, union("p1"))
    assert (decision.write.claim["deletes"], locations(decision), decision.accounted) == (True, ["m1"], ())
    assert ask(one, other).write is not None


def test_what_cannot_be_painted_again_keeps_its_pixel_rule() -> None:
    """A polygon of the mask is deleted: the mask stays, and accounts for the other under its own rule."""
    both = stored(written(drawn("p1", "p2"), rule="cv2-trunc"))
    decision = ask(drawn("p1"), both)
    assert (decision.write, decision.retract, decision.accounted) == (None, (), ("p1",))
    assert ask([], both).write is None


def test_what_joins_deleted_polygons_is_painted_by_their_pixel_rule() -> None:
    """A mask claims one rule: that of the pixels that cannot be painted again."""
    deleted = stored(written(drawn("p1"), rule="cv2-trunc"))
    joined = written(drawn("p2"), deleted)
    assert joined.claim["pixel_rule"] == "cv2-trunc"
    assert np.array_equal(joined.mask, written(drawn("p1", "p2"), rule="cv2-trunc").mask)
    assert not np.array_equal(joined.mask, deleted.mask | union("p2"))
    after = ask(drawn("p2"), stored(joined))
    assert (after.write, after.accounted) == (None, ("p2",))
    restored = written(drawn("p1", "p2"), stored(joined))
    assert (restored.claim["pixel_rule"], np.array_equal(restored.mask, union("p1", "p2"))) == (
        "center",
        True,
    )


def test_masks_of_deleted_polygons_by_two_pixel_rules_are_not_joined() -> None:
    """No single claim would be true of both; so the label is left alone, until its polygons are restored."""
    first, second = stored(written(drawn("p1"), rule="cv2-trunc")), stored(written(drawn("p2")), "m2")
    decision = ask(drawn("p3"), first, second)
    assert (decision.write, decision.retract, decision.accounted) == (None, (), ())
    assert "several pixel rules (center and cv2-trunc)" in decision.problem


def test_a_polygon_without_pixels_under_the_rule_of_deleted_ones_stays() -> None:
    """A sliver that only OpenCV's rule paints does not join a mask by pixel centers."""
    (sliver,) = (Drawing(Instance("p4", "cat", box(4.6, 0, 4.9, 3)), FRAME, {}),)
    decision = ask([sliver], of("p1"), rule="cv2-trunc")
    assert (decision.write, decision.accounted) == (None, ())
    assert "by another pixel rule (center), by which p4 would have no pixel" in decision.problem


def test_nothing_joins_deleted_polygons_of_an_unknown_pixel_rule() -> None:
    """A later version's rule cannot be painted by, and no other rule would be true of the mask."""
    mask = of("p1")
    strange = replace(mask, claim={**mask.claim, "pixel_rule": "center-2"})
    decision = ask(drawn("p3"), strange)
    assert (decision.write, decision.accounted) == (None, ())
    assert "(center-2), which this version does not know" in decision.problem


@pytest.mark.parametrize("locations_of_two", [("m1", "m2"), ("m2", "m1")])
def test_masks_of_two_pixel_rules_become_one(locations_of_two: tuple[str, str]) -> None:
    """The one that is asked for stays."""
    one, (first, second) = drawn("p1"), locations_of_two
    masks = stored(written(one, rule="cv2-trunc"), first), stored(written(one), second)
    decision = ask(one, *masks)
    assert (decision.write, locations(decision)) == (None, [first])


def test_a_mask_of_an_unknown_rule_is_drawn_anew() -> None:
    """What a later version drew under a rule that is not known here is not taken on trust."""
    mask = of("p1")
    strange = replace(mask, claim={**mask.claim, "pixel_rule": "center-2"})
    decision = ask(drawn("p1"), strange)
    assert decision.write is not None
    assert (locations(decision), decision.accounted) == (["m1"], ())


def test_a_mask_of_another_version_counts() -> None:
    """The version that wrote a mask is told, not judged."""
    mask = of("p1")
    assert ask(drawn("p1"), replace(mask, claim={**mask.claim, "version": "99.0"})).accounted == ("p1",)


def test_a_mask_holds_no_polygon_without_a_pixel() -> None:
    """A sliver between pixel centers is not accounted for, even where an earlier build's mask lists it."""
    (sliver,) = (Drawing(Instance("p1", "cat", box(0.6, 0, 0.9, 3)), FRAME, {}),)
    mask = stored(written([sliver]))
    assert not Holding(mask, frozenset({"p1"})).holds(sliver)
    assert ask([sliver], mask).accounted == ()


def test_an_empty_mask_whose_polygon_is_there_is_retracted() -> None:
    """A polygon that paints nothing stays, and is no part of the decision; nothing is in its mask."""
    mask = stored(written([Drawing(Instance("p1", "cat", box(0.6, 0, 0.9, 3)), FRAME, {})]))
    decision = ask([], mask, elsewhere=["p1"])
    assert (decision.write, locations(decision), decision.accounted) == (None, ["m1"], ())


def test_attributes_that_all_agree_upon_are_the_masks() -> None:
    """A mask carries what no two polygons dispute; each keeps its own in the claim."""
    wet = drawn("p1", attributes={"wet": True, "age": 1})
    dry = drawn("p2", attributes={"wet": True, "age": 2})
    mask = written([*wet, *dry])
    assert mask.attributes == {"wet": True}
    assert [source["attributes"]["age"] for source in mask.claim["sources"]] == [1, 2]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (drawn("p1", "p2"), drawn("p1", "p3")),  # each holds what the other lacks
        (drawn("p1", "p2", moved=["p2"]), drawn("p1", "p2")),  # one polygon, before and after an edit
        (drawn("p1", "p3"), drawn("p1", "p2", moved=["p2"])),  # the pixels, but not the polygon
    ],
)
def test_no_mask_goes_that_holds_more_of_what_is_gone(one: list[Drawing], other: list[Drawing]) -> None:
    """Where no mask holds ids and pixels of all polygons that are gone, their union is written first."""
    masks = stored(written(one), "m1"), stored(written(other), "m2")
    decision = ask(drawn("p1"), *masks)
    assert decision.write is not None
    assert np.array_equal(decision.write.mask, masks[0].mask | masks[1].mask)
    ids = {source["id"] for source in decision.write.claim["sources"]}
    assert ids == {drawn.id for drawn in (*one, *other)}
