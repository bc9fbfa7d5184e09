"""YOLO segmentation: a `.txt` file per image, a row per instance, and a file with the classes' names.

A row is `class x1 y1 x2 y2 …`, in shares of the picture's width and height, so the picture is required.
Converters join parts by bridges of no width into one ring; filled even-odd, it has the same pixels.
Source: Ultralytics' documentation, "Instance segmentation datasets overview".
"""

import math
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

from polymask.codecs.picture_files import PictureFinder
from polymask.errors import FormatError, InputError
from polymask.formats import Annotations, ReadOptions
from polymask.formats.drawing.scaling import LARGEST_SHARE, in_pixels
from polymask.formats.drawing.shapes import Point, polygon, rectangle
from polymask.formats.reading.content import Content
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.images.addresses import picture_of
from polymask.formats.reading.images.subsets import subset_in, with_splits
from polymask.formats.reading.notes import Notes
from polymask.formats.reading.records import gather
from polymask.formats.reading.refusals import Malformed, inside
from polymask.formats.reading.texts.pages import Page
from polymask.formats.yolo.class_names import CLASSES, YAML, ClassNames, described_names, has_names, names_in
from polymask.model import Frame, ImageRecord, Instance, Polygon
from polymask.storage.source_files import File, Place

MANY = True

FACTS = Facts(
    title="YOLO segmentation",
    source="Ultralytics' documentation, “Instance segmentation datasets overview”",
    files="The folder with `data.yaml` or `classes.txt`, `images/` and `labels/`, or `data.yaml` itself; "
    "pictures lie where `labels` in the path of a label file is `images`, also where the source itself is "
    "or lies below `labels`, or below `--images`.",
    sniffed="YAML with `names`, or a text of rows of numbers",
    read=(
        ("data.yaml: names", "the labels, a list or a mapping of ids to names; 02146 is a name too"),
        ("classes.txt, else --labels", "without a data.yaml: the labels, one a line, the first of class 0"),
        (
            "labels/**/*.txt",
            "rows of `class x1 y1 x2 y2 …`, in parts of the picture; the class may be written `0.0`",
        ),
    ),
    ignored="`path`, `train`, `val`, `test`, `nc`: all label files below the folder are read. Folders called "
    "train, val or valid, and test name the splits.",
    rings="A row is one ring, filled even-odd.",
    order="File order.",
    labels="In the order of their ids, which begin at 0: use `--ids contiguous`, which begins at 1.",
    frame="That of the picture as it is shown (EXIF orientation taken into account). An image whose picture "
    "is not there fails; the others are done.",
    limits=(
        "A row of 5 numbers is a box, and refused; `--boxes` paints it.",
        "Rows in pixels are refused (a number of 2 and more), and poses (`kpt_shape` in data.yaml); what is "
        "slightly outside of 0…1 is cut off at the picture.",
        "A picture without a label file is not converted.",
        "Masks for YOLO's semantic segmentation are PNGs, which [masks](masks.md) reads: `--from masks`, "
        'with the classes in `--labels`; those of 0 and 255 need `{"255": "cat"}` there.',
    ),
    sample="yolo/labels/train/boat.txt",
)


def sniff(content: Content) -> bool:
    """Whether the file is YAML with names, or holds rows of numbers."""
    if content.path.suffix.lower() in YAML:
        return has_names(content)
    lines = content.head.splitlines()
    if not lines or content.path.suffix.lower() != ".txt":
        return False
    # in `labels/`, rows in pixels are rows too: the reader refuses them with their place
    largest = math.inf if "labels" in content.path.parts[-3:-1] else LARGEST_SHARE
    return all(_is_row(line, largest) for line in lines[:-1] or lines)


def _is_row(line: bytes, largest: float) -> bool:
    try:
        number, *parts = map(float, line.split())
    except ValueError:
        return False
    return len(parts) >= 4 and number.is_integer() and all(-1 < part < largest for part in parts)


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each label file."""
    place, names = _place_and_names(content, options)
    pages = [Page(file) for file in _label_files(place)]
    if not pages:
        raise FormatError("no label file (labels/**/*.txt) in it", file=content.path)
    if options.images is None and not any(_is_in_labels(page.file) for page in pages):
        options = replace(options, images=_images_folder(place))
    pictures = PictureFinder(place, options.images)
    parse = partial(_parse, names=names, pictures=pictures)
    inner = Content(place.path, place.limits)
    annotations = gather(
        inner,
        options,
        pages,
        format="yolo",
        parse=parse,
        categories=_categories(names),
        declares=_declared,
        pictures=pictures,
    )
    annotations = with_splits(annotations, [subset_in(name) for name in annotations.names])
    return replace(annotations, path=content.path, named_by_labels=names is options.label_names)


def _place_and_names(content: Content, options: ReadOptions) -> tuple[Place, ClassNames]:
    """The place of the label files, which is the folder of a YAML file, and the classes' names."""
    place = content.place
    if place.is_file and content.path.suffix.lower() in YAML:
        return Place(content.path.parent, place.limits), described_names(content)
    return place, names_in(place, options.label_names)


