"""Polygons as the platform has them: what is drawn of them, and what masks say of them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from polymask.dataloop.reading.claims import Version
from polymask.dataloop.service.responses import part
from polymask.errors import GeometryError
from polymask.formats.dataloop.annotations import annotation_of, instance_of, is_of_frame
from polymask.formats.reading.annotation_choice import original_id
from polymask.formats.reading.notes import UNKNOWN_FRAME
from polymask.formats.reading.refusals import Malformed
from polymask.in_place.protocols import Item
from polymask.limits import Limits
from polymask.model import Instance
from polymask.provenance.claims import has_details, same_label
from polymask.provenance.digest import geometry_sha256
from polymask.validation import Json


def polygon_of(row: Json, item: Item) -> Instance:
    """A `segment` annotation as an instance, known by the id that it had first.

    Raises `Malformed` for one that cannot be drawn, `GeometryError` for one that belongs to a video.
    """
    annotation = annotation_of(row)
    if is_of_frame(annotation, picture=getattr(item, "is_image", True)):
        raise GeometryError(f"a polygon {in_what(item)}; only pictures are converted")
    # A polygon is drawn without knowing the picture's size.
    instance = instance_of(annotation, str(row["id"]), UNKNOWN_FRAME, Limits(), frame_unknown=True)
    return replace(instance, id=original_id(row) or instance.id)


def in_what(item: Item) -> str:
    """Where an annotation lies that is on no picture, as far as the item tells its type."""
    mimetype = part(getattr(item, "raw", {}), "metadata", "system").get("mimetype")
    is_video = not mimetype or str(mimetype).startswith(("video/", "image/"))
    return "in a video" if is_video else f"in a file of type {mimetype}"


def details_of(row: Json) -> Json:
    """What a mask keeps of a polygon beside its pixels, as far as the row says it.

    Attributes, object, parent and model; who made it, its QA status, description and the user's metadata.
    """
    metadata = part(row, "metadata")
    system, user = part(metadata, "system"), part(metadata, "user")
    details = {
        "attributes": system.get("attributes") or None,
        "attributes1": row.get("attributes") or None,
        "objectId": system.get("objectId"),
        "parentId": system.get("parentId"),
        "model": user.get("model") or system.get("model"),
        "creator": row.get("creator"),
        "status": system.get("status"),
        "description": row.get("description") or system.get("description") or None,
        "user": {name: value for name, value in user.items() if name not in ("model", "polymask")} or None,
    }
    return {name: value for name, value in details.items() if value is not None}


def versions_of(rows: Sequence[Json], item: Item) -> Iterator[Version]:
    """The polygons among annotations, but those that cannot be drawn."""
    for row in rows:
        if row.get("type") == "segment" and (version := version_of(row, item)):
            yield version


def version_of(row: Json, item: Item) -> Version | None:
    """All that a mask says of a polygon; None for one that cannot be drawn."""
    try:
        instance = polygon_of(row, item)
    except (Malformed, GeometryError):
        return None
    return Version(geometry_sha256(instance.shape), instance.label, details_of(row))


def is_same_version(row: Json, other: Json, item: Item) -> bool:
    """Whether two rows are a polygon of one geometry and label, with the same details."""
    version, another = version_of(row, item), version_of(other, item)
    if version is None or another is None:
        return version is another
    is_same = version.sha256 == another.sha256 and same_label(version.label, another.label)
    return is_same and has_details({"details_sha256": "", **version.details}, another.details)
