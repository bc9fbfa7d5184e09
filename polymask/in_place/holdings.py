"""The polygons that a stored mask holds, compared with the item's polygons of now."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from polymask.errors import FormatError, InputError
from polymask.in_place.protocols import Reading, Stored
from polymask.model import Frame, Instance, Spans
from polymask.provenance.claims import same_details
from polymask.provenance.digest import geometry_sha256
from polymask.raster import spans_of
from polymask.raster.packed import Flat, are_set, flat_of, flat_of_mask, united, unpack

# the pixels of source instances, by their ids: several ids where nobody can separate their pixels
SourcePixels = dict[tuple[str, ...], Flat]


class Drawing:
    """An instance and its pixels in a (height, width) frame, under any pixel rule."""

    def __init__(self, instance: Instance, frame: Frame, details: Mapping[str, Any]) -> None:
        self.instance, self.frame, self.details = instance, frame, details
        self.id, self.sha256 = str(instance.id), geometry_sha256(instance.shape)
        self._spans: dict[str, Spans] = {}

    def spans(self, pixel_rule: str) -> Spans:
        """The instance's spans, drawn once per rule; raises `InputError` for an unknown rule."""
        if pixel_rule not in self._spans:
            self._spans[pixel_rule] = spans_of([self.instance.shape], self.frame, pixel_rule=pixel_rule)[0]
        return self._spans[pixel_rule]

    def flat(self, pixel_rule: str) -> Flat:
        """The instance's pixels as intervals of the whole frame, row after row."""
        return flat_of(self.spans(pixel_rule), self.frame[1])

    def paints(self, pixel_rule: str) -> bool:
        """Whether the instance has any pixel; no mask can hold an instance without pixels."""
        return self.flat(pixel_rule)[0].size > 0


@dataclass(frozen=True, eq=False)
class Holding:
    """A stored mask, compared with the ids that are `present` in its item under any label."""

    proof: Stored
    present: frozenset[str]
    absorbed: frozenset[str] = field(init=False)  # the ids of the deleted instances that it stands for

    def __post_init__(self) -> None:
        object.__setattr__(self, "absorbed", self.proof.absorbed(self.present))

    @property
    def finished(self) -> bool:
        """Whether all its source instances are deleted."""
        return len(self.absorbed) == len(self.proof.statements)

    @property
    def pixel_rule(self) -> str:
        """The pixel rule that its polygons were drawn by."""
        return str(self.proof.claim["pixel_rule"])

    def holds(self, drawing: Drawing) -> bool:
        """Whether the mask accounts for an instance: its id, geometry, details and pixels, at least one."""
        return self.describes(drawing) and drawing.paints(self.pixel_rule)

    def describes(self, drawing: Drawing) -> bool:
        """Whether the claim describes an instance as it is now, and the mask has all its pixels, if any."""
        proof = self.proof
        source = proof.statements.get(drawing.id)
        if proof.mask is None or source is None or source["sha256"] != drawing.sha256:
            return False
        if not same_details(source, drawing.instance.label, drawing.details):
            return False
        try:
            return are_set(proof.mask, drawing.flat(self.pixel_rule))
        except InputError:
            return False  # the rule is of another version: the instance is drawn anew and joins a new mask

    @cached_property
    def pixels(self) -> SourcePixels:
        """The pixels of the deleted instances that it stands for, by instance if its claim has them."""
        return {ids: flat for ids, flat in self._pixels_by_source().items() if self.absorbed & set(ids)}

    def mixed_with(self, distinct: set[str]) -> set[str]:
        """The ids of instances whose pixels cannot be separated from those of the deleted instances.

        `distinct` are the ids of instances whose pixels are known otherwise.
        """
        return {key for ids in self.pixels for key in ids} - self.absorbed - distinct

    def _pixels_by_source(self) -> SourcePixels:
        mask = self.proof.mask
        if mask is None or not self.absorbed:
            return {}
        try:
            separate = {ids: unpack(runs, mask.size) for ids, runs in _packed(self.proof.claim)}
        except FormatError:
            separate = {}
        if self.absorbed <= {key for ids in separate for key in ids}:
            return separate
        return {tuple(sorted(self.proof.statements)): flat_of_mask(mask)}


