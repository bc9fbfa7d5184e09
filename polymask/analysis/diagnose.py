"""Finds why a mask differs from its annotations: each likely cause is tried, and named if it explains most.

A trial changes the record, the rules or the stored mask as a typical mistake would, and paints
again. The trial with the fewest remaining differences wins, if it at least halves them;
further trials then build on it, because mistakes often come together.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from polymask.analysis.masks.label_sets import LabelSets, masks_of
from polymask.errors import PolymaskError
from polymask.labels.label_map import LabelMap
from polymask.layouts.common.lookup import BACKGROUND, lookup
from polymask.model import ImageRecord, IndexMask, Polygon, Ring, Runs
from polymask.painting.borders import border
from polymask.painting.painting import Painting, Rules
from polymask.raster import PIXEL_RULES
from polymask.raster.resize import resized

MOST_CAUSES = 3
ENOUGH = 0.5  # a cause explains nothing if more than this share of the pixels still differ after it
STEPS = ((0.5, 0.5), (-0.5, -0.5), (0.5, 0.0), (0.0, 0.5), (-0.5, 0.0), (0.0, -0.5))
WHOLE_STEPS = ((1.0, 1.0), (-1.0, -1.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))
NEAR = 3  # pixels on each side of a boundary that interpolation smears


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A stored mask, and the record and rules that should give it.

    For label masks, `stored` holds the numbers of `sets` for the labels of each pixel.
    """

    record: ImageRecord
    label_map: LabelMap
    rules: Rules
    stored: IndexMask
    sets: LabelSets | None = None

    def expected(self) -> IndexMask:
        """The mask that the record gives."""
        painting = Painting(self.record, self.label_map, self.rules)
        return self.sets.numbered(masks_of(painting)) if self.sets else painting.index

    def name_of(self, value: int) -> str:
        """The name of a value of the stored mask in the text of a cause."""
        if self.sets is None:
            return str(value)
        return " and ".join(sorted(self.sets.members[value])) or BACKGROUND

    def differing(self) -> int:
        """The number of differing pixels; all pixels where the sizes differ."""
        if self.stored.shape != self.record.frame:
            return int(self.stored.size)
        return int((self.stored != self.expected()).sum())


Trial = Iterator[tuple[str, Case]]


def likely_causes(case: Case) -> tuple[list[str], int]:
    """The causes that explain most of the differing pixels, and how many pixels remain unexplained."""
    causes: list[str] = []
    remaining = case.differing()
    while remaining and len(causes) < MOST_CAUSES:
        best, name, fewest = case, "", remaining
        for cause, trial in _trials(case):
            pixels = _differing(trial)
            if pixels < fewest:
                best, name, fewest = trial, cause, pixels
            if not fewest:
                break
        if not name or fewest > ENOUGH * remaining:
            break
        causes.append(name)
        case, remaining = best, fewest
    return causes, remaining


def _differing(case: Case) -> int:
    try:
        return case.differing()
    except PolymaskError:  # e.g. a pixel rule that does not reach as far as the coordinates
        return int(case.stored.size)


def _trials(case: Case) -> Trial:
    """All trials; their order matters, because the first of equally good causes is named."""
    if case.stored.shape != case.record.frame:
        yield from _turned(case)
        yield from _resized(case)
        return
    for trials in TRIALS:
        yield from trials(case)


def _turned(case: Case) -> Trial:
    """The seven EXIF orientations that are not upright."""
    for turns in range(4):
        for flipped in (False, True):
            stored = np.rot90(case.stored, turns)
            stored = np.ascontiguousarray(np.fliplr(stored) if flipped else stored)
            if (turns or flipped) and stored.shape == case.record.frame:
                change = f"{'mirrored' if flipped else ''}{' and ' if flipped and turns else ''}"
                change += f"turned by {90 * turns}°" if turns else ""
                yield f"EXIF-rotated: the mask is {change}", replace(case, stored=stored)


def _resized(case: Case) -> Trial:
    height, width = case.stored.shape
    cause = "resized: the mask is {} × {} px, the image {} × {}".format(
        *case.stored.shape, *case.record.frame
    )
    yield cause, replace(case, record=resized(case.record, (height, width)))


