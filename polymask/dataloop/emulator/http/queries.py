"""Calls that select many documents at once: list, change, delete, export."""

from collections.abc import Sequence

import msgspec

from polymask.dataloop.emulator.call import Answer, Call, Route, answer, failure
from polymask.dataloop.emulator.database.document import Document
from polymask.dataloop.emulator.database.dql import Matches, clauses
from polymask.dataloop.emulator.database.query import (
    RESOURCES,
    IdPage,
    Query,
    matcher,
    page_of,
    previous_page,
    select,
)
from polymask.dataloop.emulator.http.projects import convert_query, get_one
from polymask.dataloop.emulator.platform import Platform
from polymask.dataloop.emulator.view import item_with_annotations


def query(platform: Platform, call: Call) -> Answer:
    """Answer a page of what a query selects, or change or delete all of it."""
    asked = convert_query(call.fields)
    if asked.resource not in RESOURCES:
        # No page: the SDK takes a refusal of one for the end of the listing.
        return failure(501, f"the emulator does not have {asked.resource!r} in {call.method} {call.path}")
    dataset_id = platform.store.get("dataset", call.params["id"]).id
    if asked.delete:
        # The page plays no part here: all that matches goes.
        return _delete(platform, asked, select(platform.store, dataset_id, asked))
    if asked.update is not None:
        return _update(platform, asked, select(platform.store, dataset_id, asked), call.user)
    return _page(platform, asked, _page_asked(platform, dataset_id, asked, call.shift))


def export(platform: Platform, call: Call) -> Answer:
    """Write the items asked for, with their annotations, into a file that a finished command names."""
    dataset = platform.store.get("dataset", call.params["id"])
    body = call.fields
    items = select(
        platform.store, dataset.id, convert_query({**(body.get("itemsQuery") or {}), "sort": None})
    )
    wanted = (body.get("annotationsQuery") or {}).get("filter", {})
    data = _exported(platform, items, matcher(platform.store, "annotation", clauses(wanted)))
    project_id = dataset.json()["projects"][0]
    path = f"/exports/{platform.store.new_id()}.json"
    # Out of sight, or exporting would change what is exported.
    output = platform.upload(platform.binaries(project_id).id, path, data, user=call.user)
    spec = {"outputItemId": output.id, "datasetId": dataset.id}
    # Finished before it is asked for, since the SDK polls with growing pauses.
    done = {"type": "ExportDatasetAsJson", "status": "success", "progress": 100, "spec": spec}
    return Answer(platform.view(platform.add("command", done, call.user)))


def _page_asked(platform: Platform, dataset_id: str, asked: Query, shift: int) -> IdPage:
    if shift < 0:
        return previous_page(platform.store, dataset_id, asked)
    return page_of(select(platform.store, dataset_id, asked), asked, shift)


def _page(platform: Platform, asked: Query, cut: IdPage) -> Answer:
    # Put into the page as they are, without being decoded.
    rows = [msgspec.Raw(platform.view(platform.store.get(asked.kind, key))) for key in cut.ids]
    totals = {"totalItemsCount": cut.total, "totalPagesCount": cut.pages, "hasNextPage": cut.more}
    return answer({"items": rows, **totals})


def _delete(platform: Platform, asked: Query, keys: Sequence[str]) -> Answer:
    for key in list(keys):
        platform.remove(asked.kind, key)
    return answer({"itemsCount": len(keys), "deleted": True})


def _update(platform: Platform, asked: Query, keys: Sequence[str], user: str) -> Answer:
    for key in list(keys):
        platform.merge(asked.kind, key, asked.update, user=user)
    return answer({"itemsCount": len(keys), "updated": True})


def _exported(platform: Platform, items: Sequence[str], matches: Matches) -> bytes:
    store = platform.store
    rows = []
    for key in items:
        annotations = [store.get("annotation", child) for child in store.children("annotation", key)]
        matching: list[Document] = [annotation for annotation in annotations if matches(annotation)]
        rows.append(item_with_annotations(store, platform.url, store.get("item", key), matching))
    return b"[" + b",".join(rows) + b"]"


ROUTES = (
    Route("POST", "/datasets/{id}/query", query),
    Route("POST", "/datasets/{id}/export", export),
    Route("GET", "/commands/{id}", get_one("command")),
)
