"""Polygons to pixels alone, by one library: `python rasters.py NAME FILE` prints seconds and instances.

The file is parsed before the clock starts. A library gives what it gives itself: runs, spans, or a mask
an instance. Only what is timed is imported, so that peers may live in an environment of their own.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Frame = tuple[int, int]
Shapes = list[list[list[float]]]  # of one image: for each instance its rings, x, y, x, y …
Rasterize = Callable[[Shapes, Frame], object]


def polymask() -> Rasterize:
    """Spans."""
    from polymask.model import Polygon
    from polymask.raster import spans_of

    def rasterize(shapes: Shapes, frame: Frame) -> object:
        return spans_of([tuple(Polygon(points(ring)) for ring in rings) for rings in shapes], frame)

    return rasterize


def pycocotools() -> Rasterize:
    """Compressed runs."""
    from pycocotools import mask

    return lambda shapes, frame: [mask.merge(mask.frPyObjects(rings, *frame)) for rings in shapes]


def hotcoco() -> Rasterize:
    """Compressed runs."""
    from hotcoco import mask

    return lambda shapes, frame: [mask.merge(mask.fr_py_objects(rings, *frame)) for rings in shapes]


def rlemasklib() -> Rasterize:
    """Compressed runs."""
    import rlemasklib as library

    def rasterize(shapes: Shapes, frame: Frame) -> object:
        return [library.union([library.from_polygon(np.array(r), frame) for r in rings]) for rings in shapes]

    return rasterize


def opencv() -> Rasterize:
    """A mask an instance, whole pixels."""
    import cv2

    def drawn(rings: list[list[float]], frame: Frame) -> object:
        return cv2.fillPoly(np.zeros(frame, np.uint8), [points(r).astype(np.int32) for r in rings], 1)

    return lambda shapes, frame: [drawn(rings, frame) for rings in shapes]


def rasterio() -> Rasterize:
    """A mask an instance, by GDAL."""
    from rasterio.features import rasterize as burn

    def drawn(rings: list[list[float]], frame: Frame) -> object:
        parts = [[[*points(ring).tolist(), ring[:2]]] for ring in rings]
        return burn([({"type": "MultiPolygon", "coordinates": parts}, 1)], out_shape=frame, dtype=np.uint8)

    return lambda shapes, frame: [drawn(rings, frame) for rings in shapes]


def skia() -> Rasterize:
    """A mask an instance, without antialiasing."""
    import skia as library

    paint = library.Paint(AntiAlias=False, Color=library.ColorWHITE)

    def drawn(rings: list[list[float]], frame: Frame) -> object:
        mask = np.zeros((*frame, 4), np.uint8)
        path = library.Path()
        for ring in rings:
            path.addPoly([library.Point(x, y) for x, y in points(ring).tolist()], True)
        library.Canvas(mask).drawPath(path, paint)
        return mask

    return lambda shapes, frame: [drawn(rings, frame) for rings in shapes]


def pillow() -> Rasterize:
    """A mask an instance."""
    from PIL import Image, ImageDraw

    def drawn(rings: list[list[float]], frame: Frame) -> object:
        image = Image.new("L", frame[::-1])
        for ring in rings:
            ImageDraw.Draw(image).polygon(ring, 1)
        return image

    return lambda shapes, frame: [drawn(rings, frame) for rings in shapes]


def points(ring: list[float]) -> Any:
    """A ring as (N, 2) float64."""
    return np.array(ring, np.float64).reshape(-1, 2)


def scenes(path: str) -> list[tuple[Shapes, Frame]]:
    """Each image's instances with polygons, and its frame."""
    document = json.loads(Path(path).read_bytes())
    shapes: dict[Any, Shapes] = {image["id"]: [] for image in document["images"]}
    for annotation in document["annotations"]:
        if isinstance(annotation.get("segmentation"), list) and annotation["segmentation"]:
            shapes[annotation["image_id"]].append(annotation["segmentation"])
    frames = {image["id"]: (image["height"], image["width"]) for image in document["images"]}
    return [(shapes[key], frames[key]) for key in frames]


LIBRARIES = (polymask, pycocotools, hotcoco, rlemasklib, opencv, rasterio, skia, pillow)

if __name__ == "__main__":
    rasterize, images = (
        {library.__name__: library for library in LIBRARIES}[sys.argv[1]](),
        scenes(sys.argv[2]),
    )
    rasterize(*images[0])
    began = time.perf_counter()
    for image in images:
        rasterize(*image)
    seconds = time.perf_counter() - began
    sys.stdout.write(f"{seconds} {sum(len(image[0]) for image in images)}\n")
