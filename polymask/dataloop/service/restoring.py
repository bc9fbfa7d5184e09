"""Deleted polygons put back: each once, known by its item and the id that it had.

A polygon that is put back gets a new id from the platform, and a mark of ours that says which it was:
`{"restored": ID, "item": ITEM}`, in `metadata.user.polymask`, or in `metadata.polymask` where somebody
keeps something else there. A copy of the item carries the mark along: there it means nothing.
"""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from polymask.dataloop.service.client import Client
from polymask.dataloop.service.responses import listed, part
from polymask.errors import BackendError, Unavailable
from polymask.formats.reading.annotation_choice import original_id
from polymask.in_place.evidence import Evidence
from polymask.in_place.protocols import Item
from polymask.validation import Json

TRIES = 4  # of posting one polygon again
OF_THE_PLATFORM = ("id", "url", "item", "dataset", "hash", "createdAt", "updatedAt", "updatedBy", "creator")
"""What the platform gives an annotation itself."""


class PuttingBack:
    """Puts polygons back into the items of one dataset."""

    def __init__(self, client: Client, dataset_id: str) -> None:
        self.client, self.dataset_id = client, dataset_id
        self._listed: tuple[str, list[Json]] = "", []

    def polygons(self, item: Item, *clauses: Json) -> list[Json]:
        """The polygons that an item has, or those of them that meet the clauses."""
        query = {"filter": {"$and": [{"itemId": item.id}, {"type": "segment"}, *clauses]}}
        return self.client.pages(self.dataset_id, "annotations", query)

    def row_now(self, item: Item, key: str) -> Json | None:
        """A polygon as it is now, as itself or put back; None where it is not there.

        An item is listed once for all its polygons, and again after those of another.
        """
        if self._listed[0] != item.id:
            self._listed = item.id, self.polygons(item)
        return next((row for row in self._listed[1] if key in (str(row["id"]), original_id(row))), None)

    def run(
        self, item: Item, backup: Mapping[str, Any], key: str, *, parent: str | None = None
    ) -> tuple[bool, str]:
        """Post a polygon again unless it is there; whether that was done, and the id that it has now.

        `key` is the id under which it was first known, `parent` the id that its parent has by now.
        Whether it arrived is read back, not believed; it is not sent again before that.
        """
        if present := self.row_now(item, key):
            return False, str(present["id"])
        row, posted_id, lost = posted(backup, item.id, key, parent=parent), "", False
        for attempt in range(1, TRIES + 1):
            failure: BackendError = Unavailable(
                f"{item.name}: polygon {key} cannot be read back", advice="run again"
            )
            try:
                answer = self.client.call("POST", f"/items/{item.id}/annotations", [row], safe=False)
                posted_id = next((str(part(answered).get("id", "")) for answered in listed(answer)), "")
            except BackendError as error:
                if not self.client.may_pass(error):
                    raise
                failure, lost = error, True
            if arrived := self._arrived(item, key, posted_id, lost=lost or attempt > 1):
                return True, arrived
            if attempt < TRIES:
                self.client.pause(failure, attempt)
                if arrived := self._arrived(item, key, posted_id, lost=True):  # it may only have been late
                    return True, arrived
        raise failure

    def _arrived(self, item: Item, key: str, posted_id: str, *, lost: bool) -> str:
        """The id of a polygon that was put back; of equal polygons that came just now, the first is kept."""
        before = {str(row["id"]) for row in self._listed[1]}
        rows = self.polygons(item, *([] if lost or not posted_id else [{"id": posted_id}]))
        fresh = [row for row in rows if str(row["id"]) not in before]
        marked = [row for row in fresh if original_id(row) == key]
        for double in marked[1:]:  # both replies were lost, and the first look was outdated
            if _content(double) == _content(marked[0]):
                self.client.delete(str(double["id"]))
        # Not by the id that it had: who sees that now sees what was before it was deleted.
        arrived = (marked or [row for row in fresh if str(row["id"]) == posted_id])[:1]
        self._listed[1].extend(arrived)
        return str(arrived[0]["id"]) if arrived else ""

    def take_back_doubles(self, item: Item) -> int:
        """Delete what another restoration at the same time put back as well, and tell how many that were.

        Of equal polygons the first is kept, whichever restoration looks; one that another is linked to stays.
        """
        rows = sorted(self.polygons(item), key=lambda row: str(row["id"]))
        parents = {str(part(row, "metadata", "system").get("parentId") or "") for row in rows}
        first: dict[str, Json] = {}
        doubles = [
            str(row["id"])
            for row in rows
            if (key := original_id(row))
            and (kept := first.setdefault(key, row)) is not row
            and _content(kept) == _content(row)
            and str(row["id"]) not in parents
        ]
        for double in doubles:
            self.client.delete(double)
        return len(doubles)


