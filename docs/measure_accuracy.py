"""Prints how near each way of filling polygons comes to the truth: `python docs/measure_accuracy.py`.

Random blobs of a given radius; the truth is which pixels a blob covers by half or more,
from 32 × 32 samples a pixel. IoU and area bias are means over all blobs of a radius.
"""

from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image, ImageDraw
from pycocotools import mask as pycocotools_mask
from skimage.draw import polygon as skimage_polygon

import polymask

SAMPLES = 32
RADII = {4: 400, 12: 200, 50: 40}
Ring = np.ndarray


def blob(rng: np.random.Generator, radius: float) -> Ring:
    """A smooth random outline around a random center, in a frame of three radii."""
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    waves = [(rng.normal(0, 0.15), k, rng.uniform(0, 2 * np.pi)) for k in (2, 3, 5)]
    reach = radius * (1 + sum(size * np.cos(k * angles + phase) for size, k, phase in waves))
    center = 1.5 * radius + 2 + rng.uniform(0, 1, 2)
    return center + reach[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def with_center(ring: Ring, side: int) -> np.ndarray:
    return polymask.rasterize(polymask.Polygon(ring), (side, side))


def with_pycocotools(ring: Ring, side: int) -> np.ndarray:
    return (
        pycocotools_mask.decode(pycocotools_mask.frPyObjects([ring.reshape(-1).tolist()], side, side))[..., 0]
        > 0
    )


def with_pillow(ring: Ring, side: int) -> np.ndarray:
    image = Image.new("1", (side, side))
    ImageDraw.Draw(image).polygon([tuple(point) for point in ring.tolist()], fill=1, outline=1)
    return np.array(image)


def with_cv2(ring: Ring, side: int) -> np.ndarray:
    return cv2.fillPoly(np.zeros((side, side), np.uint8), [ring.astype(np.int32)], 1) > 0


def with_skimage(ring: Ring, side: int) -> np.ndarray:
    mask = np.zeros((side, side), bool)
    mask[skimage_polygon(ring[:, 1], ring[:, 0], mask.shape)] = True
    return mask


WAYS: dict[str, Callable[[Ring, int], np.ndarray]] = {
    "`center`": with_center,
    "pycocotools": with_pycocotools,
    "Pillow": with_pillow,
    "OpenCV, truncated": with_cv2,
    "scikit-image as it is": with_skimage,
}


def truth(ring: Ring, side: int) -> np.ndarray:
    fine = polymask.rasterize(polymask.Polygon(ring * SAMPLES), (side * SAMPLES, side * SAMPLES))
    return fine.reshape(side, SAMPLES, side, SAMPLES).mean(axis=(1, 3)) >= 0.5


def measured(radius: int, blobs: int) -> dict[str, tuple[float, float]]:
    """Mean IoU and mean area bias of each way."""
    rng = np.random.default_rng(radius)
    results: dict[str, list[tuple[float, float]]] = {name: [] for name in WAYS}
    for _ in range(blobs):
        ring, side = blob(rng, radius), int(4.5 * radius) + 5
        expected = truth(ring, side)
        for name, way in WAYS.items():
            mask = way(ring, side)
            iou = (mask & expected).sum() / (mask | expected).sum()
            results[name].append((iou, mask.sum() / expected.sum() - 1))
    return {name: tuple(np.mean(values, axis=0)) for name, values in results.items()}


def main() -> None:
    """Print the table as Markdown."""
    columns = {radius: measured(radius, blobs) for radius, blobs in RADII.items()}
    print("| radius |", " | ".join(WAYS), "|")
    print("|---|" + "---|" * len(WAYS))
    for radius, column in columns.items():
        cells = [f"{iou:.3f}, {100 * bias:+.1f} %" for iou, bias in column.values()]
        print(f"| {radius} px |", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
