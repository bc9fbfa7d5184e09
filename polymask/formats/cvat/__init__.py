"""CVAT for images 1.1 and for video (XML): polygons, boxes, ellipses and masks, in z order.

A `mask` is row-major runs in its box; the first run counts unset pixels. Polylines, points, cuboids and
skeletons enclose nothing: they are not painted, and listed. The XML is read through defusedxml, which
refuses entities. Source: CVAT's documentation, "CVAT for images 1.1".
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache, partial
from io import BytesIO
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from polymask.codecs.picture_files import PictureFinder
from polymask.errors import FormatError, LimitError
from polymask.formats import Annotations, ReadOptions
from polymask.formats.cvat.shapes import instance_of, number_of
from polymask.formats.cvat.tracks import Tracks
from polymask.formats.reading.content import Content
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.images.subsets import with_splits
from polymask.formats.reading.notes import Notes
from polymask.formats.reading.records import gather
from polymask.formats.reading.refusals import Malformed, inside
from polymask.formats.reading.texts.pages import Page, files
from polymask.formats.reading.texts.xml_encodings import xml_text
from polymask.model import ImageRecord, Instance

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MANY = True

FACTS = Facts(
    title="CVAT for images 1.1",
    source="CVAT's documentation, “CVAT for images 1.1”",
    files="An `.xml` file, or the zip that CVAT exports.",
    sniffed="XML whose root is `annotations`",
    read=(
        ("image: name, width, height", "the image's name and frame"),
        ("image: subset", "the split, where it is named train, val, validation or test"),
        ("image: subset, task_id; meta: task", "folders of images that have one name"),
        ("polygon: points", "one ring, `x,y;x,y;…` in pixels"),
        ("box: xtl, ytl, xbr, ybr, rotation", "a rectangle, turned clockwise about its center"),
        ("ellipse: cx, cy, rx, ry, rotation", "the pixels whose centers are in it"),
        (
            "mask: rle, left, top, width, height",
            "run lengths, row by row, beginning with pixels that are not in the mask",
        ),
        ("track: label; its shapes' frame", "for video: the frame `frame_000000` whose picture is at hand"),
        ("label", "the label"),
        ("z_order", "the paint order"),
        ("meta/task/labels/label/name", "the order of the labels"),
    ),
    ignored="Attributes, `occluded`, `source`, `group_id`, `tag`; all other `meta`.",
    rings="A polygon is one ring; In CVAT only masks have holes.",
    order="`z_order`, then file order.",
    labels="In the task's order, then sorted by name; there are no ids.",
    frame="As the file says. If it says none or 0, that of the picture, in the same folder or below "
    "`--images`.",
    limits=(
        "Polylines, points, cuboids and skeletons are not painted but listed, and the run exits 1.",
        "Video exports (`track`) do not name the pictures of their frames. They are read if the pictures lie "
        "beside the file or below `--images`, with the names that CVAT gives them (`frame_000000.png` …); "
        "otherwise export the task as images. If the file has no shape of a track for a frame, the track is "
        "listed there.",
    ),
    sample="cvat/annotations.xml",
)


def sniff(content: Content) -> bool:
    """Whether the file is XML whose root is `annotations`."""
    head = content.head.lstrip()
    return head.startswith(b"<") and b"<annotations" in head


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each image."""
    labels: dict[str, None] = {}
    tasks: dict[str, str] = {}
    pictures = PictureFinder(content.place, options.images)
    pages = [
        page for file in files(content, "*.xml") for page in _pages(Content(file), labels, tasks, pictures)
    ]
    parse = partial(_parse, tasks=tasks)
    annotations = gather(content, options, pages, format="cvat", parse=parse, declares=_declared)
    names = [*labels, *(name for name in sorted(annotations.used) if name not in labels)]
    annotations = replace(annotations, categories=tuple((name, None) for name in names))
    return with_splits(annotations, [subset for subset, _ in annotations.groups])


def _pages(
    content: Content, labels: dict[str, None], tasks: dict[str, str], pictures: PictureFinder
) -> Iterator[Page]:
    """A page for each image or frame; adds the names of labels, and of tasks by id, to the arguments."""
    file, tracks = content.place.file(content.name), Tracks()
    count = 0
    for element in _elements(content):
        if element.tag == "label":
            labels[element.findtext("name") or ""] = None
        elif element.tag == "task":
            tasks[element.findtext("id") or ""] = element.findtext("name") or ""
        elif element.tag == "track":
            tracks.add(element)
        elif element.tag == "image":
            element.tail = None  # the text after the element is not part of it
            yield Page(file, f"image[{count}]", _etree().tostring(element))
            count += 1
            element.clear()
    for number, image in tracks.images(pictures, content.path):
        yield Page(file, f"frame {number}", _etree().tostring(image))


def _elements(content: Content) -> Iterator["Element"]:
    depth, limits = 0, content.place.limits
    try:
        for event, element in _etree().iterparse(BytesIO(xml_text(content)), events=("start", "end")):
            depth += 1 if event == "start" else -1
            if depth > limits.max_depth:
                limits.check("max_depth", depth, str(content.path), f"{depth} elements open at once")
            if event == "end":
                yield element
    except LimitError:
        raise
    except _parse_errors() as error:
        raise FormatError(f"not XML that can be read: {error}", file=content.path) from None


@cache
def _etree() -> Any:
    from defusedxml import ElementTree

    return ElementTree


@cache
def _parse_errors() -> tuple[type[Exception], ...]:
    from defusedxml import DefusedXmlException

    return (_etree().ParseError, DefusedXmlException, LookupError, ValueError)  # unknown encodings


def _parse(page: Page, notes: Notes, tasks: Mapping[str, str]) -> ImageRecord:
    try:
        image = _etree().fromstring(bytes(page.text or b""))
    except _parse_errors() as error:
        raise Malformed("", f"not XML that can be read: {error}") from None
    name = image.get("name")
    if not name:
        raise Malformed("@name", "an image without a name")
    with inside("@name"):
        name = notes.image_name(name)
    task = image.get("task_id") or ""
    notes.groups = (image.get("subset") or "", tasks.get(task) or (f"task_{task}" if task else ""))
    frame = notes.declared_frame(number_of(image, "height", 0), number_of(image, "width", 0), name=name)
    instances: list[Instance] = []
    for index, element in enumerate(image):
        where = f"{page.where}/{element.tag}[{index}]"
        instances += notes.take(where, instance_of, element, index, frame, notes)
    key = image.get("id") or PurePosixPath(name).stem
    return ImageRecord(int(key) if key.isdecimal() else key, name, frame, tuple(instances))


def _declared(page: Page) -> int:
    try:
        return len(_etree().fromstring(bytes(page.text or b"")))
    except _parse_errors():
        return 0
