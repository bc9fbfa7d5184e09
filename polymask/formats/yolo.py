"""YOLO segmentation: a `.txt` file an image, one row an instance, and a `data.yaml` with the names.

A row is `class x1 y1 x2 y2 …`, in parts of the picture's width and height; so the picture is
needed. Parts that were stitched by bridges of no width are one ring, which even-odd fills as they
were. Source: Ultralytics' documentation, "Instance segmentation datasets overview".
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from polymask.codecs.picture_files import PictureFinder
from polymask.errors import FormatError, InputError
from polymask.formats import Annotations, ReadOptions
from polymask.formats.drawing.shapes import rectangle
from polymask.formats.reading.addresses import with_suffix_of
from polymask.formats.reading.content import Content
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.records import Notes, gather
from polymask.formats.reading.refusals import Malformed, inside
from polymask.formats.reading.texts.pages import Page
from polymask.model import Frame, ImageRecord, Instance, Polygon
from polymask.storage.source_files import File, Place

MANY = True
_YAML = (".yaml", ".yml")
_MOST_YAML = 1 << 20  # it is read slowly, and merged keys may double at every line
_HEAD = 4096

FACTS = Facts(
    title="YOLO segmentation",
    source="Ultralytics' documentation, “Instance segmentation datasets overview”",
    files="The folder with `data.yaml`, `images/` and `labels/`, or `data.yaml` itself; pictures lie where "
    "`labels` in the path of a label file is `images`, or below `--images`.",
    sniffed="YAML with `names`, or a text of rows of numbers",
    read=(
        ("data.yaml: names", "the labels, a list or a mapping of ids to names"),
        ("labels/**/*.txt", "rows of `class x1 y1 x2 y2 …`, in parts of the picture"),
    ),
    ignored="`path`, `train`, `val`, `test`, `nc`: all label files below the folder are read.",
    rings="A row is one ring, filled even-odd.",
    order="File order.",
    labels="In the order of their ids, which begin at 0: use `--ids contiguous`, which begins at 1.",
    frame="That of the picture as it is shown (EXIF orientation taken into account). An image whose picture "
    "is not there fails; the others are done.",
    limits=(
        "A row of 5 numbers is a box, and refused; `--boxes` paints it.",
        "A picture without a label file is not converted.",
    ),
    sample="yolo/labels/train/boat.txt",
)


def sniff(content: Content) -> bool:
    """Whether the file is YAML with names, or holds rows of numbers."""
    if content.path.suffix in _YAML:
        return any(line.startswith(b"names:") for line in content.data.splitlines())
    lines = content.data[:_HEAD].splitlines()
    return bool(lines) and content.path.suffix == ".txt" and all(map(_is_row, lines[:-1] or lines))


def _is_row(line: bytes) -> bool:
    parts = line.split()
    return len(parts) >= 5 and parts[0].isdigit() and all(_is_part(part) for part in parts[1:])


def _is_part(text: bytes) -> bool:
    try:
        return -1 < float(text) < 2
    except ValueError:
        return False


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each label file."""
    place, names = _names(content)
    pages = [Page(file) for file in _label_files(place)]
    if not pages:
        raise FormatError("no label file (labels/**/*.txt) in it", file=content.path)
    pictures = PictureFinder(place, options.images)
    parse = partial(_parse, names=names, pictures=pictures)
    inner = Content(place.path, place.limits)
    annotations = gather(
        inner, options, pages, format="yolo", parse=parse, categories=_categories(names), declares=_declared
    )
    return replace(annotations, path=content.path)


def _names(content: Content) -> tuple[Place, Mapping[int, str]]:
    """The place of the label files, and the names; of a YAML file, the place is its folder."""
    place = content.place
    if place.is_file and content.path.suffix in _YAML:
        return Place(content.path.parent, place.limits), _decoded(content)
    found = [name for name in place.names if PurePosixPath(name).suffix in _YAML]
    above = [f"{up}data.yaml" for up in ("", "../", "../../")] if not place.zip else []
    for file in [*map(place.file, found), *filter(None, map(place.find, above))]:
        if sniff(Content(file)):
            return place, _decoded(Content(file))
    raise FormatError("no data.yaml with `names` in it", file=content.path)