def _wrong_ids(case: Case) -> Trial:
    """Values that were swapped: most pixels of an expected value were stored as another value."""
    expected = case.expected()
    expected_by_stored: dict[int, int] = {}
    for value in np.unique(expected).tolist():
        values = np.bincount(case.stored[expected == value])
        expected_by_stored.setdefault(int(values.argmax()), value)
    swapped = {
        stored_value: expected_value
        for stored_value, expected_value in expected_by_stored.items()
        if stored_value != expected_value
    }
    if not swapped:
        return
    identity = {value: value for value in np.unique(case.stored).tolist()}
    stored = lookup(identity | expected_by_stored, default=0, dtype=case.stored.dtype)[case.stored]
    pairs = [
        f"{case.name_of(stored_value)} for {case.name_of(expected_value)}"
        for stored_value, expected_value in sorted(swapped.items())[:3]
    ]
    cause = ", ".join(pairs)
    yield f"wrong ids: {cause}{' …' if len(swapped) > 3 else ''}", replace(case, stored=stored)


def _interpolated(case: Case) -> Trial:
    """Values that the image should not hold, if all of them lie near a boundary."""
    expected = case.expected()
    if case.sets:  # a label mask has no values in between
        return
    values = [*np.unique(expected).tolist(), case.label_map.void]
    unexpected = ~np.isin(case.stored, values)
    near = border(expected.astype(np.int32), NEAR)
    if unexpected.any() and not (unexpected & ~near).any():
        cause = (
            f"interpolated resize: {unexpected.sum()} px at boundaries hold values between those of labels"
        )
        yield cause, replace(case, stored=np.where(near, expected, case.stored))


def _void_border(case: Case) -> Trial:
    if case.sets:
        return
    expected = case.expected()
    void = (case.stored == case.label_map.void) & (expected != case.label_map.void)
    if void.any():
        yield (
            "void laid on top, as a border or for conflicts",
            replace(case, stored=np.where(void, expected, case.stored)),
        )


def _pixel_rule(case: Case) -> Trial:
    for rule in PIXEL_RULES:
        if rule != case.rules.pixel_rule and (rule != "skimage" or find_spec("skimage")):
            yield f"other pixel rule: `{rule}`", replace(case, rules=replace(case.rules, pixel_rule=rule))


def _half_pixel(case: Case) -> Trial:
    for dx, dy in STEPS:
        yield f"off by half a pixel: x {dx:+}, y {dy:+}", _moved(case, dx, dy)


def _whole_pixel(case: Case) -> Trial:
    for dx, dy in WHOLE_STEPS:
        yield f"off by one pixel: x {dx:+}, y {dy:+}", _moved(case, dx, dy)


def _moved(case: Case, dx: float, dy: float) -> Case:
    return _with_rings(case, lambda ring: ring + np.array((dx, dy)))


def _rounded(case: Case) -> Trial:
    yield "rounded coordinates: to the nearest whole number", _with_rings(case, np.round)
    yield "rounded coordinates: cut to whole numbers", _with_rings(case, np.trunc)


def _with_rings(case: Case, change: Callable[[Ring], NDArray[np.float64]]) -> Case:
    instances = tuple(
        instance
        if isinstance(instance.shape, Runs)
        else replace(
            instance,
            shape=tuple(
                Polygon(change(p.exterior), [change(hole) for hole in p.holes]) for p in instance.shape
            ),
        )
        for instance in case.record.instances
    )
    return replace(case, record=replace(case.record, instances=instances))


def _draw_order(case: Case) -> Trial:
    for overlap in ("first", "smallest", "void", "last"):
        if overlap != case.rules.overlap:
            rules = replace(case.rules, overlap=overlap, priority=())
            yield f"other draw order: `--overlap {overlap}`", replace(case, rules=rules)
    by_name = sorted(case.record.instances, key=lambda instance: instance.label)
    ordered = tuple(replace(instance, order=0) for instance in by_name)
    yield "other draw order: by label name", replace(case, record=replace(case.record, instances=ordered))


def _parts(case: Case) -> Trial:
    for holes in ("union", "even-odd"):
        yield (
            f"other reading of holes: `--holes {holes}`",
            replace(case, rules=replace(case.rules, holes=holes)),
        )
    for crowd in ("skip", "void", "keep"):
        if crowd != case.rules.crowd:
            yield f"crowd regions: `--crowd {crowd}`", replace(case, rules=replace(case.rules, crowd=crowd))


TRIALS: tuple[Callable[[Case], Trial], ...] = (
    _draw_order,
    _parts,
    _wrong_ids,
    _void_border,
    _interpolated,
    _half_pixel,
    _whole_pixel,
    _rounded,
    _pixel_rule,
    _turned,
)
