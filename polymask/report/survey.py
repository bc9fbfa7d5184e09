"""The data of a report: every image is examined once, and each shown image is drawn again."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polymask.analysis.check import findings_of
from polymask.analysis.masks.label_sets import LabelSets, masks_of
from polymask.analysis.masks.mask_sets import MaskSet, open_sources
from polymask.analysis.masks.matching import matched
from polymask.errors import InputError, LimitError, PolymaskError
from polymask.formats import Annotations
from polymask.formats.known_labels import missing_labels
from polymask.formats.options import ReadingOptions
from polymask.formats.reading.images.needed_pictures import require_pictures
from polymask.labels.label_map import VOID_16, LabelMap, from_categories
from polymask.limits import Limits
from polymask.model import Conflict, Finding, Frame, ImageRecord, IndexMask
from polymask.painting.painting import Painting, Rules
from polymask.parallel.pool import run_chunks
from polymask.parallel.progress import Progress
from polymask.raster.painted import fill
from polymask.raster.resize import resized
from polymask.raster.spans import paint
from polymask.report.shots import ReadWindow
from polymask.report.thumbnails import ReportPictures
from polymask.storage.image_names import stem
from polymask.storage.remote.urls import Location

View = tuple[ImageRecord, IndexMask, NDArray[np.bool_] | None]
_BLOCK = 1 << 22  # pixels that are counted at a time


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """Facts on an image: instances and painted pixels by label, conflicts, findings, or its problem.

    `differing` is the number of pixels in which the stored mask differs from the annotations.
    """

    name: str
    frame: Frame = (0, 0)
    instances: dict[str, int] = field(default_factory=dict)
    pixels: dict[str, int] = field(default_factory=dict)
    conflicts: tuple[Conflict, ...] = ()
    contested: int = 0
    findings: tuple[Finding, ...] = ()
    differing: int = 0
    problem: str = ""

    @property
    def labels(self) -> list[str]:
        """The labels of the image."""
        return list(dict.fromkeys([*self.instances, *self.pixels]))


class Survey:
    """Annotations, a folder of masks, or both, image by image."""

    def __init__(
        self,
        annotations: Annotations | None,
        masks: MaskSet | None,
        *,
        label_map: LabelMap,
        rules: Rules | None = None,
        images: Location | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.annotations, self.masks, self.label_map = annotations, masks, label_map
        self.rules = rules or Rules()
        self.images, self.limits = images, limits
        self.pictures = ReportPictures(annotations, masks.path if masks else None, images)
        self.names: Sequence[str] = annotations.names if annotations else masks.names if masks else ()

    @cached_property
    def _stored(self) -> dict[str, str]:
        """The names of the stored masks, by image name."""
        if self.masks is None:
            return {}
        stems = (
            {stem(name): name for name in self.names}
            if self.annotations
            else {name: name for name in self.names}
        )
        return {stems[name]: stored for name, stored in matched(tuple(stems), self.masks.names).items()}

    def look(self, index: int) -> ImageFacts:
        """The facts of an image; errors in this image alone become its problem."""
        name = self.names[index]
        try:
            facts = self._of_record(index) if self.annotations else ImageFacts(name)
            return facts if self.masks is None else self._of_mask(facts, index)
        except LimitError:
            raise
        except PolymaskError as error:
            return ImageFacts(name, problem=str(error))

    def _of_record(self, index: int) -> ImageFacts:
        assert self.annotations is not None
        painting = self.painting(index)
        named = {label.value: label.name for label in self.label_map.labels}
        try:
            conflicts = painting.conflicts
        except LimitError as error:  # no flag of `preview` raises this limit, so only the image fails
            return ImageFacts(self.names[index], painting.record.frame, problem=str(error))
        return ImageFacts(
            self.names[index],
            painting.record.frame,
            dict(Counter(named[value] for value in painting.values if value in named)),
            {label.name: n for label in self.label_map.labels if (n := painting.pixels.get(label.value))},
            conflicts,
            painting.contested_pixels,
            tuple(findings_of(self.annotations, index, self.images, limits=self.limits)),
        )

    def _of_mask(self, facts: ImageFacts, index: int) -> ImageFacts:
        sets, mask = self.compared(index)
        if mask is None:
            return replace(facts, problem="has no mask in the folder; convert again")
        height, width = mask.shape
        if facts.frame not in ((0, 0), (height, width)):
            h, w = facts.frame
            problem = f"the mask is {height} × {width} px, the annotations say {h} × {w}"
            return replace(facts, problem=problem)
        differing = int((self.expected(index, sets) != mask).sum()) if self.annotations else 0
        pixels = self._pixels(mask, sets)
        return replace(facts, frame=(height, width), pixels=pixels, differing=differing)

    @property
    def by_label(self) -> bool:
        """Whether each label has a mask, and masks may overlap."""
        return self.masks is not None and self.masks.by_label

    def compared(self, index: int) -> tuple[LabelSets | None, IndexMask | None]:
        """The stored mask of an image for comparison: values, or numbers of sets of labels with the sets."""
        name = self._stored.get(self.names[index])
        if name is None or self.masks is None:
            return None, None
        if not (self.masks.by_label and self.masks.labels_of):
            return None, self.masks.decode(name)
        sets = LabelSets()
        return sets, sets.numbered(self.masks.labels_of(name))

    def expected(self, index: int, sets: LabelSets | None) -> IndexMask:
        """The mask of an image's instances, in the form of `compared`."""
        painting = self.painting(index)
        return sets.numbered(masks_of(painting)) if sets else painting.index

    def _pixels(self, mask: IndexMask, sets: LabelSets | None) -> dict[str, int]:
        if sets:
            counts, _ = sets.pixels_of(mask)
            return {name: counts[name] for name in self.label_map.names if name in counts}
        return self._pixels_by_value(mask)

    def _pixels_by_value(self, mask: IndexMask) -> dict[str, int]:
        rows = max(1, _BLOCK // mask.shape[1])
        blocks = (mask[top : top + rows] for top in range(0, mask.shape[0], rows))
        counts = np.zeros(VOID_16 + 1, np.int64)
        for block in blocks:
            counts += np.bincount(block.reshape(-1), minlength=VOID_16 + 1)
        return {
            label.name: int(counts[label.value]) for label in self.label_map.labels if counts[label.value]
        }

    def painting(self, index: int) -> Painting:
        """The painting of an image, without instances whose label is not in the map."""
        assert self.annotations is not None
        record = self.annotations.decode(index)
        instances = tuple(instance for instance in record.instances if instance.label in self.label_map)
        return Painting(replace(record, instances=instances), self.label_map, self.rules, limits=self.limits)

    def stored(self, index: int) -> IndexMask | None:
        """The stored mask of an image, if it has one."""
        name = self._stored.get(self.names[index])
        return self.masks.decode(name) if self.masks and name is not None else None

    def extras(self, index: int, step: int = 1) -> dict[str, Any]:  # noqa: ARG002 - subclasses use them
        """Further data of an image for the page."""
        return {}

    def view(self, index: int, step: int = 1) -> View:
        """The shown data of an image: its instances, its mask, and its contested pixels.

        With a `step` above 1, only every `step`-th row and column is shown.
        """
        mask = self.stored(index)
        if self.annotations is None:
            assert mask is not None
            mask = sampled(mask, step)
            return ImageRecord(index, self.names[index], (mask.shape[0], mask.shape[1])), mask, None
        view = self.drawn(index, step)
        return view if mask is None else (view[0], sampled(mask, step), view[2])

    def windows(self, index: int) -> dict[str, ReadWindow]:
        """The shown mask of an image at full size, part by part."""
        mask = self.stored(index)
        return {"tiles": self.painted_windows(index) if mask is None else partial(window_of, mask)}

    def painted_windows(self, index: int) -> ReadWindow:
        """The mask of an image as it would be painted, part by part; no full mask is made."""
        painted = self.painting(index).painted
        return lambda *window: fill(painted.window(*window), self.label_map.dtype)

    def drawn(self, index: int, step: int) -> View:
        """The view of an image as it would be painted."""
        painting = self.painting(index)
        if step > 1:
            height, width = painting.record.frame
            small = resized(painting.record, (-(-height // step), -(-width // step)))
            painting = Painting(small, self.label_map, self.rules, limits=self.limits)
        contested = contested_pixels(painting) if painting.contested_pixels else None
        return painting.record, painting.index, contested


def surveyed(survey: Survey, workers: int, progress: Progress | None = None) -> list[ImageFacts]:
    """The facts of all images of a survey."""
    facts: list[ImageFacts] = []
    for chunk in run_chunks(survey.look, range(len(survey.names)), workers):
        facts += chunk
        if progress:
            progress.advance(len(chunk))
    return facts


def sampled(mask: IndexMask, step: int) -> IndexMask:
    """Every `step`-th row and column of a mask, the middle of each group."""
    if step == 1:
        return mask
    rows, columns = (
        (2 * np.arange(-(-size // step)) + 1) * size // (2 * -(-size // step)) for size in mask.shape
    )
    sample: IndexMask = mask[rows[:, None], columns]
    return sample


def window_of(mask: IndexMask, row: int, column: int, height: int, width: int) -> IndexMask:
    """A part of a mask."""
    return mask[row : row + height, column : column + width]


def contested_pixels(painting: Painting) -> NDArray[np.bool_]:
    """A (height, width) bool mask of the pixels that two or more labels claim."""
    claimed, contested = np.zeros(painting.record.frame, bool), np.zeros(painting.record.frame, bool)
    for spans in painting.label_spans.values():
        label_mask = np.zeros(painting.record.frame, bool)
        paint(label_mask, spans, 1)
        contested |= claimed & label_mask
        claimed |= label_mask
    return contested


def open_survey(paths: Sequence[Location], options: ReadingOptions, *, rules: Rules | None = None) -> Survey:
    """A survey of an annotation file, a folder of masks, or one of each, in any order.

    Raises `NotFound` for a missing path, `InputError` for two of the same kind, `LimitError` above
    the limits.
    """
    options = options.with_listed_pictures()
    labels, pictures, limits = options.label_map, options.pictures, options.limits
    annotations: Annotations | None = None
    masks: MaskSet | None = None
    for opened in open_sources(paths, options):
        if masks if isinstance(opened, MaskSet) else annotations:
            raise InputError(
                "a preview takes at most one set of annotations and one of masks", file=opened.path
            )
        if isinstance(opened, MaskSet):
            masks = opened
        else:
            require_pictures(annotations := opened, every=False)
    label_map = labels or (masks.label_map if masks else None)
    if label_map is None:
        label_map = from_categories(annotations.categories) if annotations else _numbered(masks)
    if annotations and masks and labels is None:  # else `open_sources` has listed them
        unknown = missing_labels(annotations, label_map, label_map)
        annotations = replace(annotations, skipped=(*annotations.skipped, *unknown))
    return Survey(annotations, masks, label_map=label_map, rules=rules, images=pictures, limits=limits)


def _numbered(masks: MaskSet | None) -> LabelMap:
    """A label map of the values of masks whose values have no names."""
    values: set[int] = set()
    for name in masks.names if masks else ():
        values |= set(np.unique(masks.decode(name)).tolist()) if masks else set()
    return LabelMap.from_values({f"value {value}": value for value in sorted(values - {0, 255, VOID_16})})
