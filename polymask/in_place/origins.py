"""Whose masks a run has to do with: those that are made from its own source.

Several sources may give masks to one item: the dataset's own polygons, and any number of local files. A
polygon that is not in one of them says nothing of the others: a mask of another source is neither
rewritten nor retracted, and is no double. It is left alone, and told.

Claims of earlier builds do not tell their origin. Such a mask is a source's own where it lists what the
source has; otherwise nothing shows whether its polygons were erased, or were never there.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence, Set

from polymask.in_place.holdings import Drawing
from polymask.in_place.protocols import Stored
from polymask.provenance.claims import DATASET
from polymask.results import OtherMask

Drawings = Mapping[str, Sequence[Drawing]]


def is_own(proof: Stored, origin: str, *, present: Set[str], drawn: Drawings) -> bool:
    """Whether a mask is made from the source of a run, given the ids that the item has there."""
    if proof.origin:
        return proof.is_made_from(origin)
    if origin == DATASET:  # its ids are nobody else's, and only runs in place delete
        return proof.deletes or not present.isdisjoint(proof.sources)
    return bool(proof.sources.items() & _digests(drawn).items())


def own_masks(stored: Sequence[Stored], origin: str, *, present: Set[str], drawn: Drawings) -> list[Stored]:
    """The masks of an item that are made from the source of a run."""
    return [proof for proof in stored if is_own(proof, origin, present=present, drawn=drawn)]


def _digests(drawn: Drawings) -> dict[str, str]:
    return {drawing.id: drawing.sha256 for drawings in drawn.values() for drawing in drawings}


def other_masks(
    stored: Sequence[Stored], origin: str, *, present: Set[str], drawn: Drawings, only: Set[str]
) -> list[OtherMask]:
    """The masks of an item, of some labels or of all, that a run leaves alone."""
    digests = _digests(drawn).items()
    return [
        OtherMask(proof.origin, proof.sources.items() <= digests)
        for proof in stored
        if not is_own(proof, origin, present=present, drawn=drawn) and (not only or proof.made_for in only)
    ]


def notes_of(others: Counter[OtherMask]) -> Iterator[str]:
    """What a report says of the masks that a run left alone, counted by what is known of them."""
    masks = Counter({other: count for other, count in others.items() if other.origin})
    repeated = Counter({other: count for other, count in masks.items() if other.is_repeated})
    if masks:
        yield f"{masks.total():,} masks made from other sources ({_names(masks)}) were left alone"
    if repeated:
        yield (
            f"{repeated.total():,} of them ({_names(repeated)}) hold the same polygons as the masks of this "
            "run: where it is the same source under another name, delete them in the studio"
        )
    if unknown := others.total() - masks.total():
        yield (
            f"{unknown:,} masks of earlier versions were left alone: they do not tell their source, and "
            "their polygons are not in this one; where these were erased, delete the masks in the studio"
        )


def _names(others: Collection[OtherMask]) -> str:
    return ", ".join(sorted({_name(other.origin) for other in others}))


def _name(origin: str) -> str:
    """What people call it: the name of a file or folder."""
    return "the dataset's own polygons" if origin == DATASET else origin.partition(":")[2] or origin
