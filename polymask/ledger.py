"""The balance of annotations: each annotation that a source declares is painted, or left out with a reason.

Readers tell a `Ledger` how many annotations a source declares and what becomes of them; the ledger
refuses sums that do not add up. `REASON_KINDS` maps each kind of reason to advice for the user.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from polymask.errors import PolymaskError
from polymask.wording import counted

REASON_KINDS = {
    "box": "paint boxes with --boxes",
    "unsegmented": "draw them as polygons or masks, and export again",
    "tag": "draw what they name as polygons or masks, and export again",
    "unsupported": "draw them as polygons or masks, and export again",
    "linked": "download their masks, and name the folder that holds them with --masks",
    "invalid": "correct what `polymask check` lists as invalid",
    "choice": "choose them with --predictions, --min-confidence, --creator or --status",
    "ours": "",
    "annotator": "choose whose drawing is read with --annotator",
    "prediction": "accept them as annotations in the tool that made them, and export again",
    "draft": "submit them in the tool that made them, and export again",
    "withdrawn": "take their deletion or cancellation back in the tool that made them, and export again",
    "undrawn": "name them otherwise: the format draws no such label",
    "label": "list all labels that shall be painted in a file for --labels",
    "only": "leave --only out, or name labels that these images have",
    "crowd": "leave --crowd skip out",
    "background": "give their labels a name or a value other than the background's",
    "void": "give their labels a name or a value other than void",
    "void-crowd": "leave --crowd void out",
    "covered": "choose another --overlap, leave --border out, or leave --crowd void out",
    "empty": "compare their coordinates with the size of the images: `polymask check`",
    "hidden": "",
    "deleted": "",
    "where": "choose other images with --where",
    "failed": "",
}


UNCHOSEN = ("choice", "ours")  # left out on purpose, and listed as such


class Reason(NamedTuple):
    """Why annotations are not painted: a kind out of `REASON_KINDS`, and a text for all of them."""

    kind: str
    text: str


class Omitted(msgspec.Struct, frozen=True):
    """Why an annotation is no instance.

    `annotation` names the annotation if it cannot be painted and the report lists it by itself.
    """

    kind: str
    text: str
    annotation: str = ""

    @property
    def reason(self) -> Reason:
        """The reason, which it shares with other annotations."""
        return Reason(self.kind, self.text)


BOX = Omitted("box", "a box without segmentation")
EMPTY = Omitted("unsegmented", "no segmentation")
INVALID = Reason("invalid", "malformed")
NOT_CHOSEN = Reason("only", "not chosen by --only")
NO_PIXEL = Reason("empty", "no pixel: empty, too small, or outside the image")
OTHER_IMAGES = Reason("where", "of images that are not chosen")
FAILED = Reason("failed", "of images that failed")


class Ledger:
    """The number of annotations that a source declares, and what becomes of those of each image.

    Images are numbered in the order of the source's names. `joined` annotations are painted as parts of
    another annotation's instance.

    Examples:
        >>> ledger = Ledger()
        >>> ledger.add_image(declared=3, instances=1, left_out=Counter({BOX.reason: 2}))
        >>> ledger.add_invalid(1)
        >>> ledger.declared, ledger.declared_of(0), ledger.instances
        (4, 3, 1)
    """

    def __init__(self) -> None:
        self.declared = 0
        self.instance_counts: list[int] = []  # instances
        self.joined_counts: dict[int, int] = {}
        self.left_out: dict[Reason, dict[int, int]] = {}
        self.without_image: Counter[Reason] = Counter()  # left out, of no image of the source

    def add_image(
        self, *, declared: int, instances: int, joined: int = 0, left_out: Mapping[Reason, int]
    ) -> None:
        """Count the next image; raises `PolymaskError` if its annotations do not add up to `declared`."""
        _check(declared, instances + joined + sum(left_out.values()))
        self.declared += declared
        if joined:
            self.joined_counts[len(self.instance_counts)] = joined
        for reason, count in left_out.items():
            self.leave_out(reason, len(self.instance_counts), count)
        self.instance_counts.append(instances)

    def leave_out(self, reason: Reason, image: int, count: int = 1) -> None:
        """Count annotations of an image that are left out."""
        counts = self.left_out.setdefault(reason, {})
        counts[image] = counts.get(image, 0) + count

    def add_invalid(self, count: int) -> None:
        """Count malformed annotations that belong to no image of the source."""
        self.declared += count
        self.without_image[INVALID] += count

    def add_image_left_out(self, *, declared: int, left_out: Mapping[Reason, int]) -> None:
        """Count the annotations of an image that the source lacks; raises as `add_image` does."""
        _check(declared, sum(left_out.values()))
        self.declared += declared
        self.without_image.update(left_out)

    def add(self, other: "Ledger") -> None:
        """Add the counts of another ledger; its images come after those of this ledger."""
        offset = len(self.instance_counts)
        self.declared += other.declared
        self.instance_counts += other.instance_counts
        self.joined_counts.update({offset + image: count for image, count in other.joined_counts.items()})
        for reason, images in other.left_out.items():
            for image, count in images.items():
                self.leave_out(reason, offset + image, count)
        self.without_image.update(other.without_image)

    def close(self, *, declared: int, instances: Iterable[int], invalid: int) -> None:
        """Count all images at once, for readers that meet annotations in any order and leave some out.

        `instances` are the numbers of instances, image by image; `invalid` is the number of malformed
        annotations that belong to no image.

        Raises:
            PolymaskError: The counts do not add up to `declared`.
        """
        self.declared, self.instance_counts = declared, list(instances)
        self.without_image = Counter({INVALID: invalid})
        _check(declared, self.instances + self.joined + sum(self.omitted.values()))

    @property
    def instances(self) -> int:
        """The number of instances."""
        return sum(self.instance_counts)

    @property
    def joined(self) -> int:
        """The number of annotations that are parts of another annotation's instance."""
        return sum(self.joined_counts.values())

    @property
    def omitted(self) -> Counter[Reason]:
        """The numbers of annotations that are left out, by reason."""
        counts = Counter({reason: sum(images.values()) for reason, images in self.left_out.items()})
        return counts + self.without_image

    def declared_of(self, image: int) -> int:
        """The number of annotations that an image declares."""
        return (
            self.instance_counts[image] + self.joined_counts.get(image, 0) + self.left_out_of(image).total()
        )

    def left_out_of(self, image: int) -> Counter[Reason]:
        """The numbers of an image's annotations that are left out, by reason."""
        return Counter({reason: n for reason, images in self.left_out.items() if (n := images.get(image))})

    def count(self, *kinds: str) -> int:
        """The number of annotations that are left out for reasons of some kinds."""
        return sum(count for reason, count in self.omitted.items() if reason.kind in kinds)


