"""What the consumers read: the sample with void borders, in train and val, converted once a layout."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from polymask import LabelMap, convert, index_mask, label_masks, read
from polymask.layouts.common.lookup import BACKGROUND, VOID
from tests.consumers.cells import Truth

SAMPLE = Path(__file__).parents[2] / "fixtures" / "shapes" / "instances.json"
PICTURES = SAMPLE.parent / "images"
BORDER = 1
STREET = {"sea": "road", "boat": "car", "flock": "person", "house": "building", "tree": "vegetation",
          "sun": "sky"}  # fmt: skip
STUFF = ("sea", "tree")
SPLITS: dict[str, Any] = {"split_ratio": "0.5,0.5", "seed": 3}
OPTIONS: dict[str, dict[str, Any]] = {
    "voc": {"picture_format": "jpg", "instances": True},
    "ade20k": {"picture_format": "jpg"},
    "coco-stuff": {"picture_format": "jpg"},
    "coco-panoptic": {"stuff": STUFF},
    "nnunet": {"void_as": "ignore"},
}
NAMES = {"nnunet": "Dataset001_Harbor", "voc": "VOCdevkit/VOC2012"}


class Scenes:
    """DESTs below a folder, each made when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made: dict[str, Path] = {}

    def dest(self, layout: str) -> Path:
        """The DEST of a layout, called as its readers want."""
        if layout not in self.made:
            dest = self.folder / layout / NAMES.get(layout, "out")
            convert(SAMPLE, dest, to=layout, images=PICTURES, copy_images=True, **self._options(layout))
            self.made[layout] = dest
        return self.made[layout]

    def side(self, layout: str, side: str, **options: Any) -> Path:
        """The masks of one side of a comparison, without pictures."""
        dest = self.folder / f"{layout}-{side}"
        if not dest.exists():
            plain = {key: value for key, value in self._options(layout).items() if key != "picture_format"}
            chosen = {"split": "train"} if "where" in options else {}
            plain = {key: value for key, value in plain.items() if not chosen or key not in SPLITS}
            convert(SAMPLE, dest, to=layout, **(plain | chosen | options))
        return dest

    def _options(self, layout: str) -> dict[str, Any]:
        border = {} if layout in ("coco", "binary", "dataloop") else {"border": BORDER}
        return SPLITS | border | OPTIONS.get(layout, {}) | self._labels(layout)

    def _labels(self, layout: str) -> dict[str, Any]:
        """Cityscapes' own names, for its scripts."""
        if layout != "cityscapes":
            return {}
        path = self.folder / "street.txt"
        path.write_text("".join(f"{name} -> {label}\n" for name, label in STREET.items()))
        return {"labels": path}

    def truth(self, layout: str) -> Mapping[str, Truth]:
        """What is there by image, as the annotations say."""
        renamed = STREET if layout == "cityscapes" else {}
        label_map = LabelMap.from_source(SAMPLE)
        table = np.full(256, BACKGROUND, dtype="<U20")
        table[label_map.void] = VOID
        for label in label_map.labels:
            table[label.value] = renamed.get(label.name, label.name)
        border = self._options(layout).get("border", 0)
        images = {}
        for record in read(SAMPLE):
            names = table[index_mask(record, label_map, border=border)]
            labels = {renamed.get(m.label, m.label): m.mask for m in label_masks(record) if m.mask.any()}
            images[Path(record.name).stem] = Truth(names, labels)
        return images
