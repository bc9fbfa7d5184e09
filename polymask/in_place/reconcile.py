"""What to do for one label of one item: a pure function of its polygons and the masks stored.

Write what is missing, retract what is double or superseded, and account for the polygons
that a stored mask proves. The rules:

- A polygon is accounted for when a sound mask lists its id, its geometry and what else it says of it
  as they are now, and holds every pixel that it has. One without any pixel is held by no mask: it is
  no part of a decision, and stays.
- A mask keeps what was deleted on its account: the polygons that are gone from the whole item, where
  its claim says that it deletes. What is gone otherwise was erased by somebody, and what has
  another label now left: the mask follows.
- Polygons that are not accounted for join the label's one mask: a new one is written, the union of
  the polygons and of what the label's masks keep. It lists all their sources, and supersedes
  them.
- A mask is superseded by one that accounts for all polygons and has, ids and pixels, what the other
  keeps.
- A run that deletes needs a mask that says so. One that does not is written anew before anything goes.
- A mask of a label that has no polygons, and that keeps all it holds, is finished: it is never
  rewritten. Only a double, with the same sources and pixels, is retracted: the later one.
- A mask of another source (`origin`) is no part of a decision: nothing here shows what became of its
  polygons.
- A mask that somebody drew into or relabeled is reported, and its label left alone. It is theirs where no
  polygon of its label is there and none was deleted for it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from polymask.errors import ConflictError, ProofError
from polymask.in_place.holdings import (
    Drawing,
    Holding,
    SourcePixels,
    joined_pixels,
    supersedes,
    without_doubles,
)
from polymask.in_place.origins import own_masks
from polymask.in_place.protocols import Stored
from polymask.model import Frame
from polymask.provenance.claims import DATASET, Mask, bounded, details_sha256, new_mask
from polymask.raster.packed import set_pixels
from polymask.validation import Json

__all__ = ["Decision", "Drawing", "decide", "decide_all", "raise_problems"]


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """What one label of one item needs.

    `write` is a mask to be stored, `retract` are masks to be removed once that is proven (at
    once, where nothing is to be written), `accounted` the ids of the polygons that may go: a stored
    mask proves them, and says that it deletes. `problem` tells why nothing may be done; `changed`
    that it is somebody's edit of a mask.
    """

    write: Mask | None = None
    retract: tuple[Stored, ...] = ()
    accounted: tuple[str, ...] = ()
    problem: str = ""
    changed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for of a label's mask: the frame and rule it is drawn in, and whether polygons may go."""

    label: str
    frame: Frame
    pixel_rule: str
    deletes: bool
    origin: str


def decide(
    label: str,
    drawn: Sequence[Drawing],
    stored: Sequence[Stored],
    *,
    frame: Frame,
    pixel_rule: str,
    present: frozenset[str] | None = None,
    deletes: bool = False,
    origin: str = DATASET,
) -> Decision:
    """The decision for a label's instances that paint a pixel, given the masks of ours stored for it.

    `present` are the ids of all that the item has, under any label (the label's own, unless
    given); `deletes` tells whether polygons are to go once their masks are proven, and `origin` where
    they come from. Masks of other sources are left out of it; see `origins.own_masks`.
    """
    present_ids = frozenset(drawing.id for drawing in drawn) if present is None else present
    holdings = [Holding(proof, present_ids) for proof in sorted(stored, key=lambda proof: proof.location)]
    changed = [holding for holding in holdings if holding.proof.brushed or holding.proof.relabeled]
    if edited := [holding for holding in changed if drawn or holding.absorbed]:
        return Decision(problem=_changed(label, edited), changed=True)
    # Others are somebody's own by now: none of the label's polygons is there, and none was deleted for them.
    holdings = [holding for holding in holdings if holding not in changed]
    # Where nothing is drawn, nobody looked up the frame: the picture may even be gone.
    sound = [holding for holding in holdings if holding.proof.sound]
    usable = [holding for holding in sound if not drawn or holding.proof.frame == frame]
    if broken := [holding for holding in holdings if holding not in usable and holding.absorbed]:
        return Decision(problem=_not_what_was_stored(label, broken))
    request = Request(label=label, frame=frame, pixel_rule=pixel_rule, deletes=deletes, origin=origin)
    unique = without_doubles(usable)
    return _with_polygons(request, drawn, holdings, unique) if drawn else _without(request, holdings, unique)


def decide_all(
    drawn: Mapping[str, Sequence[Drawing]],
    stored: Sequence[Stored],
    *,
    only: frozenset[str],
    present: frozenset[str],
    origin: str,
    **request: Any,
) -> dict[str, Decision]:
    """The decisions for an item's labels, or some of them; the others as for `decide`."""
    masks: dict[str, list[Stored]] = {label: [] for label in drawn}
    for proof in own_masks(stored, origin, present=present, drawn=drawn):
        masks.setdefault(proof.made_for_one_of([*drawn, *only]), []).append(proof)
    return {
        label: decide(label, drawn.get(label, []), proofs, present=present, origin=origin, **request)
        for label, proofs in masks.items()
        if not only or label in only
    }


