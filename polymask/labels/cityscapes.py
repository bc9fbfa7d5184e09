"""The label tables of Cityscapes and of IDD, which has the same files: read by them, and written.

`CITYSCAPES` is that of cityscapesScripts: name, id, train id, color, and whether its instances are
told apart. What has the train id 255 is ignored by training and scoring alike. `LANES` are names that
some people's files have and the released scripts lack, with the ids that those files' tools give
them; they are ignored too. `IDD` has names and ids only.
Source: the facts of cityscapesScripts, `helpers/labels.py`; of AutoNUE's public code,
`helpers/anue_labels.py`.
"""

from collections.abc import Mapping
from typing import NamedTuple

from polymask.validation import Color

IGNORED = 255
UNLABELED = "unlabeled"


class CityscapesClass(NamedTuple):
    """One class of Cityscapes; an id below 0 is not painted."""

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

_IDD = (
    "road, parking, drivable fallback, sidewalk, rail track, non-drivable fallback, person, animal, rider, "
    "motorcycle, bicycle, autorickshaw, car, truck, bus, caravan, trailer, train, vehicle fallback, curb, "
    "wall, fence, guard rail, billboard, traffic sign, traffic light, pole, polegroup, obs-str-bar-fallback, "
    "building, bridge, tunnel, vegetation, sky, fallback background, unlabeled, ego vehicle, "
    "rectification border, out of roi, license plate"
)
IDD: Mapping[str, int] = {name: number for number, name in enumerate(_IDD.split(", "))}
