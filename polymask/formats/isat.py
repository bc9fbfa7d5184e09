"""ISAT JSON: a file per image, a ring per object, painted in the order of layers.

`__background__` paints background over lower layers. Source: ISAT's documentation, "Annotation format".
"""

from pathlib import PurePosixPath

import msgspec

from polymask.formats import Annotations, ReadOptions
from polymask.formats.drawing.shapes import Point, polygon
from polymask.formats.reading.content import Content, members
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.images.addresses import image_name
from polymask.formats.reading.notes import Notes, ReadAnnotation, Side
from polymask.formats.reading.records import gather
from polymask.formats.reading.refusals import Malformed, inside
from polymask.formats.reading.texts.pages import Page, json_pages, rows_at
from polymask.ledger import EMPTY
from polymask.model import ImageRecord, Instance

MANY = True

FACTS = Facts(
    title="ISAT",
    source="ISAT's documentation, “Annotation format”",
    files="A `.json` file per image; a folder is read with all `.json` files below it.",
    sniffed="an object with `objects` and an `info` that has `name`, `width` and `height`",
    read=(
        ("info.name", "the image's name; the file's folder leads it"),
        ("info.height, width", "the frame"),
        ("objects[].category", "the label; `__background__` paints background"),
        ("objects[].segmentation", "one ring of x, y in pixels"),
        ("objects[].layer", "the paint order"),
        ("objects[].iscrowd", "whether it is a region of many objects"),
    ),
    ignored="`group`, `bbox`, `area`, notes.",
    rings="An object is one ring; objects of one group stay apart.",
    order="`layer`, then file order.",
    labels="Sorted by name; there are no ids.",
    frame="As the file says; if it has none, that of the picture (`--images`).",
    limits=("Objects without a segmentation paint nothing, and are counted.",),
    sample="isat/boat.json",
)


class _Info(msgspec.Struct):
    name: str
    width: Side = None
    height: Side = None


class _File(msgspec.Struct):
    info: _Info
    objects: msgspec.Raw


class _Object(msgspec.Struct):
    category: str
    segmentation: list[Point] = []
    layer: float = 0
    iscrowd: bool | int = False


_file = msgspec.json.Decoder(_File)


def sniff(content: Content) -> bool:
    """Whether the file holds one image's objects."""
    if not {"info", "objects"} <= content.keys:
        return False
    return {"name", "width", "height"} <= members(content.top["info"]).keys()


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each file."""
    return gather(
        content, options, json_pages(content), format="isat", parse=_parse, declares=rows_at("objects")
    )


def _parse(page: Page, notes: Notes) -> ImageRecord:
    file = page.decode(_file)
    with inside("$.info.name"):
        picture = image_name(file.info.name)
    path = PurePosixPath(page.file.name).parent / PurePosixPath(picture).name
    with inside("$.info"):
        frame = notes.declared_frame(file.info.height, file.info.width, name=str(path))

    def make(index: int, row: _Object) -> ReadAnnotation:
        if not row.category:
            raise Malformed("$.category", "the label is empty")
        if not row.segmentation:
            return EMPTY
        with inside("$.segmentation"):
            shape = (polygon(row.segmentation),)
        return Instance(index, row.category, shape, order=row.layer, crowd=bool(row.iscrowd))

    return ImageRecord(
        path.stem, str(path), frame, notes.make_instances(file.objects, _Object, "$.objects", make)
    )
