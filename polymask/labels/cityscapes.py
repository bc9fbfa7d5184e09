"""The label tables of Cityscapes and of IDD, for reading and for writing; both use the same files.

`CITYSCAPES` is the table of cityscapesScripts: name, id, train id, color, and whether instances are
distinguished. Training and scoring ignore labels with the train id 255. `LANES` are lane labels that
some files have but the released scripts do not, with the ids of the tools that write such files; they
are ignored too. `IDD_ROWS` has IDD's ids at every level, and the Cityscapes ids of its labels; 255 is
ignored at a level. (`vehicle fallback` has csId 355 there, too large for 8 bits, so it is 255 here.)
Source: the facts of cityscapesScripts, `helpers/labels.py`; of AutoNUE's public code,
`helpers/anue_labels.py`.
"""

from collections.abc import Mapping
from typing import NamedTuple

from polymask.validation import Color

IGNORED = 255
UNLABELED = "unlabeled"


class CityscapesClass(NamedTuple):
    """A class of Cityscapes; one with an id below 0 is not painted."""

    id: int
    train_id: int
    color: Color
    instances: bool = False


CITYSCAPES: Mapping[str, CityscapesClass] = {
    "unlabeled": CityscapesClass(0, IGNORED, (0, 0, 0)),
    "ego vehicle": CityscapesClass(1, IGNORED, (0, 0, 0)),
    "rectification border": CityscapesClass(2, IGNORED, (0, 0, 0)),
    "out of roi": CityscapesClass(3, IGNORED, (0, 0, 0)),
    "static": CityscapesClass(4, IGNORED, (0, 0, 0)),
    "dynamic": CityscapesClass(5, IGNORED, (111, 74, 0)),
    "ground": CityscapesClass(6, IGNORED, (81, 0, 81)),
    "road": CityscapesClass(7, 0, (128, 64, 128)),
    "sidewalk": CityscapesClass(8, 1, (244, 35, 232)),
    "parking": CityscapesClass(9, IGNORED, (250, 170, 160)),
    "rail track": CityscapesClass(10, IGNORED, (230, 150, 140)),
    "building": CityscapesClass(11, 2, (70, 70, 70)),
    "wall": CityscapesClass(12, 3, (102, 102, 156)),
    "fence": CityscapesClass(13, 4, (190, 153, 153)),
    "guard rail": CityscapesClass(14, IGNORED, (180, 165, 180)),
    "bridge": CityscapesClass(15, IGNORED, (150, 100, 100)),
    "tunnel": CityscapesClass(16, IGNORED, (150, 120, 90)),
    "pole": CityscapesClass(17, 5, (153, 153, 153)),
    "polegroup": CityscapesClass(18, IGNORED, (153, 153, 153)),
    "traffic light": CityscapesClass(19, 6, (250, 170, 30)),
    "traffic sign": CityscapesClass(20, 7, (220, 220, 0)),
    "vegetation": CityscapesClass(21, 8, (107, 142, 35)),
    "terrain": CityscapesClass(22, 9, (152, 251, 152)),
    "sky": CityscapesClass(23, 10, (70, 130, 180)),
    "person": CityscapesClass(24, 11, (220, 20, 60), instances=True),
    "rider": CityscapesClass(25, 12, (255, 0, 0), instances=True),
    "car": CityscapesClass(26, 13, (0, 0, 142), instances=True),
    "truck": CityscapesClass(27, 14, (0, 0, 70), instances=True),
    "bus": CityscapesClass(28, 15, (0, 60, 100), instances=True),
    "caravan": CityscapesClass(29, IGNORED, (0, 0, 90), instances=True),
    "trailer": CityscapesClass(30, IGNORED, (0, 0, 110), instances=True),
    "train": CityscapesClass(31, 16, (0, 80, 100), instances=True),
    "motorcycle": CityscapesClass(32, 17, (0, 0, 230), instances=True),
    "bicycle": CityscapesClass(33, 18, (119, 11, 32), instances=True),
    "license plate": CityscapesClass(-1, IGNORED, (0, 0, 142)),
}
LANES: Mapping[str, CityscapesClass] = {
    "dashed": CityscapesClass(34, IGNORED, (119, 66, 32)),
    "solid": CityscapesClass(35, IGNORED, (119, 66, 32)),
    "solid solid": CityscapesClass(36, IGNORED, (119, 66, 32)),
    "dashed-solid": CityscapesClass(37, IGNORED, (119, 66, 32)),
    "solid-dashed": CityscapesClass(38, IGNORED, (119, 66, 32)),
    "yellow dashed": CityscapesClass(39, IGNORED, (119, 119, 32)),
    "yellow solid": CityscapesClass(40, IGNORED, (119, 119, 32)),
    "yellow solid solid": CityscapesClass(41, IGNORED, (119, 119, 32)),
    "yellow dashed dashed": CityscapesClass(42, IGNORED, (119, 119, 32)),
    "yellow dashed-solid": CityscapesClass(43, IGNORED, (119, 119, 32)),
    "yellow solid-dashed": CityscapesClass(44, IGNORED, (119, 119, 32)),
    "boundary": CityscapesClass(45, IGNORED, (66, 119, 32)),
}
KNOWN: Mapping[str, CityscapesClass] = {**CITYSCAPES, **LANES}


