"""Compares two sets of masks pixel by pixel: IoU and counts by label, worst images, confused labels."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from polymask.analysis.agreement import Agreement, Names, agreement_of
from polymask.analysis.masks.arrays import array_masks
from polymask.analysis.masks.mask_sets import (
    MaskSet,
    chosen_masks,
    mask_set,
)
from polymask.analysis.masks.matching import matched
from polymask.analysis.masks.whole_images import whole_sources
from polymask.errors import FormatError, InputError
from polymask.extras import dataframe
from polymask.formats.options import ReadingOptions
from polymask.labels.as_label_map import Labels
from polymask.limits import Limits
from polymask.model import Skipped
from polymask.option_types import ReadingOptionsDict
from polymask.parallel.pool import run_chunks
from polymask.parallel.progress import Progress, reported
from polymask.storage.remote.urls import Location, Url, located
from polymask.validation import as_names

WORST = 10

Masks = str | Location | NDArray[np.integer] | Sequence[NDArray[np.integer]]


@dataclass(frozen=True, slots=True)
class LabelScore:
    """One label's agreement: intersection over union, and pixels; without void in TRUTH."""

    iou: float
    intersection: int
    union: int
    truth_pixels: int
    other_pixels: int


@dataclass(slots=True)
class Comparison(Mapping[str, float]):
    """The IoU by label of two mask sets, for the labels that either has.

    `confusion` counts pixels by (label in TRUTH, label in OTHER), without pixels that are void in TRUTH.
    Where labels overlap, a pixel counts for each label that both sides have there, and for each pair of a
    label that only TRUTH has there with a label that only OTHER has there; a side without such a label
    counts as `background`. `differing_pixels` counts each pixel once.
    `images` holds each image's mean IoU, `splits` the scores of each split where either set tells of several.
    `only_in_truth` and `only_in_other` are images that have no counterpart, `failures` are images that could
    not be compared.
    """

    labels: dict[str, LabelScore] = field(default_factory=dict)
    confusion: dict[tuple[str, str], int] = field(default_factory=dict)
    images: dict[str, float] = field(default_factory=dict)
    splits: dict[str, dict[str, LabelScore]] = field(default_factory=dict)
    differing_pixels: int = 0
    only_in_truth: tuple[str, ...] = ()
    only_in_other: tuple[str, ...] = ()
    failures: list[Skipped] = field(default_factory=list)

    def __getitem__(self, name: str) -> float:
        return self.labels[name].iou

    def __iter__(self) -> Iterator[str]:
        return iter(self.labels)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def mean_iou(self) -> float:
        """The mean over the labels that either set has; 1 where there are none, NaN without any image."""
        return mean_iou(self.labels) if self.images else math.nan

    @property
    def worst(self) -> list[tuple[str, float]]:
        """The images with the lowest mean IoU, without images that agree wholly."""
        return [(name, iou) for name, iou in self._from_the_worst()[:WORST] if iou < 1]

    def _from_the_worst(self) -> list[tuple[str, float]]:
        return sorted(self.images.items(), key=lambda item: (item[1], item[0]))

    @property
    def mistaken(self) -> list[tuple[str, str, int]]:
        """The pixels of each pair of different labels in TRUTH and OTHER, most pixels first."""
        differing = [(*pair, pixels) for pair, pixels in self.confusion.items() if pair[0] != pair[1]]
        return sorted(differing, key=lambda row: (-row[2], row[0], row[1]))

    def to_dict(self) -> dict[str, Any]:
        """The comparison as plain values, as `--json` prints it; `by_image` begins with the worst image."""
        rows: dict[str, dict[str, int]] = {}
        for (truth, other), pixels in self.confusion.items():
            rows.setdefault(truth, {})[other] = pixels
        return {
            "mean_iou": self.mean_iou if self.images else None,
            "labels": _plain(self.labels),
            "images": len(self.images),
            "differing_pixels": self.differing_pixels,
            "worst": [{"name": name, "mean_iou": iou} for name, iou in self.worst],
            "by_image": [{"name": name, "mean_iou": iou} for name, iou in self._from_the_worst()],
            "splits": {
                split: {"mean_iou": mean_iou(labels), "labels": _plain(labels)}
                for split, labels in self.splits.items()
            },
            "confusion": rows,
            "only_in_truth": list(self.only_in_truth),
            "only_in_other": list(self.only_in_other),
            "failures": [{"name": failure.name, "reason": failure.reason} for failure in self.failures],
        }

    def to_dataframe(self) -> Any:
        """A pandas `DataFrame` with a row a label: iou, intersection, union, truth_pixels, other_pixels.

        Raises `InputError` where pandas is not installed.
        """
        rows = [{"label": name, **asdict(score)} for name, score in self.labels.items()]
        return dataframe(rows, ("label", *LabelScore.__slots__), index="label")

    def _repr_html_(self) -> str:
        """Tables of scores and mistakes, as notebooks show them."""
        notebook = import_module("polymask.report.notebook")  # a room beside, and only in a notebook
        return str(notebook.comparison_html(self))


