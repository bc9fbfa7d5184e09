"""Cityscapes' own label table: name, id, train id, color; and which ids tell instances apart.

Source: the facts of cityscapesScripts, `helpers/labels.py`. `license plate` has the id -1 there and
is not painted; 0, unlabeled, stands for it here.
"""

from typing import NamedTuple

IGNORED = 255
WITH_INSTANCES = range(24, 34)


class Row(NamedTuple):
    """One class of Cityscapes."""

    id: int
    train_id: int
    color: tuple[int, int, int]


OFFICIAL = {
    "unlabeled": Row(0, IGNORED, (0, 0, 0)),
    "ego vehicle": Row(1, IGNORED, (0, 0, 0)),
    "rectification border": Row(2, IGNORED, (0, 0, 0)),
    "out of roi": Row(3, IGNORED, (0, 0, 0)),
    "static": Row(4, IGNORED, (0, 0, 0)),
    "dynamic": Row(5, IGNORED, (111, 74, 0)),
    "ground": Row(6, IGNORED, (81, 0, 81)),
    "road": Row(7, 0, (128, 64, 128)),
    "sidewalk": Row(8, 1, (244, 35, 232)),
    "parking": Row(9, IGNORED, (250, 170, 160)),
    "rail track": Row(10, IGNORED, (230, 150, 140)),
    "building": Row(11, 2, (70, 70, 70)),
    "wall": Row(12, 3, (102, 102, 156)),
    "fence": Row(13, 4, (190, 153, 153)),
    "guard rail": Row(14, IGNORED, (180, 165, 180)),
    "bridge": Row(15, IGNORED, (150, 100, 100)),
    "tunnel": Row(16, IGNORED, (150, 120, 90)),
    "pole": Row(17, 5, (153, 153, 153)),
    "polegroup": Row(18, IGNORED, (153, 153, 153)),
    "traffic light": Row(19, 6, (250, 170, 30)),
    "traffic sign": Row(20, 7, (220, 220, 0)),
    "vegetation": Row(21, 8, (107, 142, 35)),
    "terrain": Row(22, 9, (152, 251, 152)),
    "sky": Row(23, 10, (70, 130, 180)),
    "person": Row(24, 11, (220, 20, 60)),
    "rider": Row(25, 12, (255, 0, 0)),
    "car": Row(26, 13, (0, 0, 142)),
    "truck": Row(27, 14, (0, 0, 70)),
    "bus": Row(28, 15, (0, 60, 100)),
    "caravan": Row(29, IGNORED, (0, 0, 90)),
    "trailer": Row(30, IGNORED, (0, 0, 110)),
    "train": Row(31, 16, (0, 80, 100)),
    "motorcycle": Row(32, 17, (0, 0, 230)),
    "bicycle": Row(33, 18, (119, 11, 32)),
    "license plate": Row(0, IGNORED, (0, 0, 0)),
}
