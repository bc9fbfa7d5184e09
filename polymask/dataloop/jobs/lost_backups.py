"""Polygons that a dataset's masks say were deleted, and that no journal here holds: nobody can put them back.

A journal may be on another machine, or gone with all its files; then only the masks tell.
"""

from collections.abc import Collection, Iterator, Sequence

from polymask.dataloop.service.client import Client
from polymask.dataloop.sink import claim_of
from polymask.errors import ProofError
from polymask.formats.reading.choice import original_id
from polymask.in_place.protocols import Stored
from polymask.model import Skipped
from polymask.results import Report
from polymask.validation import Json

ITEMS_A_CALL = 200

PolygonKey = tuple[str, str]  # an item's id, and the id under which a polygon was first known


def without_backup(client: Client, dataset_id: str, backed_up: Collection[str]) -> set[PolygonKey]:
    """The polygons that masks say were deleted, that are not there, and whose ids are not backed up.

    The masks are listed once; polygons only of items of which something is missing. A clone's masks name the
    polygons of the item that it was cloned from, so only the ids are compared.
    """
    query = {"filter": {"$and": [{"type": "binary"}]}}
    masks = client.pages(dataset_id, "annotations", query, keep=_claimed)
    missing = {(row["item"], key) for row in masks for key in row["deleted"] if key not in backed_up}
    return missing - set(_polygons_of(client, dataset_id, sorted({item for item, _ in missing})))


def _claimed(row: Json) -> Json:
    """What is kept of a mask: its item, and the polygons that may have been deleted on its account."""
    claim = claim_of(row)
    deleted = Stored("", "", "", "", claim, None).absorbed(frozenset()) if claim else frozenset()
    return {"id": row["id"], "item": str(row.get("itemId")), "deleted": deleted}


def _polygons_of(client: Client, dataset_id: str, items: Sequence[str]) -> Iterator[PolygonKey]:
    for start in range(0, len(items), ITEMS_A_CALL):
        ids = items[start : start + ITEMS_A_CALL]
        query = {"filter": {"$and": [{"itemId": {"$in": ids}}, {"type": "segment"}]}}
        for row in client.pages(dataset_id, "annotations", query, keep=_named):
            yield from ((row["item"], key) for key in row["keys"])


def _named(row: Json) -> Json:
    keys = {str(row["id"]), original_id(row) or str(row["id"])}
    return {"id": row["id"], "item": str(row.get("itemId")), "keys": keys}


def tell_of_lost(report: Report, dataset: str, places: Collection[PolygonKey], *, journals: str) -> None:
    """Fail a restoration that cannot put everything back; what it could is put back all the same."""
    if not places:
        return
    report.failures.append(Skipped(dataset, loss_in_words(places, journals)))
    report.exit_code = max(report.exit_code, ProofError.exit_code)


def loss_in_words(places: Collection[PolygonKey], journals: str) -> str:
    """How many polygons are in no backup, and what can be done."""
    items = len({item for item, _ in places})
    return (
        f"the masks of {items:,} items say that {len(places):,} polygons were deleted that no journal in "
        f"{journals} holds; where another folder or machine has it, `polymask restore` it with --journal"
    )
