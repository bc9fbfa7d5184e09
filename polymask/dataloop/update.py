"""`--update`: items that are up to date are seen so from listings of many items' annotations at once.

What a run would do to an item follows from its annotations alone: its polygons, and what its masks of ours
say of themselves and hold. So the annotations of many items are listed in one call, and only items to
which anything is to be done are read one by one. No date tells that: a polygon that was erased leaves none.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

from polymask.dataloop.service.client import Client
from polymask.dataloop.sink import DataloopSink
from polymask.dataloop.source import DataloopSource
from polymask.errors import Unavailable
from polymask.in_place.job import ProvenJob, ProvenOptions
from polymask.in_place.protocols import Item, Reading, Stored
from polymask.in_place.reconcile import Decision
from polymask.results import Outcome
from polymask.validation import Json

ITEMS_A_CALL = 200


class UpToDate:
    """Tells the outcome of items to which nothing is to be done; threads share it."""

    def __init__(
        self, source: DataloopSource, sink: DataloopSink, items: Sequence[Item], options: ProvenOptions
    ) -> None:
        self._listings = Listings(source.client, source.dataset_id, items)
        self.source, self.sink = _ListedSource(source, self._listings), sink
        self.options = replace(options, dry_run=True, workers=1)

    def __call__(self, item: Item) -> Outcome | None:
        """The outcome of an item that is up to date; None for one that is not, or cannot be seen to be."""
        open_decisions: list[str] = []

        def watch(_: Item, __: Reading, decisions: Mapping[str, Decision], ___: Sequence[Stored]) -> None:
            open_decisions.extend(label for label, decision in decisions.items() if _is_open(decision))

        sink = DataloopSink(self.sink.client, self.source, self.sink.colors, limits=self.sink.limits)
        rehearsal = ProvenJob(self.source, sink, None, self.options)
        rehearsal.watch = watch
        try:
            outcome = rehearsal.convert(item)
        finally:
            self._listings.forget(item)
        is_done = not (outcome.failure or open_decisions or outcome.deleted)
        return outcome if is_done else None


def _is_open(decision: Decision) -> bool:
    return bool(decision.write or decision.retract or decision.accounted or decision.problem)


class _ListedSource(DataloopSource):
    """The source, its items' annotations taken from listings."""

    def __init__(self, source: DataloopSource, listings: "Listings") -> None:
        super().__init__(
            source.client,
            source.dataset_id,
            query=source.query,
            check_images=source.check_images,
            choice=source.choice,
        )
        self._listings = listings

    def annotations(self, item: Item) -> list[Json]:
        """Every annotation of an item, as it was listed."""
        return self._listings.of(item)


class Listings:
    """The annotations of items, listed for many items in one call, and forgotten one by one."""

    def __init__(self, client: Client, dataset_id: str, items: Sequence[Item]) -> None:
        self._client, self._dataset_id = client, dataset_id
        ids = [item.id for item in items]
        batches = [ids[start : start + ITEMS_A_CALL] for start in range(0, len(ids), ITEMS_A_CALL)]
        self._batch_of = {item_id: batch for batch in batches for item_id in batch}
        self._rows: dict[str, list[Json]] = {}
        self._lock = threading.Lock()

    def of(self, item: Item) -> list[Json]:
        """An item's annotations."""
        with self._lock:
            if item.id not in self._rows:
                self._list(self._batch_of.get(item.id, ()))
            return self._rows[item.id]

    def _list(self, ids: Sequence[str]) -> None:
        """List a batch; where that fails, its items are read one by one, and not listed again."""
        remaining = [item_id for item_id in ids if self._batch_of.pop(item_id, None)]
        if not remaining:
            raise Unavailable("the annotations of this item were not listed")
        rows: dict[str, list[Json]] = {item_id: [] for item_id in remaining}
        query = {"filter": {"$and": [{"itemId": {"$in": remaining}}]}}
        for row in self._client.pages(self._dataset_id, "annotations", query):
            if (of_item := rows.get(str(row.get("itemId")))) is not None:
                of_item.append(row)
        self._rows |= rows

    def forget(self, item: Item) -> None:
        """Let go of an item's annotations, which nobody asks for again."""
        with self._lock:
            self._rows.pop(item.id, None)
