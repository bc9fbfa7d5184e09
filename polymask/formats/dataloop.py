"""Dataloop annotation JSON: what `dataset.export` gives and `download_annotations` leaves in `json/`.

A file is an item with its `annotations`, or a list of such items. Every ring of a polygon is
kept; the rings after the first are filled even-odd with it, so a ring inside is a hole and a ring
beside is a part. The platform does not document what they mean; its studio draws holes so.
`segment` and `binary` annotations are painted; others are no segmentation, and counted.
Source: Dataloop's documentation, "Image annotation - JSON"; dtlpy for `binary`.
"""

from pathlib import PurePosixPath
from typing import Any

import msgspec

from polymask.formats import Annotations, ReadOptions
from polymask.formats.content import Content
from polymask.formats.facts import Facts
from polymask.formats.per_image import Made, Notes, Page, files, gather, listed_pages, rows_at
from polymask.formats.place import File
from polymask.formats.refusals import Malformed, inside
from polymask.formats.shapes import crop_runs, decoded, png_mask, polygon, rectangle
from polymask.ledger import BOX, Omitted
from polymask.model import Frame, ImageRecord, Instance, Shape

MANY = True

FACTS = Facts(
    title="Dataloop export",
    source="Dataloop's documentation, “Image annotation - JSON”; dtlpy for `binary`",
    files="A `.json` file an item (`json/` of `dataset.download_annotations`), or a list of items "
    "(`dataset.export`); a folder is read with all the `.json` files below it.",
    sniffed="an object with `annotations` and `filename`, `itemId` or `_id`, or a list of such",
    read=(
        ("filename", "the image's name, without the leading `/`; else the JSON file's"),
        (
            "metadata.system.width, height",
            "the frame (`itemMetadata` in some exports); EXIF orientations 5 to 8 "
            "swap them; where missing, that of the picture below `--images`",
        ),
        ("annotations[].type", "`segment` and `binary` are painted"),
        ("annotations[].label", "the label"),
        ("annotations[].coordinates", "rings of x, y in pixels; of `binary` a PNG in base64"),
        (
            "annotations[].metadata.system",
            "`frame` and `snapshots_` tell video annotations, which are left alone",
        ),
    ),
    ignored="Attributes, `objectId`, `creator`, dates, `parentId`, model data.",
    rings="Extra rings are filled even-odd with the first: inside it they are holes, beside it parts.",
    order="File order; the platform has no other.",
    labels="Sorted by name; there are no ids in an export.",
    frame="As the item says.",
    limits=("Boxes (but with `--boxes`), points, polylines and classes paint nothing, and are counted.",),
    sample="dataloop/json/boat.json",
)

_TURNED = (5, 6, 7, 8)


class _System(msgspec.Struct):
    width: float | None = None
    height: float | None = None
    exif: dict[str, Any] | None = None
    mimetype: str | None = None


class _Metadata(msgspec.Struct):
    system: _System | None = None


class _Item(msgspec.Struct):
    annotations: msgspec.Raw = msgspec.Raw(b"[]")
    filename: str | None = None
    metadata: _Metadata | None = None
    itemMetadata: _Metadata | None = None  # noqa: N815 - the format's own word
    id: str | None = None


class _FrameSystem(msgspec.Struct):
    frame: float | None = None
    snapshots_: list[Any] | None = None


class _FrameMetadata(msgspec.Struct):
    system: _FrameSystem | None = None


class _Annotation(msgspec.Struct):
    type: str
    id: str | None = None
    label: str | None = None
    coordinates: msgspec.Raw = msgspec.Raw(b"null")
    angle: float | None = None
    metadata: _FrameMetadata | None = None


class _XY(msgspec.Struct):
    x: float
    y: float


class _Data(msgspec.Struct):
    data: str


_item = msgspec.json.Decoder(_Item)
_polygon = msgspec.json.Decoder(list[list[_XY]])
_corners = msgspec.json.Decoder(tuple[_XY, _XY])
_png = msgspec.json.Decoder(str | _Data)


def sniff(content: Content) -> bool:
    """Whether the file is an item with its annotations, a list of such, or a studio's bare `annotations`."""
    keys = content.keys
    named = bool(keys & {"filename", "itemId", "itemMetadata"}) or keys == {"annotations"}
    return "annotations" in keys and "images" not in keys and named


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each item."""
    pages = [page for file in files(content, "*.json") for page in _pages(file)]
    return gather(
        content,
        options,
        pages,
        format="dataloop",
        parse=_parse,
        declares=rows_at("annotations"),
        keep_originals=True,
    )


def _pages(file: File) -> list[Page]:
    content = Content(file)
    if not content.is_json or not content.is_list:
        return [Page(file)]
    return listed_pages(file, content.json)


def _parse(page: Page, notes: Notes) -> ImageRecord:
    item = page.decode(_item)
    if item.filename is None and item.metadata is None and item.itemMetadata is None and page.where != "$":
        raise Malformed("$.filename", "an item without a name")
    name = (item.filename or str(PurePosixPath(page.file.name).with_suffix(".jpg"))).lstrip("/")
    system = next((m.system for m in (item.metadata, item.itemMetadata) if m and m.system), _System())
    frame = _frame(system, name, notes)
    video = (system.mimetype or "").startswith("video")

    def make(index: int, row: _Annotation) -> Made:
        key = row.id or index
        if row.type == "file":
            raise Malformed("$", "an item among annotations; take the list of items out of what is around it")
        if row.type == "box" and not (notes.options.boxes or row.angle):
            return BOX
        if row.type not in ("segment", "binary", "box") or row.angle:
            return Omitted("tag" if row.type == "class" else "unsegmented", f"type '{row.type}'")
        if video or _is_in_video(row):
            reason = "an annotation of a video frame; only pictures are converted"
            return Omitted("unsupported", reason, f"annotation {key}")
        if not row.label:
            raise Malformed("$.label", "an annotation without a label")
        with inside("$.coordinates"):
            return Instance(key, row.label, _shape(row, frame, notes))

    return ImageRecord(
        item.id or name, name, frame, notes.each(item.annotations, _Annotation, "$.annotations", make)
    )


def _frame(system: _System, name: str, notes: Notes) -> Frame:
    if system.width is None or system.height is None:
        return notes.frame(name)
    with inside("$.metadata.system"):
        height, width = notes.told_frame(system.height, system.width)
    turned = (system.exif or {}).get("Orientation") in _TURNED
    return (width, height) if turned else (height, width)


def _is_in_video(row: _Annotation) -> bool:
    system = row.metadata.system if row.metadata else None
    return bool(system and (system.frame or system.snapshots_))


def _shape(row: _Annotation, frame: Frame, notes: Notes) -> Shape:
    if row.type == "binary":
        png = Page(notes.page.file, text=row.coordinates).decode(_png)
        mask = png_mask(decoded(png if isinstance(png, str) else png.data), notes.options.limits)
        if mask.shape != frame and not notes.unseen:
            raise Malformed("$", f"a mask of {mask.shape} px in an image of {frame}")
        return crop_runs(mask, (0, 0), frame)
    if row.type == "box":
        corners = Page(notes.page.file, text=row.coordinates).decode(_corners)
        return (rectangle(*((corner.x, corner.y) for corner in corners)),)
    rings = Page(notes.page.file, text=row.coordinates).decode(_polygon)
    points = [[(point.x, point.y) for point in ring] for ring in rings if ring]
    if not points:
        raise Malformed("$", "a polygon without points")
    return (polygon(points[0], points[1:]),)
