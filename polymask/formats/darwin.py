"""V7 Darwin JSON (2.0, and 1.0): polygons with several paths, ellipses, and the masks of a raster layer.

All paths of a polygon are filled even-odd together. A raster layer holds runs of numbers along the
rows; its mapping assigns these to `mask` annotations. Source: V7's documentation, "Darwin JSON".
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from polymask.formats import Annotations, ReadOptions
from polymask.formats.drawing.dense_rle import codes_of_runs
from polymask.formats.drawing.legend import runs_by_code
from polymask.formats.drawing.shapes import ellipse, polygon, rectangle
from polymask.formats.reading.content import Content, members
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.notes import MALFORMED, Notes, ReadAnnotation, Side
from polymask.formats.reading.records import gather
from polymask.formats.reading.refusals import Malformed, decode_json, inside
from polymask.formats.reading.texts.pages import Page, json_pages
from polymask.ledger import BOX, EMPTY, Omitted
from polymask.model import Frame, ImageRecord, Instance, Polygon, Runs, Shape

MANY = True
UNSUPPORTED = (
    "line", "keypoint", "skeleton", "graph", "cuboid", "table", "eye", "link", "simple_table", "string",
)  # fmt: skip
TAG = Omitted("tag", "a tag of the whole image")

FACTS = Facts(
    title="V7 Darwin",
    source="V7's documentation, “Darwin JSON” 2.0 and 1.0",
    files="A `.json` file per image; a folder is read with all `.json` files below it.",
    sniffed="an object with `item` (2.0) or `image` (1.0) and `annotations`",
    read=(
        ("item.name, path", "the image's name and its folder"),
        ("item.slots[0].height, width", "the frame"),
        ("annotations[].name", "the label"),
        ("annotations[].polygon.paths", "rings of x, y in pixels"),
        ("annotations[].ellipse", "center and radii; the pixels whose centers are in it"),
        ("annotations[].mask", "the pixels of the raster layer that have the annotation's number"),
        (
            "annotations[].raster_layer.dense_rle, mask_annotation_ids_mapping",
            "number and length of each run along the rows; the number of each mask's id",
        ),
        ("image, polygon.path, additional_paths, complex_polygon.path", "the same in version 1.0"),
    ),
    ignored="Attributes, texts, boxes beside another shape, reviewers.",
    rings="The paths of a polygon are filled even-odd: a path inside another is a hole.",
    order="File order; later annotations are painted over earlier ones.",
    labels="Sorted by name; there are no numeric ids.",
    frame="As the file says; else that of the picture, in the same folder or below `--images`.",
    limits=(
        "Lines, keypoints, skeletons, cuboids, turned ellipses, frames of a video and what lies in a second "
        "slot are not painted but listed, and the run exits 1.",
        "Boxes are no segmentation: they paint nothing, and are counted; `--boxes` paints them. So are tags, "
        "and masks that the raster layer does not name.",
    ),
    sample="darwin/boat.json",
)


class _XY(msgspec.Struct):
    x: float
    y: float


class _Slot(msgspec.Struct):
    slot_name: str = ""
    width: Side = None
    height: Side = None


class _Item(msgspec.Struct):
    name: str
    path: str = "/"
    slots: list[_Slot] = []


class _Image(msgspec.Struct):
    filename: str
    path: str | None = None
    width: Side = None
    height: Side = None


class _File(msgspec.Struct):
    annotations: list[msgspec.Raw]
    item: _Item | None = None
    image: _Image | None = None


class _Polygon(msgspec.Struct):
    paths: list[list[_XY]] = []
    path: list[_XY] = []
    additional_paths: list[list[_XY]] = []


class _Complex(msgspec.Struct):
    path: list[list[_XY]]


class _Ellipse(msgspec.Struct):
    center: _XY
    radius: _XY
    angle: float = 0


class _Box(msgspec.Struct):
    x: float
    y: float
    w: float
    h: float


class _Raster(msgspec.Struct):
    dense_rle: list[int]
    mask_annotation_ids_mapping: dict[str, int]


class _Annotation(msgspec.Struct):
    name: str
    id: str | None = None
    slot_names: list[str] = []
    frames: Any = None
    polygon: _Polygon | None = None
    complex_polygon: _Complex | None = None
    ellipse: _Ellipse | None = None
    mask: Any = None
    raster_layer: _Raster | None = None
    tag: Any = None
    bounding_box: msgspec.Raw = msgspec.Raw(b"null")


_file = msgspec.json.Decoder(_File)
_annotation = msgspec.json.Decoder(_Annotation)
_box = msgspec.json.Decoder(_Box)


def sniff(content: Content) -> bool:
    """Whether the file holds one item and its annotations."""
    if "annotations" not in content.keys or content.is_list:
        return False
    item = members(content.top.get("item", b"")).keys()
    image = members(content.top.get("image", b"")).keys()
    is_older = "filename" in image and ("dataset" in content.keys or "url" in image)
    return {"name", "slots"} <= item or is_older


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each file."""
    pages = json_pages(content)
    return gather(content, options, pages, format="darwin", parse=_parse, declares=_declared)


