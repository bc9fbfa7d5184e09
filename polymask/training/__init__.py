"""Arrays for training models: pairs of picture and mask, crops, sizes, one-hot planes, weights, IoU.

No deep learning library is needed: pictures are (height, width, 3) uint8, masks (height, width)
of label values, and `MaskDataset` is a sequence that PyTorch's `DataLoader` accepts.
"""

from polymask.labels.voc_palette import voc_colors
from polymask.training.classes import (
    class_values,
    class_weights,
    colors_to_index,
    label_iou,
    one_hot,
    one_hot_to_index,
)
from polymask.training.dataset import MaskDataset
from polymask.training.sizes import random_crop, resize
from polymask.training.stitching import stitch

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
    "stitch",
    "voc_colors",
]