def raise_problems(decisions: Mapping[str, Decision]) -> None:
    """Raise what keeps labels from being done: `ConflictError` where it is edits alone, else `ProofError`."""
    problems = [decision.problem for decision in decisions.values() if decision.problem]
    if problems:
        is_proof_missing = any(decision.problem and not decision.changed for decision in decisions.values())
        raise (ProofError if is_proof_missing else ConflictError)("; ".join(problems))


def _with_polygons(
    request: Request, drawn: Sequence[Drawing], holdings: list[Holding], unique: list[Holding]
) -> Decision:
    """One mask of all polygons and of all that is kept: a stored mask, or a new one."""
    # In one order for everybody, so that two runs at once keep the same mask; and the one that
    # says that it deletes, for the other run may be about to.
    for best in sorted(unique, key=_rank):
        if not _is_right(best, drawn) or not all(supersedes(best, other) for other in unique):
            continue
        if request.deletes and not best.proof.deletes:  # the same mask, with another claim
            return _write(replace(request, pixel_rule=best.pixel_rule), drawn, unique, retract=holdings)
        surplus = _proofs(holding for holding in holdings if holding is not best)
        accounted = tuple(drawing.id for drawing in drawn) if best.proof.deletes else ()
        return Decision(retract=surplus, accounted=accounted)
    return _write(request, drawn, unique, retract=holdings)


def _rank(holding: Holding) -> tuple[bool, int]:
    return not holding.proof.deletes, -len(holding.proof.statements)


def _without(request: Request, holdings: list[Holding], unique: list[Holding]) -> Decision:
    """No polygon is left: what is finished stays; of the others, what they keep, if anything."""
    finished = [holding for holding in unique if holding.finished]
    loose = [holding for holding in holdings if holding not in finished]
    keeping = [
        holding
        for holding in unique
        if holding in loose and holding.absorbed and not any(supersedes(f, holding) for f in finished)
    ]
    if not keeping:
        return Decision(retract=_proofs(loose))
    frame = keeping[0].proof.frame or request.frame
    alike = [holding for holding in keeping if holding.proof.frame == frame]
    bare = replace(request, frame=frame, pixel_rule=keeping[0].pixel_rule, deletes=True)
    return _write(bare, [], alike, retract=loose)


def _is_right(holding: Holding, drawn: Sequence[Drawing]) -> bool:
    """Whether a mask is what is wanted: it holds all polygons as they are, what it keeps, and no more."""
    ids = holding.absorbed | {drawing.id for drawing in drawn}
    return holding.proof.statements.keys() == ids and all(holding.holds(drawing) for drawing in drawn)


def _write(
    request: Request, drawn: Sequence[Drawing], holdings: list[Holding], *, retract: list[Holding]
) -> Decision:
    for holding in holdings:
        if holding.mixed_with({drawing.id for drawing in drawn if holding.tells(drawing)}):
            return Decision(problem=_mixed(request.label, holding))
    return Decision(write=_joined(request, drawn, holdings), retract=_proofs(retract))


def _joined(request: Request, drawn: Sequence[Drawing], holdings: list[Holding]) -> Mask:
    """The union of the polygons and of what the masks keep."""
    sources: dict[str, Json] = {}
    for holding in holdings:
        sources |= {key: {**holding.proof.statements[key], "deleted": True} for key in holding.absorbed}
    pixels = joined_pixels(holdings)
    drawings: SourcePixels = {(drawing.id,): drawing.flat(request.pixel_rule) for drawing in drawn}
    sources |= {drawing.id: _source(drawing) for drawing in drawn}
    mask = np.zeros(request.frame, bool)
    for flat in (*pixels.values(), *drawings.values()):
        set_pixels(mask, flat)
    return new_mask(
        request.label,
        mask,
        [sources[key] for key in sorted(sources)],
        pixel_rule=request.pixel_rule,
        deletes=request.deletes,
        origin=request.origin,
        # Without deletion, what is gone tomorrow was erased: nobody will ask for its pixels.
        pixels=drawings | pixels if request.deletes else pixels,
    )


def _source(drawn: Drawing) -> Json:
    """What a mask says of an instance."""
    digests = {"sha256": drawn.sha256, "details_sha256": details_sha256(drawn.instance.label, drawn.details)}
    return {"id": drawn.id, **digests, **bounded(drawn.details)}


def _proofs(holdings: Iterable[Holding]) -> tuple[Stored, ...]:
    return tuple(holding.proof for holding in holdings)


def _changed(label: str, holdings: list[Holding]) -> str:
    def named(holding: Holding) -> str:
        proof = holding.proof
        return f"{proof.location}, now '{proof.label}'" if proof.relabeled else proof.location

    restore = "restore its polygons, " if any(holding.absorbed for holding in holdings) else ""
    return (
        f"somebody changed the mask of '{label}' ({'; '.join(map(named, holdings))}), so it was left alone; "
        f"to have it made anew, {restore}delete the mask and run again"
    )


def _not_what_was_stored(label: str, holdings: list[Holding]) -> str:
    where = ", ".join(holding.proof.location for holding in holdings)
    return f"the mask of '{label}' ({where}) is not what was stored; restore its polygons first"


def _mixed(label: str, holding: Holding) -> str:
    return (
        f"the mask of '{label}' ({holding.proof.location}) holds polygons that are deleted and others that "
        "changed since, and does not tell their pixels apart; restore its polygons first"
    )
