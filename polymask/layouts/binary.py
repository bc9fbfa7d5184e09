"""`masks/<name>/<label>.png`: one mask a label, 0 and 255. Masks may overlap each other.

An image without instances has an empty line in the manifest and no masks.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from polymask.digest import combined_sha256, pixels_sha256
from polymask.errors import InputError, LabelError
from polymask.files import refuse_collisions, safe_path
from polymask.layouts import Drawn, LayoutOptions, stem
from polymask.png import encode_png
from polymask.raster.spans import paint
from polymask.semantic import Painting

IMAGES = "images"
INDEX = False


def check(options: LayoutOptions) -> None:
    """Labels become file names: raise `LabelError` for those that cannot."""
    names = options.label_map.names
    try:
        for name in names:
            safe_path(name.replace("/", "\\"))  # a slash would make a folder
        refuse_collisions((name, name) for name in names)
    except InputError as error:
        raise LabelError(f"{error}; rename the label in a --labels file (`old -> new`)") from None


def paths(name: str) -> tuple[str, ...]:
    """The folder of an image's masks."""
    return (f"masks/{stem(name)}",)


def draw(painting: Painting, options: LayoutOptions) -> Drawn:
    """The union of each label's instances, as gray PNG of 0 and 255."""
    (folder,) = paths(painting.record.name)
    files, digests = [], {}
    for label, spans in painting.label_spans.items():
        mask = np.zeros(painting.record.frame, np.uint8)
        paint(mask, spans, 255)
        files.append((f"{folder}/{label}.png", encode_png(mask)))
        digests[label] = pixels_sha256(mask)
    return Drawn(
        name=painting.record.name,
        mask=folder,
        pixels_sha256=combined_sha256(digests),
        files=tuple(files),
        labels=digests,
    )


def finish(drawn: Iterable[Drawn], options: LayoutOptions) -> Iterator[tuple[str, bytes]]:
    """Nothing: labels.json lies beside every layout."""
    return iter(())
