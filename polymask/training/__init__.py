"""Arrays for learning: pairs of picture and mask, crops, sizes, one-hot planes, weights, IoU.

Nothing here needs a learning library: pictures are (height, width, 3) uint8, masks (height, width)
of label values, and `MaskDataset` is a sequence that PyTorch's `DataLoader` takes as it is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polymask.analysis.mask_sets import MaskSet, open_masks
from polymask.analysis.stats import Statistics
from polymask.codecs.picture_files import PictureFinder
from polymask.codecs.pixels import read_picture
from polymask.errors import InputError, LabelError, NotFound
from polymask.labels.as_label_map import Labels
from polymask.labels.label_map import VOID_8, LabelMap
from polymask.labels.voc_palette import voc_colors
from polymask.layouts.common.lookup import BACKGROUND
from polymask.limits import Limits
from polymask.model import Frame, IndexMask
from polymask.storage.remote.urls import listed_once, located
from polymask.storage.source_files import Place

__all__ = [
    "MaskDataset",
    "class_values",
    "class_weights",
    "colors_to_index",
    "label_iou",
    "one_hot",
    "one_hot_to_index",
    "random_crop",
    "resize",
    "voc_colors",
]

Array = NDArray[Any]
ImageAndMask = tuple[Array, IndexMask]


class MaskDataset(Sequence[Any]):
    """Pictures below `images` with their masks in `dest`, a converted folder of any layout, by name.

    Item i is a ((height, width, 3), (height, width) uint8 or uint16) pair, or what `transform` makes of it.
    Pictures lie as their masks do, turned as EXIF tells; they are uint8, and of more than 8 bits keep
    their values, as uint16, int32 or float32. Pickled, it takes its paths along and opens them anew, so
    that any number of loader processes may share it. Raises `NotFound` where a mask has no picture,
    `InputError` where a picture and its mask differ in size, `LimitError` for either above `limits`.

    >>> import tempfile
    >>> from polymask import convert
    >>> with tempfile.TemporaryDirectory() as dest:
    ...     _ = convert("fixtures/shapes/instances.json", dest)
    ...     pairs = MaskDataset("fixtures/shapes/images", dest)
    ...     image, mask = pairs[0]
    >>> len(pairs), image.shape, mask.shape
    (3, (120, 160, 3), (120, 160))
    """

    def __init__(
        self,
        images: str | Path,
        dest: str | Path,
        *,
        labels: Labels | None = None,
        limits: Limits | None = None,
        transform: Callable[[Array, IndexMask], Any] | None = None,
    ) -> None:
        self.images, self.dest = listed_once(located(images)), listed_once(located(dest))
        self._labels, self._limits, self.transform = labels, limits, transform
        if not self.images.is_dir():
            raise NotFound("no such folder", file=self.images, advice="name the one that holds the pictures")
        finder = PictureFinder(Place(self.images, limits), self.images)
        pictures = {name: finder.find_stem(name) for name in sorted(self._masks.names)}
        missing = [name for name, picture in pictures.items() if picture is None]
        if missing:
            raise NotFound(
                f"{self.images}: no picture of {len(missing)} masks, e.g. '{missing[0]}'",
                advice="name the folder that holds the pictures",
            )
        self.names = tuple(pictures)
        self._paths = tuple(picture.path for picture in pictures.values() if picture)

    @cached_property
    def _masks(self) -> MaskSet:
        return open_masks(self.dest, labels=self._labels, limits=self._limits)

    @property
    def label_map(self) -> LabelMap | None:
        """What the masks' values mean; None where nothing names them."""
        return self._masks.label_map

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_masks"}

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        name = self.names[index]
        mask = self._masks.decode(name)
        image = read_picture(self._paths[index], (mask.shape[0], mask.shape[1]), limits=self._limits)
        if image.shape[:2] != mask.shape:
            (height, width), (h, w) = image.shape[:2], mask.shape
            raise InputError(
                f"{name}: the picture is {height} × {width} px, the mask {h} × {w}",
                advice="convert without --size and use `resize`, or resize the pictures too",
            )
        return self.transform(image, mask) if self.transform else (image, mask)

    def __iter__(self) -> Iterator[Any]:
        return map(self.__getitem__, range(len(self)))


def random_crop(image: Array, mask: IndexMask, size: Frame, *, rng: np.random.Generator) -> ImageAndMask:
    """The same (height, width) window of a picture and its mask, anywhere inside, as views.

    Raises `InputError` where the window does not fit, or the two differ in size.

    >>> mask = np.arange(12, dtype=np.uint8).reshape(3, 4)
    >>> image, cut = random_crop(np.stack([mask] * 3, axis=2), mask, (2, 2), rng=np.random.default_rng(0))
    >>> cut.shape, bool((image[..., 0] == cut).all())
    ((2, 2), True)
    """
    (height, width), (h, w) = _common_size(image, mask), size
    if h > height or w > width or h < 1 or w < 1:
        raise InputError(
            f"no crop of {h} × {w} px in a picture of {height} × {width}", advice="`resize` it first"
        )
    top, left = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    window = np.s_[top : top + h, left : left + w]
    return image[window], mask[window]


def _common_size(image: Array, mask: IndexMask) -> Frame:
    if image.shape[:2] != mask.shape:
        raise InputError(
            f"a picture of shape {image.shape} and a mask of shape {mask.shape} are no pair",
            advice="`resize` both to one size",
        )
    return mask.shape[0], mask.shape[1]


