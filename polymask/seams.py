"""The two seams of an in-place run: where polygons come from, and where masks go.

A source and a sink speak of the same items. Whatever either says may be lost, late or
doubled, so nothing is believed that was not read back.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from polymask.claims import Mask
from polymask.model import BoolMask, Frame, ImageRecord, Proof, Skipped


@dataclass(frozen=True, slots=True)
class Item:
    """One picture with annotations: the source's id for it, and its name."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """An item as it was read: the record, each instance as the source wrote it, what is left alone.

    `raw` maps an instance's id to the source's own JSON, which is what a backup keeps;
    `details` to what a mask shall keep of it beside its geometry. `unsupported` are
    instances that cannot be painted, and stay where they are.
    """

    record: ImageRecord
    raw: Mapping[str, Mapping[str, Any]]
    details: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    unsupported: Sequence[Skipped] = ()


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
        return {str(source["id"]): str(source["sha256"]) for source in self.claim.get("sources", ())}

    @property
    def frame(self) -> Frame | None:
        """The (height, width) it was made for."""
        height, width = self.claim.get("frame") or (0, 0)
        return (height, width) if height and width else None

    @property
    def sound(self) -> bool:
        """Whether it decodes to the pixels it claims, in the frame it claims."""
        if self.mask is None or self.mask.shape != self.frame:  # the digest does not tell rows from columns
            return False
        return self.digest == self.claim.get("pixels_sha256")


class Source(Protocol):
    """Where polygons come from."""

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
        """Store masks, each at most once as far as it can be told."""

    def proofs(self, item: Item) -> tuple[Stored, ...]:
        """What is really stored of ours, read back."""

    def retract(self, item: Item, proof: Stored) -> None:
        """Remove one surplus mask of our own."""