def _decoded(content: Content) -> Mapping[int, str]:
    import yaml

    if len(content.text) > _MOST_YAML or b"<<" in content.text:
        raise FormatError("no data.yaml: above 1 MiB, or with merge keys (`<<`)", file=content.path)
    try:
        document: Any = yaml.safe_load(content.text)
    except (yaml.YAMLError, RecursionError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise FormatError(f"not YAML: {error}", file=content.path) from None
    names = document.get("names") if isinstance(document, dict) else None
    pairs = dict(enumerate(names)) if isinstance(names, list) else names
    if not isinstance(pairs, dict) or not all(
        isinstance(key, int) and isinstance(name, str) for key, name in pairs.items()
    ):
        raise FormatError("names: expected a list of names, or ids and names", file=content.path)
    return dict(sorted(pairs.items()))


def _categories(names: Mapping[int, str]) -> list[tuple[str, int | None]]:
    return [(name, key) for key, name in names.items()]


def _label_files(place: Place) -> list[File]:
    texts = [name for name in place.names if name.endswith(".txt")]
    below = [name for name in texts if "labels" in PurePosixPath(name).parts[:-1]]
    return [
        place.file(name) for name in below or [name for name in texts if sniff(Content(place.file(name)))]
    ]


def _parse(page: Page, notes: Notes, names: Mapping[int, str], pictures: PictureFinder) -> ImageRecord:
    found = _picture(page.file.name, pictures)
    if notes.pictures is not None and found is None:
        raise InputError(
            "no picture for it, and only it tells the size", file=page.file.path, advice="add --images DIR"
        )
    frame = notes.frame(found or "")
    instances = [
        instance
        for number, line in _lines(page)
        for instance in notes.take(
            f"line {number}", _instance, line, number, names, frame, boxes=notes.options.boxes
        )
    ]
    path = PurePosixPath(_without(page.file.name))
    suffix = PurePosixPath(found or ".jpg").suffix or ".jpg"
    return ImageRecord(path.stem, str(path.with_suffix(suffix)), frame, tuple(instances))


def _lines(page: Page) -> list[tuple[int, bytes]]:
    """The rows with their numbers; none of an empty file."""
    content = Content(page.file)
    lines = content.text.splitlines() if content.data.strip() else []
    return [(number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _declared(page: Page) -> int:
    return len(_lines(page))


def _without(name: str, instead: tuple[str, ...] = ()) -> str:
    """The name of a label file without its `labels` folder, or with another for it."""
    parts = [(part,) if part != "labels" else instead for part in PurePosixPath(name).parts]
    return str(PurePosixPath(*(part for group in parts for part in group)))


def _picture(name: str, pictures: PictureFinder) -> str | None:
    """The picture of a label file: of its path, with `images` for `labels`, and a picture's suffix."""
    for path in dict.fromkeys((_without(name, ("images",)), _without(name), name)):
        stem = str(PurePosixPath(path).with_suffix(""))
        if file := pictures.find_stem(stem):
            return with_suffix_of(stem, file)
    return None


def _instance(
    line: bytes, index: int, names: Mapping[int, str], frame: Frame, *, boxes: bool = False
) -> Instance:
    parts = line.split()
    try:
        key, numbers = int(parts[0]), [float(part) for part in parts[1:]]
    except ValueError:
        raise Malformed("", f"not `class x y x y …`: {line[:60].decode(errors='replace')!r}") from None
    if key not in names:
        raise Malformed("", f"no name in data.yaml has the id {key}")
    height, width = frame
    if len(numbers) == 4 and boxes:
        with inside(""):
            return Instance(index, names[key], (_box(numbers, frame),))
    if len(numbers) == 4:
        raise Malformed("", "a box, not a polygon: 4 numbers after the class (--boxes paints boxes)")
    if len(numbers) < 6 or len(numbers) % 2:
        raise Malformed("", f"{len(numbers)} numbers after the class are no 3 or more pairs of x and y")
    with inside(""), np.errstate(over="ignore"):  # what becomes infinite is refused
        return Instance(index, names[key], (Polygon(np.array(numbers).reshape(-1, 2) * (width, height)),))


def _box(numbers: Sequence[float], frame: Frame) -> Polygon:
    """The box with a center and a size, in parts of the picture."""
    x, y, across, down = numbers
    height, width = frame
    left, right = (x - across / 2) * width, (x + across / 2) * width
    top, bottom = (y - down / 2) * height, (y + down / 2) * height
    return rectangle((left, top), (right, bottom))
