"""The seams in memory: the smallest source and sink that keep the contract."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from itertools import count
from typing import Any

from polymask.claims import Mask
from polymask.digest import pixels_sha256
from polymask.errors import NotFound, SourceChanged
from polymask.model import ImageRecord, Instance, Polygon
from polymask.seams import Item, Reading, Stored

Row = dict[str, Any]


class Memory:
    """Rows of annotations by item; polygons have `rings`, masks of ours a `claim`, others neither."""

    def __init__(self, frame: tuple[int, int]) -> None:
        self.frame = frame
        self.rows: dict[str, list[Row]] = {}
        self._ids = count(1)

    def add(self, item_id: str, **row: Any) -> str:
        key = f"{next(self._ids):06}"
        self.rows.setdefault(item_id, []).append({"id": key, **row})
        return key

    def items(self) -> Iterator[Item]:
        return iter([Item(item_id, item_id) for item_id in sorted(self.rows)])

    def _polygons(self, item: Item) -> list[Row]:
        return [row for row in self.rows[item.id] if "rings" in row]

    def read(self, item: Item) -> Reading:
        rows = self._polygons(item)
        raw = {str(row.get("restored", row["id"])): deepcopy(row) for row in rows}
        instances = [
            Instance(key, row["label"], (Polygon(row["rings"][0], row["rings"][1:]),))
            for key, row in raw.items()
        ]
        etag = hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()
        return Reading(ImageRecord(item.id, item.name, self.frame, tuple(instances), etag), raw)

    def image(self, item: Item) -> bytes:
        raise NotFound(f"{item.name}: memory holds no pictures")

    def delete(self, item: Item, instance_ids: Sequence[str], etag: str) -> None:
        reading = self.read(item)
        if reading.record.etag != etag:
            raise SourceChanged(f"{item.name}: the annotations changed meanwhile; run again")
        gone = {reading.raw[key]["id"] for key in instance_ids}
        self.rows[item.id] = [row for row in self.rows[item.id] if row["id"] not in gone]

    def restore(self, item: Item, backup: Mapping[str, Any], *, instance_id: str | None = None) -> bool:
        wanted = instance_id or str(backup.get("restored", backup["id"]))
        if wanted in self.read(item).raw:
            return False
        self.add(
            item.id, **{name: value for name, value in backup.items() if name != "id"} | {"restored": wanted}
        )
        return True

    def write(self, item: Item, masks: Sequence[Mask]) -> None:
        for mask in masks:
            self.add(item.id, label=mask.label, claim=dict(mask.claim), mask=mask.mask.copy())

    def proofs(self, item: Item) -> tuple[Stored, ...]:
        return tuple(
            Stored(
                row["claim"]["key"],
                pixels_sha256(row["mask"]),
                row["id"],
                row["label"],
                row["claim"],
                row["mask"],
            )
            for row in self.rows[item.id]
            if "claim" in row
        )

    def retract(self, item: Item, proof: Stored) -> None:
        self.rows[item.id] = [row for row in self.rows[item.id] if row["id"] != proof.location]