def _declared(page: Page) -> int:
    return sum(not _is_layer(members(text)) for text in page.decode(_file).annotations)


def _is_layer(row: Mapping[str, msgspec.Raw]) -> bool:
    return bytes(row.get("raster_layer", b"null")) != b"null"


def _parse(page: Page, notes: Notes) -> ImageRecord:
    file = page.decode(_file)
    name, slot = _name_and_slot(file, notes)
    with inside("$.item.slots[0]" if file.item else "$.image"):
        frame = notes.declared_frame(slot.height, slot.width, name=name)
    rows = [(f"{page.where}.annotations[{index}]", text) for index, text in enumerate(file.annotations)]
    layer = _layer(rows, slot, frame, notes)
    instances: list[Instance] = []
    for index, (where, text) in enumerate(rows):
        if not _is_layer(members(text)):
            instances += notes.take(where, _instance, index, text, slot, layer, frame, notes)
    return ImageRecord(name, name, frame, tuple(instances))


def _layer(
    rows: Sequence[tuple[str, msgspec.Raw]], slot: _Slot, frame: Frame, notes: Notes
) -> dict[str, Runs]:
    """The runs of each mask in the raster layers, by its id; masks without an annotation are listed."""
    runs: dict[str, Runs] = {}
    for where, text in rows:
        if _is_layer(members(text)):
            masks = notes.refusals.catch(where, _masks, text, slot, frame, notes)
            runs |= masks or {}
            if masks is None:
                notes.leave_out(MALFORMED)
    annotation_ids = {bytes(members(text).get("id", b"")) for _, text in rows}
    for key in runs:
        if msgspec.json.encode(key) not in annotation_ids:
            notes.leave_out(
                Omitted("unsupported", "pixels of a mask that no annotation names", f"mask {key}")
            )
    return runs


def _name_and_slot(file: _File, notes: Notes) -> tuple[str, _Slot]:
    """The image's name and its first slot; in version 1.0 a nameless slot of the image's size."""
    if file.item is not None:
        with inside("$.item.name"):
            name = notes.image_name(_path_below(file.item.path, file.item.name))
        return name, file.item.slots[0] if file.item.slots else _Slot()
    if file.image is None:
        raise Malformed("$", "neither an item nor an image")
    with inside("$.image.filename"):
        name = notes.image_name(_path_below(file.image.path or "", file.image.filename))
    return name, _Slot("", file.image.width, file.image.height)


def _path_below(folder: str, name: str) -> str:
    """The path of a name below a folder of the dataset, whose root is `/`."""
    return f"{folder.strip('/')}/{name}".lstrip("/")


def _other_picture(row: _Annotation, slot: _Slot) -> str | None:
    """Why an annotation is not on the picture: it belongs to a video or to another slot; else None."""
    if row.frames is not None:
        return "the frames of a video are not read"
    if row.slot_names and slot.slot_name and slot.slot_name not in row.slot_names:
        return f"it lies in the slot {row.slot_names[0]}, not in the first"
    return None


