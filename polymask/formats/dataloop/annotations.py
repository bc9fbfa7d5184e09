"""A Dataloop annotation → an instance, for items of a dataset and of its export on disk alike."""

from collections.abc import Callable, Iterator, Mapping
from mimetypes import guess_type
from typing import Any

import msgspec

from polymask.errors import GeometryError
from polymask.formats.drawing.shapes import base64_bytes, crop_runs, png_mask, polygon, rectangle
from polymask.formats.reading.annotation_choice import Origin, ids_in_claims, origins_of, sources_of
from polymask.formats.reading.notes import UNKNOWN_FRAME
from polymask.formats.reading.refusals import Malformed, decode_json, inside
from polymask.limits import Limits
from polymask.model import BoolMask, Frame, Instance, Shape
from polymask.provenance.claims import digest_of, recomputed, same_label, values
from polymask.provenance.digest import geometry_sha256
from polymask.validation import listed, part

PAINTED = ("segment", "binary")
OPAQUE = 127  # pixels with more alpha are in a mask; source: dtlpy, `Segmentation.from_coordinates`


class Annotation(msgspec.Struct):
    """The fields of an annotation that are read; its coordinates are decoded when it is painted."""

    type: str
    id: str | None = None
    label: str | None = None
    creator: Any = None
    coordinates: msgspec.Raw = msgspec.Raw(b"null")
    metadata: Any = None
    angle: float | None = None


class Reference(msgspec.Struct):
    """The fields that tell which polygon an annotation is, and who made it."""

    type: Any = None
    id: Any = None
    creator: Any = None
    metadata: Any = None


class _XY(msgspec.Struct):
    x: float
    y: float


class _Data(msgspec.Struct):
    data: str


_rings = msgspec.json.Decoder(list[list[_XY]])
_corners = msgspec.json.Decoder(list[_XY | float])
_png = msgspec.json.Decoder(str | _Data)
_texts = msgspec.json.Decoder(list[msgspec.Raw])
_references = msgspec.json.Decoder(list[Reference])
_annotation = msgspec.json.Decoder(Annotation)


def annotation_of(row: Mapping[str, Any]) -> Annotation:
    """The annotation in a decoded row; raises `Malformed` where the row is none."""
    return decode_json(text_of(row), _annotation)


def text_of(row: Mapping[str, Any]) -> bytes:
    """The JSON of a decoded row; raises `Malformed` for text that UTF-8 cannot encode."""
    try:
        return msgspec.json.encode(row)
    except UnicodeEncodeError:
        raise Malformed("$", "a text that holds half a character, which no file can") from None


def instance_of(
    row: Annotation, key: int | str, frame: Frame, limits: Limits, *, frame_unknown: bool = False
) -> Instance:
    """A `segment`, `binary` or `box` annotation of a picture as an instance.

    All rings of a polygon are filled even-odd together. A mask must have the frame's size, unless the
    frame is unknown (`frame_unknown`). Raises `Malformed` for shapes that cannot be painted.
    """
    if not row.label:
        raise Malformed("$.label", "an annotation without a label")
    with inside("$.coordinates"):
        if row.type == "binary":
            shape = _mask(row, frame, limits, frame_unknown=frame_unknown)
        else:
            shape = _box(row) if row.type == "box" else _polygon(row)
    return Instance(key, row.label, shape)


def _polygon(row: Annotation) -> Shape:
    rings = decode_json(row.coordinates, _rings)
    points = [[(point.x, point.y) for point in ring] for ring in rings if ring]
    if not points:
        raise Malformed("$", "a polygon without points")
    return (polygon(points[0], points[1:]),)


def _box(row: Annotation) -> Shape:
    corners = [part for part in decode_json(row.coordinates, _corners) if isinstance(part, _XY)]
    if len(corners) != 2:
        raise Malformed("$", f"a box has 2 corners, not {len(corners)}")
    return (rectangle(*((corner.x, corner.y) for corner in corners)),)


def is_rotated_box(row: Annotation) -> bool:
    """Whether a box has an angle: in `angle`, or after its corners, where dtlpy writes it."""
    if row.type != "box":
        return False
    try:
        parts = decode_json(row.coordinates, _corners)
    except Malformed:
        return bool(row.angle)  # reported when the box is painted
    return bool(row.angle) or any(isinstance(part, float) and part for part in parts)


