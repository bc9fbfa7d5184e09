"""A Dataloop dataset as a source: pictures, their polygons with every ring, and their deletion."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from polymask.codecs.pictures import frame_of_bytes
from polymask.dataloop.item_queries import DEFAULT_QUERY, PLAIN_QUERY, files, in_folder
from polymask.dataloop.reading.copies import Copies, unchosen_in_masks
from polymask.dataloop.reading.doubles import items_with_doubles
from polymask.dataloop.reading.polygons import details_of, polygon_of
from polymask.dataloop.service.bulk_deletion import DeletionByFilter
from polymask.dataloop.service.client import Client
from polymask.dataloop.service.lookup import refuse_missing_folder
from polymask.dataloop.service.responses import part
from polymask.dataloop.service.restoring import PuttingBack
from polymask.errors import GeometryError, InputError, SourceChanged, Unavailable
from polymask.formats.dataloop.annotations import PAINTED, is_picture
from polymask.formats.reading.annotation_choice import (
    Choice,
    Origin,
    ids_in_claims,
    origin_of,
    original_id,
    origins_of,
    sources_of,
)
from polymask.formats.reading.refusals import Malformed
from polymask.in_place.protocols import Item, Reading
from polymask.ledger import Reason
from polymask.model import Frame, ImageRecord, Instance, Skipped
from polymask.provenance.claims import DATASET
from polymask.validation import Json, whole

ITEMS_A_CALL = 200
REFUSED = (400, 422)  # the statuses of a query that a service does not understand
TURNED = (5, 6, 7, 8)  # EXIF orientations that swap width and height


@dataclass(frozen=True, slots=True)
class DataloopItem(Item):
    """An item with the platform's own JSON of it, or what a run needs of that."""

    raw: Json

    @property
    def is_image(self) -> bool | None:
        """Whether it is a picture, by its type or, lacking that, its name; None where neither tells."""
        return is_picture(part(self.raw, "metadata", "system").get("mimetype"), self.name)


