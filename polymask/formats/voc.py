"""PASCAL VOC masks: labels in `SegmentationClass`, and objects in `SegmentationObject`, if it exists.

Labels come from a table beside the masks (`drawing.mask_files`). Without a table they are VOC's twenty
if a mask has VOC's colors, else the pixel values, as a gray mask does not show where it comes from.
Value 0 is background; 255, and VOC's border color in RGB masks, is void.
Source: PASCAL VOC 2012 development kit, section 4.
"""

from pathlib import PurePosixPath

from polymask.codecs.painted_png import INDEXED, SIGNATURE
from polymask.errors import PolymaskError
from polymask.formats import Annotations, ReadOptions
from polymask.formats.drawing.legend import palette_of
from polymask.formats.drawing.mask_files import gather_masks, tables_of
from polymask.formats.reading.content import Content
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.refusals import Malformed
from polymask.formats.reading.texts.pages import files
from polymask.labels.mask_table import VOC_NAMES, MaskTable
from polymask.labels.voc_palette import voc_colors
from polymask.storage.source_files import File

MANY = True
FOLDER, OBJECTS = "SegmentationClass", "SegmentationObject"
_NOT_MASKS = {OBJECTS, "SegmentationClassVisualization", "JPEGImages", "images"}
_TABLE = b"# label:color_rgb"
_CHECKED_COLORS = 8  # the first colors of a palette, which are compared with VOC's

FACTS = Facts(
    title="VOC masks",
    source="PASCAL VOC 2012 development kit, section 4 (names, palette); CVAT for `labelmap.txt`",
    files="The folder of a VOC data set (`SegmentationClass/*.png` and a label file), of masks, or a mask.",
    sniffed="a palette PNG in VOC's colors or in a folder `SegmentationClass`, or CVAT's `labelmap.txt`",
    read=(
        ("SegmentationClass/*.png", "palette and gray: pixel values; RGB: colors of the label file"),
        ("SegmentationObject/*.png", "objects: each label of each object is an instance"),
        ("labels.json, labelmap.txt, class_names.txt …", "the labels, values and colors"),
    ),
    ignored="`ImageSets`, `Annotations`.",
    rings="None: masks are pixels. Without `SegmentationObject` a label is one instance an image.",
    order="Masks do not overlap.",
    labels="Those of the label file nearest to the mask, else those of `--labels`; without either PASCAL "
    "VOC's twenty where the mask has VOC's colors, else the values' numbers, as a note says.",
    frame="That of the mask.",
    limits=(
        "A value or a color that the label file lacks is refused, with its first pixel.",
        "A gray or RGB mask cannot be distinguished from a photo: name `--from voc`.",
        "Where the masks contradict, `SegmentationClass` says what is there, and an object of two labels is "
        "two instances.",
    ),
    sample="voc/labelmap.txt",
)


def sniff(content: Content) -> bool:
    """Whether the file is CVAT's label map, or a palette PNG in VOC's folder or colors."""
    if content.head.startswith(_TABLE):
        return True
    return is_indexed(content) and (
        FOLDER in PurePosixPath(str(content.path)).parts or has_vocs_colors(content)
    )


def is_indexed(content: Content) -> bool:
    """Whether the file is a palette PNG; others may be photos."""
    # the color type is the byte after the bit depth, in the header that comes first
    return content.data.startswith(SIGNATURE) and content.data[25:26] == bytes([INDEXED])


def has_vocs_colors(content: Content) -> bool:
    """Whether the first colors of a palette PNG are VOC's."""
    try:
        palette = palette_of(content.data, content.place.limits)
    except (PolymaskError, Malformed):
        return False
    return palette is not None and bool(
        (palette[:_CHECKED_COLORS] == voc_colors()[: len(palette)][:_CHECKED_COLORS]).all()
    )


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each mask."""
    masks = [file for file in files(content, "*.png") if not _NOT_MASKS & set(PurePosixPath(file.name).parts)]
    in_folder = [file for file in masks if FOLDER in PurePosixPath(file.name).parts]
    labels = options.labels
    unnamed = MaskTable.unnamed(labels)
    fallback = unnamed if labels is None or labels.chooses_from(VOC_NAMES) else labels
    tables = tables_of(content.place, None if fallback is unnamed else fallback, unnamed=unnamed)
    return gather_masks(
        content, options, in_folder or masks, format="voc", table=tables.of, stem=_stem, objects=_objects
    )


def _stem(file: File) -> str:
    parts = PurePosixPath(file.name).with_suffix("").parts
    return str(PurePosixPath(*(part for part in parts if part != FOLDER)))


def _objects(mask: File) -> File | None:
    """The mask of objects in the sibling folder of a mask's folder."""
    parts = PurePosixPath(mask.name).parts
    if FOLDER in parts:
        return mask.place.find(str(PurePosixPath(*(OBJECTS if part == FOLDER else part for part in parts))))
    folder = mask.path.parent
    if folder.name == FOLDER and not mask.place.zip:  # the folder itself is the source, or the mask alone
        return mask.place.find(f"../{OBJECTS}/{mask.name}")
    return None
