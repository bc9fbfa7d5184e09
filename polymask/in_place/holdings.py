"""What a stored mask holds, seen against what its item has now."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from polymask.errors import FormatError, InputError
from polymask.in_place.protocols import Stored
from polymask.model import Frame, Instance, Spans
from polymask.provenance.claims import same_details
from polymask.provenance.digest import geometry_sha256
from polymask.raster import spans_of
from polymask.raster.packed import Flat, are_set, flat_of, flat_of_mask, united, unpack

SourcePixels = dict[
    tuple[str, ...], Flat
]  # of sources by their ids: of each alone, or of those that nobody can tell apart


class Drawing:
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

    def flat(self, pixel_rule: str) -> Flat:
        """Its pixels as intervals of the whole frame."""
        return flat_of(self.spans(pixel_rule), self.frame[1])

    def paints(self, pixel_rule: str) -> bool:
        """Whether it has any pixel; of what has none, no mask holds anything."""
        return self.flat(pixel_rule)[0].size > 0


@dataclass(frozen=True, eq=False)
class Holding:
    """A stored mask and the ids of all that its item has, under any label."""

    proof: Stored
    present: frozenset[str]
    absorbed: frozenset[str] = field(init=False)  # the sources that were deleted on its account

    def __post_init__(self) -> None:
        object.__setattr__(self, "absorbed", self.proof.absorbed(self.present))

    @property
    def finished(self) -> bool:
        """Whether all that it holds was deleted on its account."""
        return len(self.absorbed) == len(self.proof.statements)

    @property
    def pixel_rule(self) -> str:
        """The rule that its polygons were drawn by."""
        return str(self.proof.claim["pixel_rule"])

    def holds(self, drawn: Drawing) -> bool:
        """Whether it accounts for an instance: id, geometry, details and all its pixels, at least one."""
        return self.tells(drawn) and drawn.paints(self.pixel_rule)

    def tells(self, drawn: Drawing) -> bool:
        """Whether it says what an instance is now, and has all its pixels, be they none."""
        proof = self.proof
        source = proof.statements.get(drawn.id)
        if proof.mask is None or source is None or source["sha256"] != drawn.sha256:
            return False
        if not same_details(source, drawn.instance.label, drawn.details):
            return False
        try:
            return are_set(proof.mask, drawn.flat(self.pixel_rule))
        except InputError:
            return False  # a rule of another version: drawn anew under ours, it joins the new mask

    @cached_property
    def pixels(self) -> SourcePixels:
        """The pixels of what it keeps, by source where its claim tells them apart."""
        return {ids: flat for ids, flat in self._told_apart().items() if self.absorbed & set(ids)}

    def mixed_with(self, distinct: set[str]) -> set[str]:
        """The sources whose pixels are not known apart from those it keeps, but for the `distinct`."""
        return {key for ids in self.pixels for key in ids} - self.absorbed - distinct

    def _told_apart(self) -> SourcePixels:
        mask = self.proof.mask
        if mask is None or not self.absorbed:
            return {}
        together = tuple(sorted(self.proof.statements))
        try:
            apart = {ids: unpack(runs, mask.size) for ids, runs in _packed(self.proof.claim)}
        except FormatError:
            apart = {}
        if self.absorbed <= {key for ids in apart for key in ids}:
            return apart
        return {together: flat_of_mask(mask)}


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
    """What several masks keep: where two tell of the same sources, their union."""
    pixels: SourcePixels = {}
    for holding in holdings:
        for ids, flat in holding.pixels.items():
            pixels[ids] = united([pixels[ids], flat]) if ids in pixels else flat
    return pixels


def supersedes(holder: Holding, other: Holding) -> bool:
    """Whether another mask can go: what it keeps, ids and pixels, the holder has too."""
    mask = holder.proof.mask
    if other is holder or not other.absorbed:
        return True
    assert mask is not None
    return other.absorbed <= holder.absorbed and all(are_set(mask, flat) for flat in other.pixels.values())


def without_doubles(holdings: list[Holding]) -> list[Holding]:
    """The first of those that say and hold the same, in order of id."""
    first: dict[Any, Holding] = {}
    for holding in holdings:
        proof = holding.proof
        first.setdefault((_identity(proof), holding.absorbed, proof.deletes, proof.digest), holding)
    return list(first.values())


def _identity(proof: Stored) -> frozenset[tuple[str, ...]]:
    return frozenset(
        (key, str(source["sha256"]), str(source.get("details_sha256")))
        for key, source in proof.statements.items()
    )