class DataloopSource:
    """The items of a dataset that a query selects, below a folder if the URL names any."""

    origin = DATASET

    def __init__(
        self,
        client: Client,
        dataset_id: str,
        *,
        query: Json | None = None,
        query_file: str | Path | None = None,
        folder: str = "",
        check_images: bool = False,
        choice: Choice | None = None,
    ) -> None:
        self.client, self.dataset_id, self.check_images = client, dataset_id, check_images
        self._deletion, self.copies = DeletionByFilter(client, dataset_id), Copies(client)
        self.choice, self.folder = choice or Choice(), folder.strip("/")
        self.query = in_folder(self.folder, query or DEFAULT_QUERY)
        self._query_file = query_file  # where somebody wrote the query
        self._otherwise = None if query else in_folder(self.folder, PLAIN_QUERY)
        if self.query.get("resource", "items") != "items":
            raise InputError("the filter asks for something else than items")

    def items(self) -> Iterator[Item]:
        """All items, listed before the first is handed out, so that deleting cannot shift pages."""
        rows = self._listed()
        rows += self._doubled({row["id"] for row in rows})
        if self.folder and not rows:
            refuse_missing_folder(self.folder, self.client.folders(self.dataset_id))
        return iter([DataloopItem(row["id"], _name(row), row) for row in rows])

    def _listed(self) -> list[Json]:
        try:
            return self.client.pages(self.dataset_id, "items", self.query, keep=_needed)
        except Unavailable as error:
            if self._query_file and error.status in REFUSED:
                raise InputError(f"the service refuses this filter: {error}", file=self._query_file) from None
            if self._otherwise is None or self.client.may_pass(error):
                raise
        return self.client.pages(self.dataset_id, "items", self._otherwise, keep=_needed)

    def _doubled(self, listed_ids: Set[str]) -> list[Json]:
        """Items whose polygons are all deleted, and on which a label has several masks."""
        if self._otherwise is None:  # which items are looked at, somebody else chose
            return []
        ids = [key for key in items_with_doubles(self.client, self.dataset_id) if key not in listed_ids]
        rows: list[Json] = []
        for start in range(0, len(ids), ITEMS_A_CALL):
            query = in_folder(self.folder, files(ids[start : start + ITEMS_A_CALL]))
            rows += self.client.pages(self.dataset_id, "items", query, keep=_needed)
        return rows

    def annotations(self, item: Item) -> list[Json]:
        """Every annotation of an item, of whatever type, as the platform has it."""
        return self.client.pages(self.dataset_id, "annotations", {"filter": {"$and": [{"itemId": item.id}]}})

    def read(self, item: Item) -> Reading:
        """The chosen polygons of an item, every ring kept; others, and those in video, are left alone."""
        rows = self.annotations(item)
        polygons = [row for row in rows if row.get("type") == "segment"]
        read = _Polygons(item, {str(row.get("id")): key for row in rows if (key := original_id(row))})
        choice = self.choice.among(_origins(rows))
        for row in rows:
            read.take(row, choice)
        unchosen = read.held(unchosen_in_masks(rows, read.unchosen, item))
        # Only where something is drawn: a video's frame is not to be had, and nobody asks for it.
        frame = self.frame(item) if read.instances or any(unchosen.values()) else (1, 1)
        record = ImageRecord(item.id, item.name, frame, tuple(read.instances), etag_of(polygons))
        listed_ids = frozenset(key for row in rows for key in _listed_ids(row)) | self.copies.ids(item, rows)
        return Reading(
            record,
            read.raw,
            read.details,
            read.unsupported,
            listed_ids - read.raw.keys(),
            read.skipped,
            declared=sum(not _is_ours(row) for row in rows),
            left_out=read.left_out,
            unchosen=unchosen,
        )

    def listed(self, item: Item, rows: Sequence[Json]) -> frozenset[str]:
        """The ids under which the masks of an item may list any of its annotations."""
        return frozenset(key for row in rows for key in ids_in_claims(row)) | self.copies.ids(item, rows)

    def frame(self, item: Item) -> Frame:
        """(height, width) of the picture as it is shown, which polygons are drawn on.

        From the metadata, where EXIF orientations 5 to 8 swap the stored sides; from the picture
        where they are missing. With `check_images`, from both, which must agree.
        """
        system = part(getattr(item, "raw", {}), "metadata", "system")
        height, width = _pixels(system.get("height")), _pixels(system.get("width"))
        stated = (height, width) if height and width else None
        if stated and part(system, "exif").get("Orientation") in TURNED:
            stated = stated[::-1]
        if stated and not self.check_images:
            return stated
        shown = shown_frame(self.image(item), item.name)
        if stated and stated != shown:
            (h, w), (height, width) = stated, shown
            raise InputError(
                f"{item.name}: the picture is shown as {height} × {width} px, its metadata say {h} × {w}"
            )
        return shown

    def image(self, item: Item) -> bytes:
        """The picture's own bytes, whose number the metadata tell."""
        data = self.client.stream(item.id)
        size = _pixels(part(getattr(item, "raw", {}), "metadata", "system").get("size"))
        if size is not None and size != len(data):
            raise InputError(f"{item.name}: downloaded {len(data)} bytes of {size}", advice="try again")
        return data

    def delete(self, item: Item, instance_ids: Sequence[str], etag: str) -> None:
        """Delete polygons; raises `SourceChanged` where the record, or any of the polygons, has changed."""
        reading = self.read(item)
        if reading.record.etag != etag:
            raise SourceChanged(f"{item.name}: the annotations changed meanwhile", advice="run again")
        self._deletion.run(item, [dict(reading.raw[instance_id]) for instance_id in instance_ids])

    def restore(self, item: Item, backup: Mapping[str, Any], *, instance_id: str | None = None) -> bool:
        """Post a deleted polygon again, all rings and metadata; False where it is there."""
        key = instance_id or original_id(backup) or str(backup["id"])
        return PuttingBack(self.client, self.dataset_id).run(item, backup, key)[0]


