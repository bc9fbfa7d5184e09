"""Labels with several masks of ours on one item, seen from a listing of masks.

Two runs at once may leave such, or a run that was stopped between an upload and its look at it. Where all
polygons of the item are deleted, no listing of polygons leads to them.
"""

from collections import Counter
from collections.abc import Sequence

from polymask.dataloop.item_queries import DELETING_MASKS, EVERY_MASK
from polymask.dataloop.reading.claims import claim_of
from polymask.dataloop.service.client import Client
from polymask.errors import Unavailable
from polymask.validation import Json


def items_with_doubles(client: Client, dataset_id: str) -> list[str]:
    """The ids of the items on which a label has several masks of one source, for which polygons may go.

    1,000 masks are listed in a call.
    """
    places = Counter(row["place"] for row in _masks(client, dataset_id) if row["place"])
    return sorted({item_id for (item_id, _), count in places.items() if count > 1})


def _masks(client: Client, dataset_id: str) -> Sequence[Json]:
    try:
        return client.pages(dataset_id, "annotations", DELETING_MASKS, keep=_placed)
    except Unavailable as error:  # a service that takes no such filter
        if client.may_pass(error):
            raise
    return client.pages(dataset_id, "annotations", EVERY_MASK, keep=_placed)


def _placed(row: Json) -> Json:
    """A mask's item, and a number for its label and source; None for what is not ours."""
    claim = claim_of(row)
    kind = claim and hash((claim.get("label", ""), claim.get("origin", "")))
    return {"id": row["id"], "place": claim and (str(row.get("itemId")), kind)}
