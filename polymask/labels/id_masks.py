"""The masks that the scripts of Cityscapes and IDD paint: their file names tell what the values mean.

Names are like `<image>_gtFine_labelIds.png`. Labels that share a value get a joint name, as
`parking & drivable fallback`; ignored labels (255) are void, and unlabeled is background.
Source: cityscapesScripts, `createTrainIdLabelImgs` and `json2instanceImg`; AutoNUE's public code,
`createLabels`.
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from polymask.labels.cityscapes import IDD_ROWS, IGNORED, KNOWN, UNLABELED
from polymask.labels.color_tables import BACKGROUND, VOID
from polymask.labels.mask_table import MaskTable

JOINED = " & "
_NAME = re.compile(r"(?P<image>.*)_gt(?:Fine|Coarse)_label(?P<kind>[A-Za-z]\w*?ds)\.png$")


def _named(ids: Mapping[str, int]) -> MaskTable:
    """The table of names by value; names of the same value are joined."""
    names: dict[int, list[str]] = {}
    for name, number in ids.items():
        if number >= 0:
            names.setdefault(number, []).append(name)
    joined = {
        number: BACKGROUND if UNLABELED in group else JOINED.join(group) for number, group in names.items()
    }
    return MaskTable.of_values(joined | {IGNORED: VOID})


def _idd(level: str) -> MaskTable:
    return _named({name: getattr(row, level) for name, row in IDD_ROWS.items()})


_CITYSCAPES_IDS = {name: row.id for name, row in KNOWN.items()}
_TRAIN_IDS = {name: row.train_id for name, row in KNOWN.items() if row.train_id != IGNORED}

# By the kind, which follows `_label` in a name. The finest is first: it is read where an image has several.
KINDS: Mapping[str, Callable[[], MaskTable]] = {
    "Ids": lambda: _named(_CITYSCAPES_IDS),
    "ids": lambda: _idd("id"),
    "TrainIds": lambda: _named(_TRAIN_IDS),
    "level3Ids": lambda: _idd("level3_id"),
    "Level3Ids": lambda: _idd("level3_id"),
    "csIds": lambda: _named(_CITYSCAPES_IDS),
    "csTrainIds": lambda: _named(_TRAIN_IDS),
    "level2Ids": lambda: _idd("level2_id"),
    "level1Ids": lambda: _idd("level1_id"),
}


class IdMask(NamedTuple):
    """The parts of a mask's file name: the image's name without suffix, and the kind of its ids."""

    image: str
    kind: str


def id_mask(name: str) -> IdMask | None:
    """The parts of a mask's file name; None for another name.

    Examples:
        >>> id_mask("gtFine/val/bonn/bonn_000000_000001_gtFine_labelTrainIds.png")
        IdMask(image='gtFine/val/bonn/bonn_000000_000001', kind='TrainIds')
    """
    match = _NAME.match(name)
    return IdMask(match["image"], match["kind"]) if match and match["kind"] in KINDS else None
