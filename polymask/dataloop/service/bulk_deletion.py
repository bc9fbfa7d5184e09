"""The deletion of polygons: by their ids, and only those that nobody changed since they were read.

The platform deletes many annotations in one call, by a filter. Ours names the item, the ids, and
that they were not updated after the last update that was read, so that what somebody edits
meanwhile does not match, and stays. A listing by the same filter shows first, once a run, that the
service heeds each clause of it; where it does not, or refuses, polygons are looked at and deleted one by one.

Nothing is sent again, and no batch follows another, before the polygons were looked at anew: a
wait may be long.
"""

from collections.abc import Sequence
from typing import Any

from polymask.dataloop.service.client import Client
from polymask.dataloop.service.responses import listed, part
from polymask.errors import BackendError, Denied, NotFound, SourceChanged
from polymask.in_place.protocols import Item
from polymask.validation import Json

MOST = 500  # polygons in one call
TRIES = 6


class DeletionByFilter:
    """Deletes polygons of one dataset, or masks; what the service makes of our filter is found out once."""

    def __init__(self, client: Client, dataset_id: str, *, kind: str = "segment") -> None:
        self.client, self.dataset_id, self.kind = client, dataset_id, kind
        self._heeded: bool | None = None

    def run(self, item: Item, rows: Sequence[Json]) -> None:
        """Delete polygons that were read just now.

        Raises `SourceChanged` for one that was changed meanwhile, which stays, and with it those
        that would have come after it; a `BackendError` where the service does not do it.
        """
        for number, start in enumerate(range(0, len(rows), MOST)):
            batch = list(rows[start : start + MOST])
            self._delete(item, batch if number == 0 else self._unchanged(item, batch))

    def _delete(self, item: Item, batch: list[Json]) -> None:
        for attempt in range(1, TRIES + 1):
            if not batch:
                return
            if not self._is_heeded(item, batch):
                self._one_by_one(item, batch)
                return
            try:
                self._call(_matching(item, batch), delete=True)
                return
            except BackendError as error:
                self._may_go_on(error, attempt)
            batch = self._unchanged(item, batch)

    def _may_go_on(self, error: BackendError, attempt: int) -> None:
        """Wait for a failure that may pass; remember that a filter was refused."""
        if isinstance(error, Denied) or attempt == TRIES:
            raise error
        if self.client.may_pass(error):
            self.client.pause(error, attempt)
        else:
            self._heeded = False

    def _one_by_one(self, item: Item, batch: Sequence[Json]) -> None:
        for row in batch:
            for attempt in range(1, TRIES + 1):
                if not self._unchanged(item, [row]):
                    break
                try:
                    self.client.delete_once(str(row["id"]))
                    break
                except NotFound:
                    break
                except BackendError as error:
                    if attempt == TRIES or not self.client.may_pass(error):
                        raise
                    self.client.pause(error, attempt)

    def _unchanged(self, item: Item, rows: Sequence[Json]) -> list[Json]:
        """The rows that are still stored; raises `SourceChanged` where somebody changed any of them."""
        narrow: list[Json] = [{"id": str(rows[0]["id"])}] if len(rows) == 1 else []
        clauses = [{"itemId": item.id}, {"type": self.kind}, *narrow]
        rows_there = self.client.pages(self.dataset_id, "annotations", {"filter": {"$and": clauses}})
        rows_by_id = {str(row["id"]): row for row in rows_there}
        if any(rows_by_id.get(str(row["id"]), row) != row for row in rows):
            what = "polygon" if self.kind == "segment" else "mask"
            raise SourceChanged(f"{item.name}: a {what} was changed meanwhile, and stays", advice="run again")
        return [row for row in rows if str(row["id"]) in rows_by_id]

    def _is_heeded(self, item: Item, batch: Sequence[Json]) -> bool:
        """Whether the service heeds our filter: tried by listings, which delete nothing, once a run."""
        if not all(isinstance(row.get("updatedAt"), str) for row in batch):
            return False
        if self._heeded is None:
            self._heeded = self._tried(item, batch)
        return bool(self._heeded)

    def _tried(self, item: Item, batch: Sequence[Json]) -> bool | None:
        """Whether listings by our filter show what they should; None where that may have other reasons."""
        matching = self._listed(_matching(item, batch))
        later = self._listed([*_of(item, batch), {"updatedAt": {"$gt": _latest(batch)}}])
        if matching is None or later is None:
            return False
        as_read = all(row in batch for row in later)  # listed as later than they are
        if later:
            return False if as_read else None
        return True if sorted(map(_id, matching)) == sorted(_ids(batch)) else None

    def _listed(self, clauses: Sequence[Json]) -> list[Any] | None:
        """The rows that a filter selects; None where the service refuses it."""
        try:
            answer = self._call(clauses, delete=False)
        except BackendError as error:
            if isinstance(error, Denied) or self.client.may_pass(error):
                raise
            return None
        return listed(part(answer).get("items"))

    def _call(self, clauses: Sequence[Json], *, delete: bool) -> Any:
        body = {
            "filter": {"$and": list(clauses)},
            "page": 0,
            "pageSize": 1000,
            "resource": "annotations",
        } | ({"delete": True} if delete else {})
        return self.client.call("POST", f"/datasets/{self.dataset_id}/query", body, safe=not delete)


def _matching(item: Item, batch: Sequence[Json]) -> list[Json]:
    """The clauses for polygons of an item as they were read; `annotationId` is the platform's word here."""
    return [*_of(item, batch), {"updatedAt": {"$lte": _latest(batch)}}]


def _of(item: Item, batch: Sequence[Json]) -> list[Json]:
    return [{"annotationId": {"$in": _ids(batch)}}, {"itemId": item.id}]


def _latest(batch: Sequence[Json]) -> str:
    return max(str(row["updatedAt"]) for row in batch)


def _ids(batch: Sequence[Json]) -> list[str]:
    return [str(row["id"]) for row in batch]


def _id(row: Any) -> str:
    return str(part(row).get("id"))
