"""A Dataloop dataset as a source: pictures, their polygons with every ring, and their deletion."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from mimetypes import guess_type
from pathlib import Path
from typing import Any

from polymask.coerce import whole
from polymask.dataloop.answers import part
from polymask.dataloop.client import Client, Json
from polymask.dataloop.deletion import DeletionByFilter
from polymask.dataloop.restoring import PuttingBack, original_id
from polymask.errors import GeometryError, InputError, SourceChanged
from polymask.formats.pictures import frame_of_bytes
from polymask.model import Frame, ImageRecord, Instance, Polygon, Skipped
from polymask.seams import Item, Reading

TURNED = (5, 6, 7, 8)  # EXIF orientations that swap width and height

# The platform's tutorial: files that have polygons.
DEFAULT_QUERY: Json = {
    "filter": {"$and": [{"hidden": False}, {"type": "file"}]},
    "join": {
        "on": {"resource": "annotations", "local": "itemId", "forigen": "id"},
        "filter": {"$and": [{"type": "segment"}]},
    },
}


@dataclass(frozen=True, slots=True)
class DataloopItem(Item):
    """An item with the platform's own JSON of it, or what a run needs of that."""

    raw: Json

    @property
    def is_image(self) -> bool:
        """Whether it is a picture, by its type or, lacking that, its name."""
        kind = part(self.raw, "metadata", "system").get("mimetype") or guess_type(self.name)[0]
        return str(kind).startswith("image/")


class DataloopSource:
    """The items of one dataset that a query selects, below a folder if one is given."""

    def __init__(
        self,
        client: Client,
        dataset_id: str,
        *,
        query: Json | None = None,
        folder: str = "",
        check_images: bool = False,
    ) -> None:
        self.client, self.dataset_id, self.check_images = client, dataset_id, check_images
        self._deletion = DeletionByFilter(client, dataset_id)
        self.query = dict(query or DEFAULT_QUERY)
        if self.query.get("resource", "items") != "items":
            raise InputError("the filter asks for something else than items")
        if folder:
            clauses = {"filename": f"/{folder.strip('/')}/**"}
            self.query["filter"] = {"$and": [clauses, *_and(self.query.get("filter", {}))]}

    def items(self) -> Iterator[Item]:
        """All items, listed before the first is handed out, so that deleting cannot shift pages."""
        rows = self.client.pages(self.dataset_id, "items", self.query, keep=_needed)
        return iter([DataloopItem(row["id"], _name(row), row) for row in rows])

    def annotations(self, item: Item) -> list[Json]:
        """Every annotation of an item, of whatever type, as the platform has it."""
        return self.client.pages(self.dataset_id, "annotations", {"filter": {"$and": [{"itemId": item.id}]}})

    def read(self, item: Item) -> Reading:
        """The item's polygons, every ring kept; others, and polygons in video, are left alone."""
        polygons = [row for row in self.annotations(item) if row.get("type") == "segment"]
        instances, raw, details, left = [], {}, {}, []
        for row in polygons:
            try:
                instance = instance_of(row, item)
            except GeometryError as error:
                left.append(Skipped(item.name, f"annotation {row.get('id')}: {error}"))
                continue
            if instance.id in raw:  # put back twice: the second is a polygon of its own
                instance = replace(instance, id=str(row["id"]))
            instances.append(instance)
            raw[str(instance.id)] = row
            details[str(instance.id)] = details_of(row)
        # Only where something is drawn: a video's frame is not to be had, and nobody asks for it.
        frame = self.frame(item) if instances else (1, 1)
        record = ImageRecord(item.id, item.name, frame, tuple(instances), etag_of(polygons))
        return Reading(record, raw, details, tuple(left))

    def frame(self, item: Item) -> Frame:
        """(height, width) of the picture as it is shown, which polygons are drawn on.

        From the metadata, where EXIF orientations 5 to 8 swap the stored sides; from the picture
        where they are missing. With `check_images`, from both, which must agree.
        """
        system = part(getattr(item, "raw", {}), "metadata", "system")
        height, width = _pixels(system.get("height")), _pixels(system.get("width"))
        told = (height, width) if height and width else None
        if told and part(system, "exif").get("Orientation") in TURNED:
            told = told[::-1]
        if told and not self.check_images:
            return told
        seen = shown_frame(self.image(item), item.name)
        if told and told != seen:
            (h, w), (height, width) = told, seen
            raise InputError(
                f"{item.name}: the picture is shown as {height} × {width} px, its metadata say {h} × {w}"
            )
        return seen

    def image(self, item: Item) -> bytes:
        """The picture's own bytes, whose number the metadata tell."""
        data = self.client.stream(item.id)
        size = _pixels(part(getattr(item, "raw", {}), "metadata", "system").get("size"))
        if size is not None and size != len(data):
            raise InputError(f"{item.name}: downloaded {len(data)} bytes of {size}; try again")
        return data

    def delete(self, item: Item, instance_ids: Sequence[str], etag: str) -> None:
        """Delete these polygons; raises `SourceChanged` where the record, or one of them, is another now."""
        reading = self.read(item)
        if reading.record.etag != etag:
            raise SourceChanged(f"{item.name}: the annotations changed meanwhile; run again")
        self._deletion.run(item, [dict(reading.raw[instance_id]) for instance_id in instance_ids])

    def restore(self, item: Item, backup: Mapping[str, Any], *, instance_id: str | None = None) -> bool:
        """Post a deleted polygon again, all rings and metadata; False where it is there."""
        key = instance_id or original_id(backup) or str(backup["id"])
        return PuttingBack(self.client, self.dataset_id).run(item, backup, key)[0]


