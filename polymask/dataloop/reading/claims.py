"""What masks of ours say of themselves, in annotations as the platform has them."""

from collections.abc import Mapping, Set
from typing import Any, NamedTuple

import msgspec

from polymask.in_place.protocols import Stored
from polymask.provenance.claims import has_details, same_label, values
from polymask.provenance.digest import kind_of
from polymask.validation import Json


def claim_of(row: Json) -> Json | None:
    """What a mask of ours says of itself, by value; None for everybody else's annotations."""
    if row.get("type") != "binary":
        return None
    metadata: Any = row.get("metadata")
    user = metadata.get("user") if isinstance(metadata, dict) else None
    try:
        claim = values(user.get("polymask")) if isinstance(user, dict) else None
        msgspec.convert(claim, _Claim)
    except (msgspec.ValidationError, UnicodeEncodeError, RecursionError):
        return None  # whatever it says, it is not what a run of ours wrote
    return claim if isinstance(claim, dict) and kind_of(claim) else None


class _ClaimedSource(msgspec.Struct):
    id: int | str
    sha256: str


class _Claim(msgspec.Struct):
    key: str
    sources: list[_ClaimedSource]
    pixel_rule: str
    label: str = ""
    pixels_sha256: str = ""
    mask_sha256: str = ""
    frame: tuple[int, int] | None = None


class Version(NamedTuple):
    """A polygon at some time: all that a mask says of it."""

    sha256: str
    label: str
    details: Mapping[str, Any]


class Claimed(NamedTuple):
    """A polygon that may have been deleted on a mask's account.

    `item` is where the mask lies, `key` the id that it knows the polygon by, and `origin` the item that the
    polygon belonged to: another one in a copy of an item; empty in claims of earlier builds.
    """

    item: str
    key: str
    origin: str
    label: str
    entry: Mapping[str, Any]

    @property
    def place(self) -> tuple[str, str]:
        """What the polygon is known by where the mask lies."""
        return self.item, self.key

    @property
    def shape(self) -> tuple[str, str]:
        """What the mask says of its geometry and label."""
        return str(self.entry["sha256"]), self.label

    @property
    def is_copied(self) -> bool:
        """Whether the claim says that it speaks of another item's polygon."""
        return self.origin not in ("", self.item)

    def is_of(self, version: Version, *, but: tuple[str, ...] = ()) -> bool:
        """Whether this is what the mask says of a polygon, `but` some details."""
        if self.entry["sha256"] != version.sha256 or not same_label(self.label, version.label):
            return False
        return has_details(self.entry, version.details, but=but)


def claimed_in(row: Json) -> list[Claimed]:
    """The polygons that may have been deleted on account of an annotation, if it is a mask of ours."""
    mask = _mask_in(row)
    return claims_of(mask, str(row.get("itemId"))) if mask else []


def named_in(row: Json) -> list[Claimed]:
    """All polygons that an annotation names, if it is a mask of ours."""
    mask = _mask_in(row)
    return _claims(mask, str(row.get("itemId")), mask.statements.keys()) if mask else []


def _mask_in(row: Json) -> Stored | None:
    claim = claim_of(row)
    return Stored("", "", "", str(row.get("label")), claim, None) if claim else None


def claims_of(mask: Stored, item_id: str) -> list[Claimed]:
    """The polygons that may have been deleted on account of a mask that lies on an item."""
    return _claims(mask, item_id, mask.deletable)


def _claims(mask: Stored, item_id: str, keys: Set[str]) -> list[Claimed]:
    entries = mask.statements
    return [Claimed(item_id, key, mask.item_of(key), mask.made_for, entries[key]) for key in sorted(keys)]