def resize(image: Array, mask: IndexMask, size: Frame) -> ImageAndMask:
    """A picture and its mask at (height, width): the picture smoothly, the mask by nearest pixel center.

    A mask's values are names, so none is ever mixed of two.

    >>> image, mask = resize(np.zeros((4, 4, 3), np.uint8), np.eye(4, dtype=np.uint8), (2, 2))
    >>> image.shape, mask.tolist()
    ((2, 2, 3), [[1, 0], [0, 1]])
    """
    import cv2

    _common_size(image, mask)
    height, width = size
    if height < 1 or width < 1:
        raise InputError(f"a picture of {height} × {width} px has no pixels", advice="name a (height, width)")
    smaller = height * width < mask.size
    way = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    whole = image.dtype == np.int32  # which OpenCV does not resize
    resized: Array = cv2.resize(
        image.astype(np.float64) if whole else image, (width, height), interpolation=way
    )
    resized = np.rint(resized).astype(np.int32) if whole else resized
    rows, columns = _nearest(mask.shape[0], height), _nearest(mask.shape[1], width)
    return resized, mask[rows[:, None], columns]


def _nearest(old: int, new: int) -> NDArray[np.intp]:
    """For each of `new` pixels the old one that holds its center, in whole numbers: nothing is rounded."""
    return (2 * np.arange(new) + 1) * old // (2 * new)


def class_values(label_map: LabelMap) -> tuple[int, ...]:
    """The values that a model learns to tell apart: background, then the labels in order; not void.

    >>> class_values(LabelMap.from_names(["cat", "dog"]))
    (0, 1, 2)
    """
    return (label_map.background, *(label.value for label in label_map.labels))


def one_hot(mask: IndexMask, classes: int | Sequence[int]) -> NDArray[np.uint8]:
    """A (height, width) mask as (height, width, K) planes of 0 and 1.

    `classes` are the K values in order, or K for 0 … K - 1. Any other value, such as void, is 0 in
    all planes.

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
    """The (height, width) mask of (height, width, K) planes: the largest wins, `void` where all are 0.

    Works on probabilities as well.

    >>> one_hot_to_index(np.array([[[1, 0, 0], [0, 0, 1], [0, 0, 0]]]), 3).tolist()
    [[0, 2, 255]]
    """
    values = _values(classes)
    if planes.ndim != 3 or planes.shape[2] != len(values):
        raise LabelError(f"{len(values)} classes need (height, width, {len(values)}), not {planes.shape}")
    mask = np.where(planes.any(axis=2), values[planes.argmax(axis=2)], void)
    return mask.astype(np.uint8 if max(int(values.max()), void) <= VOID_8 else np.uint16)


def colors_to_index(rgb: NDArray[np.uint8], colors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A (height, width, 3) mask in colors as (height, width) uint8: row n of `colors` becomes n.

    Of equal rows the first counts. Raises `LabelError` for a color that is no row, and says where.

    >>> colors_to_index(np.array([[[128, 0, 0], [0, 0, 0]]], np.uint8), voc_colors()).tolist()
    [[1, 0]]
    """
    if len(colors) > VOID_8 + 1:
        raise LabelError(
            f"{len(colors)} colors", advice="a mask of 8 bits holds 256, so convert with `--to index`"
        )
    keys, known = _keys(rgb), _keys(colors)
    table, first = np.unique(known, return_index=True)
    at = np.minimum(np.searchsorted(table, keys), len(table) - 1)
    if (wrong := table[at] != keys).any():
        row, column = np.argwhere(wrong)[0].tolist()
        color = tuple(rgb[row, column].tolist())
        raise LabelError(
            f"row {row}, column {column} has the color {color}, which is none of the {len(colors)}",
            advice="add it, and see that no JPEG or resizing mixed the colors",
        )
    return first[at].astype(np.uint8)


def _keys(colors: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Each color as one number."""
    keys: NDArray[np.int64] = np.asarray(colors, np.int64) @ np.array([65536, 256, 1])
    return keys


def class_weights(statistics: Statistics) -> Mapping[str, float]:
    """Weights of background and the labels for a loss: rare ones count more, absent ones 0.

    The median of all frequencies divided by a label's own, where the frequency is its pixels by those
    of the images that have it. Take them in the order of `class_values`.
    Source: Eigen and Fergus, "Predicting Depth, Surface Normals and Semantic Labels", ICCV 2015,
    section 6.3.2 (median frequency balancing).

    >>> from polymask import stats
    >>> weights = class_weights(stats("fixtures/shapes/instances.json"))
    >>> weights["background"] < weights["boat"] < weights["sun"]
    True
    """
    names = (BACKGROUND, *statistics.names)
    shares = {name: _frequency(statistics, name) for name in names}
    median = float(np.median([share for share in shares.values() if share] or [0.0]))
    return {name: median / share if share else 0.0 for name, share in shares.items()}


def _frequency(statistics: Statistics, name: str) -> float:
    having = [image for image in statistics.images if image.pixels.get(name)]
    area = sum(image.frame[0] * image.frame[1] for image in having)
    return statistics.pixels_of(name) / area if area else 0.0


def label_iou(truth: Array, predicted: Array, classes: int | Sequence[int]) -> NDArray[np.float64]:
    """Intersection over union of each class in two masks of one shape; NaN where neither has it.

    Values of `truth` that are no class, such as void, are left out.

    >>> label_iou(np.array([[0, 1, 1, 255]]), np.array([[0, 1, 0, 1]]), 2).tolist()
    [0.5, 0.5]
    """
    values = _values(classes)
    counted = np.isin(truth, values)
    truth, predicted = truth[counted], predicted[counted]
    both = [((truth == value) & (predicted == value)).sum() for value in values]
    either = np.array([((truth == value) | (predicted == value)).sum() for value in values], float)
    either[either == 0] = np.nan
    scores: NDArray[np.float64] = np.array(both) / either
    return scores
