"""A picture and its mask cropped or resized together."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from polymask.codecs.pixels import resampled
from polymask.errors import InputError
from polymask.model import Frame, IndexMask

Array = NDArray[Any]
ImageAndMask = tuple[Array, IndexMask]


def random_crop(image: Array, mask: IndexMask, size: Frame, *, rng: np.random.Generator) -> ImageAndMask:
    """The same random (height, width) window of a picture and its mask, as views.

    Raises `InputError` if the window does not fit, or if picture and mask differ in size.

    Examples:
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
    """A picture and its mask at (height, width): the picture smoothed, the mask by nearest pixel center.

    Values of masks stand for labels, so they are never interpolated.

    Examples:
        >>> image, mask = resize(np.zeros((4, 4, 3), np.uint8), np.eye(4, dtype=np.uint8), (2, 2))
        >>> image.shape, mask.tolist()
        ((2, 2, 3), [[1, 0], [0, 1]])
    """
    _common_size(image, mask)
    height, width = size
    if height < 1 or width < 1:
        raise InputError(f"a picture of {height} × {width} px has no pixels", advice="name a (height, width)")
    rows, columns = _nearest(mask.shape[0], height), _nearest(mask.shape[1], width)
    return resampled(image, size), mask[rows[:, None], columns]


def _nearest(size: int, new_size: int) -> NDArray[np.intp]:
    """For each of `new_size` pixels, the old pixel that contains its center; exact, in whole numbers."""
    return (2 * np.arange(new_size) + 1) * size // (2 * new_size)
