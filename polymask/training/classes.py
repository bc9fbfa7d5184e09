"""Masks for training a model: one-hot planes, class weights, scores."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polymask.analysis.stats import Statistics, stats
from polymask.errors import InputError, LabelError
from polymask.labels.as_label_map import Labels, as_label_map
from polymask.labels.label_map import VOID_8
from polymask.layouts.common.lookup import BACKGROUND
from polymask.model import IndexMask
from polymask.storage.remote.urls import Location
from polymask.training.sizes import Array


def class_values(label_map: Labels | None) -> tuple[int, ...]:
    """The values that a model learns: background, then the labels in the label map's order, without void.

    Raises `LabelError` for None, as masks without names have it.

    Examples:
        >>> class_values(["cat", "dog"])
        (0, 1, 2)
    """
    labels = as_label_map(label_map)
    return (labels.background, *(label.value for label in labels.labels))


def one_hot(mask: IndexMask, classes: int | Sequence[int]) -> NDArray[np.uint8]:
    """A (height, width) mask as (height, width, K) uint8 planes of 0 and 1, one for each class.

    `classes` are the values of the K planes in order, or the number K for 0 … K - 1. A pixel of any other
    value, such as void, is 0 in all planes. Raises `LabelError` if `classes` is empty or repeats a value.

    Examples:
        >>> one_hot(np.array([[0, 2, 255]], np.uint8), 3).tolist()
        [[[1, 0, 0], [0, 0, 1], [0, 0, 0]]]
    """
    values = _values(classes)
    planes: NDArray[np.uint8] = (mask[..., None] == values).view(np.uint8)
    return planes


def _values(classes: int | Sequence[int]) -> NDArray[np.int64]:
    values = np.arange(classes) if isinstance(classes, int) else np.asarray(classes, np.int64)
    if values.ndim != 1 or not len(values) or len(np.unique(values)) < len(values):
        raise LabelError(
            f"classes are different values, or their number, not {classes}", advice="see `class_values`"
        )
    return values


def one_hot_to_index(
    planes: Array, classes: int | Sequence[int], *, void: int = VOID_8
) -> NDArray[np.unsignedinteger[Any]]:
    """The (height, width) mask of (height, width, K) planes: each pixel gets the class of its largest plane.

    Pixels that are 0 in all planes become `void`. The planes may be probabilities too. `classes` are the
    values of the planes, as in `one_hot`. Raises `LabelError` if there are not as many classes as planes.

    Examples:
        >>> one_hot_to_index(np.array([[[1, 0, 0], [0, 0, 1], [0, 0, 0]]]), 3).tolist()
        [[0, 2, 255]]
    """
    values = _values(classes)
    if planes.ndim != 3 or planes.shape[2] != len(values):
        raise LabelError(f"{len(values)} classes need (height, width, {len(values)}), not {planes.shape}")
    mask = np.where(planes.any(axis=2), values[planes.argmax(axis=2)], void)
    return mask.astype(np.uint8 if max(int(values.max()), void) <= VOID_8 else np.uint16)


def colors_to_index(rgb: NDArray[np.uint8], colors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A (height, width, 3) mask in colors as (height, width) uint8: the color in row n of `colors` becomes n.

    A color that stands in several rows becomes the first of them. Raises `LabelError`, with the pixel's row
    and column, for a color that is not in `colors`.

    Examples:
        >>> from polymask.training import voc_colors
        >>> colors_to_index(np.array([[[128, 0, 0], [0, 0, 0]]], np.uint8), voc_colors()).tolist()
        [[1, 0]]
    """
    if len(colors) > VOID_8 + 1:
        raise LabelError(
            f"{len(colors)} colors", advice="a mask of 8 bits holds 256, so convert with `--to index`"
        )
    keys, codes_of_colors = _keys(rgb), _keys(colors)
    table, first = np.unique(codes_of_colors, return_index=True)
    at = np.minimum(np.searchsorted(table, keys), len(table) - 1)
    if (is_unknown := table[at] != keys).any():
        row, column = np.argwhere(is_unknown)[0].tolist()
        color = tuple(rgb[row, column].tolist())
        raise LabelError(
            f"row {row}, column {column} has the color {color}, which is none of the {len(colors)}",
            advice="add it, and see that no JPEG or resizing mixed the colors",
        )
    return first[at].astype(np.uint8)


def _keys(colors: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Each color as a number."""
    keys: NDArray[np.int64] = np.asarray(colors, np.int64) @ np.array([65536, 256, 1])
    return keys


def class_weights(
    counted: Statistics | str | Location, *, split: str | None = None, labels: Labels | None = None
) -> Mapping[str, float]:
    """Weights of background and the labels for a loss: rare labels count more, absent labels 0.

    `counted` is the result of `stats`, or the path of a converted folder; of a folder, `split` takes one
    split, and `labels` names the values where the folder does not. A label's frequency is the number of its
    pixels divided by the number of all pixels in the images that show it, void and background among them. Its
    weight is the median of all frequencies divided by its own. Void has no weight. The order is that of
    `class_values`. Raises `InputError` for a split that does not exist.

    Source: Eigen and Fergus, "Predicting Depth, Surface Normals and Semantic Labels", ICCV 2015,
    section 6.3.2 (median frequency balancing).

    Examples:
        >>> from polymask import stats
        >>> weights = class_weights(stats("fixtures/shapes/instances.json"))
        >>> weights["background"] < weights["boat"] < weights["sun"]
        True
    """
    statistics = _statistics(counted, split=split, labels=labels)
    names = (BACKGROUND, *statistics.names)
    shares = {name: _frequency(statistics, name) for name in names}
    median = float(np.median([share for share in shares.values() if share] or [0.0]))
    return {name: median / share if share else 0.0 for name, share in shares.items()}


def _statistics(
    counted: Statistics | str | Location, *, split: str | None, labels: Labels | None
) -> Statistics:
    if not isinstance(counted, Statistics):
        return stats(counted, split=split, labels=labels)
    if split is not None or labels is not None:
        raise InputError(
            "the statistics are counted already",
            advice="pass `split` and `labels` to `stats` instead",
        )
    return counted


def _frequency(statistics: Statistics, name: str) -> float:
    images = [image for image in statistics.images if image.pixels.get(name)]
    area = sum(image.frame[0] * image.frame[1] for image in images)
    return statistics.pixels_of(name) / area if area else 0.0


def label_iou(truth: Array, predicted: Array, classes: int | Sequence[int]) -> NDArray[np.float64]:
    """Intersection over union of each class in two masks of the same shape; NaN where neither has it.

    Pixels whose value in `truth` is no class, such as void, do not count.

    Examples:
        >>> label_iou(np.array([[0, 1, 1, 255]]), np.array([[0, 1, 0, 1]]), 2).tolist()
        [0.5, 0.5]
    """
    values = _values(classes)
    counted = np.isin(truth, values)
    truth, predicted = truth[counted], predicted[counted]
    intersections = [((truth == value) & (predicted == value)).sum() for value in values]
    unions = np.array([((truth == value) | (predicted == value)).sum() for value in values], float)
    unions[unions == 0] = np.nan
    scores: NDArray[np.float64] = np.array(intersections) / unions
    return scores
