"""The two seams of an in-place run: where polygons come from, and where masks go.

A source and a sink speak of the same items. Whatever either says may be lost, late or
doubled, so nothing is believed that was not read back.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from polymask.ledger import Reason
from polymask.model import BoolMask, Frame, ImageRecord, Skipped
from polymask.provenance.claims import Mask, digest_of, key_of, same_label


@dataclass(frozen=True, slots=True)
class Proof:
    """Evidence, read back from the sink, that a mask is stored: its key, the digest of its
    decoded pixels, and where it lies."""

    key: str
    digest: str
    location: str


@dataclass(frozen=True, slots=True)
class Item:
    """One picture with annotations: the source's id for it, and its name."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """An item as it was read: the record, each instance as the source wrote it, what stays as it is.

    `raw` maps an instance's id to the source's own JSON, which is what a backup keeps;
    `details` to what a mask shall keep of it beside its geometry. `unsupported` are
    instances that cannot be painted, and `skipped` those that were not chosen: both stay where they
    are. `others` are the ids of what the item has beside the record's instances: not to be
    painted, yet there. `declared` is how many annotations the item has, or None where nobody counts them:
    its instances, those `joined` to one of them as its parts, and those `left_out`, by reason.
    """

    record: ImageRecord
    raw: Mapping[str, Mapping[str, Any]]
    details: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    unsupported: Sequence[Skipped] = ()
    others: frozenset[str] = frozenset()
    skipped: Sequence[Skipped] = ()
    declared: int | None = None
    joined: int = 0
    left_out: Mapping[Reason, int] = field(default_factory=dict)

    @property
    def present(self) -> frozenset[str]:
        """The ids of all that the item has, under any label."""
        return self.others | {str(instance.id) for instance in self.record.instances}


@dataclass(frozen=True, slots=True, eq=False)
class Stored(Proof):
    """A mask of ours as it was read back: what it says of itself, and what it really holds.

    `mask` is None where it cannot be decoded at all.
    """

    label: str
    claim: Mapping[str, Any]
    mask: BoolMask | None

    @property
    def sources(self) -> dict[str, str]:
        """The ids of the instances it holds, each with the digest of its geometry."""
        return {key: str(source["sha256"]) for key, source in self.statements.items()}

    @property
    def statements(self) -> dict[str, Mapping[str, Any]]:
        """What it says of each instance it holds, by id."""
        return {str(source["id"]): source for source in self.claim.get("sources", ())}

    @property
    def made_for(self) -> str:
        """The label that it was made for; `label` is its label now."""
        return str(self.claim.get("label", self.label))

    def made_for_one_of(self, labels: Iterable[str]) -> str:
        """The label it was made for, also where a server changed its case in the claim: the key tells."""
        alike = [label for label in labels if same_label(label, self.made_for)]
        keyed = (label for label in alike if key_of({**self.claim, "label": label}) == self.key)
        return self.made_for if self.made_for in alike else next(keyed, self.made_for)

    @property
    def origin(self) -> str:
        """Where its sources come from; empty in claims of earlier builds, which do not tell."""
        return str(self.claim.get("origin") or "")

    def is_made_from(self, origin: str) -> bool:
        """Whether its sources come from there, also where a server changed its case: the key tells."""
        if self.origin == origin or not same_label(self.origin, origin):
            return self.origin == origin
        return key_of({**self.claim, "origin": origin}) == self.key

    @property
    def frame(self) -> Frame | None:
        """The (height, width) it was made for."""
        height, width = self.claim.get("frame") or (0, 0)
        return (height, width) if height and width else None

    @property
    def deletes(self) -> bool:
        """Whether polygons may have been deleted on its account, as claims of earlier builds left open."""
        deletes = self.claim.get("deletes")
        return deletes is None or bool(deletes)

    def absorbed(self, present: frozenset[str]) -> frozenset[str]:
        """The instances that were deleted on its account and are kept by it: those no longer `present`."""
        absent = {key: source for key, source in self.statements.items() if key not in present}
        return frozenset(key for key, source in absent.items() if self.deletes or source.get("deleted"))

    @property
    def sound(self) -> bool:
        """Whether it decodes to the pixels it claims, in the frame it claims."""
        if self.mask is None or self.mask.shape != self.frame:  # the digest does not tell rows from columns
            return False
        return self.digest == digest_of(self.claim)

    @property
    def brushed(self) -> bool:
        """Whether somebody drew into it: it decodes, in its frame, to other pixels than it claims."""
        return self.mask is not None and self.mask.shape == self.frame and not self.sound

    @property
    def relabeled(self) -> bool:
        """Whether somebody gave it another label; a change of case or space is a server's."""
        return not same_label(self.label, self.made_for)


class Source(Protocol):
    """Where polygons come from."""

    @property
    def origin(self) -> str:
        """What masks say of where their polygons come from: the same on any machine."""

    def items(self) -> Iterator[Item]:
        """All items, complete and stable, or raises."""

    def read(self, item: Item) -> Reading:
        """The item's record, lossless, or raises."""

    def image(self, item: Item) -> bytes:
        """The picture's own bytes."""

    def delete(self, item: Item, instance_ids: Sequence[str], etag: str) -> None:
        """Delete these instances and no others, only if the record is unchanged since it was read."""

    def restore(self, item: Item, backup: Mapping[str, Any], *, instance_id: str | None = None) -> bool:
        """Put a deleted instance back, once; False where it is there.

        `instance_id` is the id under which it was read, where that is another than its own.
        """


class Sink(Protocol):
    """Where masks go."""

    def write(self, item: Item, masks: Sequence[Mask]) -> None:
        """Store masks, each at most once as far as the answers show."""

    def proofs(self, item: Item) -> tuple[Stored, ...]:
        """What is really stored of ours, read back."""

    def retract(self, item: Item, proof: Stored) -> None:
        """Remove one surplus mask of our own."""
