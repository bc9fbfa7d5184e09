"""PASCAL VOC: `SegmentationClass/<name>.png` as true palette PNGs, with the VOC colors.

With instance ids, `SegmentationObject/<name>.png`: n for the n-th instance in paint
order, 255 for void; 16 bit gray, void 65535, where an image has more than 254.
`ImageSets/Segmentation/<split>.txt` lists the names, `labelmap.txt` the colors.
Source: PASCAL VOC 2012 development kit, section 4; CVAT's `labelmap.txt`.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from polymask.digest import pixels_sha256
from polymask.errors import LabelError
from polymask.labels import VOID_8, VOID_16, voc_colors
from polymask.layouts import Drawn, LayoutOptions, stem
from polymask.png import encode_png
from polymask.semantic import Painting

IMAGES = "JPEGImages"
INDEX = True


def check(options: LayoutOptions) -> None:
    """A palette has 256 entries: raise `LabelError` for label maps that need 16 bits."""
    if options.label_map.dtype is not np.uint8:
        raise LabelError("a palette PNG holds values up to 255; use `--ids contiguous`, or `--to index`")


def paths(name: str) -> tuple[str, ...]:
    """The class mask and the object mask."""
    return f"SegmentationClass/{stem(name)}.png", f"SegmentationObject/{stem(name)}.png"


def draw(painting: Painting, options: LayoutOptions) -> Drawn:
    """The index mask as palette PNG."""
    classes, objects = paths(painting.record.name)
    files = [(classes, encode_png(painting.index, palette=options.label_map.palette()))]
    if options.instances:
        files.append((objects, _objects(painting)))
    digest = pixels_sha256(painting.index)
    return Drawn(name=painting.record.name, mask=classes, pixels_sha256=digest, files=tuple(files))


def _objects(painting: Painting) -> bytes:
    if len(painting.instances) < VOID_8:
        return encode_png(painting.instance_ids(VOID_8), palette=voc_colors())
    return encode_png(painting.instance_ids(VOID_16))


def finish(drawn: Iterable[Drawn], options: LayoutOptions) -> Iterator[tuple[str, bytes]]:
    """The list of the split's images, and the colors."""
    names = "".join(f"{stem(one.name)}\n" for one in drawn)
    yield f"ImageSets/Segmentation/{options.split}.txt", names.encode()
    lines = ["# label:color_rgb:parts:actions", "background:0,0,0::"]
    for label in options.label_map.labels:
        lines.append(f"{label.name}:{','.join(map(str, label.color))}::")
    yield "labelmap.txt", ("\n".join(lines) + "\n").encode()
