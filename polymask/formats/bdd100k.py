"""BDD100K and Scalabel: closed `poly2d` outlines, with cubic Bézier sides, and COCO's runs.

`types` has a letter for each vertex: at an L the outline continues straight; a C begins a curve,
whose control points are this vertex and the next, and which ends at the one after (the first vertex
follows the last). Curves are flattened to corners at most 1/64 px off. Source: BDD100K's documentation,
"Label format", and Scalabel's.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from polymask.formats import Annotations, ReadOptions
from polymask.formats.coco.segmentations import is_rle, rle_size, shapes_of
from polymask.formats.drawing.curves import flattened
from polymask.formats.drawing.shapes import Point, polygon, rectangle
from polymask.formats.reading.content import Content, members
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.notes import Notes, ReadAnnotation, Side
from polymask.formats.reading.records import gather
from polymask.formats.reading.refusals import Malformed, decode_json, inside
from polymask.formats.reading.texts.pages import Page, files, listed_pages, rows_at
from polymask.ledger import BOX, EMPTY, Omitted
from polymask.model import Frame, ImageRecord, Instance, Shape

MANY = True
FRAMES, LANE = "frames", "lane/"

FACTS = Facts(
    title="BDD100K",
    source="BDD100K's documentation, “Label format”, and Scalabel's",
    files="A JSON list of frames, Scalabel's `{frames, config}`, or the older JSON of one image.",
    sniffed="objects with `name` and `labels`, or `frames` of such or with `objects`",
    read=(
        ("name", "the image's name"),
        ("labels[].category", "the label"),
        (
            "labels[].poly2d[].vertices, types, closed",
            "rings of x, y in pixels, united; `C` in `types` marks a curve's control points",
        ),
        ("labels[].rle", "COCO's runs"),
        ("frames[].objects[].poly2d", "older files: x, y and L or C, a vertex each"),
        ("size, config.imageSize", "the frame"),
    ),
    ignored="Attributes, `videoName`, scores, camera data; `bitmasks` PNGs.",
    rings="The outlines of a label are united: the format has no holes.",
    order="File order; later labels are painted over earlier ones.",
    labels="Sorted by name; there are no numeric ids.",
    frame="As the file says; else that of the picture, in the same folder or below `--images`.",
    limits=(
        "Labels with an outline that is not closed (lanes; in older files those named `lane/…`), and graphs, "
        "are not painted but listed, and the run exits 1.",
        "Boxes, cuboids and labels without a shape are no segmentation: they paint nothing, and are counted; "
        "`--boxes` paints `box2d`, from corner to corner.",
        "Curves are flattened to corners that are at most 1/64 px off.",
    ),
    sample="bdd100k/labels.json",
)


_NULL = msgspec.Raw(b"null")


class _Size(msgspec.Struct):
    width: Side = None
    height: Side = None


class _Config(msgspec.Struct):
    imageSize: _Size | None = None  # noqa: N815 - the format's own word


class _Frame(msgspec.Struct):
    name: str
    labels: msgspec.Raw = _NULL
    size: _Size | None = None


class _Poly(msgspec.Struct):
    vertices: list[Point]
    types: str | None = None
    closed: bool = True


class _Box(msgspec.Struct):
    x1: float
    y1: float
    x2: float
    y2: float


class _Label(msgspec.Struct):
    category: str | None = None
    id: int | str | None = None
    poly2d: msgspec.Raw = _NULL
    rle: msgspec.Raw = _NULL
    graph: Any = None
    box2d: msgspec.Raw = _NULL


_frame = msgspec.json.Decoder(_Frame)
_config = msgspec.json.Decoder(_Config)
_box = msgspec.json.Decoder(_Box)
_polys = msgspec.json.Decoder(list[_Poly])
_older_vertices = msgspec.json.Decoder(list[tuple[float, float, str]])


def sniff(content: Content) -> bool:
    """Whether the file holds frames with labels."""
    if FRAMES not in content.keys:
        return {"name", "labels"} <= content.keys
    keys = members(_first(content.top[FRAMES])).keys()
    return {"name", "labels"} <= keys or ("name" in content.keys and "objects" in keys)


def _first(rows: msgspec.Raw) -> bytes | msgspec.Raw:
    try:
        return next(iter(msgspec.json.decode(rows, type=list[msgspec.Raw])), b"")
    except msgspec.DecodeError:
        return b""


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each frame."""
    pages = [page for file in files(content, "*.json") for page in _pages(Content(file))]
    return gather(content, options, pages, format="bdd100k", parse=_parse, declares=_declared)


def _declared(page: Page) -> int:
    return rows_at("labels")(page) + rows_at(FRAMES, "*", "objects")(page)


