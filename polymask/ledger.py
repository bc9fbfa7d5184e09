"""The one place that counts annotations: each that a source declares is painted, or left out with a reason.

Readers report to a `Ledger` what a source declares and what becomes of it; it refuses sums that do
not add up. `REASON_KINDS` are the kinds of reasons, each with the way out that it leaves.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from polymask.errors import PolymaskError

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
    "label": "add their labels to the --labels file, or leave --labels out",
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
    """Why annotations are not painted: one of `REASON_KINDS`, and a text that they have in common."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Omitted:
    """An annotation that is no instance; `what` names one that cannot be painted and is listed by itself."""

    kind: str
    text: str
    what: str = ""

    @property
    def reason(self) -> Reason:
        """What it has in common with others."""
        return Reason(self.kind, self.text)


BOX = Omitted("box", "a box without segmentation")
EMPTY = Omitted("unsegmented", "no segmentation")
INVALID = Reason("invalid", "malformed")
NOT_CHOSEN = Reason("only", "not chosen by --only")
NO_PIXEL = Reason("empty", "no pixel: empty, too small, or outside the image")
OTHER_IMAGES = Reason("where", "of images that are not chosen")
FAILED = Reason("failed", "of images that failed")


class Ledger:
    """How many annotations a source declares, and what becomes of those of each image.

    Images are counted in the order of the source's names. `joined` annotations are painted as parts
    of another's instance.

    >>> ledger = Ledger()
    >>> ledger.add_image(declared=3, instances=1, left_out=Counter({BOX.reason: 2}))
    >>> ledger.add_invalid(1)
    >>> ledger.declared, ledger.declared_of(0), ledger.instances
    (4, 3, 1)
    """

    def __init__(self) -> None:
        self.declared = 0
        self.of_image: list[int] = []  # instances
        self.joined_in: dict[int, int] = {}
        self.left_out: dict[Reason, dict[int, int]] = {}
        self.of_no_image: Counter[Reason] = Counter()  # of no image that is read

    def add_image(
        self, *, declared: int, instances: int, joined: int = 0, left_out: Mapping[Reason, int]
    ) -> None:
        """Count the next image; raises `PolymaskError` where what it declares is not what becomes of it."""
        _check(declared, instances + joined + sum(left_out.values()))
        self.declared += declared
        if joined:
            self.joined_in[len(self.of_image)] = joined
        for reason, count in left_out.items():
            self.leave_out(reason, len(self.of_image), count)
        self.of_image.append(instances)

    def leave_out(self, reason: Reason, image: int, count: int = 1) -> None:
        """Count what is left out of an image."""
        counts = self.left_out.setdefault(reason, {})
        counts[image] = counts.get(image, 0) + count

    def add_invalid(self, count: int) -> None:
        """Count malformed annotations that belong to no image that is read."""
        self.declared += count
        self.of_no_image[INVALID] += count

    def add_image_left_out(self, *, declared: int, left_out: Mapping[Reason, int]) -> None:
        """Count the annotations of an image that is no image of the source; checked as `add_image` does."""
        _check(declared, sum(left_out.values()))
        self.declared += declared
        self.of_no_image.update(left_out)

    def add(self, other: "Ledger") -> None:
        """Count what another ledger counts, its images after those that are here."""
        before = len(self.of_image)
        self.declared += other.declared
        self.of_image += other.of_image
        self.joined_in.update({before + image: count for image, count in other.joined_in.items()})
        for reason, images in other.left_out.items():
            for image, count in images.items():
                self.leave_out(reason, before + image, count)
        self.of_no_image.update(other.of_no_image)

    def close(self, *, declared: int, of_image: Iterable[int], invalid: int) -> None:
        """Count all images at once, where annotations come in any order and are left out as they come.

        Raises `PolymaskError` where what is declared is not what becomes of it.
        """
        self.declared, self.of_image = declared, list(of_image)
        self.of_no_image = Counter({INVALID: invalid})
        _check(declared, self.instances + self.joined + sum(self.omitted.values()))

    @property
    def instances(self) -> int:
        """How many instances there are."""
        return sum(self.of_image)

    @property
    def joined(self) -> int:
        """How many annotations are parts of another's instance."""
        return sum(self.joined_in.values())

    @property
    def omitted(self) -> Counter[Reason]:
        """What is left out, by reason."""
        counts = Counter({reason: sum(images.values()) for reason, images in self.left_out.items()})
        return counts + self.of_no_image

    def declared_of(self, image: int) -> int:
        """How many annotations an image declares."""
        return self.of_image[image] + self.joined_in.get(image, 0) + self.left_out_of(image).total()

    def left_out_of(self, image: int) -> Counter[Reason]:
        """What is left out of an image, by reason."""
        return Counter({reason: n for reason, images in self.left_out.items() if (n := images.get(image))})

    def count(self, *kinds: str) -> int:
        """How many annotations are left out for reasons of some kinds."""
        return sum(count for reason, count in self.omitted.items() if reason.kind in kinds)


def _check(declared: int, counted: int) -> None:
    if declared != counted:
        raise PolymaskError(
            f"{declared} annotations are declared, but {counted} are accounted for",
            advice="please report this",
        )


def by_count(left_out: Mapping[Reason, int]) -> list[tuple[Reason, int]]:
    """The reasons that there are, the most frequent first."""
    ordered = sorted(left_out.items(), key=lambda item: (-item[1], item[0]))
    return [(reason, count) for reason, count in ordered if count]


def reasons_text(left_out: Mapping[Reason, int]) -> list[str]:
    """Reasons with their counts, the most frequent first.

    >>> reasons_text({BOX.reason: 1200, EMPTY.reason: 1})
    ['1,200 × a box without segmentation', '1 × no segmentation']
    """
    return [f"{count:,} × {reason.text}" for reason, count in by_count(left_out)]


def ways_out(left_out: Mapping[Reason, int]) -> str:
    """What can be done so that something is painted, for each kind of reason that there is.

    >>> ways_out({BOX.reason: 3})
    'paint boxes with --boxes'
    """
    kinds = {reason.kind for reason, count in left_out.items() if count}
    return "; or ".join(way for kind, way in REASON_KINDS.items() if kind in kinds and way)


def nothing_painted(declared: int, left_out: Mapping[Reason, int]) -> str:
    """The message of a run that painted nothing, with the ways out.

    >>> nothing_painted(1, {BOX.reason: 1})
    'nothing was painted of 1 annotation (1 × a box without segmentation); paint boxes with --boxes'
    """
    what = f"{declared:,} annotation{'' if declared == 1 else 's'}"
    ways = ways_out(left_out)
    return f"nothing was painted of {what} ({', '.join(reasons_text(left_out))})" + (
        f"; {ways}" if ways else ""
    )
