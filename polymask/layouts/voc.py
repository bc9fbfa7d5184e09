"""PASCAL VOC: `SegmentationClass/<name>.png` as true palette PNGs, with the VOC colors.

With instance ids, `SegmentationObject/<name>.png`: n for the n-th instance in paint
order, 255 for void; 16 bit gray, void 65535, where an image has more than 254.
`ImageSets/Segmentation/<split>.txt` lists the names, `trainval.txt` those of train and val,
`labelmap.txt` the colors, void among them, for readers that look every color up in it.
Source: PASCAL VOC 2012 development kit, section 4; CVAT's `labelmap.txt`.
"""

from collections.abc import Iterable, Iterator
from functools import partial

from polymask.codecs.painted_png import Encoding, encode
from polymask.errors import LabelError
from polymask.labels.label_map import VOID_8, VOID_16, LabelMap
from polymask.labels.texts.name_lines import quoted
from polymask.labels.voc_palette import voc_colors
from polymask.layouts import Drawn, LayoutOptions
from polymask.layouts.common.facts import LayoutFacts
from polymask.layouts.common.lookup import BACKGROUND, VOID, require_8_bits
from polymask.layouts.common.read_back import Folder, MaskFolder, masks_below, png_folder
from polymask.layouts.common.splits import by_split, lines
from polymask.painting.painting import Painting
from polymask.storage.image_names import stem
from polymask.validation import Color

IMAGES = "JPEGImages"
LISTS = "ImageSets/Segmentation/{split}.txt"
INDEX = True
LABELMAP = "labelmap.txt"
TRAINVAL = "trainval"
VOID_COLOR: Color = tuple(voc_colors()[VOID_8].tolist())
WANTED_PICTURES = "jpg", "torchvision's VOCSegmentation and mmsegmentation look for <name>.jpg"

FACTS = LayoutFacts(
    title="PASCAL VOC",
    source="PASCAL VOC 2012 development kit; CVAT for labelmap.txt",
    files=(
        ("SegmentationClass/<name>.png", "the index mask as a palette PNG"),
        ("SegmentationObject/<name>.png", "with --instances: instance ids as a palette PNG"),
        ("ImageSets/Segmentation/<split>.txt", "the names of each split"),
        ("ImageSets/Segmentation/trainval.txt", "the names of train and val together, in alphabetical order"),
        (
            "labelmap.txt",
            "name, color, parts and actions of background, labels and void (`__ignore__`), as CVAT writes it",
        ),
        ("JPEGImages/", "with --copy-images: the pictures"),
    ),
    values=(
        ("SegmentationClass", "0 background, the label map's values, 255 void; the palette is VOC's"),
        ("SegmentationObject", "0 background, n for the n-th instance in paint order, 255 void"),
    ),
    limits=(
        "The masks have 8 bits, so label maps with values above 255 are refused.",
        "labelmap.txt cannot hold labels with a colon, a line break, a leading # or outer spaces.",
        "The SegmentationObject mask of an image with more than 254 instances is 16 bit gray, void 65535.",
        "VOC's own masks have a void border of 5 px: add --border 5.",
        "torchvision's `VOCSegmentation(ROOT)` reads DEST unchanged if DEST is `ROOT/VOCdevkit/VOC2012` and "
        "the pictures are JPEGs: add --copy-images --picture-format jpg.",
    ),
    read_back="Unchanged. labels.json names the values, or without it labelmap.txt, line by line.",
    shown="labelmap.txt",
)


def check(options: LayoutOptions) -> None:
    """Raise `LabelError` for values above 255, and for labels that do not fit into labelmap.txt."""
    require_8_bits(options.label_map, "voc")
    for name in options.label_map.names:
        if ":" in name or name.startswith("#") or name.strip().splitlines() != [name]:
            raise LabelError(
                (
                    f"label {name!r} does not fit into labelmap.txt (no colon, no line break, no leading #, "
                    "no outer spaces)"
                ),
                advice=f"rename it in a --labels file (`{quoted(name)} -> NAME`)",
            )


def paths(name: str, options: LayoutOptions) -> tuple[str, ...]:
    """The class mask and the object mask."""
    plain = stem(name)
    return f"SegmentationClass/{plain}.png", f"SegmentationObject/{plain}.png"


def encoding(options: LayoutOptions) -> Encoding | None:
    """Palette PNGs; None if there are object masks too."""
    return None if options.instances else Encoding(palette=options.label_map.palette())


def draw(painting: Painting, options: LayoutOptions) -> Drawn:
    """The index mask as palette PNG."""
    classes, objects = paths(painting.record.name, options)
    files = [(classes, encode(painting.painted, palette=options.label_map.palette()))]
    if options.instances:
        files.append((objects, _objects(painting)))
    return Drawn(name=painting.record.name, mask=classes, painted=painting.painted, files=tuple(files))


def _objects(painting: Painting) -> bytes:
    if len(painting.instances) < VOID_8:
        return encode(painting.instance_ids(VOID_8), palette=voc_colors())
    return encode(painting.instance_ids(VOID_16), depth=16)


def finish(drawn: Iterable[Drawn], options: LayoutOptions) -> Iterator[tuple[str, bytes]]:
    """The lists of each split's images, and the colors."""
    lists = by_split(drawn, options)
    if TRAINVAL not in lists and lists.keys() & {"train", "val"}:
        lists[TRAINVAL] = sorted(lists.get("train", []) + lists.get("val", []))
    for split, names in lists.items():
        yield LISTS.format(split=split), lines(names)
    colors = [f"{name}:{','.join(map(str, color))}::" for name, color in _colors(options.label_map)]
    yield LABELMAP, lines(["# label:color_rgb:parts:actions", *colors])


def _colors(label_map: LabelMap) -> Iterator[tuple[str, Color]]:
    """The colors of background, the labels, and void, unless a label has void's."""
    yield BACKGROUND, (0, 0, 0)
    yield from ((label.name, label.color) for label in label_map.labels)
    if all(label.color != VOID_COLOR for label in label_map.labels):
        yield VOID, VOID_COLOR


def open_folder(folder: Folder) -> MaskFolder | None:
    """The class masks; labels.json or labelmap.txt names their values."""
    table = folder / LABELMAP
    named = partial(LabelMap.load, table) if table.is_file() else None
    return png_folder(folder, "voc", masks_below(folder, "SegmentationClass"), named=named)
