"""What to do for one label of one item: a pure function of its polygons and its stored masks.

A decision is to write missing masks, to retract duplicate or superseded ones, and to account for the
polygons that a stored mask proves. The rules:

- A sound mask accounts for a polygon if it lists the polygon's id, geometry and details as they are now,
  and has all of its pixels. No mask can hold a polygon without pixels: such a polygon takes no part in
  a decision, and stays.
- A mask whose claim says that it deletes keeps the polygons that are no longer in the item: polymask
  deleted them because the mask holds them. Under other claims, somebody erased a missing polygon, and
  the mask is written anew without it. The same goes for a polygon that has another label now.
- If a polygon is not accounted for, a new mask is written for the label: the union of its polygons
  and of the pixels that its stored masks keep. It lists all source instances, and supersedes those masks.
- A polygon that a run does not choose keeps its place in a stored mask: nothing is written or retracted for
  it, and a mask that is written for others holds it as it is now, but does not say that it deletes it.
- A mask is superseded by another mask that accounts for all polygons, and that has all ids and pixels
  that the first one keeps.
- A mask painted by another pixel rule is written anew by the rule of the run, unless polygons in it are
  deleted, which cannot be painted again: then polygons that join it are painted by its own rule.
- A run that deletes needs a mask whose claim says so. Another mask is written anew before any deletion.
- If a label has no polygons, a mask whose polygons were all deleted is finished: it is never rewritten.
  Only a mask that adds nothing to another finished mask is retracted: of two with the same source instances
  and pixels the later one, and one whose source instances, as it has them, and pixels are all in the other.
- Masks of other sources (`origin`) take no part in a decision, for their polygons are unknown here.
- A mask that somebody edited or relabeled is reported, and its label is left alone. If its label has
  no polygons and none were deleted for it, the mask is that person's own and is ignored.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from polymask.errors import ConflictError, ProofError
from polymask.in_place.holdings import (
    Drawing,
    Holding,
    Polygons,
    SourcePixels,
    Unchosen,
    contains,
    damage_problem,
    edit_problem,
    joined_pixels,
    kept_polygons,
    mix_problem,
    rule_of_deleted,
    rules_problem,
    supersedes,
    unpainted_problem,
    without_duplicates,
)
from polymask.in_place.origins import masks_of_source
from polymask.in_place.protocols import Stored
from polymask.model import Frame
from polymask.provenance.claims import DATASET, Mask, bounded, details_sha256, new_mask
from polymask.raster.packed import painted_of, united
from polymask.validation import Json

__all__ = ["Decision", "Drawing", "decide", "decide_all", "labels_to_write", "raise_problems"]


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """What to do for one label of one item.

    Attributes:
        write: The mask to store, if any.
        retract: The masks to remove: after `write` is proven to be stored, or at once without it.
        doubles: Those of `retract` that are equal to an earlier mask: nothing is lost with them.
        accounted: The ids of the polygons that may be deleted, for a stored mask that allows it proves them.
        problem: Why nothing may be done; empty if there is no problem.
        changed: Whether the problem is that somebody edited a mask.
    """

    write: Mask | None = None
    retract: tuple[Stored, ...] = ()
    doubles: tuple[Stored, ...] = ()
    accounted: tuple[str, ...] = ()
    problem: str = ""
    changed: bool = False

    @property
    def superseded(self) -> list[Stored]:
        """Those of `retract` that are no doubles."""
        doubles = {proof.location for proof in self.doubles}
        return [proof for proof in self.retract if proof.location not in doubles]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The properties of a new mask for a label; `deletes` says whether its polygons may be deleted."""

    item: str
    label: str
    frame: Frame
    pixel_rule: str
    deletes: bool
    origin: str


