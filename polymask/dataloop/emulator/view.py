"""Documents as the API shows them: what was stored, and what is worked out on the way."""

import posixpath
from typing import Any

import msgspec

from polymask.dataloop.emulator.database.document import Document
from polymask.dataloop.emulator.database.store import Store

DERIVED = {
    "item": {
        "url",
        "dataset",
        "stream",
        "thumbnail",
        "annotations",
        "name",
        "dir",
        "annotated",
        "annotationsCount",
    },
    "annotation": {"url", "item", "dataset", "datasetId"},
    "dataset": {"url", "items", "itemsCount", "annotationsCount"},
    "project": {"url"},
    "recipe": {"url"},
    "ontology": {"url"},
    "command": {"url"},
    "app": {"url"},
}
"""Fields of each kind that are never stored, since they follow from the rest."""


def view(store: Store, base: str, record: Document) -> bytes:
    """Return the JSON of a document with its derived fields; `base` is the URL that links start with."""
    # Spliced as text: decoding and encoding a large mask for each answer would cost most of it.
    derived = msgspec.json.encode(_DERIVE.get(record.kind, _plain)(store, base, record))
    return derived[:-1] + b"," + record.body[1:]


def view_all(store: Store, base: str, documents: list[Document]) -> bytes:
    """Return the JSON array of several documents."""
    return b"[" + b",".join(view(store, base, record) for record in documents) + b"]"


def item_with_annotations(store: Store, base: str, record: Document, annotations: list[Document]) -> bytes:
    """Return an item as an export holds it: its annotations within."""
    whole = b'{"annotations":' + view_all(store, base, annotations) + b","
    shown = dict(msgspec.json.decode(view(store, base, record)))
    # In an export the annotations stand where the link to them stood.
    del shown["annotations"]
    return whole + msgspec.json.encode(shown)[1:]


def _item(store: Store, base: str, record: Document) -> dict[str, Any]:
    count = len(store.children("annotation", record.id))
    url = f"{base}/items/{record.id}"
    return {
        "url": url,
        "dataset": f"{base}/datasets/{record.parent}",
        "stream": f"{url}/stream",
        "thumbnail": f"{url}/thumbnail",
        "annotations": f"{url}/annotations",
        "name": posixpath.basename(record.name),
        "dir": posixpath.dirname(record.name),
        "annotated": count > 0,
        "annotationsCount": count,
    }


def _annotation(store: Store, base: str, record: Document) -> dict[str, Any]:
    dataset_id = store.get("item", record.parent).parent
    return {
        "url": f"{base}/annotations/{record.id}",
        "item": f"{base}/items/{record.parent}",
        "dataset": f"{base}/datasets/{dataset_id}",
        "datasetId": dataset_id,
    }


def _dataset(store: Store, base: str, record: Document) -> dict[str, Any]:
    return {
        "url": f"{base}/datasets/{record.id}",
        "items": f"{base}/datasets/{record.id}/items",
        "itemsCount": len(store.children("item", record.id)),
        "annotationsCount": store.annotations_in(record.id),
    }


def _plain(_store: Store, base: str, record: Document) -> dict[str, Any]:
    return {"url": f"{base}/{_PLURALS.get(record.kind, record.kind + 's')}/{record.id}"}


_PLURALS = {"ontology": "ontologies", "app": "app-registry"}
_DERIVE = {"item": _item, "annotation": _annotation, "dataset": _dataset}