def _pages(content: Content) -> Iterator[Page]:
    file = content.place.file(content.name)
    if content.is_list:
        yield from listed_pages(file, content.json)
    elif FRAMES in content.keys and "name" in members(_first(content.top[FRAMES])):
        config = content.top.get("config", b"{}")
        for page in listed_pages(file, content.top[FRAMES], at=f"$.{FRAMES}"):
            yield Page(file, page.where, _with_size(page, config))
    else:
        yield Page(file, "$", content.json)


def _with_size(page: Page, config: bytes | msgspec.Raw) -> bytes | msgspec.Raw:
    """The frame's text, with the configuration's size where the frame has none."""
    frame, size = dict(members(page.json)), members(config).get("imageSize")
    if not frame or size is None or bytes(frame.get("size", b"null")) != b"null":
        return page.json
    return msgspec.json.encode(frame | {"size": size})


_frames = msgspec.json.Decoder(list[msgspec.Raw])


def _parse(page: Page, notes: Notes) -> ImageRecord:
    older_frames = members(page.json).get(FRAMES)
    row = page.decode(_frame)
    with inside("$.name"):
        name = notes.image_name(row.name)
    with inside("$.size"):
        size = row.size or _Size()
        frame = notes.declared_frame(size.height, size.width, name=name)

    def make(index: int, label: _Label) -> ReadAnnotation:
        return _instance(index if label.id is None else label.id, label, frame, notes)

    if older_frames is None:
        labels = row.labels if row.labels != _NULL else msgspec.Raw(b"[]")
        return ImageRecord(name, name, frame, notes.make_instances(labels, _Label, "$.labels", make))
    instances: list[Instance] = []
    with inside(f"$.{FRAMES}"):
        texts = decode_json(older_frames, _frames)
    for number, text in enumerate(texts):
        objects = members(text).get("objects", msgspec.Raw(b"[]"))
        instances += notes.make_instances(objects, _Label, f"$.{FRAMES}[{number}].objects", make)
    return ImageRecord(name, name, frame, tuple(instances))


def _instance(key: int | str, label: _Label, frame: Frame, notes: Notes) -> ReadAnnotation:
    shape: Shape = ()
    name = f"label {key} (category '{label.category}')"
    if label.poly2d != _NULL:
        with inside("$.poly2d"):
            polys = _outlines(label)
            if not all(poly.closed for poly in polys):
                return Omitted("unsupported", "an outline that is not closed", name)
            shape = tuple(polygon(_ring(poly, place)) for place, poly in enumerate(polys))
    elif label.rle != _NULL:
        with inside("$.rle"):
            shape = _runs(label.rle, frame, notes)
    elif label.graph is not None:
        return Omitted("unsupported", "a graph encloses nothing", name)
    elif label.box2d != _NULL:
        if not notes.options.boxes:
            return BOX
        with inside("$.box2d"):
            box = decode_json(label.box2d, _box)
            shape = (rectangle((box.x1, box.y1), (box.x2, box.y2)),)
    if not shape:
        return EMPTY
    if not label.category:
        raise Malformed("$.category", "there is none, or it is empty")
    return Instance(key, label.category, shape)


def _runs(rle: msgspec.Raw, frame: Frame, notes: Notes) -> Shape:
    if not is_rle(rle):
        raise Malformed("$", "not an object with size and counts")
    if notes.frame_unknown:  # the picture is not open yet: check the runs against their own size
        frame = notes.declared_frame(*rle_size(rle))
    return shapes_of([rle], frame)[0]


def _outlines(label: _Label) -> Sequence[_Poly]:
    """The outlines of a label; an older file has one outline a label, closed unless it is a lane."""
    if bytes(label.poly2d).replace(b" ", b"").replace(b"\n", b"")[:2] != b"[[":
        return decode_json(label.poly2d, _polys)
    rows = decode_json(label.poly2d, _older_vertices)
    closed = not (label.category or "").startswith(LANE)
    return [_Poly([(x, y) for x, y, _ in rows], "".join(kind for _, _, kind in rows), closed)]


def _ring(poly: _Poly, place: int) -> list[Point]:
    """The outline's corners, with curves flattened."""
    vertices, types = poly.vertices, poly.types or "L" * len(poly.vertices)
    if len(types) != len(vertices) or set(types) - {"L", "C"}:
        raise Malformed(f"$[{place}].types", f"a letter a vertex, L or C, not {types[:40]!r}")
    if not vertices:
        raise Malformed(f"$[{place}].vertices", "there are none")
    closed, points, index = [*vertices, vertices[0]], [vertices[0]], 1
    while index < len(vertices):
        if types[index] == "L":
            points.append(vertices[index])
            index += 1
        elif index + 2 < len(closed):
            points += flattened(closed[index - 1], *closed[index : index + 3])
            index += 3
        else:
            raise Malformed(f"$[{place}].types", "a curve without two control points and an end")
    return points
