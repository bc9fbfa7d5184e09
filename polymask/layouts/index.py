"""`masks/<name>.png`: an index mask per image, 8 bit if values and void fit, else 16 bit.

With instance ids, `instances/<name>.png` (16 bit): 0 for background, n for the n-th
instance in paint order, 65535 for void.
"""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from polymask.codecs.painted_png import Encoding, encode
from polymask.labels.label_map import VOID_16
from polymask.layouts import Drawn, LayoutOptions
from polymask.layouts.common.facts import SPLIT_LISTS, LayoutFacts
from polymask.layouts.common.lookup import gray, gray_mask
from polymask.layouts.common.read_back import Folder, MaskFolder, masks_below, png_folder
from polymask.layouts.common.splits import split_lists
from polymask.painting.painting import Painting
from polymask.storage.image_names import stem

IMAGES = "images"
INDEX = True

FACTS = LayoutFacts(
    title="Index masks",
    source="polymask's own",
    files=(
        ("masks/<name>.png", "the index mask: gray; 8 bit if all values and void fit, else 16 bit"),
        ("instances/<name>.png", "with --instances: instance ids, gray, 16 bit"),
        SPLIT_LISTS,
    ),
    values=(
        ("masks", "0 background, the label map's values, 255 void (65535 in 16 bit)"),
        ("instances", "0 background, n for the n-th instance in paint order, 65535 void"),
    ),
    limits=("With --instances, an image has at most 65,534 instances.",),
    read_back="Unchanged. A folder of gray or palette PNGs from another tool is read the same way.",
    shown="labels.json",
)


def check(options: LayoutOptions) -> None:
    """Every label map can be laid out this way."""


def paths(name: str, options: LayoutOptions) -> tuple[str, ...]:
    """The paths of the mask and of the instance ids."""
    plain = stem(name)
    return f"masks/{plain}.png", f"instances/{plain}.png"


def encoding(options: LayoutOptions) -> Encoding | None:
    """Gray PNGs; None if there are instance ids too."""
    return None if options.instances else gray(options.label_map)


def draw(painting: Painting, options: LayoutOptions) -> Drawn:
    """The index mask as gray PNG."""
    mask, instances = paths(painting.record.name, options)
    drawn = gray_mask(painting, mask)
    if not options.instances:
        return drawn
    ids = encode(painting.instance_ids(VOID_16), depth=16)
    return replace(drawn, files=(*drawn.files, (instances, ids)))


def finish(drawn: Iterable[Drawn], options: LayoutOptions) -> Iterator[tuple[str, bytes]]:
    """The lists of the splits; labels.json lies beside every layout."""
    yield from split_lists(drawn, options)


def open_folder(folder: Folder) -> MaskFolder | None:
    """The masks below `masks/`."""
    return png_folder(folder, "index", masks_below(folder, "masks"))