def _check(declared: int, counted: int) -> None:
    if declared != counted:
        raise PolymaskError(
            f"{declared} annotations are declared, but {counted} are accounted for",
            advice="please report this",
        )


def by_count(left_out: Mapping[Reason, int]) -> list[tuple[Reason, int]]:
    """The reasons with a count above 0, the most frequent first."""
    ordered = sorted(left_out.items(), key=lambda item: (-item[1], item[0]))
    return [(reason, count) for reason, count in ordered if count]


def reasons_text(left_out: Mapping[Reason, int]) -> list[str]:
    """Reasons with their counts, the most frequent first.

    Examples:
        >>> reasons_text({BOX.reason: 1200, EMPTY.reason: 1})
        ['1,200 × a box without segmentation', '1 × no segmentation']
    """
    return [f"{count:,} × {reason.text}" for reason, count in by_count(left_out)]


def ways_out(left_out: Mapping[Reason, int]) -> str:
    """Advice on how to have the annotations painted, for each kind of reason with a count above 0.

    Examples:
        >>> ways_out({BOX.reason: 3})
        'paint boxes with --boxes'
    """
    kinds = {reason.kind for reason, count in left_out.items() if count}
    return "; or ".join(advice for kind, advice in REASON_KINDS.items() if kind in kinds and advice)


def nothing_painted(declared: int, left_out: Mapping[Reason, int]) -> str:
    """The message of a run that painted nothing, with advice.

    Examples:
        >>> nothing_painted(1, {BOX.reason: 1})
        'nothing was painted of 1 annotation (1 × a box without segmentation); paint boxes with --boxes'
    """
    annotations = counted(declared, "annotation")
    advice = ways_out(left_out)
    reasons = ", ".join(reasons_text(left_out))
    return f"nothing was painted of {annotations} ({reasons})" + (f"; {advice}" if advice else "")
