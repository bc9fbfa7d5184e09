"""Which stored masks a run decides about: those that are made from its source.

Several sources may give masks to one item: the polygons of the dataset itself, and any number of local
files. A polygon that is missing from one source may still be in another. So a run never rewrites or
retracts the masks of other sources, and never takes them for duplicates: it leaves them alone and
reports them.

Claims of earlier builds do not name their origin. Such a mask belongs to the source whose polygons it
lists; if it lists none of them, nobody can tell whether its polygons were erased or belong elsewhere.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence, Set

from polymask.in_place.holdings import Drawing
from polymask.in_place.protocols import Stored
from polymask.provenance.claims import DATASET
from polymask.results import OtherMask
from polymask.wording import counted

Drawings = Mapping[str, Sequence[Drawing]]


def is_from_source(proof: Stored, origin: str, *, present: Set[str], drawn: Drawings) -> bool:
    """Whether a mask is made from the source of a run.

    `present` are the ids of the item's annotations in that source, `drawn` its drawings by label.
    """
    if proof.origin:
        return proof.is_made_from(origin)
    if origin == DATASET:  # the ids of a dataset are unique, and only in-place runs delete
        return proof.deletes or not present.isdisjoint(proof.sources)
    return bool(proof.sources.items() & _digests(drawn).items())


def masks_of_source(
    stored: Sequence[Stored], origin: str, *, present: Set[str], drawn: Drawings
) -> list[Stored]:
    """The masks of an item that are made from the source of a run."""
    return [proof for proof in stored if is_from_source(proof, origin, present=present, drawn=drawn)]


def _digests(drawn: Drawings) -> dict[str, str]:
    return {drawing.id: drawing.sha256 for drawings in drawn.values() for drawing in drawings}


def other_masks(
    stored: Sequence[Stored], origin: str, *, present: Set[str], drawn: Drawings, only: Set[str]
) -> list[OtherMask]:
    """The masks of an item that a run leaves alone; with `only`, those of its labels."""
    digests = _digests(drawn).items()
    return [
        OtherMask(proof.origin, proof.sources.items() <= digests)
        for proof in stored
        if not is_from_source(proof, origin, present=present, drawn=drawn)
        and (not only or proof.made_for in only)
    ]


def notes_of(masks: Counter[OtherMask]) -> Iterator[str]:
    """The notes of a report on the masks that a run left alone, with their counts."""
    named = Counter({mask: count for mask, count in masks.items() if mask.origin})
    repeated = Counter({mask: count for mask, count in named.items() if mask.is_repeated})
    if named:
        total = named.total()
        left_alone = "was left alone" if total == 1 else "were left alone"
        yield f"{counted(total, 'mask')} made from other sources ({_names(named)}) {left_alone}"
    if repeated:
        yield (
            f"{repeated.total():,} of them ({_names(repeated)}) hold the same polygons as the masks of this "
            "run: where it is the same source under another name, delete them in the studio"
        )
    if unknown := masks.total() - named.total():
        yield (
            f"{counted(unknown, 'mask of earlier versions was', 'masks of earlier versions were')} left "
            "alone: they do not tell their source, and their polygons are not in this one; where these were "
            "erased, delete the masks in the studio"
        )


def _names(masks: Collection[OtherMask]) -> str:
    return ", ".join(sorted({_name(mask.origin) for mask in masks}))


def _name(origin: str) -> str:
    """The name that people know an origin by: that of a file or folder."""
    return "the dataset's own polygons" if origin == DATASET else origin.partition(":")[2] or origin


def absorbed_by(stored: Sequence[Stored], origin: str, *, present: frozenset[str]) -> frozenset[str]:
    """The ids of the instances of a source that masks say were deleted, and that are no longer `present`."""
    masks = [proof for proof in stored if not proof.origin or proof.is_made_from(origin)]
    return frozenset(key for proof in masks for key in proof.absorbed(present))
