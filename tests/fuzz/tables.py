"""Tables beside masks: what names the values of a folder, in a folder whose masks are sound."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from polymask import PolymaskError, encode_png, stats
from polymask.codecs.png import encode_color
from polymask.limits import Limits

MASK = np.array([[0, 1, 1], [2, 2, 255]], np.uint8)
_PAINTED = encode_color(
    np.array([[[0] * 3, [9] * 3, [9] * 3], [[7] * 3, [7] * 3, [224, 224, 192]]], np.uint8)
)
_IDS = encode_color(np.dstack([MASK % 255, MASK * 0, MASK * 0]))
_IMAGE = {"id": 1, "file_name": "a.jpg", "height": 2, "width": 3}
_SEGMENTS = [{"id": n, "category_id": n, "area": 2, "bbox": [0, 0, 3, 2], "iscrowd": 0} for n in (1, 2)]
_PANOPTIC = {"image_id": 1, "file_name": "a.png", "segments_info": _SEGMENTS}
_CATEGORIES = [
    {"id": n, "name": name, "isthing": 1, "color": [n, 2, 3]} for n, name in ((1, "cat"), (2, "dog"))
]
_RLE = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": {"size": [2, 3], "counts": "222"}}
_LABELS = json.dumps(
    {"labels": [{"name": "cat", "value": 1, "color": "#800000"}], "background": 0, "void": 255}
)

# the table's name: a sound sample of it, and the files beside it
TABLES: dict[str, tuple[bytes, dict[str, bytes]]] = {
    "id2label.json": (b'{"0": "unlabeled", "1": "road", "2": "car"}', {"gtFine/train/x/a_gtFine_labelIds.png": encode_png(MASK)}),
    "labels.json": (_LABELS.encode(), {"masks/a/cat.png": encode_png(MASK)}),
    "objectInfo.txt": (b"Idx\tRatio\tName\n1\t0.1\tcat\n2\t0.2\tdog, hound\n", {"annotations/training/a.png": encode_png(MASK)}),
    "labelmap.txt": (b"# label:color_rgb:parts:actions\ncat:1,2,3::\n", {"SegmentationClass/a.png": encode_png(MASK)}),
    "label_colors.txt": (b"0 0 0 background\n9 9 9 cat\n7 7 7 dog\n224 224 192 Void\n", {"trainannot/a.png": _PAINTED}),
    "labels.txt": (b"0: unlabeled\n1: cat\n2: dog\n", {"stuffthingmaps/a.png": encode_png(MASK)}),
    "data.yaml": (b'masks_dir: masks\nnames:\n  0: background\n  1: "cat"\n', {"masks/train/a.png": encode_png(MASK)}),
    "panoptic.json": (
        json.dumps({"images": [_IMAGE], "annotations": [_PANOPTIC], "categories": _CATEGORIES}).encode(),
        {"panoptic/a.png": _IDS},
    ),
    "annotations.json": (
        json.dumps({"images": [_IMAGE], "annotations": [_RLE], "categories": _CATEGORIES}).encode(),
        {"labels.json": _LABELS.encode()},
    ),
}  # fmt: skip


def damaged(name: str) -> Callable[[bytes, Path], bool]:
    """What reads a folder with this table: it is accepted, or refused with a name."""

    def run(data: bytes, folder: Path) -> bool:
        for path, content in {**TABLES[name][1], name: data}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        try:
            stats(folder, limits=Limits(max_pixels=1 << 18))
        except PolymaskError as error:
            if error.exit_code != 2 or f"{folder}" not in str(error):
                raise AssertionError(f"exit {error.exit_code}: {error}") from None
            raise
        return True

    return run