def _and(given: Json) -> list[Json]:
    return list(given.get("$and", [given] if given else []))


def _name(row: Json) -> str:
    return str(row.get("filename") or row["id"]).lstrip("/")


def _needed(row: Json) -> Json:
    """The part of an item's JSON that tells its frame and kind: a listing may hold millions."""
    system = part(row, "metadata", "system")
    facts: Json = {name: system[name] for name in ("mimetype", "size", "width", "height") if name in system}
    if orientation := part(system, "exif").get("Orientation"):
        facts["exif"] = {"Orientation": orientation}
    return {"id": row["id"], "filename": row.get("filename"), "metadata": {"system": facts}}


def _pixels(value: Any) -> int | None:
    """A whole number as the platform writes it; None for anything else."""
    return int(value) if isinstance(value, float) and value.is_integer() else whole(value)


def instance_of(row: Json, item: Item) -> Instance:
    """A `segment` annotation as an instance; its rings are filled even-odd together.

    Raises `GeometryError` for one that cannot be drawn, or belongs to a video.
    """
    system = part(row, "metadata", "system")
    if not getattr(item, "is_image", True) or system.get("snapshots_"):
        raise GeometryError("a polygon in a video; only pictures are converted, it is left alone")
    rings = row.get("coordinates")
    try:
        first, *others = [[(point["x"], point["y"]) for point in ring] for ring in rings]  # type: ignore[union-attr]
    except (TypeError, KeyError, ValueError):
        raise GeometryError("coordinates that are no rings; it is left alone") from None
    if len(first) < 3:
        raise GeometryError(f"a ring of {len(first)} points; it is left alone")
    if not isinstance(row.get("label"), str) or not row["label"]:
        raise GeometryError("no label; it is left alone")
    return Instance(original_id(row) or str(row["id"]), row["label"], (Polygon(first, others),))


def details_of(row: Json) -> Json:
    """What a mask keeps of a polygon: attributes, object, parent and model, where there are any."""
    metadata = part(row, "metadata")
    system = part(metadata, "system")
    kept = {
        "attributes": system.get("attributes") or None,
        "attributes1": row.get("attributes") or None,
        "objectId": system.get("objectId"),
        "parentId": system.get("parentId"),
        "model": part(metadata, "user").get("model"),
    }
    return {name: value for name, value in kept.items() if value is not None}


def etag_of(polygons: Sequence[Json]) -> str:
    """SHA-256 of the polygons as the platform has them, whatever their order."""
    rows = sorted(json.dumps(row, sort_keys=True) for row in polygons)
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def shown_frame(data: bytes, name: str) -> Frame:
    """(height, width) of a picture's bytes as it is shown, EXIF orientation taken into account."""
    return frame_of_bytes(data, Path(name))
