"""What to do for one label of one item: a pure function of its polygons and the masks stored.

Write what is missing, retract what is double or superseded, and account for the polygons
that a stored mask proves. The rules:

- A polygon is accounted for when a sound mask lists its id and digest and holds every pixel
  that it has.
- Polygons that are not accounted for join the label's one mask: a new one is written, the union of
  the polygons and of the masks whose polygons are gone. It lists all their sources, and
  supersedes them.
- A mask is superseded by one that accounts for all polygons and, where polygons of the other are
  gone, holds their ids and all the other's pixels. What a polygon looked like before somebody
  edited it, or under another pixel rule, need not be kept.
- A mask of a label that has no polygons is finished: it is never rewritten. Only a double, with
  the same sources and pixels, is retracted: the later one.
- A mask that was changed by somebody and holds polygons that are gone is not ours to mend.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from polymask.claims import Mask, new_mask
from polymask.digest import geometry_sha256
from polymask.errors import InputError
from polymask.model import BoolMask, Frame, Instance, Spans
from polymask.raster import spans_of
from polymask.raster.spans import flat_indices, paint
from polymask.seams import Stored


class Drawn:
    """An instance, and its pixels in a (height, width) frame under any pixel rule."""

    def __init__(self, instance: Instance, frame: Frame, details: Mapping[str, Any]) -> None:
        self.instance, self.frame, self.details = instance, frame, details
        self.id, self.sha256 = str(instance.id), geometry_sha256(instance.shape)
        self._spans: dict[str, Spans] = {}

    def spans(self, pixel_rule: str) -> Spans:
        """Its spans; drawn once a rule. Raises `InputError` for a rule that is not known here."""
        if pixel_rule not in self._spans:
            self._spans[pixel_rule] = spans_of([self.instance.shape], self.frame, pixel_rule=pixel_rule)[0]
        return self._spans[pixel_rule]

    def within(self, mask: BoolMask, pixel_rule: str) -> bool:
        """Whether a mask of the same frame holds all its pixels."""
        spans, width = self.spans(pixel_rule), self.frame[1]
        line = spans.row.astype(np.int64) * width
        return bool(mask.reshape(-1)[flat_indices(line + spans.start, line + spans.stop)].all())


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """What one label of one item needs.

    `write` is a mask to be stored, `retract` are masks to be removed once that is proven (at
    once, where nothing is to be written), `accounted` the ids of the polygons that stored masks
    prove. `problem` tells why nothing may be done.
    """

    write: Mask | None = None
    retract: tuple[Stored, ...] = ()
    accounted: tuple[str, ...] = ()
    problem: str = ""


def decide(
    label: str, drawn: Sequence[Drawn], stored: Sequence[Stored], *, frame: Frame, pixel_rule: str
) -> Decision:
    """The decision for a label's instances, given the masks of ours that are stored for it."""
    present = {one.id for one in drawn}
    stored = sorted(stored, key=lambda proof: proof.location)
    # Where nothing is drawn, nobody looked up the frame: the picture may even be gone.
    broken = [proof for proof in stored if not proof.sound or (drawn and proof.frame != frame)]
    if any(set(proof.sources) - present for proof in broken) or (broken and not drawn):
        where = ", ".join(proof.location for proof in broken)
        return Decision(
            problem=f"the mask of '{label}' ({where}) is not what was stored; restore its polygons first"
        )
    sound = [proof for proof in stored if proof not in broken]
    doubles = _doubles(sound)
    kept = [proof for proof in sound if proof not in doubles]
    if not drawn:
        return Decision(retract=tuple(doubles))
    holders = [proof for proof in kept if all(holds(proof, one) for one in drawn)]
    # In one order for everybody, so that two runs at once keep the same mask.
    for best in sorted(holders, key=lambda proof: -len(proof.sources)):
        if all(_supersedes(best, proof, present) for proof in kept):
            others = tuple(proof for proof in stored if proof is not best)
            return Decision(retract=others, accounted=tuple(one.id for one in drawn))
    return Decision(
        write=_joined(label, drawn, kept, frame=frame, pixel_rule=pixel_rule), retract=tuple(stored)
    )


def holds(proof: Stored, drawn: Drawn) -> bool:
    """Whether a sound mask accounts for an instance: its id, its geometry, and all its pixels."""
    if proof.mask is None or proof.sources.get(drawn.id) != drawn.sha256:
        return False
    try:
        return drawn.within(proof.mask, str(proof.claim["pixel_rule"]))
    except InputError:
        return False  # a rule of another version: drawn anew under ours, it joins the new mask


def _supersedes(holder: Stored, other: Stored, present: set[str]) -> bool:
    """Whether another mask can go, given one that accounts for all polygons that are present.

    Only what it holds of polygons that are gone must be kept, and its pixels cannot be told apart.
    """
    gone = set(other.sources) - present
    if other is holder or not gone:
        return True
    assert holder.mask is not None
    assert other.mask is not None
    return gone <= set(holder.sources) and not (other.mask & ~holder.mask).any()


def _doubles(sound: Sequence[Stored]) -> list[Stored]:
    """All but the first of masks with the same sources and pixels, in order of id."""
    seen: set[tuple[Any, ...]] = set()
    doubles = []
    for proof in sound:
        what = (tuple(sorted(proof.sources.items())), proof.digest)
        if what in seen:
            doubles.append(proof)
        seen.add(what)
    return doubles


def _joined(
    label: str, drawn: Sequence[Drawn], kept: Sequence[Stored], *, frame: Frame, pixel_rule: str
) -> Mask:
    """The union of the polygons and of those masks of ours that hold polygons that are gone."""
    present = {one.id for one in drawn}
    mask = np.zeros(frame, bool)
    sources: dict[str, dict[str, Any]] = {}
    for proof in kept:
        gone = [source for source in proof.claim["sources"] if str(source["id"]) not in present]
        if gone and proof.mask is not None:
            mask |= proof.mask
            sources |= {str(source["id"]): source for source in gone}
    for one in drawn:
        paint(mask, one.spans(pixel_rule), 1)
        sources[one.id] = {"id": one.id, "sha256": one.sha256, **one.details}
    ordered = [sources[key] for key in sorted(sources)]
    return new_mask(label, mask, ordered, pixel_rule=pixel_rule)
