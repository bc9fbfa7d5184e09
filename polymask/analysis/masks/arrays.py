"""Arrays as a set of masks."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polymask.analysis.masks.mask_sets import MaskSet
from polymask.errors import InputError
from polymask.labels.label_map import VOID_8, VOID_16, LabelMap
from polymask.model import IndexMask


def array_masks(
    masks: NDArray[np.integer] | Sequence[NDArray[np.integer]], labels: LabelMap | None
) -> MaskSet:
    """Index masks as a set, named by their numbers; raises `InputError` for what is no index mask."""
    arrays = [masks] if isinstance(masks, np.ndarray) else list(masks)
    named = {f"{index}": _as_index(array) for index, array in enumerate(arrays)}
    return MaskSet(
        path=Path("arrays"), kind="arrays", label_map=labels, names=tuple(named), decode=named.__getitem__
    )


def _as_index(array: NDArray[np.integer]) -> IndexMask:
    if array.ndim != 2 or array.dtype.kind not in "iub" or (array.size and array.min() < 0):
        raise InputError(f"an index mask is (height, width) whole numbers, not {array.dtype} {array.shape}")
    wide = array.size and array.max() > VOID_8
    if wide and array.max() > VOID_16:
        raise InputError(f"a mask holds values up to {VOID_16}, not {array.max()}")
    is_16_bit = array.dtype == np.uint16
    index: IndexMask = array.astype(np.uint16 if wide or is_16_bit else np.uint8, copy=False)
    return index
