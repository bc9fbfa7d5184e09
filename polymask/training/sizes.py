"""A picture and its mask cropped or resized together."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from polymask.errors import InputError
from polymask.model import Frame, IndexMask

Array = NDArray[Any]
ImageAndMask = tuple[Array, IndexMask]


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
