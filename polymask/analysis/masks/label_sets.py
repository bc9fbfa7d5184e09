"""The labels that a pixel belongs to, where each label has a mask and masks may overlap."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from polymask.errors import FormatError
from polymask.labels.label_map import VOID_16
from polymask.layouts.common.lookup import require_size
from polymask.model import Frame, IndexMask
from polymask.painting.painting import Painting
from polymask.raster.spans import paint

NamedMasks = Iterable[
    tuple[str, IndexMask]
]  # (label, mask); a pixel belongs to the label where the mask is not 0


@dataclass(frozen=True, slots=True)
class LabelMasks:
    """An image's masks by label, each decoded when iterated; without a `frame`, the masks tell it."""

    masks: NamedMasks
    frame: Frame | None = None


@dataclass(slots=True)
class LabelSets:
    """Numbers for the sets of labels that pixels belong to; 0 is no label at all.

    In masks that the same `LabelSets` numbered, equal numbers mean equal sets of labels. Memory holds
    one mask of numbers and one label mask at a time.

    Examples:
        >>> sets = LabelSets()
        >>> cat, dog = np.array([[1, 1, 0]], np.uint8), np.array([[0, 1, 0]], np.uint8)
        >>> sets.numbered(LabelMasks([("cat", cat), ("dog", dog)])).tolist()
        [[1, 2, 0]]
        >>> [sorted(labels) for labels in sets.members]
        [[], ['cat'], ['cat', 'dog']]
    """

    members: list[frozenset[str]] = field(default_factory=lambda: [frozenset()])
    _numbers: dict[frozenset[str], int] = field(default_factory=lambda: {frozenset(): 0})

    def number(self, labels: frozenset[str]) -> int:
        """The number of a set; raises `FormatError` where an image has more than 65536 of them."""
        if labels not in self._numbers:
            if len(self.members) > VOID_16:
                raise FormatError(f"the labels of one image overlap in more than {VOID_16} ways")
            self._numbers[labels] = len(self.members)
            self.members.append(labels)
        return self._numbers[labels]

    def numbered(self, image: LabelMasks) -> IndexMask:
        """The (height, width) uint16 mask of set numbers of an image's masks.

        Raises `FormatError` for masks of different sizes, and where nothing tells the size.
        """
        index = None if image.frame is None else np.zeros(image.frame, np.uint16)
        for label, mask in image.masks:
            if index is None:
                index = np.zeros(mask.shape, np.uint16)
            require_size(mask, index)
            inside = mask > 0
            index[inside] = self._with(label, index[inside])
        if index is None:
            raise FormatError("no mask of any label, and nothing gives the image's size")
        return index

    def _with(self, label: str, numbers: NDArray[np.uint16]) -> NDArray[np.uint16]:
        """The numbers of the same sets with `label` added."""
        table = np.zeros(VOID_16 + 1, np.uint16)
        for number in np.flatnonzero(np.bincount(numbers)).tolist():
            table[number] = self.number(self.members[number] | {label})
        return table[numbers]

    def pixels_of(self, numbered: IndexMask) -> tuple[dict[str, int], int]:
        """The pixels of each label in a mask of set numbers, and the number of pixels without a label."""
        counts = np.bincount(numbered.reshape(-1), minlength=1)
        pixels: Counter[str] = Counter()
        for number in np.flatnonzero(counts).tolist():
            pixels.update(dict.fromkeys(sorted(self.members[number]), int(counts[number])))
        return dict(pixels), int(counts[0])


def masks_of(painting: Painting) -> LabelMasks:
    """The label masks of a painting, as layouts with one mask per label store them."""
    return LabelMasks(_drawn(painting), painting.record.frame)


def _drawn(painting: Painting) -> Iterator[tuple[str, IndexMask]]:
    for label, spans in painting.label_spans.items():
        mask = np.zeros(painting.record.frame, np.uint8)
        paint(mask, spans, 1)
        yield label, mask
