"""`masks/<name>.png`: one index mask an image, 8 bit while values and void fit, else 16 bit.

With instance ids, `instances/<name>.png` (16 bit): 0 for background, n for the n-th
instance in paint order, 65535 for void.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from polymask.digest import pixels_sha256
from polymask.labels import VOID_16
from polymask.layouts import Drawn, LayoutOptions, stem
from polymask.layouts.reading import MaskFolder, masks_below, png_folder
from polymask.layouts.splits import split_lists
from polymask.png import encode_png
from polymask.semantic import Painting

IMAGES = "images"
INDEX = True


def check(options: LayoutOptions) -> None:
    """Every label map can be laid out this way."""


def paths(name: str, options: LayoutOptions) -> tuple[str, ...]:
    """The mask, and the instance ids if they are asked for."""
    return f"masks/{stem(name)}.png", f"instances/{stem(name)}.png"


def draw(painting: Painting, options: LayoutOptions) -> Drawn:
    """The index mask as gray PNG."""
    mask, instances = paths(painting.record.name, options)
    files = [(mask, encode_png(painting.index))]
    if options.instances:
        files.append((instances, encode_png(painting.instance_ids(VOID_16))))
    digest = pixels_sha256(painting.index)
    return Drawn(name=painting.record.name, mask=mask, pixels_sha256=digest, files=tuple(files))


def finish(drawn: Iterable[Drawn], options: LayoutOptions) -> Iterator[tuple[str, bytes]]:
    """The lists of the splits; labels.json lies beside every layout."""
    yield from split_lists(drawn, options)


def open_folder(folder: Path) -> MaskFolder | None:
    """The masks below `masks/`."""
    return png_folder(folder, "index", masks_below(folder, "masks"))
