"""What to do for one label of one item: a pure function of its polygons and the masks stored.

Write what is missing, retract what is double or superseded, and account for the polygons
that a stored mask proves. The rules:

- A polygon is accounted for when a sound mask lists its id, its geometry and what else it says of it
  as they are now, and holds every pixel that it has.
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
- A mask that somebody drew into or relabeled is told, and its label left alone. It is theirs where no
  polygon of its label is there and none was deleted for it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from polymask.in_place.holdings import Drawn, Holding, Pixels, joined_pixels, supersedes, without_doubles
from polymask.in_place.protocols import Stored
from polymask.model import Frame
from polymask.provenance.claims import Json, Mask, bounded, details_sha256, new_mask
from polymask.raster.packed import set_pixels

__all__ = ["Decision", "Drawn", "decide", "decide_all"]


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
class Wanted:
    """What is asked for of a label's mask: the frame and rule it is drawn in, and whether polygons may go."""

    label: str
    frame: Frame
    pixel_rule: str
    deletes: bool


def decide(
    label: str,
    drawn: Sequence[Drawn],
    stored: Sequence[Stored],
    *,
    frame: Frame,
    pixel_rule: str,
    present: frozenset[str] | None = None,
    deletes: bool = False,
) -> Decision:
    """The decision for a label's instances, given the masks of ours that are stored for it.

    `present` are the ids of all that the item has, under any label (the label's own, unless
    given); `deletes` tells whether polygons are to go once their masks are proven.
    """
    if present is None:
        present = frozenset(one.id for one in drawn)
    holdings = [Holding(proof, present) for proof in sorted(stored, key=lambda proof: proof.location)]
    changed = [one for one in holdings if one.proof.brushed or one.proof.relabeled]
    if told := [one for one in changed if drawn or one.kept]:
        return Decision(problem=_changed(label, told), changed=True)
    # Others are somebody's own by now: none of the label's polygons is there, and none was deleted for them.
    holdings = [one for one in holdings if one not in changed]
    # Where nothing is drawn, nobody looked up the frame: the picture may even be gone.
    usable = [one for one in holdings if one.proof.sound and not (drawn and one.proof.frame != frame)]
    if broken := [one for one in holdings if one not in usable and one.kept]:
        return Decision(problem=_not_what_was_stored(label, broken))
    wanted = Wanted(label=label, frame=frame, pixel_rule=pixel_rule, deletes=deletes)
    unique = without_doubles(usable)
    return _with_polygons(wanted, drawn, holdings, unique) if drawn else _without(wanted, holdings, unique)


def decide_all(
    drawn: Mapping[str, Sequence[Drawn]], stored: Sequence[Stored], *, only: frozenset[str], **wanted: Any
) -> dict[str, Decision]:
    """The decisions for an item's labels, or some of them; `wanted` as for `decide`."""
    masks: dict[str, list[Stored]] = {label: [] for label in drawn}
    for proof in stored:
        masks.setdefault(proof.made_for_one_of([*drawn, *only]), []).append(proof)
    return {
        label: decide(label, drawn.get(label, []), proofs, **wanted)
        for label, proofs in masks.items()
        if not only or label in only
    }


def _with_polygons(
    wanted: Wanted, drawn: Sequence[Drawn], holdings: list[Holding], unique: list[Holding]
) -> Decision:
    """One mask of all polygons and of all that is kept: a stored one, or a new one."""
    # In one order for everybody, so that two runs at once keep the same mask; and the one that
    # says that it deletes, for the other run may be about to.
    for best in sorted(unique, key=lambda one: (not one.proof.deletes, -len(one.proof.told))):
        if not _is_right(best, drawn) or not all(supersedes(best, other) for other in unique):
            continue
        if wanted.deletes and not best.proof.deletes:  # the same mask, with another claim
            return _write(replace(wanted, pixel_rule=best.pixel_rule), drawn, unique, retract=holdings)
        others = _proofs(one for one in holdings if one is not best)
        accounted = tuple(one.id for one in drawn) if best.proof.deletes else ()
        return Decision(retract=others, accounted=accounted)
    return _write(wanted, drawn, unique, retract=holdings)


