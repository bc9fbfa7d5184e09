"""The kinds of findings, what each means to `convert`, and a list of them that tables can be made of.

`FINDING_KINDS` is the table of findings, and `RANKS` tells what each means to `convert`: it blocks, it
is dropped, or it is merely odd.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from importlib import import_module
from typing import Any

from polymask.extras import dataframe
from polymask.model import Finding

FINDING_KINDS = {
    "invalid": "a record that cannot be used; `convert` refuses it, or leaves it out with --skip-invalid",
    "unsupported": "an instance that cannot be painted; `convert` leaves it alone, and exits 1",
    "unknown-label": "a label that --labels, else the source's own table, does not have; `convert` refuses "
    "it, or leaves it out with --skip-invalid",
    "image-name": "a name that no mask can have, or that of two images; `convert` into a folder refuses the "
    "source, and in place it does not",
    "no-picture": "no image has the picture that alone gives its size; `convert` refuses the source",
    "not-painted": "annotations that paint nothing (boxes, tags, predictions…); `convert` counts them",
    "nothing-painted": "no annotation can be painted; `convert` writes empty masks, and exits 1",
    "duplicate-id": "an annotation id that occurs more than once; all are painted",
    "self-intersection": "two edges of a ring properly cross; the doubly enclosed part is outside (even-odd)",
    "self-touch": "a ring meets itself without crossing",
    "duplicate-point": "a point repeats the one before it",
    "out-of-frame": "points or pixels lie outside the image; what lies outside is clipped",
    "shares": "all points lie between 0 and 1, in a larger image: shares of its sides, not pixels?",
    "all-shares": "all points of all instances lie between 0 and 1; `convert` refuses the source",
    "zero-area": "a ring encloses nothing, and paints nothing",
    "tiny-part": "a ring encloses no pixel center, and paints nothing",
    "overlapping-parts": "parts of an instance overlap or nest: `--holes union` and `even-odd` differ",
    "no-size": "the picture that alone gives an image's size is not there, or cannot be read; `convert` "
    "fails the image, and exits 1",
    "missing-image": "the picture is not there, or cannot be read",
    "size-mismatch": "the picture has another size than the annotations say",
    "exif-rotated": "the picture is stored turned or mirrored: it may be annotated as shown, or as stored",
    "similar-labels": "labels that differ in case, spaces, hyphens or Unicode form alone; each is painted",
}
BLOCKS, DROPPED, ODD = "blocks", "dropped", "odd"
RANKS = {
    BLOCKS: "`convert` into a folder refuses the source",
    DROPPED: "not painted, and listed",
    ODD: "painted as it is",
}
LEFT_OUT = ("invalid", "unknown-label")  # by --skip-invalid
_DROPPED_KINDS = ("nothing-painted", "unsupported", "not-painted", "no-size", "zero-area", "tiny-part")
_RANK_OF = {
    **dict.fromkeys((*LEFT_OUT, "image-name", "no-picture", "all-shares"), BLOCKS),
    **dict.fromkeys(_DROPPED_KINDS, DROPPED),
}


def rank_of(kind: str, *, skip_invalid: bool = False) -> str:
    """The rank of a kind of finding, one of `RANKS`; `skip_invalid` drops what else blocks.

    Examples:
        >>> rank_of("invalid"), rank_of("unsupported"), rank_of("self-touch")
        ('blocks', 'dropped', 'odd')
        >>> rank_of("invalid", skip_invalid=True), rank_of("image-name", skip_invalid=True)
        ('dropped', 'blocks')
    """
    return DROPPED if skip_invalid and kind in LEFT_OUT else _RANK_OF.get(kind, ODD)


class Findings(list[Finding]):
    """What `check` found, in its order; a list with tables. `skip_invalid` changes what blocks.

    Examples:
        >>> found = Findings([Finding("self-touch", "a.jpg", 7, "ring 0 touches itself")])
        >>> found.counts, found.ranks
        ({'self-touch': 1}, {'odd': 1})
    """

    def __init__(self, findings: Iterable[Finding] = (), *, skip_invalid: bool = False) -> None:
        super().__init__(findings)
        self.skip_invalid = skip_invalid

    def rank(self, finding: Finding) -> str:
        """What a finding means to a conversion: one of `RANKS`."""
        return rank_of(finding.kind, skip_invalid=self.skip_invalid)

    @property
    def counts(self) -> dict[str, int]:
        """How many there are of each kind, in the order of `FINDING_KINDS`."""
        counts = Counter(finding.kind for finding in self)
        return {kind: counts[kind] for kind in FINDING_KINDS if counts[kind]}

    @property
    def ranks(self) -> dict[str, int]:
        """How many block a conversion, are dropped, or are merely odd."""
        counts = Counter(map(self.rank, self))
        return {rank: counts[rank] for rank in RANKS if counts[rank]}

    def to_dict(self) -> dict[str, Any]:
        """Plain values: what `--json` prints."""
        findings = [asdict(finding) for finding in self]
        return {"findings": findings, "counts": self.counts, "ranks": self.ranks}

    def to_dataframe(self) -> Any:
        """A pandas `DataFrame` with a row a finding: kind, rank, image, instance, message.

        Raises `InputError` where pandas is not installed.
        """
        columns = ("kind", "rank", "image", "instance", "message")
        return dataframe([asdict(f) | {"rank": self.rank(f)} for f in self], columns)

    def _repr_html_(self) -> str:
        """Tables by rank, as notebooks show them."""
        notebook = import_module("polymask.report.notebook")  # a room beside, and only in a notebook
        return str(notebook.findings_html(self))
