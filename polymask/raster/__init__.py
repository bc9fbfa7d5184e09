"""Polygons and runs → spans, under a named pixel rule; each rule has a file and a row in the table."""

from collections.abc import Callable, Sequence

import numpy as np
import PIL
from numpy.typing import NDArray

from polymask.errors import GeometryError, unknown
from polymask.model import BoolMask, Frame, Ring, Runs, Shape
from polymask.native import KERNEL
from polymask.raster.exchange.shapes import Shapes, polygons_of
from polymask.raster.kernel import Outlines, center_spans, united
from polymask.raster.rules import center, opencv, pillow, pycocotools, scikit_image
from polymask.raster.runs import run_spans
from polymask.raster.spans import Int64, SpanTable, paint
from polymask.validation import as_frame

__all__ = ["KERNEL", "PIXEL_RULES", "pixel_rule_named", "rasterize", "rule_versions", "spans_of"]

Intervals = Callable[[list[Ring], list[int], Frame], tuple[Int64, Int64]]

PIXEL_RULES: dict[str, tuple[str, Intervals]] = {
    "center": ("a pixel whose center is inside; exact, half-open, even-odd", center.intervals),
    "coco": ("pycocotools: COCO, Datumaro, CVAT, torchvision, detectron2", pycocotools.intervals),
    "pil": ("Pillow's polygon: labelme, cityscapesScripts, IDD", pillow.intervals),
    "cv2-trunc": (
        "OpenCV on truncated points: dtlpy from_polygon, supervision, Ultralytics, Labelbox",
        opencv.truncated,
    ),
    "cv2-round": ("OpenCV on rounded points: imantics, dtlpy show", opencv.rounded),
    "skimage": (
        "scikit-image's polygon, unchanged: notebooks; needs polymask[parity]",
        scikit_image.intervals,
    ),
}


def pixel_rule_named(name: str) -> Intervals:
    """The function of a pixel rule.

    Raises `InputError` for a name not in the table, and where the rule needs a library that is not installed.
    """
    if name not in PIXEL_RULES:
        raise unknown("pixel rule", name, PIXEL_RULES)
    if name == "skimage":
        scikit_image.require()
    return PIXEL_RULES[name][1]


def rule_versions(name: str) -> dict[str, str]:
    """The installed version of each library whose releases change the result of a pixel rule.

    Examples:
        >>> list(rule_versions("pil")), rule_versions("center")
        (['pillow'], {})
    """
    return {"pillow": PIL.__version__} if name == "pil" else {}


def spans_of(shapes: Sequence[Shape], frame: Frame, *, pixel_rule: str = "center") -> SpanTable:
    """Each shape's spans in a (height, width) frame, all polygons rasterized at once.

    A shape's polygons are united. Raises `GeometryError` where runs have another frame.

    Examples:
        >>> from polymask import Polygon
        >>> triangle = Polygon([(0, 0), (3, 0), (0, 3)])
        >>> [spans.stop.tolist() for spans in spans_of([(triangle,)], (3, 3))]
        [[2, 1]]
    """
    intervals = pixel_rule_named(pixel_rule)
    outlines = _outlines(shapes)
    if intervals is center.intervals:
        polygon_spans = center_spans(outlines, frame)
    else:
        polygon_spans = united(intervals(outlines.rings, outlines.polygons, frame), outlines, frame)
    if not any(isinstance(shape, Runs) for shape in shapes):
        return polygon_spans
    return SpanTable.of(
        [_run_spans(s, frame) if isinstance(s, Runs) else polygon_spans.rows(i) for i, s in enumerate(shapes)]
    )


def _outlines(shapes: Sequence[Shape]) -> Outlines:
    rings: list[Ring] = []
    polygons: list[int] = []
    owners: list[int] = []
    for index, shape in enumerate(shapes):
        for polygon in () if isinstance(shape, Runs) else shape:
            rings.append(polygon.exterior)
            rings.extend(polygon.holes)
            polygons.extend([len(owners)] * (1 + len(polygon.holes)))
            owners.append(index)
    return Outlines(rings=rings, polygons=polygons, shapes=owners, count=len(shapes))


def _run_spans(runs: Runs, frame: Frame) -> NDArray[np.int32]:
    if runs.frame != frame:
        (h, w), (height, width) = runs.frame, frame
        raise GeometryError(f"runs of {h} × {w} pixels in a frame of {height} × {width}")
    return run_spans(runs)


def rasterize(shapes: Shapes, frame: Frame, *, pixel_rule: str = "center") -> BoolMask:
    """The union of shapes as a (height, width) bool mask.

    `shapes` is a `Polygon`, a ring as (N, 2) array or list of (x, y), a GeoJSON dict, anything with
    `__geo_interface__` (shapely's geometries, rows and columns of geopandas, an `Instance`, masks of
    polymask), or several of these. Several rings are filled each by itself: a hole takes a `Polygon`.
    Coordinates are in pixels, x then y; `frame` is (height, width). Raises `InputError` for an unknown pixel
    rule and `GeometryError` for a frame without pixels and for what is no polygon.

    Examples:
        >>> rasterize([(1, 0), (3, 0), (3, 2), (1, 2)], (2, 4)).astype(int)
        array([[0, 1, 1, 0],
               [0, 1, 1, 0]])
    """
    frame = as_frame(frame)
    mask = np.zeros(frame, bool)
    paint(mask, spans_of([tuple(polygons_of(shapes))], frame, pixel_rule=pixel_rule)[0], 1)
    return mask