def _without(wanted: Wanted, holdings: list[Holding], unique: list[Holding]) -> Decision:
    """No polygon is left: what is finished stays; of the others, what they keep, if anything."""
    finished = [one for one in unique if one.finished]
    loose = [one for one in holdings if one not in finished]
    keeping = [
        one for one in unique if one in loose and one.kept and not any(supersedes(f, one) for f in finished)
    ]
    if not keeping:
        return Decision(retract=_proofs(loose))
    frame = keeping[0].proof.frame or wanted.frame
    alike = [one for one in keeping if one.proof.frame == frame]
    bare = replace(wanted, frame=frame, pixel_rule=keeping[0].pixel_rule, deletes=True)
    return _write(bare, [], alike, retract=loose)


def _is_right(holding: Holding, drawn: Sequence[Drawn]) -> bool:
    """Whether a mask is what is wanted: it holds all polygons as they are, what it keeps, and no more."""
    ids = holding.kept | {one.id for one in drawn}
    return holding.proof.told.keys() == ids and all(holding.holds(one) for one in drawn)


def _write(
    wanted: Wanted, drawn: Sequence[Drawn], holdings: list[Holding], *, retract: list[Holding]
) -> Decision:
    for one in holdings:
        if one.mixed_with({drawing.id for drawing in drawn if one.holds(drawing)}):
            return Decision(problem=_mixed(wanted.label, one))
    return Decision(write=_joined(wanted, drawn, holdings), retract=_proofs(retract))


def _joined(wanted: Wanted, drawn: Sequence[Drawn], holdings: list[Holding]) -> Mask:
    """The union of the polygons and of what the masks keep."""
    sources: dict[str, Json] = {}
    for holding in holdings:
        sources |= {key: {**holding.proof.told[key], "deleted": True} for key in holding.kept}
    pixels = joined_pixels(holdings)
    drawings: Pixels = {(one.id,): one.flat(wanted.pixel_rule) for one in drawn}
    sources |= {one.id: _source(one) for one in drawn}
    mask = np.zeros(wanted.frame, bool)
    for flat in (*pixels.values(), *drawings.values()):
        set_pixels(mask, flat)
    return new_mask(
        wanted.label,
        mask,
        [sources[key] for key in sorted(sources)],
        pixel_rule=wanted.pixel_rule,
        deletes=wanted.deletes,
        # Without deletion, what is gone tomorrow was erased: nobody will ask for its pixels.
        pixels=drawings | pixels if wanted.deletes else pixels,
    )


def _source(drawn: Drawn) -> Json:
    """What a mask says of an instance."""
    digests = {"sha256": drawn.sha256, "details_sha256": details_sha256(drawn.instance.label, drawn.details)}
    return {"id": drawn.id, **digests, **bounded(drawn.details)}


def _proofs(holdings: Iterable[Holding]) -> tuple[Stored, ...]:
    return tuple(one.proof for one in holdings)


def _changed(label: str, holdings: list[Holding]) -> str:
    def told(one: Holding) -> str:
        return f"{one.proof.location}, now '{one.proof.label}'" if one.proof.relabeled else one.proof.location

    restore = "restore its polygons, " if any(one.kept for one in holdings) else ""
    return (
        f"somebody changed the mask of '{label}' ({'; '.join(map(told, holdings))}), so it was left alone; "
        f"to have it made anew, {restore}delete the mask and run again"
    )


def _not_what_was_stored(label: str, holdings: list[Holding]) -> str:
    where = ", ".join(one.proof.location for one in holdings)
    return f"the mask of '{label}' ({where}) is not what was stored; restore its polygons first"


def _mixed(label: str, holding: Holding) -> str:
    return (
        f"the mask of '{label}' ({holding.proof.location}) holds polygons that are deleted and others that "
        "changed since, and does not tell their pixels apart; restore its polygons first"
    )