class IddRow(NamedTuple):
    """A class of IDD: its ids, coarser from level 3 to level 1, and its Cityscapes ids."""

    id: int
    cs_id: int
    cs_train_id: int
    level3_id: int
    level2_id: int
    level1_id: int
    color: tuple[int, int, int]
    instances: bool = False


_I = IGNORED
IDD_ROWS: Mapping[str, IddRow] = {
    "road": IddRow(0, 7, 0, 0, 0, 0, (128, 64, 128)),
    "parking": IddRow(1, 9, _I, 1, 1, 0, (250, 170, 160)),
    "drivable fallback": IddRow(2, _I, _I, 1, 1, 0, (81, 0, 81)),
    "sidewalk": IddRow(3, 8, 1, 2, 2, 1, (244, 35, 232)),
    "rail track": IddRow(4, 10, _I, 3, 3, 1, (230, 150, 140)),
    "non-drivable fallback": IddRow(5, _I, 9, 3, 3, 1, (152, 251, 152)),
    "person": IddRow(6, 24, 11, 4, 4, 2, (220, 20, 60), instances=True),
    "animal": IddRow(7, _I, _I, 4, 4, 2, (246, 198, 145), instances=True),
    "rider": IddRow(8, 25, 12, 5, 5, 2, (255, 0, 0), instances=True),
    "motorcycle": IddRow(9, 32, 17, 6, 6, 3, (0, 0, 230), instances=True),
    "bicycle": IddRow(10, 33, 18, 7, 6, 3, (119, 11, 32), instances=True),
    "autorickshaw": IddRow(11, _I, _I, 8, 7, 3, (255, 204, 54), instances=True),
    "car": IddRow(12, 26, 13, 9, 7, 3, (0, 0, 142), instances=True),
    "truck": IddRow(13, 27, 14, 10, 8, 3, (0, 0, 70), instances=True),
    "bus": IddRow(14, 28, 15, 11, 8, 3, (0, 60, 100), instances=True),
    "caravan": IddRow(15, 29, _I, 12, 8, 3, (0, 0, 90), instances=True),
    "trailer": IddRow(16, 30, _I, 12, 8, 3, (0, 0, 110), instances=True),
    "train": IddRow(17, 31, 16, 12, 8, 3, (0, 80, 100), instances=True),
    "vehicle fallback": IddRow(18, _I, _I, 12, 8, 3, (136, 143, 153), instances=True),
    "curb": IddRow(19, _I, _I, 13, 9, 4, (220, 190, 40)),
    "wall": IddRow(20, 12, 3, 14, 9, 4, (102, 102, 156)),
    "fence": IddRow(21, 13, 4, 15, 10, 4, (190, 153, 153)),
    "guard rail": IddRow(22, 14, _I, 16, 10, 4, (180, 165, 180)),
    "billboard": IddRow(23, _I, _I, 17, 11, 4, (174, 64, 67)),
    "traffic sign": IddRow(24, 20, 7, 18, 11, 4, (220, 220, 0)),
    "traffic light": IddRow(25, 19, 6, 19, 11, 4, (250, 170, 30)),
    "pole": IddRow(26, 17, 5, 20, 12, 4, (153, 153, 153)),
    "polegroup": IddRow(27, 18, _I, 20, 12, 4, (153, 153, 153)),
    "obs-str-bar-fallback": IddRow(28, _I, _I, 21, 12, 4, (169, 187, 214)),
    "building": IddRow(29, 11, 2, 22, 13, 5, (70, 70, 70)),
    "bridge": IddRow(30, 15, _I, 23, 13, 5, (150, 100, 100)),
    "tunnel": IddRow(31, 16, _I, 23, 13, 5, (150, 120, 90)),
    "vegetation": IddRow(32, 21, 8, 24, 14, 5, (107, 142, 35)),
    "sky": IddRow(33, 23, 10, 25, 15, 6, (70, 130, 180)),
    "fallback background": IddRow(34, _I, _I, 25, 15, 6, (169, 187, 214)),
    "unlabeled": IddRow(35, 0, _I, _I, _I, _I, (0, 0, 0)),
    "ego vehicle": IddRow(36, 1, _I, _I, _I, _I, (0, 0, 0)),
    "rectification border": IddRow(37, 2, _I, _I, _I, _I, (0, 0, 0)),
    "out of roi": IddRow(38, 3, _I, _I, _I, _I, (0, 0, 0)),
    "license plate": IddRow(39, _I, _I, _I, _I, _I, (0, 0, 142)),
}
IDD: Mapping[str, int] = {name: row.id for name, row in IDD_ROWS.items()}
