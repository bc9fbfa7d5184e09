"""LabelMe XML, written by MIT's LabelMe and as CVAT's "LabelMe 3.0": polygons, and masks in PNGs.

Not to be confused with labelme's JSON (`labelme`). Source: MIT LabelMe's documentation, "XML
annotation file", and CVAT's, "LabelMe".
"""

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from polymask.formats import Annotations, ReadOptions
from polymask.formats.drawing.shapes import png_mask, polygon
from polymask.formats.reading.content import Content
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.images.addresses import image_name, named_file
from polymask.formats.reading.notes import Notes, ReadAnnotation
from polymask.formats.reading.records import gather
from polymask.formats.reading.refusals import Malformed, inside
from polymask.formats.reading.texts.markup import head, number_of, numbered, root_of, side_of, text_of
from polymask.formats.reading.texts.pages import Page, files
from polymask.ledger import BOX, Omitted
from polymask.model import Frame, ImageRecord, Instance, Shape
from polymask.raster.runs import to_runs

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MANY = True
RECTANGLE = "bounding_box"
DELETED = Omitted("withdrawn", "deleted")

FACTS = Facts(
    title="LabelMe XML",
    source="MIT LabelMe's documentation, “XML annotation file”, and CVAT's, “LabelMe”",
    files="An `.xml` file per image; a folder is read with all the `.xml` files below it.",
    sniffed="XML whose root is `annotation`, with `imagesize` or `sourceImage`",
    read=(
        ("filename", "the image's name; of a file in a folder, that folder leads it"),
        ("imagesize: nrows, ncols", "the frame"),
        ("object/name", "the label"),
        ("object/polygon/pt: x, y", "one ring, in pixels"),
        ("object/segm/mask", "a PNG as large as the image, found by its name, whose pixels above 0 are it"),
        ("object/deleted", "1: left out, and counted"),
    ),
    ignored="Attributes, parts, dates, `verified`, `occluded`, users.",
    rings="A polygon is one ring.",
    order="File order; later objects are painted over earlier ones.",
    labels="Sorted by name; there are no ids.",
    frame="As the file says; where it says none or 0, that of the picture, in the same folder or below "
    "`--images`.",
    limits=(
        "Objects of the type `bounding_box` are no segmentation: they paint nothing, and are counted; "
        "`--boxes` paints them.",
        "Polygons of one or two points are not painted but listed, and the run exits 1.",
    ),
    sample="labelme-xml/boat.xml",
)


def sniff(content: Content) -> bool:
    """Whether the file is XML of an image, its size and its objects."""
    start = head(content)
    return b"<annotation>" in start and (b"<imagesize" in start or b"<sourceImage>" in start)


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each file."""
    pages = [Page(file, "") for file in files(content, "*.xml")]
    return gather(content, options, pages, format="labelme-xml", parse=_parse, declares=_declared)


def _declared(page: Page) -> int:
    return len(root_of(Content(page.file)).findall("object"))


def _parse(page: Page, notes: Notes) -> ImageRecord:
    root = root_of(Content(page.file))
    size = root.find("imagesize")
    with inside("/filename"):
        picture = PurePosixPath(image_name(text_of(root, "filename"))).name
    name = str(PurePosixPath(page.file.name).parent / picture)
    with inside("/imagesize"):
        sides = [None if size is None else side_of(size, side) for side in ("nrows", "ncols")]
        frame = notes.declared_frame(*sides, name=name)
    instances: list[Instance] = []
    for index, (where, element) in enumerate(numbered(root, "object")):
        instances += notes.take(where, _instance, index, element, frame, notes)
    return ImageRecord(PurePosixPath(picture).stem, name, frame, tuple(instances))


def _instance(index: int, element: "Element", frame: Frame, notes: Notes) -> ReadAnnotation:
    if (element.findtext("deleted") or "").strip() == "1":
        return DELETED
    label = text_of(element, "name")
    if (element.findtext("type") or "").strip() == RECTANGLE and not notes.options.boxes:
        return BOX
    if (mask := element.find("segm")) is not None:
        with inside("/segm"):
            return Instance(index, label, _pixels(text_of(mask, "mask"), frame, notes))
    ring = element.find("polygon")
    if ring is None:
        raise Malformed("", "neither a polygon nor a segm")
    points = []
    for where, point in numbered(ring, "pt"):
        with inside(f"/polygon{where}"):
            points.append((number_of(point, "x"), number_of(point, "y")))
    if len(points) < 3:
        reason = f"a polygon of {len(points)} points encloses nothing"
        return Omitted("unsupported", reason, f"object {index}")
    with inside("/polygon"):
        return Instance(index, label, (polygon(points),))


def _pixels(name: str, frame: Frame, notes: Notes) -> Shape:
    file = notes.page.file
    png = named_file(file.place, name, beside=file.name)
    if png is None:
        raise Malformed("/mask", f"no {name!r} beside the file")
    mask = png_mask(png.read(), notes.options.limits)
    if mask.shape != frame and not notes.frame_unknown:
        raise Malformed("/mask", f"{name!r} is {mask.shape[0]} × {mask.shape[1]} px, the image {frame}")
    return to_runs(mask)
