"""Writes docs/parity.md by running the peers: `python docs/measure_parity.py ANNOTATIONS [--only-check]`.

ANNOTATIONS is a COCO file; each polygon instance in it, and random ones, are drawn by every peer
that is installed and by the pixel rule that reproduces it, and the differing pixels counted.
`--only-check` writes nothing and fails where a pixel differs. Peers that are not installed are left out,
and said to be: pycocotools, Pillow, OpenCV, scikit-image and dtlpy come with `polymask[parity,dataloop]`;
labelme, cityscapesScripts, supervision, imantics and labelbox are installed by hand.
"""

import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from polymask import Polygon, Runs, rasterize, read
from polymask.model import BoolMask, Frame, Ring

PAGE = Path(__file__).parent / "parity.md"
RANDOM = 2000
RANDOM_FRAME = (90, 120)

Draw = Callable[[Sequence[Ring], Frame], BoolMask]


@dataclass(frozen=True)
class Peer:
    """A tool, its distribution, the rule that reproduces it, and how it draws an instance's parts.

    With `together` the parts are handed over at once and filled even-odd, as one polygon's rings.
    """

    tool: str
    package: str
    rule: str
    load: Callable[[], Draw]
    together: bool = False

    def version(self) -> str | None:
        """The installed version, or None."""
        try:
            return version(self.package)
        except PackageNotFoundError:
            return None


def _each(draw: Callable[[Ring, Frame], Any]) -> Draw:
    """The union of parts that a tool draws one at a time."""

    def united(parts: Sequence[Ring], frame: Frame) -> BoolMask:
        mask = np.zeros(frame, bool)
        for part in parts:
            mask |= np.asarray(draw(part, frame)).astype(bool)
        return mask

    return united


def _pycocotools() -> Draw:
    from pycocotools import mask as pycocotools_mask

    def draw(parts: Sequence[Ring], frame: Frame) -> BoolMask:
        runs = pycocotools_mask.frPyObjects([part.ravel().tolist() for part in parts], *frame)
        decoded: BoolMask = pycocotools_mask.decode(pycocotools_mask.merge(runs)).astype(bool)
        return decoded

    return draw


def _pillow() -> Draw:
    from PIL import Image, ImageDraw

    def draw(part: Ring, frame: Frame) -> Any:
        image = Image.new("L", frame[::-1])
        ImageDraw.Draw(image).polygon([tuple(point) for point in part.tolist()], fill=1)
        return image

    return _each(draw)


def _labelme() -> Draw:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from labelme.utils.shape import shape_to_mask

    return _each(lambda part, frame: shape_to_mask(frame, part.tolist(), "polygon"))


def _cityscapes_scripts() -> Draw:
    from cityscapesscripts.preparation.json2labelImg import createLabelImage

    def draw(part: Ring, frame: Frame) -> Any:
        points = [tuple(point) for point in part.tolist()]
        annotated = SimpleNamespace(label="car", polygon=points, deleted=0)
        image = SimpleNamespace(imgHeight=frame[0], imgWidth=frame[1], objects=[annotated])
        return createLabelImage(image, "ids")

    return _each(draw)


def _opencv() -> Draw:
    import cv2

    def draw(parts: Sequence[Ring], frame: Frame) -> BoolMask:
        canvas = np.zeros(frame, np.uint8)
        cv2.fillPoly(canvas, [part.astype(np.int32) for part in parts], 1)
        return canvas.astype(bool)

    return draw


def _dtlpy_from_polygon() -> Draw:
    import dtlpy

    return _each(lambda part, frame: dtlpy.Segmentation.from_polygon(part, "label", frame).geo)


def _dtlpy_show() -> Draw:
    import dtlpy

    def draw(part: Ring, frame: Frame) -> Any:
        canvas, (height, width) = np.zeros(frame, np.uint8), frame
        polygon = dtlpy.Polygon(geo=part, label="label")
        return polygon.show(
            canvas, -1, with_text=False, height=height, width=width, annotation_format=None, color=1
        )

    return _each(draw)


