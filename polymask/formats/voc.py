"""Existing masks, to be laid out again: palette and gray PNGs by value, RGB ones by color.

Labels come from `labelmap.txt`, `labels.json` or `class_names.txt` in the folder; else they are
PASCAL VOC's twenty where a mask has VOC's colors, and the pixel values' numbers where it has not: a gray
mask does not say whose it is. Value 0 is background; 255, and VOC's border color in RGB masks, is
void. Source: PASCAL VOC development kit (names, palette).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from polymask.codecs.painted_png import INDEXED, SIGNATURE
from polymask.codecs.png import opened_png
from polymask.errors import FormatError, LabelError
from polymask.formats import Annotations, ReadOptions
from polymask.formats.reading.content import Content
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.records import Categories, Notes, gather
from polymask.formats.reading.refusals import Malformed
from polymask.formats.reading.texts.pages import Page, files
from polymask.labels.label_map import VOID_8, LabelMap, from_text
from polymask.labels.voc_palette import voc_colors
from polymask.limits import Limits
from polymask.model import ImageRecord, Instance
from polymask.raster.runs import to_runs

MANY = True
FOLDER = "SegmentationClass"
LABEL_FILES = ("labelmap.txt", "labels.json", "class_names.txt")
_NOT_MASKS = {"SegmentationObject", "SegmentationClassVisualization", "JPEGImages", "images"}
VOID_NAME, BORDER = "__ignore__", (224, 224, 192)
NAMES = [
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
]

FACTS = Facts(
    title="VOC masks",
    source="PASCAL VOC development kit (names, palette); CVAT for `labelmap.txt`",
    files="The folder of a VOC data set (`SegmentationClass/*.png` and a label file), of masks, or a mask.",
    sniffed="a palette PNG, or CVAT's `labelmap.txt`",
    read=(
        ("SegmentationClass/*.png", "palette and gray: pixel values; RGB: colors of the label file"),
        ("labelmap.txt, labels.json, class_names.txt", "the labels, values and colors"),
    ),
    ignored="`SegmentationObject`, `ImageSets`, `Annotations`.",
    rings="None: masks are pixels. A label is one instance an image.",
    order="Masks do not overlap.",
    labels="Those of the label file; without one PASCAL VOC's twenty where the mask has VOC's colors, else "
    "the values' numbers, which a note tells.",
    frame="That of the mask.",
    limits=(
        "A color that is no label's is refused, with its first pixel.",
        "A gray or RGB mask is not told from a photo: name `--from voc`.",
    ),
    sample="voc/labelmap.txt",
)


@dataclass(frozen=True, slots=True)
class _Labels:
    """Names by value, and values by color (red · 65536 + green · 256 + blue).

    `assumed` tells that no table named them: they are VOC's where a mask has VOC's colors.
    """

    names: dict[int, str]
    colors: dict[int, int]
    assumed: bool = False

    def name(self, value: int, palette: NDArray[np.uint8] | None) -> str:
        """What a value is called in a mask of these colors; nothing for the background."""
        known = self.names.get(value, f"{value}")
        if not self.assumed or known in ("", VOID_NAME):
            return known
        return known if palette is not None and _is_vocs(palette, value) else f"{value}"


def _is_vocs(palette: NDArray[np.uint8], value: int) -> bool:
    return value < len(palette) and bool((palette[value] == voc_colors()[value]).all())


def sniff(content: Content) -> bool:
    """Whether the file is a palette PNG (others may be photos) or a map of colors."""
    if content.data.startswith(b"# label:color_rgb"):
        return True
    # the color type is the byte after the bit depth, in the header that comes first
    return content.data.startswith(SIGNATURE) and content.data[25:26] == bytes([INDEXED])


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each mask."""
    labels, categories = _labels(content)
    found = [file for file in files(content, "*.png") if not _NOT_MASKS & set(PurePosixPath(file.name).parts)]
    below = [file for file in found if FOLDER in PurePosixPath(file.name).parts]
    pages = [Page(file) for file in below or found]
    parse = partial(_parse, labels=labels)
    annotations = gather(content, options, pages, format="voc", parse=parse, categories=categories)
    return _with_numbers(annotations) if labels.assumed else annotations


