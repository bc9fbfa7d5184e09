"""The seams in memory: the smallest source and sink that keep the contract."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from itertools import count
from typing import Any

from polymask.errors import NotFound, SourceChanged
from polymask.in_place.protocols import Item, Reading, Stored
from polymask.model import ImageRecord, Instance, Polygon
from polymask.provenance.claims import DATASET, Mask, recomputed, values

Row = dict[str, Any]


class Memory:
    """Rows of annotations by item; polygons have `rings`, masks of ours a `claim`, others neither.

    `before_change` is called before each change of a run; where it raises, the run dies there. A memory
    that `rewrites` keeps what masks say of themselves in its own words, as servers do.
    """

    def __init__(self, frame: tuple[int, int], *, rewrites: bool = False) -> None:
        self.frame, self.rewrites, self.origin = frame, rewrites, DATASET
        self.rows: dict[str, list[Row]] = {}
        self.before_change: Callable[[str], None] = lambda _what: None
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
        details = {key: row.get("details", {}) for key, row in raw.items()}
        return Reading(ImageRecord(item.id, item.name, self.frame, tuple(instances), etag), raw, details)

    def image(self, item: Item) -> bytes:
        raise NotFound(f"{item.name}: memory holds no pictures")

    def delete(self, item: Item, instance_ids: Sequence[str], etag: str) -> None:
        reading = self.read(item)
        if reading.record.etag != etag:
            raise SourceChanged(f"{item.name}: the annotations changed meanwhile; run again")
        for key in instance_ids:
            self.before_change("delete")
            self.remove(item.id, reading.raw[key]["id"])

    def remove(self, item_id: str, key: str) -> None:
        """Take a row away."""
        self.rows[item_id] = [row for row in self.rows[item_id] if row["id"] != key]

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
            self.before_change("write")
            row = {"label": mask.label, "claim": deepcopy(dict(mask.claim))}
            row = rewritten(row) | {"label": f" {mask.label.upper()}"} if self.rewrites else row
            self.add(item.id, **row, mask=mask.mask.copy())

    def proofs(self, item: Item) -> tuple[Stored, ...]:
        return tuple(
            Stored(
                row["claim"]["key"],
                recomputed(row["claim"], row["mask"]),
                row["id"],
                row["label"],
                values(row["claim"]),
                row["mask"],
            )
            for row in self.rows[item.id]
            if "claim" in row
        )

    def retract(self, item: Item, proof: Stored) -> None:
        self.before_change("retract")
        self.remove(item.id, proof.location)


class LocalMemory:
    """A local file with polygons of a memory's items, as (label, rings) by item."""

    def __init__(
        self, memory: Memory, origin: str, polygons: Mapping[str, Sequence[tuple[str, Any]]]
    ) -> None:
        self.memory, self.origin, self.polygons = memory, origin, polygons

    def items(self) -> Iterator[Item]:
        return self.memory.items()

    def read(self, item: Item) -> Reading:
        instances = [
            Instance(str(number), label, (Polygon(rings[0], rings[1:]),))
            for number, (label, rings) in enumerate(self.polygons.get(item.id, ()), 1)
        ]
        raw = {str(instance.id): {"id": instance.id} for instance in instances}
        return Reading(ImageRecord(item.id, item.name, self.memory.frame, tuple(instances), "as read"), raw)

    def image(self, item: Item) -> bytes:
        raise NotFound(f"{item.name}: memory holds no pictures")

    def delete(self, item: Item, instance_ids: Sequence[str], etag: str) -> None:
        raise AssertionError("local polygons are kept")

    def restore(self, item: Item, backup: Mapping[str, Any], *, instance_id: str | None = None) -> bool:
        raise AssertionError("local polygons were kept")


def rewritten(told: Any) -> Any:
    """What a server may make of JSON: 1 is 1.0, keys are in another order, a row's label in another case."""
    if isinstance(told, dict):
        return {key: rewritten(told[key]) for key in sorted(told, reverse=True)}
    if isinstance(told, list):
        return [rewritten(one) for one in told]
    return float(told) if isinstance(told, int) and not isinstance(told, bool) else told