def posted(backup: Mapping[str, Any], item_id: str, key: str, *, parent: str | None = None) -> Json:
    """A backed-up polygon as it is posted again: without what the platform gives itself, and marked."""
    row = {name: value for name, value in backup.items() if name not in OF_THE_PLATFORM}
    metadata, mark = part(row, "metadata"), {"polymask": {"restored": key, "item": item_id}}
    if parent:
        metadata = metadata | {"system": part(metadata, "system") | {"parentId": parent}}
    user = metadata.get("user")
    if user is None:
        user = {}
    # Whatever somebody keeps where the mark would go stays there, and the mark goes beside it.
    free = isinstance(user, dict) and ("polymask" not in user or part(user, "polymask").get("restored"))
    return row | {"metadata": metadata | ({"user": user | mark} if free else mark)}


def restore_command(url: str, journal: str | Path | None) -> str:
    """What puts back what was deleted from a dataset, as it is typed."""
    where = f" --journal {shlex.quote(str(journal))}" if journal else ""
    return f"polymask restore {shlex.quote(url)}{where}"


def _content(row: Json) -> Json:
    return {name: value for name, value in row.items() if name not in OF_THE_PLATFORM}


DeletionKey = tuple[int, str, str]  # of a journal, an item, and the id that its polygon had then


@dataclass(frozen=True, slots=True)
class Deleted:
    """A polygon that a run set out to delete: its backup, and the id under which it was first known.

    It is `confirmed` where a run noted that it was gone: else somebody else may have erased it.
    """

    journal: Evidence
    item: Item
    backup: Json
    key: str
    confirmed: bool = True

    @property
    def place(self) -> tuple[str, str]:
        """What it is known by, however often it was deleted and put back."""
        return self.item.id, self.key

    @property
    def deletion(self) -> DeletionKey:
        """What its journal knows its last deletion by."""
        return id(self.journal), self.item.id, str(self.backup["id"])

    @property
    def parent(self) -> tuple[str, str]:
        """The item and the id that its parent had when it was backed up."""
        return self.item.id, str(part(self.backup, "metadata", "system").get("parentId") or "")

    @property
    def unfit(self) -> bool:
        """Whether its metadata is no object, and so cannot hold our mark."""
        return not isinstance(self.backup.get("metadata", {}), dict | None)


def deleted(
    journals: Sequence[Evidence], *, is_last: Callable[[Deleted], bool]
) -> tuple[dict[tuple[str, str], Deleted], dict[tuple[str, str], tuple[str, str]]]:
    """Every polygon that was deleted, its last version; and what each id stood for.

    One that was restored and deleted again is still the same polygon. `is_last` tells of a version whether
    it may be the one that was deleted last: others are taken only where there is no such version.
    """
    every = [polygon for journal in journals for polygon in _deleted_by(journal)]
    # Of several journals, that which has not seen it put back tells of its last deletion.
    waiting = pending(journals) if len(journals) > 1 else set()
    every.sort(key=lambda polygon: (is_last(polygon), polygon.deletion in waiting))
    meant = {(polygon.item.id, str(polygon.backup["id"])): polygon.place for polygon in every}
    return {polygon.place: polygon for polygon in every}, meant


def pending(journals: Sequence[Evidence]) -> set[DeletionKey]:
    """The deletions that no restoration with the same journal has undone since."""
    return {(id(journal), *place) for journal in journals for place in journal.ids_not_restored()}


def _deleted_by(journal: Evidence) -> Iterator[Deleted]:
    unconfirmed = journal.ids_not_confirmed()
    for polygon in (deleted_of(journal, line) for line in journal.deleted()):
        yield replace(polygon, confirmed=polygon.deletion[1:] not in unconfirmed)


def kept_by(journal: Evidence) -> Iterator[Deleted]:
    """Every polygon in a journal's backup, also those that no run noted to delete, and these first.

    Of an item of which something is damaged, its last version may be what is missing.
    """
    for line in journal.backups():
        if str(line["item"]) not in journal.damages:
            yield replace(deleted_of(journal, line), confirmed=False)
    yield from _deleted_by(journal)


def deleted_of(journal: Evidence, line: Json) -> Deleted:
    """The polygon that a line of a journal's backup has."""
    backup, item = line["instance"], Item(str(line["item"]), line["name"])
    return Deleted(journal, item, backup, str(line.get("id") or original_id(backup) or backup["id"]))


def parents_first(
    latest: Mapping[tuple[str, str], Deleted], meant: Mapping[tuple[str, str], tuple[str, str]]
) -> Iterator[Deleted]:
    """Deleted polygons by their places, each after its parent; `meant` tells what a parent's id stood for."""
    placed: set[tuple[str, str]] = set()
    for polygon in latest.values():
        lineage = []
        while polygon.place not in placed:
            placed.add(polygon.place)
            lineage.append(polygon)
            polygon = latest.get(meant.get(polygon.parent, polygon.place), polygon)  # noqa: PLW2901 - up to the eldest
        yield from reversed(lineage)
