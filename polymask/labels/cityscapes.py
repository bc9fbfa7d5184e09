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

IGNORED = 255
UNLABELED = "unlabeled"


class Row(NamedTuple):
    """One class of Cityscapes; an id below 0 is not painted."""

    id: int
    train_id: int
    color: tuple[int, int, int]
    instances: bool = False


CITYSCAPES: Mapping[str, Row] = {
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
    "person": Row(24, 11, (220, 20, 60), instances=True),
    "rider": Row(25, 12, (255, 0, 0), instances=True),
    "car": Row(26, 13, (0, 0, 142), instances=True),
    "truck": Row(27, 14, (0, 0, 70), instances=True),
    "bus": Row(28, 15, (0, 60, 100), instances=True),
    "caravan": Row(29, IGNORED, (0, 0, 90), instances=True),
    "trailer": Row(30, IGNORED, (0, 0, 110), instances=True),
    "train": Row(31, 16, (0, 80, 100), instances=True),
    "motorcycle": Row(32, 17, (0, 0, 230), instances=True),
    "bicycle": Row(33, 18, (119, 11, 32), instances=True),
    "license plate": Row(-1, IGNORED, (0, 0, 142)),
}
LANES: Mapping[str, Row] = {
    "dashed": Row(34, IGNORED, (119, 66, 32)),
    "solid": Row(35, IGNORED, (119, 66, 32)),
    "solid solid": Row(36, IGNORED, (119, 66, 32)),
    "dashed-solid": Row(37, IGNORED, (119, 66, 32)),
    "solid-dashed": Row(38, IGNORED, (119, 66, 32)),
    "yellow dashed": Row(39, IGNORED, (119, 119, 32)),
    "yellow solid": Row(40, IGNORED, (119, 119, 32)),
    "yellow solid solid": Row(41, IGNORED, (119, 119, 32)),
    "yellow dashed dashed": Row(42, IGNORED, (119, 119, 32)),
    "yellow dashed-solid": Row(43, IGNORED, (119, 119, 32)),
    "yellow solid-dashed": Row(44, IGNORED, (119, 119, 32)),
    "boundary": Row(45, IGNORED, (66, 119, 32)),
}
KNOWN: Mapping[str, Row] = {**CITYSCAPES, **LANES}

_IDD = (
    "road, parking, drivable fallback, sidewalk, rail track, non-drivable fallback, person, animal, rider, "
    "motorcycle, bicycle, autorickshaw, car, truck, bus, caravan, trailer, train, vehicle fallback, curb, "
    "wall, fence, guard rail, billboard, traffic sign, traffic light, pole, polegroup, obs-str-bar-fallback, "
    "building, bridge, tunnel, vegetation, sky, fallback background, unlabeled, ego vehicle, "
    "rectification border, out of roi, license plate"
)
IDD: Mapping[str, int] = {name: number for number, name in enumerate(_IDD.split(", "))}