def _masks(text: msgspec.Raw, slot: _Slot, frame: Frame, notes: Notes) -> dict[str, Runs]:
    """The runs by mask id; raises `Malformed` for pixels whose number the mapping lacks."""
    row = decode_json(text, _annotation)
    raster = row.raster_layer
    assert raster
    if reason := _other_picture(row, slot):
        notes.leave_out(Omitted("unsupported", reason, "raster layer"))
        return {}
    if notes.frame_unknown:  # the picture is not open yet: check the runs against their own length
        frame = notes.declared_frame(1, sum(raster.dense_rle[1::2]))
    with inside("$.raster_layer"):
        runs = dict(runs_by_code(codes_of_runs(raster.dense_rle, frame)))
        ids = {number: key for key, number in raster.mask_annotation_ids_mapping.items()}
        if len(ids) < len(raster.mask_annotation_ids_mapping) or 0 in ids:
            raise Malformed("$.mask_annotation_ids_mapping", "a number is there twice, or 0")
        if unknown_numbers := sorted(runs.keys() - ids.keys() - {0}):
            raise Malformed("$.dense_rle", f"the number {unknown_numbers[0]} is no mask's")
    return {ids[number]: Runs(counts, frame) for number, counts in runs.items() if number}


def _instance(
    index: int, text: msgspec.Raw, slot: _Slot, layer: Mapping[str, Runs], frame: Frame, notes: Notes
) -> ReadAnnotation:
    row, keys = decode_json(text, _annotation), members(text).keys()
    key = row.id or index
    if row.tag is not None:
        return TAG
    if reason := _unsupported(row, keys, slot):
        return Omitted("unsupported", reason, f"annotation {key} (label '{row.name}')")
    if not row.name:
        raise Malformed("$.name", "the label is empty")
    shape = _shape(row, layer, frame, notes)
    if not isinstance(shape, Omitted):
        return Instance(key, row.name, shape)
    if shape is EMPTY and row.mask is None:
        raise Malformed("$", f"no shape that is read: {', '.join(sorted(keys))}")
    return shape


def _unsupported(row: _Annotation, keys: Collection[str], slot: _Slot) -> str | None:
    """Why an annotation is no area of the picture; None where it may be one."""
    if row.ellipse is not None and row.ellipse.angle:
        return "a turned ellipse: the unit of its angle is not documented"
    return _other_picture(row, slot) or next(
        (f"a {kind} is no area" for kind in UNSUPPORTED if kind in keys), None
    )


def _shape(row: _Annotation, layer: Mapping[str, Runs], frame: Frame, notes: Notes) -> Shape | Omitted:
    if row.polygon is not None or row.complex_polygon is not None:
        with inside("$.polygon" if row.polygon else "$.complex_polygon"):
            exterior, *holes = [[(point.x, point.y) for point in path] for path in _paths(row)] or [[]]
            return (polygon(exterior, holes),)
    if row.ellipse is not None:
        center, radius = row.ellipse.center, row.ellipse.radius
        with inside("$.ellipse"):
            return ellipse((center.x, center.y), (radius.x, radius.y), frame)
    if row.mask is not None:
        return layer.get(row.id or "", EMPTY)
    if bytes(row.bounding_box) == b"null":
        return EMPTY
    return (_rectangle(row.bounding_box),) if notes.options.boxes else BOX


def _rectangle(text: msgspec.Raw) -> Polygon:
    with inside("$.bounding_box"):
        box = decode_json(text, _box)
        return rectangle((box.x, box.y), (box.x + box.w, box.y + box.h))


def _paths(row: _Annotation) -> list[list[_XY]]:
    if row.polygon is None:
        return row.complex_polygon.path if row.complex_polygon else []
    first = [row.polygon.path] if row.polygon.path else []
    return [*row.polygon.paths, *first, *row.polygon.additional_paths]