def _supervision() -> Draw:
    from supervision import polygon_to_mask

    return _each(lambda part, frame: polygon_to_mask(part, frame[::-1]))


def _labelbox() -> Draw:
    from labelbox.data.annotation_types.geometry import Point
    from labelbox.data.annotation_types.geometry import Polygon as LabelboxPolygon

    def draw(part: Ring, frame: Frame) -> Any:
        points = [Point(x=x, y=y) for x, y in part.tolist()]
        return LabelboxPolygon(points=points).draw(canvas=np.zeros(frame, np.uint8), color=1)

    return _each(draw)


def _imantics() -> Draw:
    from imantics import Polygons

    def draw(parts: Sequence[Ring], frame: Frame) -> BoolMask:
        polygons = Polygons([part.ravel().tolist() for part in parts])
        mask: BoolMask = polygons.mask(width=frame[1], height=frame[0]).array.astype(bool)
        return mask

    return draw


def _scikit_image() -> Draw:
    from skimage.draw import polygon2mask

    return _each(lambda part, frame: polygon2mask(frame, part[:, ::-1]))


PEERS = (
    Peer("pycocotools `frPyObjects`, `merge`", "pycocotools", "coco", _pycocotools),
    Peer("Pillow `ImageDraw.polygon`", "Pillow", "pil", _pillow),
    Peer("labelme `shape_to_mask`", "labelme", "pil", _labelme),
    Peer("cityscapesScripts `createLabelImage`", "cityscapesScripts", "pil", _cityscapes_scripts),
    Peer(
        "OpenCV `fillPoly`, all rings at once", "opencv-python-headless", "cv2-trunc", _opencv, together=True
    ),
    Peer("dtlpy `Segmentation.from_polygon`", "dtlpy", "cv2-trunc", _dtlpy_from_polygon),
    Peer("supervision `polygon_to_mask`", "supervision", "cv2-trunc", _supervision),
    Peer("Labelbox `Polygon.draw`", "labelbox", "cv2-trunc", _labelbox),
    Peer("dtlpy `Polygon.show`, filled", "dtlpy", "cv2-round", _dtlpy_show),
    Peer("imantics `Polygons.mask`, all parts at once", "imantics", "cv2-round", _imantics, together=True),
    Peer("scikit-image `polygon2mask`", "scikit-image", "skimage", _scikit_image),
)

Instances = list[tuple[list[Ring], Frame]]


def real(path: str) -> Instances:
    """Every polygon instance of an annotation file."""
    return [
        ([polygon.exterior for polygon in instance.shape], record.frame)
        for record in read(path)
        for instance in record.instances
        if not isinstance(instance.shape, Runs)
    ]


def random_instances(count: int = RANDOM) -> Instances:
    """Up to three parts each, with floats, halves and whole numbers, in and out of the frame."""
    rng = np.random.default_rng(20)
    return [(list(_parts(rng)), RANDOM_FRAME) for _ in range(count)]


def _parts(rng: np.random.Generator) -> Iterator[Ring]:
    height, width = RANDOM_FRAME
    for _ in range(rng.integers(1, 4)):
        points = rng.uniform(-0.3, 1.3, (rng.integers(3, 12), 2)) * (width, height)
        grid = rng.choice([0.0, 0.5, 1.0])
        yield np.round(points / grid) * grid if grid else points


def measure(peer: Peer, instances: Instances) -> tuple[int, int]:
    """The pixels that a peer paints, and those that differ under the rule that reproduces it."""
    draw, painted, differing = peer.load(), 0, 0
    for parts, frame in instances:
        theirs = draw(parts, frame)
        polygons = [Polygon(parts[0], parts[1:])] if peer.together else [Polygon(part) for part in parts]
        painted += int(theirs.sum())
        differing += int((theirs != rasterize(polygons, frame, pixel_rule=peer.rule)).sum())
    return painted, differing


