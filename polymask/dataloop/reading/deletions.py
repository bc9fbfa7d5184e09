"""What the masks of a dataset say was deleted, and what of that is not there."""

from collections.abc import Iterator, Sequence

from polymask.dataloop.reading.claims import Claimed, claimed_in
from polymask.dataloop.reading.copies import Copies
from polymask.dataloop.service.client import Client
from polymask.formats.reading.annotation_choice import ids_in_claims
from polymask.in_place.protocols import Item
from polymask.validation import Json

ITEMS_A_CALL = 200


def claimed_deletions(client: Client, dataset_id: str) -> list[Claimed]:
    """The polygons that may have been deleted on account of a dataset's masks, which are listed once."""
    query = {"filter": {"$and": [{"type": "binary"}]}}
    rows = client.pages(dataset_id, "annotations", query, keep=_claims)
    return [claim for row in rows for claim in row["claims"]]


def _claims(row: Json) -> Json:
    return {"id": row["id"], "claims": claimed_in(row)}


def absent(client: Client, dataset_id: str, claims: Sequence[Claimed]) -> list[Claimed]:
    """The polygons of claims that are not there, neither as themselves, nor put back, nor as copies.

    Polygons are listed only of the items that the claims are about.
    """
    by_item: dict[str, list[Claimed]] = {}
    for claim in claims:
        by_item.setdefault(claim.item, []).append(claim)
    copies = Copies(client)
    return [
        claim
        for item_id, rows in _polygons_of(client, dataset_id, sorted(by_item))
        for claim in _absent(copies, Item(item_id, item_id), rows, by_item[item_id])
    ]


def _absent(copies: Copies, item: Item, rows: Sequence[Json], claims: Sequence[Claimed]) -> Iterator[Claimed]:
    here = {key for row in rows for key in ids_in_claims(row)} | copies.ids(item, rows, claims)
    return (claim for claim in claims if claim.key not in here)


def _polygons_of(client: Client, dataset_id: str, items: Sequence[str]) -> Iterator[tuple[str, list[Json]]]:
    for start in range(0, len(items), ITEMS_A_CALL):
        rows: dict[str, list[Json]] = {item_id: [] for item_id in items[start : start + ITEMS_A_CALL]}
        query = {"filter": {"$and": [{"itemId": {"$in": list(rows)}}, {"type": "segment"}]}}
        for row in client.pages(dataset_id, "annotations", query):
            rows.get(str(row.get("itemId")), []).append(row)
        yield from rows.items()
