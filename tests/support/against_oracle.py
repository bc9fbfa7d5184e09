"""A whole COCO file against an independent rasterizer: `python -m tests.support.against_oracle FILE`.

scikit-image's `draw.polygon`, shifted by half a pixel, decides; wherever a center lies
within a millionth of a pixel of an edge, exact fractions do. Runs come from pycocotools.
Instances are painted in a plain loop, the last on top.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from pycocotools import mask as pycocotools_mask
from skimage.draw import polygon as skimage_polygon

import polymask
from tests.support.oracles import exact_mask

NEAR = 1e-6


def oracle_ring(ring: np.ndarray, frame: tuple[int, int]) -> np.ndarray:
    """One ring's mask: scikit-image, corrected by fractions where a center is near an edge."""
    mask = np.zeros(frame, bool)
    rows, columns = skimage_polygon(ring[:, 1] - 0.5, ring[:, 0] - 0.5, frame)
    mask[rows, columns] = True
    near = _near_edges(ring, frame)
    for row in np.flatnonzero(near.any(axis=1)):
        exact = exact_mask([(ring - (0, row)).tolist()], (1, frame[1]))[0]
        mask[row, near[row]] = exact[near[row]]
    return mask


def _near_edges(ring: np.ndarray, frame: tuple[int, int]) -> np.ndarray:
    """The pixels whose center is so close to an edge that floats may be wrong about it."""
    near = np.zeros(frame, bool)
    for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        length = np.hypot(x1 - x0, y1 - y0) or 1.0
        rows = slice(max(int(min(y0, y1)) - 2, 0), min(int(max(y0, y1)) + 2, frame[0]))
        columns = slice(max(int(min(x0, x1)) - 2, 0), min(int(max(x0, x1)) + 2, frame[1]))
        y, x = np.mgrid[rows, columns] + 0.5
        along = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length**2, 0, 1)
        distance = np.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0))
        near[rows, columns] |= distance < NEAR
    return near


def oracle_segmentation(segmentation: object, frame: tuple[int, int]) -> np.ndarray:
    """The union of an annotation's parts, or its runs as pycocotools decodes them."""
    if isinstance(segmentation, dict):
        rle = segmentation
        if isinstance(rle["counts"], list):
            rle = pycocotools_mask.frPyObjects(rle, *frame)
        return pycocotools_mask.decode(rle).astype(bool)
    mask = np.zeros(frame, bool)
    for part in segmentation or ():
        mask |= oracle_ring(np.array(part, float).reshape(-1, 2), frame)
    return mask


def compare(path: Path) -> tuple[int, int]:
    """How many pixels of how many images differ, with `--ids source`."""
    document = json.loads(path.read_text())
    of_image = defaultdict(list)
    for annotation in document["annotations"]:
        of_image[annotation["image_id"]].append(annotation)
    label_map = polymask.LabelMap.from_source(path, ids="source")
    wrong = 0
    for image, record in zip(document["images"], polymask.read(path), strict=True):
        expected = np.zeros((image["height"], image["width"]), np.int64)
        for annotation in of_image[image["id"]]:
            expected[oracle_segmentation(annotation["segmentation"], expected.shape)] = annotation[
                "category_id"
            ]
        wrong += int((polymask.index_mask(record, label_map) != expected).sum())
    return wrong, len(document["images"])


if __name__ == "__main__":
    pixels, images = compare(Path(sys.argv[1]))
    print(f"{images:,} images: {pixels:,} differing pixels")