# ruff: noqa: E501 - a table's rows are as long as they are
HEAD = """\
# Parity with other tools

polymask's own pixel rule is [`center`](rules.md#pixel-rules-pixel-rule). Other tools follow other rules. If you migrate and need
the same masks as before, choose the rule of your old tool: each of these calls the drawing function that the tools call, so
the masks are equal bit for bit. The figures below come from running the tools:
`python docs/measure_parity.py ANNOTATIONS`, with the tools installed.

*Half-open* means that the left end belongs to the interval and the right end does not. *Even-odd* means that a pixel inside two
rings is outside: a ring in a ring is a hole.

| `--pixel-rule` | what it does | holes of a polygon | who uses it |
|---|---|---|---|
| `coco` | pycocotools: edges traced on a grid of ⅕ px, columns half-open | each ring drawn by itself, combined even-odd | COCO API, Datumaro, CVAT, torchvision, detectron2, panopticapi |
| `pil` | Pillow: coordinates truncated toward zero, boundary painted | each ring drawn by itself, combined even-odd: the hole includes its boundary pixels | labelme, cityscapesScripts, IDD |
| `cv2-trunc` | OpenCV: coordinates truncated toward zero, boundary painted | `fillPoly` gets all rings: even-odd, a hole's boundary stays painted | dtlpy `from_polygon`, supervision, Ultralytics, Labelbox, FiftyOne |
| `cv2-round` | OpenCV: coordinates rounded, halves to even, boundary painted | as `cv2-trunc` | imantics, dtlpy `show` |
| `skimage` | scikit-image: a pixel is in when its upper left corner is, edges included | each ring drawn by itself, combined even-odd | notebooks |

- Under every rule, an instance gets the union of its parts. imantics and FiftyOne instead pass all parts to `fillPoly` at once, so
  overlapping parts cancel out; `--holes even-odd` reproduces that.
- Coordinates may reach ±2²⁰ px, and a boundary under `coco` may be 13 million px long. Beyond that, the drawing functions
  overflow or crash, so polymask refuses (`GeometryError`). `center` has no such limit.
- `skimage` needs `pip install 'polymask[parity]'`.
- Pillow's fill changes between releases. So under `pil` each line of `manifest.jsonl` names Pillow's version, and a mask made with
  another version counts as different.
- Three tools were not run: Ultralytics and FiftyOne call `fillPoly` on truncated coordinates as supervision does, then resize or crop
  the masks, which no rule reproduces; IDD's scripts draw as cityscapesScripts do.

"""


def page(path: str) -> tuple[str, int]:
    """The page's text, and how many pixels differ in all."""
    of_file, drawn = real(path), random_instances()
    rows, missing, total = [], [], 0
    for peer in PEERS:
        installed = peer.version()
        if installed is None:
            missing.append(peer.tool)
            continue
        counts = [measure(peer, instances) for instances in (of_file, drawn)]
        total += sum(differing for _, differing in counts)
        cells = " | ".join(f"{painted:,} | **{differing}**" for painted, differing in counts)
        rows.append(f"| `{peer.rule}` | {peer.tool} | {installed} | {cells} |")
    head = (
        f"Measured on {len(of_file):,} polygon instances of COCO (real annotations) and {len(drawn):,} random "
        "ones (up to three parts; coordinates that are floats, halves or whole numbers, inside and outside of "
        "the frame).\n\n"
        "| rule | peer | version | real: px painted | px that differ | random: px painted | px that differ |\n"
        "|---|---|---|---|---|---|---|\n"
    )
    note = f"\nNot installed, not measured: {', '.join(missing)}.\n" if missing else ""
    return HEAD + head + "\n".join(rows) + "\n" + note, total


def main() -> None:
    """Measure; write the page unless only asked to check; fail where a pixel differs."""
    warnings.simplefilter("ignore")  # the peers' own
    (path,) = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    text, differing = page(path)
    if "--only-check" not in sys.argv:
        PAGE.write_text(text)
    if differing:
        sys.exit(f"{differing} px differ from the peers")


if __name__ == "__main__":
    main()
