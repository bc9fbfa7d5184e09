"""Copies of items: their masks name the polygons of the item that they were copied from.

A copied polygon has an id of its own, so a mask of the copy lists it by an id that is nowhere in the item.
Were that taken for a deletion, the mask would keep what somebody erased in the copy, and hold twice what was
moved.
"""

from collections.abc import Iterable, Sequence

from polymask.dataloop.reading.claims import Claimed, Version, claimed_in, named_in
from polymask.dataloop.reading.polygons import versions_of
from polymask.dataloop.service.client import Client
from polymask.dataloop.service.responses import part
from polymask.errors import Denied, NotFound
from polymask.formats.reading.annotation_choice import ids_in_claims
from polymask.in_place.protocols import Item
from polymask.provenance.claims import same_label
from polymask.validation import Json

REVIEW = ("status",)  # what copies of an item are known to lack of an annotation's details


class Copies:
    """Tells which polygons of items are copies of those that their masks name; threads may share it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._undeleted: dict[str, frozenset[str]] = {}  # by item that others were copied from

    def ids(
        self, item: Item, rows: Sequence[Json], claims: Sequence[Claimed] | None = None
    ) -> frozenset[str]:
        """The ids that polygons of a copied item have in the item that it was copied from.

        `claims` are what masks say was deleted, by default the masks among the item's annotations. A polygon
        that the first item still has was not deleted when the copy was made: if the copy lacks it,
        somebody moved or erased it there.
        """
        here = {key for row in rows for key in ids_in_claims(row)}
        claims = [claim for row in rows for claim in claimed_in(row)] if claims is None else claims
        absent = [claim for claim in claims if claim.is_copied and claim.key not in here]
        if not absent:
            return frozenset()
        copies = copied_ids(absent, versions_of(rows, item))
        others = [claim for claim in absent if claim.key not in copies and not claim.entry.get("deleted")]
        return copies | {claim.key for claim in others if claim.key in self._polygons_at(claim.origin)}

    def _polygons_at(self, item_id: str) -> frozenset[str]:
        """The ids of the polygons of another item that were never deleted; none where it cannot be seen."""
        if item_id not in self._undeleted:
            query = {"filter": {"$and": [{"itemId": item_id}, {"type": "segment"}]}}
            try:
                dataset_id = dataset_of(self._client, item_id)
                rows = self._client.pages(dataset_id, "annotations", query, keep=_id_of)
            except (NotFound, Denied):
                rows = []
            self._undeleted[item_id] = frozenset(str(row["id"]) for row in rows)
        return self._undeleted[item_id]


def dataset_of(client: Client, item_id: str) -> str:
    """The id of the dataset that an item is in; raises `NotFound` or `Denied` where that cannot be seen."""
    return str(part(client.call("GET", f"/items/{item_id}", safe=True)).get("datasetId"))


def _id_of(row: Json) -> Json:
    return {"id": row["id"]}


def copied_ids(claims: Sequence[Claimed], versions: Iterable[Version]) -> frozenset[str]:
    """The polygons that a copy of an item has under other ids than its masks list, by the latter.

    They are known by what the masks say of them, at least by geometry and label; each of the item's polygons
    stands for a single one. What was deleted before the mask was written is in no copy.
    """
    by_shape: dict[str, list[Version]] = {}
    for version in versions:
        by_shape.setdefault(version.sha256, []).append(version)
    keys: set[str] = set()
    for is_same in (_is_same, _is_alike):
        for claim in claims:
            remaining = by_shape.get(str(claim.entry["sha256"]), [])
            is_open = claim.key not in keys and not claim.entry.get("deleted")
            match = next((version for version in remaining if is_open and is_same(claim, version)), None)
            if match:
                remaining.remove(match)
                keys.add(claim.key)
    return frozenset(keys)


def unchosen_in_masks(rows: Sequence[Json], unchosen: Sequence[Json], item: Item) -> dict[str, Json]:
    """The unchosen polygons of an item that its masks hold, by the ids that these list them by."""
    if not unchosen:
        return {}
    named = [claim for row in rows for claim in named_in(row)]
    keys, copied = {claim.key for claim in named}, [claim for claim in named if claim.is_copied]
    return {
        key: row
        for row in unchosen
        for key in (ids_in_claims(row) & keys) | copied_ids(copied, versions_of([row], item))
    }


def _is_same(claim: Claimed, version: Version) -> bool:
    return claim.is_of(version, but=REVIEW)


def _is_alike(claim: Claimed, version: Version) -> bool:
    return same_label(claim.label, version.label)