def _mask(row: Annotation, frame: Frame, limits: Limits, *, frame_unknown: bool) -> Shape:
    mask = _pixels(row, limits)
    if mask.shape != frame and not frame_unknown:
        raise Malformed("$", f"a mask of {mask.shape} px in an image of {frame}")
    return crop_runs(mask, (0, 0), frame)


def _pixels(row: Annotation, limits: Limits) -> BoolMask:
    png = decode_json(row.coordinates, _png)
    return png_mask(base64_bytes(png if isinstance(png, str) else png.data), limits, above=OPAQUE)


def is_picture(mimetype: Any, name: str | None) -> bool | None:
    """Whether an item is a picture, by its type or else by its name; None if neither is conclusive.

    Examples:
        >>> is_picture("video/mp4", "a.png"), is_picture(None, "a.png"), is_picture(None, "a")
        (False, True, None)
    """
    kind = mimetype or guess_type(name or "")[0]
    return str(kind).startswith("image/") if kind else None


def is_of_frame(row: Annotation, *, picture: bool | None) -> bool:
    """Whether an annotation belongs to a frame of a video.

    The item's type decides. Only if it is unknown does the annotation: a frame above 0 or several
    snapshots belong to a video; a single snapshot does not, as the platform's own example shows.
    """
    if picture is not None:
        return not picture
    system = part(row.metadata, "system")
    return bool(system.get("frame")) or len(listed(system.get("snapshots_"))) > 1


def polygon_ids(rows: msgspec.Raw) -> frozenset[str]:
    """The ids of an item's polygons, and those that restored polygons had first."""
    polygons = [row for row in _decoded_references(rows) if row.type == "segment"]
    return frozenset(key for row in polygons for key in ids_in_claims(_identifying(row)))


def origins_in(rows: msgspec.Raw) -> Iterator[Origin]:
    """The origins of an item's polygons and masks, and of the sources of masks that polymask wrote."""
    for row in _decoded_references(rows):
        if row.type in PAINTED:
            yield from origins_of(row.creator, row.metadata)


def _decoded_references(rows: msgspec.Raw) -> list[Reference]:
    try:
        return _references.decode(rows)
    except msgspec.DecodeError:
        return []  # faults of rows are reported when the rows are read


def _identifying(row: Reference) -> dict[str, Any]:
    """The members of a row that hold its id, and may hold the one that it had first."""
    return {"id": row.id, "metadata": row.metadata}


def is_as_stored(row: Annotation, limits: Limits) -> bool:
    """Whether a mask that polymask wrote still has the label and the pixels of its claim."""
    claim = values(part(row.metadata, "user", "polymask"))
    if not same_label(str(claim.get("label") or row.label), str(row.label)):
        return False
    try:
        mask = _pixels(row, limits)
    except Malformed:
        return False
    return list(mask.shape) == claim.get("frame") and recomputed(claim, mask) == digest_of(claim)


def polygon_shapes(rows: msgspec.Raw) -> frozenset[tuple[str, str]]:
    """The digests of the geometry of an item's polygons, with their labels; those that can be drawn."""
    return frozenset(shape for text in _texts.decode(rows) for shape in _shapes(text))


def _shapes(text: msgspec.Raw) -> Iterator[tuple[str, str]]:
    try:
        row = decode_json(text, _annotation)
        if row.type == "segment":
            instance = instance_of(row, "", UNKNOWN_FRAME, Limits(), frame_unknown=True)
            yield geometry_sha256(instance.shape), instance.label
    except (Malformed, GeometryError):
        return  # faults of rows are reported when the rows are read


def has_all_sources(
    row: Annotation, polygons: frozenset[str], shapes: Callable[[], frozenset[tuple[str, str]]]
) -> bool:
    """Whether all source polygons of a mask that polymask wrote exist, so that they are painted instead.

    In a clone of the item they have other ids, but the same `shapes` and labels.
    """
    label = str(part(row.metadata, "user", "polymask").get("label") or row.label)
    absent = [source for source in sources_of(row.metadata) if str(source["id"]) not in polygons]
    return all((str(source.get("sha256")), label) in shapes() for source in absent)