def _images_folder(place: Place) -> Path | None:
    """The folder of the pictures where the source is the folder `labels`, or below it."""
    if isinstance(place.root, Path) and not place.zip:
        above, labels, below = place.root.absolute().as_posix().rpartition("/labels")
        folder = Path(f"{above}/images{below}")
        if labels and below[:1] in ("", "/") and folder.is_dir():
            return folder
    return None


def _categories(names: ClassNames) -> list[tuple[str, int | None]]:
    return [(name, key) for key, name in names.items()]


def _label_files(place: Place) -> list[File]:
    texts = [place.file(name) for name in place.names if name.lower().endswith(".txt")]
    in_labels = [file for file in texts if _is_in_labels(file)]
    rows = in_labels or [file for file in texts if sniff(Content(file))]
    return [file for file in rows if PurePosixPath(file.name).name != CLASSES or sniff(Content(file))]


def _is_in_labels(file: File) -> bool:
    return "labels" in PurePosixPath(file.name).parts[:-1]


def _parse(page: Page, notes: Notes, names: ClassNames, pictures: PictureFinder) -> ImageRecord:
    picture = _picture(page.file.name, pictures)
    if notes.pictures is not None and picture is None:
        raise InputError(
            "no picture for it, and only the picture gives the size",
            file=page.file.path,
            advice="add --images DIR",
        )
    notes.picture_names = (picture,) if picture else ()
    frame = notes.frame(picture or "")
    instances = [
        instance
        for number, line in _lines(page)
        for instance in notes.take(
            f"line {number}", _instance, line, number, names, frame, boxes=notes.options.boxes
        )
    ]
    path = PurePosixPath(_without_labels_folder(page.file.name))
    suffix = PurePosixPath(picture or ".jpg").suffix or ".jpg"
    return ImageRecord(path.stem, str(path.with_suffix(suffix)), frame, tuple(instances))


def _lines(page: Page) -> list[tuple[int, bytes]]:
    """The rows of a label file with their line numbers; none for an empty file."""
    content = Content(page.file)
    lines = content.text.splitlines() if content.data.strip() else []
    return [(number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _declared(page: Page) -> int:
    return len(_lines(page))


def _without_labels_folder(name: str, instead: tuple[str, ...] = ()) -> str:
    """The name of a label file, with its `labels` folder removed or replaced."""
    parts = [(part,) if part != "labels" else instead for part in PurePosixPath(name).parts]
    return str(PurePosixPath(*(part for group in parts for part in group)))


def _picture(name: str, pictures: PictureFinder) -> str | None:
    """The picture's name for a label file: its path, with `images` for `labels`, and a picture's suffix."""
    for path in dict.fromkeys(
        (_without_labels_folder(name, ("images",)), _without_labels_folder(name), name)
    ):
        stem = str(PurePosixPath(path).with_suffix(""))
        if picture := picture_of(stem, pictures):
            return picture
    return None


def _instance(line: bytes, index: int, names: ClassNames, frame: Frame, *, boxes: bool = False) -> Instance:
    key, numbers = _row(line)
    if key not in names:
        raise Malformed("", f"no name in data.yaml, classes.txt or --labels has the id {key}")
    if len(numbers) == 4 and not boxes:
        raise Malformed("", "a box, not a polygon: 4 numbers after the class (--boxes paints boxes)")
    if len(numbers) != 4 and (len(numbers) < 6 or len(numbers) % 2):
        raise Malformed("", _no_pairs(numbers))
    with inside(""):
        points = in_pixels(list(zip(numbers[::2], numbers[1::2], strict=True)), frame)
        return Instance(index, names[key], (_box(*points) if len(numbers) == 4 else polygon(points),))


def _no_pairs(numbers: list[float]) -> str:
    """Why numbers are no ring; predictions that were saved with `save_conf` end with a confidence."""
    reason = f"{len(numbers)} numbers after the class are no 3 or more pairs of x and y"
    if len(numbers) < 7 or len(numbers) % 2 == 0 or not 0 <= numbers[-1] <= 1:
        return reason
    return f"{reason}: the last looks like the confidence of a prediction; predict without save_conf"


def _row(line: bytes) -> tuple[int, list[float]]:
    """The class and the numbers after it; some tools write the class as a float, 0.0."""
    try:
        key, *numbers = map(float, line.split())
        if key.is_integer():
            return int(key), numbers
    except ValueError:
        pass
    raise Malformed("", f"not `class x y x y …`: {line[:60].decode(errors='replace')!r}")


def _box(center: Point, size: Point) -> Polygon:
    """The box with this center and size, in pixels."""
    (x, y), (width, height) = center, size
    return rectangle((x - width / 2, y - height / 2), (x + width / 2, y + height / 2))