def _packed(claim: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    try:
        for entry in msgspec.convert(claim.get("pixels", []), list[_Packed]):
            yield tuple(map(str, entry.of)), entry.runs
    except msgspec.ValidationError:
        raise FormatError("pixels that are not packed") from None


class _Packed(msgspec.Struct):
    of: list[int | str]
    runs: str


def joined_pixels(holdings: list[Holding]) -> SourcePixels:
    """The pixels that several masks keep of deleted instances: for the same instances, their union."""
    pixels: SourcePixels = {}
    for holding in holdings:
        for ids, flat in holding.pixels.items():
            pixels[ids] = united([pixels[ids], flat]) if ids in pixels else flat
    return pixels


def supersedes(holder: Holding, other: Holding) -> bool:
    """Whether the holder makes another mask superfluous: it has all ids and pixels that the other keeps."""
    mask = holder.proof.mask
    if other is holder or not other.absorbed:
        return True
    assert mask is not None
    return other.absorbed <= holder.absorbed and all(are_set(mask, flat) for flat in other.pixels.values())


def rule_of_deleted(holdings: Sequence[Holding], pixel_rule: str) -> str:
    """The pixel rule that polygons join masks by: that of deleted polygons in them, else that of the run.

    Deleted polygons cannot be painted again, and a mask claims a single rule for all its pixels.
    """
    rules = {holding.pixel_rule for holding in holdings if holding.absorbed}
    return pixel_rule if pixel_rule in rules else min(rules, default=pixel_rule)


def contains(holder: Holding, other: Holding) -> bool:
    """Whether the holder has all source instances of another mask, as it has them, and more."""
    return _identity(other.proof) < _identity(holder.proof) and supersedes(holder, other)


def without_duplicates(holdings: list[Holding]) -> list[Holding]:
    """The first holding of each group with the same claim and pixels, in their order."""
    first: dict[Any, Holding] = {}
    for holding in holdings:
        proof = holding.proof
        facts = _identity(proof), holding.absorbed, proof.deletable, holding.pixel_rule, proof.digest
        first.setdefault(facts, holding)
    return list(first.values())


def _identity(proof: Stored) -> frozenset[tuple[str, ...]]:
    return frozenset(
        (key, str(source["sha256"]), str(source.get("details_sha256")))
        for key, source in proof.statements.items()
    )


Unchosen = Mapping[str, Drawing | None]  # see `Reading.unchosen`


def unchosen_drawings(reading: Reading) -> Unchosen:
    """The drawings of the polygons of an item that a run does not choose."""
    frame, details = reading.record.frame, reading.details
    instances = {str(entry.id): entry for entry in reading.unchosen.values() if entry}
    drawings = {key: Drawing(entry, frame, details.get(key, {})) for key, entry in instances.items()}
    return {key: drawings[str(entry.id)] if entry else None for key, entry in reading.unchosen.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Polygons:
    """The polygons of a label: those that a run chooses, and those that stay in masks that hold them."""

    drawn: Sequence[Drawing]
    kept: Sequence[Drawing]
    unchosen: Unchosen

    def kept_in(self, holding: Holding) -> set[str]:
        """The ids, of now, of the unchosen polygons that a mask holds."""
        listed = (drawing for key, drawing in self.unchosen.items() if key in holding.proof.statements)
        return {drawing.id for drawing in listed if drawing} & {drawing.id for drawing in self.kept}

    def are_in(self, holding: Holding) -> bool:
        """Whether a mask holds all chosen polygons as they are now, and nothing else but what it keeps."""
        ids = holding.absorbed | {drawing.id for drawing in self.drawn}
        listed = holding.proof.statements.keys() - self.unchosen.keys()
        return listed == ids and all(holding.holds(drawing) for drawing in self.drawn)


def kept_polygons(
    label: str, holdings: Sequence[Holding], unchosen: Unchosen, *, pixel_rule: str
) -> list[Drawing]:
    """The unchosen polygons of a label that its stored masks hold, and that paint a pixel."""
    listed = {key for holding in holdings for key in holding.proof.statements}
    drawings = {drawing.id: drawing for key, drawing in unchosen.items() if drawing and key in listed}
    return [d for _, d in sorted(drawings.items()) if d.instance.label == label and d.paints(pixel_rule)]


def edit_problem(label: str, holdings: list[Holding]) -> str:
    """Why a label is left alone whose masks somebody changed."""

    def named(holding: Holding) -> str:
        proof = holding.proof
        return f"{proof.location}, now '{proof.label}'" if proof.relabeled else proof.location

    restore = "restore its polygons, " if any(holding.absorbed for holding in holdings) else ""
    return (
        f"somebody changed the mask of '{label}' ({'; '.join(map(named, holdings))}), so it was left alone; "
        f"to have it made anew, {restore}delete the mask and run again"
    )


def damage_problem(label: str, holdings: list[Holding]) -> str:
    """Why a label is left alone whose masks are damaged."""
    locations = ", ".join(holding.proof.location for holding in holdings)
    return f"the mask of '{label}' ({locations}) is not what was stored; restore its polygons first"


def mix_problem(label: str, holding: Holding) -> str:
    """Why a label is left alone whose mask does not tell its polygons apart."""
    return (
        f"the mask of '{label}' ({holding.proof.location}) holds polygons that are deleted and others that "
        "changed since, and does not tell their pixels apart; restore its polygons first"
    )


def rules_problem(label: str, holdings: Sequence[Holding], pixel_rule: str) -> str:
    """Why no mask of a label may claim a pixel rule: deleted polygons in it have another; else empty."""
    rules = {holding.pixel_rule for holding in holdings if holding.absorbed}
    if rules <= {pixel_rule}:
        return ""
    names = " and ".join(sorted(rules))
    return (
        f"the masks of '{label}' hold deleted polygons by several pixel rules ({names}), "
        "which no single mask can say of itself; restore its polygons first"
    )


def unpainted_problem(label: str, drawings: Sequence[Drawing], pixel_rule: str) -> str:
    """Why a label is left alone whose mask could not show polygons that are to join it; else empty."""
    start = f"the mask of '{label}' holds deleted polygons by another pixel rule ({pixel_rule})"
    try:
        ids = ", ".join(drawing.id for drawing in drawings if not drawing.paints(pixel_rule))
    except InputError:
        return f"{start}, which this version does not know, so that none can join it; restore them first"
    return f"{start}, by which {ids} would have no pixel; restore them first" if ids else ""
