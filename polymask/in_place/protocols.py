"""The two interfaces of an in-place run: the source of polygons, and the sink of masks.

A source and a sink refer to the same items. Their answers may be lost, late or repeated, so a run
relies only on what it has read back.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from polymask.ledger import Reason
from polymask.model import BoolMask, Frame, ImageRecord, Instance, Skipped
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
    """An item as the source returned it.

    Attributes:
        record: The instances to paint.
        raw: By instance id, the JSON that the source stores; backups keep it.
        details: By instance id, the facts beside the geometry that a mask's claim repeats.
        unsupported: Instances that cannot be painted; they stay in the source.
        skipped: Instances that were not chosen; they stay in the source.
        unpainted_ids: The ids of the item's annotations that are not in `record`, and those that its
            annotations had in an item that it was cloned from.
        declared: The number of the item's annotations, or None if nobody counts them. It is the sum of
            the instances, of `joined` and of `left_out`.
        joined: The number of annotations that are parts of another annotation's instance.
        left_out: The number of annotations that are not painted, by reason.
        unchosen: By the id that a mask lists it by, what was not chosen though masks hold it; None for
            what cannot be drawn.
    """

    record: ImageRecord
    raw: Mapping[str, Mapping[str, Any]]
    details: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    unsupported: Sequence[Skipped] = ()
    unpainted_ids: frozenset[str] = frozenset()
    skipped: Sequence[Skipped] = ()
    declared: int | None = None
    joined: int = 0
    left_out: Mapping[Reason, int] = field(default_factory=dict)
    unchosen: Mapping[str, Instance | None] = field(default_factory=dict)

    @property
    def present(self) -> frozenset[str]:
        """The ids of all annotations of the item, under any label."""
        chosen = {str(instance.id) for instance in self.record.instances}
        return self.unpainted_ids | self.unchosen.keys() | chosen


@dataclass(frozen=True, slots=True, eq=False)
class Stored(Proof):
    """A mask that polymask stored, as it was read back: its claim, and its pixels.

    `label` is the label that it has now. `mask` is None if the stored mask cannot be decoded.
    """

    label: str
    claim: Mapping[str, Any]
    mask: BoolMask | None

    @property
    def sources(self) -> dict[str, str]:
        """The digests of the geometry of its source instances, by id."""
        return {key: str(source["sha256"]) for key, source in self.statements.items()}

    @property
    def statements(self) -> dict[str, Mapping[str, Any]]:
        """The claim's entries about its source instances, by id."""
        return {str(source["id"]): source for source in self.claim.get("sources", ())}

    @property
    def made_for(self) -> str:
        """The label that it was made for, as its claim says."""
        return str(self.claim.get("label", self.label))

    def label_among(self, labels: Iterable[str]) -> str:
        """The one of some labels that it was made for, even if a server changed its case in the claim.

        The key, which depends on the label, shows which spelling is the original.
        """
        alike = [label for label in labels if same_label(label, self.made_for)]
        keyed = (label for label in alike if key_of({**self.claim, "label": label}) == self.key)
        return self.made_for if self.made_for in alike else next(keyed, self.made_for)

    @property
    def origin(self) -> str:
        """Where its polygons come from; empty in claims of earlier builds, which do not say so."""
        return str(self.claim.get("origin") or "")

    def item_of(self, key: str) -> str:
        """The item that a source instance belongs to, or was deleted from; empty if the claim does not say.

        Claims of earlier builds name no item. A copy of an item has masks that name the first one.
        """
        return str(self.statements[key].get("item", self.claim.get("item", "")))

    def is_made_from(self, origin: str) -> bool:
        """Whether its polygons come from an origin, even if a server changed its case in the claim.

        The key, which depends on the origin, shows which spelling is the original.
        """
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
        """Whether runs may delete all polygons that it holds; claims of earlier builds leave it open."""
        deletes = self.claim.get("deletes")
        return deletes is None or bool(deletes)

    @property
    def deletable(self) -> frozenset[str]:
        """The ids of its source instances that runs may delete, or have deleted."""
        return frozenset(
            key
            for key, source in self.statements.items()
            if self.deletes or source.get("deletes") or source.get("deleted")
        )

    def absorbed(self, present: frozenset[str]) -> frozenset[str]:
        """The ids of the deleted instances that it stands for: they are no longer `present` in the item."""
        return self.deletable - present

    @property
    def sound(self) -> bool:
        """Whether it decodes to the pixels it claims, in the frame it claims."""
        if self.mask is None or self.mask.shape != self.frame:  # the digest alone does not prove the shape
            return False
        return self.digest == digest_of(self.claim)

    @property
    def brushed(self) -> bool:
        """Whether somebody edited its pixels: it decodes in its frame, to other pixels than it claims."""
        return self.mask is not None and self.mask.shape == self.frame and not self.sound

    @property
    def relabeled(self) -> bool:
        """Whether somebody gave it another label; servers are known to change case and spaces themselves."""
        return not same_label(self.label, self.made_for)


class Source(Protocol):
    """Where polygons come from."""

    @property
    def origin(self) -> str:
        """The name of the source in the claims of its masks: the same on any machine."""

    def items(self) -> Iterator[Item]:
        """All items, complete and in a stable order; raises if that is not possible."""

    def read(self, item: Item) -> Reading:
        """The item's record without loss; raises if that is not possible."""

    def image(self, item: Item) -> bytes:
        """The bytes of the picture file."""

    def delete(self, item: Item, instance_ids: Sequence[str], etag: str) -> None:
        """Delete exactly the named instances, and only if the record has not changed since it was read."""

    def restore(self, item: Item, backup: Mapping[str, Any], *, instance_id: str | None = None) -> bool:
        """Put a deleted instance back, at most once; returns False if it is present.

        `instance_id` is the id under which it was read, if that differs from the id in its backup.
        """


class Sink(Protocol):
    """Where masks go."""

    def write(self, item: Item, masks: Sequence[Mask]) -> None:
        """Store masks, each at most once as far as the sink's answers show."""

    def proofs(self, item: Item) -> tuple[Stored, ...]:
        """The masks that polymask stored, read back."""

    def retract(self, item: Item, proof: Stored) -> None:
        """Remove a surplus mask that polymask stored."""
