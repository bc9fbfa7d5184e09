"""Playment: polygons as shares of the picture, or a raster mask with a legend of colors.

A raster's legend names instances as `label # number`. Its mask is an address, which polymask never
opens: it searches the file beside the export by the address's last parts. Source: Playment's
documentation, "Image annotation" and "Semantic segmentation", results.
"""

import re
from collections.abc import Iterator

import msgspec

from polymask.formats import Annotations, ReadOptions
from polymask.formats.drawing.legend import codes_of, color_code, frame_of, legend_of, linked_png, painted
from polymask.formats.drawing.scaling import in_pixels
from polymask.formats.drawing.shapes import polygon, rectangle
from polymask.formats.reading.content import Content
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.notes import Notes, ReadAnnotation
from polymask.formats.reading.records import gather
from polymask.formats.reading.refusals import Malformed, decode_json, inside
from polymask.formats.reading.texts.pages import Page, files, listed_pages, rows_at
from polymask.ledger import BOX, EMPTY, Omitted
from polymask.model import Frame, ImageRecord, Instance, Polygon

MANY = True
CUBOIDS = "cuboids"
RESPONSE, RASTER, POLYGONS, RECTANGLES = "maker_response", "raster", "polygons", "rectangles"

FACTS = Facts(
    title="Playment",
    source="Playment's documentation, the results of “Image annotation” and “Semantic segmentation”",
    files="The JSON file of a job, or a list of them.",
    sniffed="objects with `maker_response`",
    read=(
        ("image_url", "the image's name: the path of the address"),
        ("maker_response.polygons.data[].label", "the label"),
        (
            "maker_response.polygons.data[].points.p1, p2 …",
            "one ring of x, y as shares of the picture's width and height, 0 to 1",
        ),
        ("maker_response.raster.data.url", "a mask, looked for beside the file by the address's last parts"),
        (
            "maker_response.raster.data.legend",
            "labels by color; ` # 2` at a label's end numbers its instance",
        ),
    ),
    ignored="Attributes, edges, states; job and batch ids.",
    rings="A polygon is one ring.",
    order="File order; the segments of a mask do not overlap.",
    labels="Sorted by name; there are no numeric ids.",
    frame="That of the mask; else that of the picture, in the same folder or below `--images`.",
    limits=(
        "Rectangles and cuboids are no segmentation: they paint nothing, and are counted; `--boxes` paints "
        "rectangles. A color of the legend without pixels is counted too.",
        "Whatever else a response holds (lines, landmarks) is not painted but listed, and the run exits 1.",
        "Numbers far from 0…1 are refused: they are pixels.",
        "A color that the legend does not name is refused, with its first pixel; black is background.",
    ),
    sample="playment/jobs.json",
)


class _Job(msgspec.Struct):
    image_url: str
    maker_response: dict[str, msgspec.Raw]


class _XY(msgspec.Struct):
    x: float
    y: float


class _Shape(msgspec.Struct):
    label: str
    points: dict[str, _XY] = {}
    coordinates: list[_XY] = []
    id: str | None = msgspec.field(default=None, name="_id")


class _Shapes(msgspec.Struct):
    data: list[msgspec.Raw] = []


class _Mask(msgspec.Struct):
    url: str
    legend: dict[str, str]


class _Raster(msgspec.Struct):
    data: _Mask


_job = msgspec.json.Decoder(_Job)
_shapes = msgspec.json.Decoder(_Shapes)
_shape = msgspec.json.Decoder(_Shape)
_raster = msgspec.json.Decoder(_Raster)


def sniff(content: Content) -> bool:
    """Whether the file holds jobs."""
    return RESPONSE in content.keys


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each job."""
    pages = [page for file in files(content, "*.json") for page in _pages(Content(file))]
    return gather(content, options, pages, format="playment", parse=_parse, declares=_declared)


def _declared(page: Page) -> int:
    legend = rows_at(RESPONSE, RASTER, "data", "legend")(page)
    masks = rows_at(RESPONSE, RASTER, "data")(page) if legend else 0
    return rows_at(RESPONSE, "*", "data")(page) - masks + legend


def _pages(content: Content) -> Iterator[Page]:
    file = content.place.file(content.name)
    if content.is_list:
        yield from listed_pages(file, content.json)
    else:
        yield Page(file, "$", content.json)


def _parse(page: Page, notes: Notes) -> ImageRecord:
    job = page.decode(_job)
    with inside("$.image_url"):
        name = notes.image_name(job.image_url)
    answer = dict(job.maker_response)
    if RASTER in answer:
        with inside(f"$.{RESPONSE}.{RASTER}"):
            raster = decode_json(answer.pop(RASTER), _raster).data
            frame, instances = _masked(raster, notes)
    else:
        frame, instances = notes.frame(name), ()
    for kind, text in answer.items():
        where = f"$.{RESPONSE}.{kind}"
        with inside(where):
            shapes = decode_json(text, _shapes)
        for index, row in enumerate(shapes.data):
            place = f"{page.where}{where.removeprefix('$')}.data[{index}]"
            instances = (*instances, *notes.take(place, _instance, kind, index, row, frame, notes))
    return ImageRecord(name, name, frame, instances)


def _masked(mask: _Mask, notes: Notes) -> tuple[Frame, tuple[Instance, ...]]:
    with inside("$.data.url"):
        codes = codes_of(linked_png(mask.url, notes), notes.options.limits)
    with inside("$.data.legend"):
        legend = legend_of((color_code(color), _class(label)) for color, label in mask.legend.items())
        return frame_of(codes), painted(codes, legend, notes)


def _class(label: str) -> str:
    """The label without the instance's number.

    Examples:
        >>> _class("boat # 2"), _class("boat #a")
        ('boat', 'boat #a')
    """
    return re.sub(r"\s*#\s*\d+$", "", label)


def _instance(kind: str, index: int, text: msgspec.Raw, frame: Frame, notes: Notes) -> ReadAnnotation:
    if kind == RECTANGLES and not notes.options.boxes:
        return BOX
    if kind == CUBOIDS:
        return EMPTY
    if kind not in (POLYGONS, RECTANGLES):
        return Omitted("unsupported", f"'{kind}' are no polygons", f"{kind}[{index}]")
    row = decode_json(text, _shape)
    if not row.label:
        raise Malformed("$.label", "the label is empty")
    with inside("$.points"):
        return Instance(row.id or index, row.label, (_ring(kind, row, frame),))


def _ring(kind: str, row: _Shape, frame: Frame) -> Polygon:
    numbered = [row.points[key] for key in sorted(row.points, key=_number)]
    points = in_pixels([(point.x, point.y) for point in numbered or row.coordinates], frame)
    return rectangle(*points) if kind == RECTANGLES and len(points) == 2 else polygon(points)


def _number(key: str) -> int:
    """The number of a point, so that p10 sorts after p9."""
    digits = key.removeprefix("p")
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 10):
        raise Malformed("$", f"points are p1, p2 …, not {key!r}")
    return int(digits)