def compare(
    truth: Masks,
    other: Masks,
    labels: Labels | None = None,
    *,
    split: str | None = None,
    with_background: bool = False,
    ignore: str | Iterable[str] = (),
    limits: Limits | None = None,
    workers: int = 1,
    progress: Progress | None = None,
    **reading: Unpack[ReadingOptionsDict],
) -> Comparison:
    """The agreement of two sets of masks: the IoU of each label that either has.

    Each set is a folder of masks in any layout, an annotation file, a (height, width) index
    mask, or a list of those. `labels` names the values where the sets do not: a
    label file, a label map, names for the values from 1 on, or {name: value}. `split` compares the images
    of that split only; if only one set has splits, they hold for both. `reading` are further options of
    reading. Labels are matched by name.

    These pixels of `truth` do not count: void; labels that the scorers of its layout do not evaluate (such as
    unlabeled in Cityscapes and ADE20K), so that the scores equal theirs; and the labels in `ignore`, which
    have no score. Background has a score only `with_background`.

    Where a side has a mask for each label, each label is scored by its whole mask, even where other labels
    cover it; annotations on the other side then give label masks too. An index mask holds only the label on
    top: pixels that `truth` has below another label count as missed, and lower the score.

    Raises `InputError` where the sets have no image in common, `LabelError` for a label to `ignore` that
    neither has, `LimitError` above `limits`.

    Examples:
        >>> truth = np.array([[1, 1, 2, 255]], np.uint8)
        >>> other = np.array([[1, 0, 2, 2]], np.uint8)
        >>> score = compare(truth, other, ["cat", "dog"])
        >>> dict(score), score.mean_iou
        ({'cat': 0.5, 'dog': 1.0}, 0.75)
        >>> dict(compare(truth, other, ["cat", "dog"], ignore="cat"))
        {'dog': 1.0}
    """
    options = ReadingOptions.of({**reading, "labels": labels, "split": split}, limits=limits)
    sets = _mask_sets((truth, other), options)
    pairs = matched(sets[0].names, sets[1].names)
    if not pairs:
        raise InputError(
            f"{sets[0].path} and {sets[1].path} have no image in common",
            advice="rename those of one: images are matched by name without suffix",
        )
    partners = set(pairs.values())
    maps, unscored = (sets[0].label_map, sets[1].label_map), sets[0].unscored
    ignored = as_names("ignore", ignore)
    names = Names(*maps, with_background=with_background, unscored=unscored, ignored=ignored)
    result = Comparison(
        only_in_truth=tuple(name for name in sets[0].names if name not in pairs),
        only_in_other=tuple(name for name in sets[1].names if name not in partners),
    )
    _score_images(result, list(pairs.items()), sets, names, workers=workers, progress=progress)
    return result


def _score_images(
    result: Comparison,
    pairs: Sequence[tuple[str, str]],
    sets: tuple[MaskSet, MaskSet],
    names: Names,
    *,
    workers: int,
    progress: Progress | None,
) -> None:
    """Score each pair of masks, and all pairs together."""
    by_label = any(masks.by_label for masks in sets)

    def counts_of(index: int) -> Agreement | str:
        return agreement_of(sets, pairs[index], names, by_label=by_label)

    chunks = reported(run_chunks(counts_of, range(len(pairs)), workers), len(pairs), progress)
    total, by_split = Agreement(), defaultdict[str, Agreement](Agreement)
    splits = _splits(sets, pairs)
    for (name, _), counts in zip(pairs, (image for chunk in chunks for image in chunk), strict=True):
        if isinstance(counts, str):
            result.failures.append(Skipped(name, counts))
            continue
        result.images[name] = _mean(score.iou for score in _scores(counts, names).values())
        total.add(counts)
        for split in splits.get(name, ()):
            by_split[split].add(counts)
    if len(by_split) > 1:
        result.splits = {split: _scores(agreement, names) for split, agreement in sorted(by_split.items())}
    result.confusion, result.labels = dict(total.confusion), _scores(total, names)
    result.differing_pixels = total.differing


def _splits(sets: tuple[MaskSet, MaskSet], pairs: Sequence[tuple[str, str]]) -> Mapping[str, Collection[str]]:
    """The splits that each image of TRUTH is of, as the first set tells that knows any.

    A split of all the images, such as VOC's trainval, tells nothing that the whole does not.
    """
    for side, masks in enumerate(sets):
        of_truth = {pair[side]: pair[0] for pair in pairs}
        with suppress(FormatError):  # a list may name images without a mask, which are not compared
            splits: dict[str, list[str]] = {name: [] for name, _ in pairs}
            for split, names in masks.splits().items():
                if len(compared := of_truth.keys() & set(names)) < len(pairs):
                    for name in compared:
                        splits[of_truth[name]].append(split)
            if any(splits.values()):
                return splits
    return {}


def _mask_sets(sides: tuple[Masks, Masks], options: ReadingOptions) -> tuple[MaskSet, MaskSet]:
    """TRUTH and OTHER; annotations are painted with the default rules."""
    paths = [located(side) for side in sides if isinstance(side, str | Path | Url)]
    opened = iter(whole_sources(paths, options))
    truth, other = (
        mask_set(next(opened), labels=options.label_map)
        if isinstance(side, str | Path | Url)
        else chosen_masks(array_masks(side, options.label_map), options)
        for side in sides
    )
    return truth, other


def _scores(agreement: Agreement, names: Names) -> dict[str, LabelScore]:
    scored = {name for name in (*agreement.truth, *agreement.other) if names.counted(name)}
    ordered = [name for name in names.order if name in scored]
    return {
        name: _score(agreement.truth[name], agreement.other[name], agreement.both[name])
        for name in [*ordered, *sorted(scored - {*ordered})]
    }


def _score(truth: int, other: int, both: int) -> LabelScore:
    union = truth + other - both
    return LabelScore(both / union, both, union, truth, other)


def mean_iou(labels: Mapping[str, LabelScore]) -> float:
    """The mean over labels; 1 where there are none."""
    return _mean(score.iou for score in labels.values())


def _plain(labels: Mapping[str, LabelScore]) -> dict[str, dict[str, float]]:
    return {
        name: {part: getattr(score, part) for part in LabelScore.__slots__} for name, score in labels.items()
    }


def _mean(values: Iterable[float]) -> float:
    scores = list(values)
    return float(np.mean(scores)) if scores else 1.0
