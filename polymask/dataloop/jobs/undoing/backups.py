"""Which backup has what a mask says was deleted: the same polygon, in the version that was deleted last."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from polymask.dataloop.jobs.journals import PolygonKey, existing
from polymask.dataloop.reading.claims import Claimed
from polymask.dataloop.reading.copies import dataset_of
from polymask.dataloop.reading.polygons import version_of
from polymask.dataloop.service.client import Client
from polymask.dataloop.service.restoring import Deleted, kept_by
from polymask.errors import BackendError
from polymask.in_place.evidence import Evidence
from polymask.validation import Json


class Datasets:
    """Tells of items which dataset they are in, at a call for a dataset's first item, and its listing."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._of: dict[str, str] = {}  # dataset ids by item id

    def of(self, item_id: str) -> str:
        """The id of an item's dataset; raises `NotFound` or `Denied` where it cannot be seen."""
        if item_id not in self._of:
            dataset_id = dataset_of(self._client, item_id)
            rows = self._client.pages(dataset_id, "items", {}, keep=_id_of)
            self._of |= {str(row["id"]): dataset_id for row in rows} | {item_id: dataset_id}
        return self._of[item_id]


def _id_of(row: Json) -> Json:
    return {"id": row["id"]}


class Backups:
    """The polygons in the backups of journals, each in every version that was kept.

    A mask may say that a polygon was deleted, and no journal: a run was stopped between its backup and its
    deletions, and somebody erased it then.

    Copies of items, or of whole datasets, have masks that name polygons of other items. Unless a folder is
    named, the journals of the datasets of these are looked for as well, in their usual places.
    """

    def __init__(self, client: Client, journals: Sequence[Evidence], *, folder: str | Path | None) -> None:
        self._client, self._looks_elsewhere = client, folder is None
        self._datasets = Datasets(client)
        self._asked: set[str] = set()  # items, and datasets, whose journals were looked for
        self._versions: dict[PolygonKey, list[Deleted]] = {}
        self._places: dict[str, list[PolygonKey]] = {}
        self._unread = list(journals)  # until somebody asks

    def of(self, claim: Claimed) -> Deleted | None:
        """The backup of what a claim says was deleted; None where no journal holds that version of it."""
        self._read()
        polygon = next(self._matches(claim), None)
        if polygon is None and self._look_elsewhere(claim):
            polygon = next(self._matches(claim), None)
        return polygon

    def attributed(self, claim: Claimed) -> Claimed:
        """A claim of an earlier build, with the item that its polygon belonged to, where a backup tells."""
        polygon = self.of(claim)
        return claim._replace(origin=polygon.item.id) if polygon else claim

    def _matches(self, claim: Claimed) -> Iterator[Deleted]:
        places = [claim.place]
        # Claims of earlier builds do not tell whose polygons they list in a copy of an item.
        places += [(claim.origin, claim.key)] if claim.origin else self._places.get(claim.key, [])
        versions = (polygon for place in places for polygon in reversed(self._versions.get(place, [])))
        return (polygon for polygon in versions if is_version(polygon, claim))

    def _look_elsewhere(self, claim: Claimed) -> bool:
        """Look for the journals of the dataset that a copied polygon comes from; whether there are any."""
        if not self._looks_elsewhere or not claim.is_copied or claim.origin in self._asked:
            return False
        self._asked.add(claim.origin)
        try:
            dataset_id = self._datasets.of(claim.origin)
            if dataset_id in self._asked:
                return False
            self._asked.add(dataset_id)
            dataset = self._client.call("GET", f"/datasets/{dataset_id}", safe=True)
            self._unread = existing(self._client, dataset, None)
            self._read()
        except BackendError as error:
            if self._client.may_pass(error):
                raise
            return False
        return True

    def _read(self) -> None:
        journals, self._unread = self._unread, []
        for polygon in (polygon for journal in journals for polygon in kept_by(journal)):
            self._versions.setdefault(polygon.place, []).append(polygon)
            self._places.setdefault(polygon.key, []).append(polygon.place)


def is_version(polygon: Deleted, claim: Claimed) -> bool:
    """Whether a backup is what a mask says of the polygon."""
    version = version_of(polygon.backup, polygon.item)
    return version is not None and claim.is_of(version)


def among_last(claims: Iterable[Claimed]) -> Callable[[Deleted], bool]:
    """Tells whether a backup is what masks say was deleted last, or none of them speaks of the polygon."""
    by_place: dict[PolygonKey, list[Claimed]] = {}
    for claim in claims:
        by_place.setdefault(claim.place, []).append(claim)

    def is_last(polygon: Deleted) -> bool:
        spoken = by_place.get(polygon.place)
        return not spoken or any(is_version(polygon, claim) for claim in spoken)

    return is_last