def _listed_ids(row: Json) -> frozenset[str]:
    """The ids under which masks may list an annotation; not its present id if it had another in its item."""
    first_id = original_id(row)
    return frozenset([first_id]) if first_id else ids_in_claims(row)


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


class _Polygons:
    """The polygons of one item: those that are taken, and what becomes of the others.

    `first_ids` tells of annotations that were put back, by the ids they have now, those they had first.
    """

    def __init__(self, item: Item, first_ids: Mapping[str, str]) -> None:
        self.item, self.first_ids = item, first_ids
        self.instances: list[Instance] = []
        self.raw: dict[str, Json] = {}
        self.details: dict[str, Json] = {}
        self.unsupported: list[Skipped] = []
        self.skipped: list[Skipped] = []
        self.unchosen: list[Json] = []
        self.left_out: Counter[Reason] = Counter()

    def take(self, row: Json, choice: Choice) -> None:
        """Take in a row, if it is a polygon, chosen, and can be drawn; masks of ours are no annotations."""
        if row.get("type") == "segment":
            self._take_polygon(row, choice)
        elif not _is_ours(row):
            self.left_out[Reason("unsupported", f"type '{row.get('type')}'")] += 1

    def _take_polygon(self, row: Json, choice: Choice) -> None:
        title, first_id = f"annotation {row.get('id')}", original_id(row) or str(row["id"])
        if reason := choice.refusal(origin_of(row.get("creator"), row.get("metadata"))):
            self.skipped.append(Skipped(self.item.name, f"{title}: {reason}"))
            self.left_out[Reason("choice", reason)] += 1
            self.unchosen.append(row)
            return
        try:
            instance = polygon_of(row, self.item)
        except (Malformed, GeometryError) as error:
            self.unsupported.append(Skipped(self.item.name, f"{title}: {error}; it is left alone"))
            self.left_out[Reason("unsupported", "a polygon that cannot be drawn")] += 1
            return
        if first_id in self.raw:  # put back twice: the second is a polygon of its own
            instance = replace(instance, id=str(row["id"]))
        self.instances.append(instance)
        self.raw[str(instance.id)] = row
        self._describe(instance, row)

    def _describe(self, instance: Instance, row: Json) -> None:
        details = details_of(row)
        if parent := self.first_ids.get(str(details.get("parentId"))):
            details["parentId"] = parent
        self.details[str(instance.id)] = details

    def held(self, unchosen: Mapping[str, Json]) -> dict[str, Instance | None]:
        """Unchosen polygons, by the ids that masks list them by; None for one that cannot be drawn."""
        return {key: self._drawn(row) for key, row in unchosen.items()}

    def _drawn(self, row: Json) -> Instance | None:
        try:
            instance = polygon_of(row, self.item)
        except (Malformed, GeometryError):
            return None
        if str(instance.id) in self.raw:  # put back twice, and the other is chosen
            instance = replace(instance, id=str(row["id"]))
        self._describe(instance, row)
        return instance


def _origins(rows: Sequence[Json]) -> Iterator[Origin]:
    """Who made the polygons and masks of an item, and those that masks of ours were made of."""
    for row in rows:
        if row.get("type") in PAINTED:
            yield from origins_of(row.get("creator"), row.get("metadata"))


def _is_ours(row: Json) -> bool:
    """Whether it is a mask that polymask made of annotations."""
    return row.get("type") == "binary" and bool(sources_of(row.get("metadata")))


def etag_of(polygons: Sequence[Json]) -> str:
    """SHA-256 of the polygons as the platform has them, whatever their order."""
    rows = sorted(json.dumps(row, sort_keys=True) for row in polygons)
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def shown_frame(data: bytes, name: str) -> Frame:
    """(height, width) of a picture's bytes as it is shown, EXIF orientation taken into account."""
    return frame_of_bytes(data, Path(name))