def decide(  # noqa: PLR0913 - all that a decision depends on
    label: str,
    drawn: Sequence[Drawing],
    stored: Sequence[Stored],
    *,
    frame: Frame,
    pixel_rule: str,
    present: frozenset[str] | None = None,
    deletes: bool = False,
    origin: str = DATASET,
    item: str = "",
    unchosen: Unchosen = MappingProxyType({}),
) -> Decision:
    """The decision for a label of an item.

    Args:
        label: The label.
        drawn: The drawings of its instances that paint a pixel.
        stored: The masks that polymask stored for the label, without those of other sources (see
            `origins.masks_of_source`).
        frame: The (height, width) of a new mask.
        pixel_rule: The pixel rule of a new mask.
        present: The ids of all annotations of the item under any label; by default of `drawn`.
        deletes: Whether polygons are to be deleted once their masks are proven.
        origin: The source that the polygons come from.
        item: The id of the item, which a new mask names.
        unchosen: The instances that the run does not choose, by the ids that masks list them by.
    """
    present_ids = (frozenset(d.id for d in drawn) if present is None else present) | unchosen.keys()
    holdings = [Holding(proof, present_ids) for proof in sorted(stored, key=lambda proof: proof.location)]
    changed = [holding for holding in holdings if holding.proof.brushed or holding.proof.relabeled]
    if edited := [holding for holding in changed if drawn or holding.absorbed]:
        return Decision(problem=edit_problem(label, edited), changed=True)
    # Other changed masks are their editors' own: the label has no polygons, and none were deleted for them.
    holdings = [holding for holding in holdings if holding not in changed]
    sound = [holding for holding in holdings if holding.proof.sound]
    if (rule := rule_of_deleted(sound, pixel_rule)) != pixel_rule:
        if problem := unpainted_problem(label, drawn, rule):
            return Decision(problem=problem)
        pixel_rule = rule
    kept = kept_polygons(label, holdings, unchosen, pixel_rule=pixel_rule)
    # Without drawings, the frame may be unknown: the picture may even be missing.
    usable = [holding for holding in sound if not (drawn or kept) or holding.proof.frame == frame]
    if broken := [holding for holding in holdings if holding not in usable and holding.absorbed]:
        return Decision(problem=damage_problem(label, broken))
    request = Request(
        item=item, label=label, frame=frame, pixel_rule=pixel_rule, deletes=deletes, origin=origin
    )
    if drawn or kept:
        unique, polygons = without_duplicates(usable), Polygons(drawn, kept, unchosen)
        decision = _with_polygons(request, polygons, holdings, unique)
    else:
        holdings = [h for h in holdings if not unchosen.keys() & h.proof.statements.keys()]
        usable = [h for h in usable if h in holdings]
        unique = without_duplicates(usable)
        decision = _without_polygons(request, holdings, unique)
    later = {holding.proof.location for holding in usable if holding not in unique}
    return replace(decision, doubles=tuple(p for p in decision.retract if p.location in later))


def decide_all(
    drawn: Mapping[str, Sequence[Drawing]],
    stored: Sequence[Stored],
    *,
    only: frozenset[str],
    present: frozenset[str],
    origin: str,
    unchosen: Unchosen = MappingProxyType({}),
    **request: Any,
) -> dict[str, Decision]:
    """The decisions for an item's labels, or for those in `only`; `request` as for `decide`."""
    masks: dict[str, list[Stored]] = {label: [] for label in drawn}
    labels = [*drawn, *only, *(drawing.instance.label for drawing in unchosen.values() if drawing)]
    for proof in masks_of_source(stored, origin, present=present, drawn=drawn):
        masks.setdefault(proof.label_among(labels), []).append(proof)
    request |= {"present": present, "origin": origin, "unchosen": unchosen}
    return {
        label: decide(label, drawn.get(label, []), proofs, **request)
        for label, proofs in masks.items()
        if not only or label in only
    }


def labels_to_write(decisions: Mapping[str, Decision]) -> list[str]:
    """The labels for which masks are to be stored."""
    return [label for label, decision in decisions.items() if decision.write]


def raise_problems(decisions: Mapping[str, Decision]) -> None:
    """Raise what keeps labels from being done: `ConflictError` where it is edits alone, else `ProofError`."""
    problems = [decision.problem for decision in decisions.values() if decision.problem]
    if problems:
        is_proof_missing = any(decision.problem and not decision.changed for decision in decisions.values())
        raise (ProofError if is_proof_missing else ConflictError)("; ".join(problems))


def _with_polygons(
    request: Request, polygons: Polygons, holdings: list[Holding], unique: list[Holding]
) -> Decision:
    """Decide for a single mask that has all polygons and all kept pixels: a stored mask, or a new one."""
    # In the same order in every run, so that two at once keep the same mask; first one that says it deletes.
    for best in sorted(unique, key=lambda holding: _rank(holding, request.pixel_rule)):
        if not polygons.are_in(best) or not all(_replaces(best, other, polygons) for other in unique):
            continue
        if polygons.drawn and best.pixel_rule != request.pixel_rule and not best.absorbed:
            # Another run may be about to delete on its account, so the new mask says the same.
            request = replace(request, deletes=request.deletes or bool(best.proof.deletable))
            break
        if request.deletes and not best.proof.deletable.issuperset(drawing.id for drawing in polygons.drawn):
            request = replace(request, pixel_rule=best.pixel_rule)  # the same pixels, another claim
            break
        surplus = _proofs(holding for holding in holdings if holding is not best)
        accounted = tuple(drawing.id for drawing in polygons.drawn if drawing.id in best.proof.deletable)
        return Decision(retract=surplus, accounted=accounted)
    return _write(request, polygons, unique, retract=holdings)


