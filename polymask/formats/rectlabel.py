"""RectLabel's own XML: polygons, cubic Bézier outlines, and pixels in a PNG beside it.

Each point of a curve has two handles: c1 towards the next point, c2 towards the previous one. Curves
are flattened to corners at most 1/64 px off. The pixels of an object with `<id>n</id>` are in the PNG
`<image>_pixels<n>.png` beside the XML. RectLabel's index PNGs are read as `masks`, its COCO files as
`coco`. Source: RectLabel's documentation and the files of its support page.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from polymask.formats import Annotations, ReadOptions
from polymask.formats.drawing.curves import flattened
from polymask.formats.drawing.shapes import Point, png_mask, polygon, rectangle
from polymask.formats.reading.content import Content
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.images.addresses import image_name, named_file
from polymask.formats.reading.notes import Notes, ReadAnnotation
from polymask.formats.reading.records import gather
from polymask.formats.reading.refusals import Malformed, inside
from polymask.formats.reading.texts.markup import head, number_of, numbered, root_of, side_of, text_of
from polymask.formats.reading.texts.pages import Page, files
from polymask.ledger import BOX, Omitted
from polymask.model import Frame, ImageRecord, Instance, Polygon, Shape
from polymask.raster.runs import to_runs

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MANY = True
NO_REGION = "bndbox"
UNSUPPORTED = ("line", "points", "keypoints", "cuboid")

FACTS = Facts(
    title="RectLabel",
    source="RectLabel's documentation, and the files of its support page",
    files="An `.xml` file per image, with `*_pixels<n>.png` beside it; a folder is read with all below it.",
    sniffed="XML whose root is `annotation`, with `filename`, and `size` or `x1`",
    read=(
        ("filename", "the image's name; of a file in a folder, that folder leads it"),
        ("size/height, width", "the frame"),
        ("object/name", "the label"),
        ("object/polygon: x1, y1, x2, y2 …", "one ring of x, y in pixels"),
        (
            "object/cubic_bezier: x1, y1, x1_c1, y1_c1, x1_c2, y1_c2 …",
            "a closed curve: c1 is the handle to the next point, c2 that from the one before",
        ),
        (
            "object/pixels/id",
            "the n of `<image>_pixels<n>.png`, whose pixels above 0 are the object's",
        ),
    ),
    ignored="`bndbox` beside another shape; pose, truncated, occluded, difficult, attributes.",
    rings="A polygon or curve is one ring.",
    order="File order; later objects are painted over earlier ones.",
    labels="Sorted by name; there are no ids.",
    frame="As the file says; where it says none or 0, that of the picture, in the same folder or below "
    "`--images`.",
    limits=(
        "Objects with a `bndbox` alone are no segmentation: they paint nothing, and are counted; "
        "`--boxes` paints them, from corner to corner. PASCAL VOC files of boxes have nothing else.",
        "Lines, keypoints and cuboids are not painted but listed, and the run exits 1.",
        "Curves are flattened to corners that are at most 1/64 px off.",
        "Index PNGs are `masks`, whose labels `--labels` names; gray PNGs of one object each are not read.",
    ),
    sample="rectlabel-xml/boat.xml",
)


def sniff(content: Content) -> bool:
    """Whether the file is XML with an image and its objects."""
    start = head(content)
    shows_size = b"<size" in start or b"<x1>" in start  # a corner of a polygon or curve
    return b"<annotation>" in start and b"<filename>" in start and shows_size


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each file."""
    pages = [Page(file, "") for file in files(content, "*.xml")]
    return gather(content, options, pages, format="rectlabel", parse=_parse, declares=_declared)


def _declared(page: Page) -> int:
    return len(root_of(Content(page.file)).findall("object"))


def _parse(page: Page, notes: Notes) -> ImageRecord:
    root = root_of(Content(page.file))
    if root.tag != "annotation":
        raise Malformed(f"/{root.tag}", "the root is not `annotation`")
    with inside("/filename"):
        picture = PurePosixPath(image_name(text_of(root, "filename"))).name
    name = str(PurePosixPath(page.file.name).parent / picture)
    size = root.find("size")
    with inside("/size"):
        sides = [None if size is None else side_of(size, side) for side in ("height", "width")]
        frame = notes.declared_frame(*sides, name=name)
    instances: list[Instance] = []
    for index, (where, element) in enumerate(numbered(root, "object")):
        instances += notes.take(where, _instance, index, element, picture, frame, notes)
    return ImageRecord(PurePosixPath(picture).stem, name, frame, tuple(instances))


def _instance(index: int, element: "Element", picture: str, frame: Frame, notes: Notes) -> ReadAnnotation:
    label = text_of(element, "name")
    for kind in UNSUPPORTED:
        if element.find(kind) is not None:
            return Omitted("unsupported", f"a {kind} encloses nothing", f"object[{index}] (label '{label}')")
    shape = _shape(element, picture, frame, notes)
    if shape is not None:
        return Instance(index, label, shape)
    box = element.find(NO_REGION)
    if box is None:
        raise Malformed("", "no shape that is read: no polygon, cubic_bezier, pixels or bndbox")
    return Instance(index, label, (_box(box),)) if notes.options.boxes else BOX


def _box(element: "Element") -> Polygon:
    with inside(f"/{NO_REGION}"):
        left, top, right, bottom = (number_of(element, side) for side in ("xmin", "ymin", "xmax", "ymax"))
        return rectangle((left, top), (right, bottom))


def _shape(element: "Element", picture: str, frame: Frame, notes: Notes) -> Shape | None:
    if (ring := element.find("polygon")) is not None:
        with inside("/polygon"):
            return (polygon(list(_points(ring, ""))),)
    if (curve := element.find("cubic_bezier")) is not None:
        with inside("/cubic_bezier"):
            return (polygon(_outline(curve)),)
    if (pixels := element.find("pixels")) is not None:
        with inside("/pixels"):
            return _pixels(text_of(pixels, "id"), picture, frame, notes)
    return None


def _points(element: "Element", handle: str) -> Iterator[Point]:
    """The points x1, y1, x2, y2 … or, with `handle`, their handles; raises `Malformed` for a gap."""
    count = sum(child.tag[:1] == "x" and child.tag[1:].isdigit() for child in element)
    for number in range(1, count + 1):
        yield number_of(element, f"x{number}{handle}"), number_of(element, f"y{number}{handle}")


def _outline(curve: "Element") -> list[Point]:
    corners, leading, arriving = (list(_points(curve, handle)) for handle in ("", "_c1", "_c2"))
    points: list[Point] = []
    for index, corner in enumerate(corners):
        following = (index + 1) % len(corners)
        points += flattened(corner, leading[index], arriving[following], corners[following])
    return points


def _pixels(number: str, picture: str, frame: Frame, notes: Notes) -> Shape:
    file = notes.page.file
    name = f"{PurePosixPath(picture).stem}_pixels{number}.png"
    png = named_file(file.place, name, beside=file.name)
    if png is None:
        raise Malformed("/id", f"no '{name}' beside the file")
    mask = png_mask(png.read(), notes.options.limits)
    if mask.shape != frame and not notes.frame_unknown:
        raise Malformed("/id", f"'{name}' is {mask.shape[0]} × {mask.shape[1]} px, the image {frame}")
    return to_runs(mask)