def _with_numbers(annotations: Annotations) -> Annotations:
    """The numbers among the labels; without gaps while 8 bits hold them, so that they stay the values."""
    numbers = sorted(int(name) for name in annotations.used if name.isdecimal())
    if not numbers:
        return annotations
    named = [pair for pair in annotations.categories if any(name in annotations.used for name in NAMES)]
    listed = range(1 + len(named), numbers[-1] + 1) if numbers[-1] < VOID_8 else numbers
    rows = {f"{number}": number for number in (*listed, *numbers)}
    note = (
        "the masks have neither VOC's colors nor a table of labels, so their labels are the pixel values: "
        f"{', '.join(map(str, numbers[:5]))}{' …' if len(numbers) > 5 else ''}; "
        "to name them, put class_names.txt beside the masks, a name a line from value 1 on"
    )
    return replace(annotations, categories=(*named, *rows.items()), notes=(note,))


def _labels(content: Content) -> tuple[_Labels, Categories]:
    names = [name for name in content.place.names if PurePosixPath(name).name in LABEL_FILES]
    beside = [*LABEL_FILES, *(f"../{name}" for name in LABEL_FILES if not content.place.zip)]
    found = [file for name in (*beside, *names) if (file := content.place.find(name))]
    if not found:
        plain = LabelMap.from_names(NAMES)
        return replace(_table(plain), assumed=True), _categories(plain)
    try:
        label_map = from_text(Content(found[0]).text.decode())
    except (LabelError, UnicodeDecodeError) as error:
        raise FormatError(f"{error}", file=found[0].path) from None
    return _table(label_map), _categories(label_map)


def _categories(label_map: LabelMap) -> Categories:
    return [(label.name, label.value) for label in label_map.labels]


def _table(label_map: LabelMap) -> _Labels:
    names = {label.value: label.name for label in label_map.labels}
    names |= {label_map.void: VOID_NAME, VOID_8: VOID_NAME}
    names |= {label_map.background: ""}
    colors = {_packed(label.color): label.value for label in label_map.labels}
    return _Labels(names, {_packed(BORDER): label_map.void, 0: label_map.background} | colors)


def _packed(color: Iterable[int]) -> int:
    red, green, blue = color
    return red << 16 | green << 8 | blue


def _parse(page: Page, notes: Notes, labels: _Labels) -> ImageRecord:
    values, palette = _values(Content(page.file).data, labels, notes.options.limits)
    height, width = values.shape
    instances = [
        Instance(value, name, to_runs(values == value))
        for value in np.unique(values).tolist()
        if (name := labels.name(value, palette))
    ]
    notes.declared += len(instances)
    path = PurePosixPath(page.file.name)
    name = str(PurePosixPath(*(part for part in path.parts if part != FOLDER)))
    return ImageRecord(path.stem, name, (height, width), tuple(instances))


def _values(
    data: bytes, labels: _Labels, limits: Limits
) -> tuple[NDArray[np.uint16], NDArray[np.uint8] | None]:
    """The (height, width) uint16 values of a mask, and the (n, 3) colors that it has for them, if any."""
    try:
        with opened_png(data, limits) as picture:
            if picture.mode in ("L", "P", "I;16", "1"):
                palette = picture.getpalette()
                colors = None if palette is None else np.array(palette, np.uint8).reshape(-1, 3)
                return np.array(picture).astype(np.uint16), colors
            return _by_color(np.array(picture.convert("RGB")), labels), voc_colors()
    except FormatError as error:
        raise Malformed("$", str(error)) from None


def _by_color(rgb: NDArray[np.uint8], labels: _Labels) -> NDArray[np.uint16]:
    packed = rgb.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    colors, places = np.unique(packed, return_inverse=True)
    for color in colors.tolist():
        if color not in labels.colors:
            row, column = (int(at[0]) for at in np.nonzero(packed == color))
            told = tuple(color >> shift & 255 for shift in (16, 8, 0))
            raise Malformed("$", f"the color {told} at row {row}, column {column} is no label's")
    values = np.array([labels.colors[color] for color in colors.tolist()], np.uint16)
    return values[places.reshape(packed.shape)]