def _rank(holding: Holding, pixel_rule: str) -> tuple[int, bool, int]:
    proof = holding.proof
    return -len(proof.deletable), holding.pixel_rule != pixel_rule, -len(proof.statements)


def _replaces(holder: Holding, other: Holding, polygons: Polygons) -> bool:
    return supersedes(holder, other) and polygons.kept_in(other) <= polygons.kept_in(holder)


def _without_polygons(request: Request, holdings: list[Holding], unique: list[Holding]) -> Decision:
    """Decide for a label without polygons: finished masks stay, and a new mask replaces the others."""
    finished = [holding for holding in unique if holding.finished]
    finished = [f for f in finished if not any(contains(other, f) for other in finished if other is not f)]
    unfinished = [holding for holding in holdings if holding not in finished]
    keeping = [
        holding
        for holding in unique
        if holding in unfinished and holding.absorbed and not any(supersedes(f, holding) for f in finished)
    ]
    if not keeping:
        return Decision(retract=_proofs(unfinished))
    frame = keeping[0].proof.frame or request.frame
    same_frame = [holding for holding in keeping if holding.proof.frame == frame]
    request = replace(request, frame=frame, pixel_rule=keeping[0].pixel_rule, deletes=True)
    return _write(request, Polygons([], [], {}), same_frame, retract=unfinished)


def _write(
    request: Request, polygons: Polygons, holdings: list[Holding], *, retract: list[Holding]
) -> Decision:
    known = [*polygons.drawn, *polygons.kept]
    for holding in holdings:
        if holding.mixed_with({drawing.id for drawing in known if holding.describes(drawing)}):
            return Decision(problem=mix_problem(request.label, holding))
    if problem := rules_problem(request.label, holdings, request.pixel_rule):
        return Decision(problem=problem)
    return Decision(write=_new_mask(request, polygons, holdings), retract=_proofs(retract))


def _new_mask(request: Request, polygons: Polygons, holdings: list[Holding]) -> Mask:
    """The new mask: the union of the polygons and of the pixels that the masks keep."""
    sources: dict[str, Json] = {}
    drawn = [*polygons.drawn, *polygons.kept]
    for holding in holdings:
        sources |= {key: _deleted(holding.proof, key, request.item) for key in holding.absorbed}
    pixels = joined_pixels(holdings)
    drawings: SourcePixels = {(drawing.id,): drawing.flat(request.pixel_rule) for drawing in drawn}
    sources |= {drawing.id: _source(drawing) for drawing in drawn}
    deletes = request.deletes
    if deletes and polygons.kept:  # not all may be deleted: it is said of each
        deletes = False
        sources |= {drawing.id: _source(drawing) | {"deletes": True} for drawing in polygons.drawn}
    return new_mask(
        request.label,
        painted_of(united([*pixels.values(), *drawings.values()]), request.frame),
        [sources[key] for key in sorted(sources)],
        pixel_rule=request.pixel_rule,
        deletes=deletes,
        origin=request.origin,
        item=request.item,
        # Without deletion, a polygon that is missing later was erased: its pixels will not be needed.
        pixels=drawings | pixels if request.deletes else pixels,
    )


def _deleted(proof: Stored, key: str, item: str) -> Json:
    """A claim's entry about a deleted instance; in a copy of an item, it names the first item."""
    entry = {name: value for name, value in proof.statements[key].items() if name != "deletes"}
    entry |= {"deleted": True}
    origin = proof.item_of(key)
    return entry | ({"item": origin} if origin != item else {})


def _source(drawing: Drawing) -> Json:
    """A claim's entry about a source instance."""
    label, details = drawing.instance.label, drawing.details
    digests = {"sha256": drawing.sha256, "details_sha256": details_sha256(label, details)}
    return {"id": drawing.id, **digests, **bounded(details)}


def _proofs(holdings: Iterable[Holding]) -> tuple[Stored, ...]:
    return tuple(holding.proof for holding in holdings)
