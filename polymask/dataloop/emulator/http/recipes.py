"""Calls about recipes and ontologies: which labels a dataset knows."""

from typing import Any

from polymask.dataloop.emulator.call import Answer, Call, Handler, Route
from polymask.dataloop.emulator.database.query import Query
from polymask.dataloop.emulator.http.projects import change_one, get_one, page, remove_one
from polymask.dataloop.emulator.platform import Platform, label_root
from polymask.errors import InputError, NotFound


def listing(kind: str) -> Handler:
    """Return a handler that lists a kind by `projects` and `ids`, comma-separated."""

    def handler(platform: Platform, call: Call) -> Answer:
        projects, ids = (
            set(filter(None, call.query.get(name, "").split(","))) for name in ("projects", "ids")
        )
        records = [
            record
            for record in platform.store.all(kind)
            if (not ids or record.id in ids)
            and (not projects or projects & set(record.json().get("projectIds") or ()))
        ]
        query = Query(
            page=int(call.query.get("pageOffset", 0)), page_size=int(call.query.get("pageSize", 1000))
        )
        return page(platform, records, query)

    return handler


def create(kind: str) -> Handler:
    """Return a handler that stores what is posted."""
    return lambda platform, call: Answer(
        platform.view(platform.add(kind, _defaults(kind) | call.fields, call.user)), 201
    )


def change_labels(platform: Platform, call: Call) -> Answer:
    """Change labels of an ontology, or add them with `upsert`; `parent.child` names a nested label."""
    nodes = call.fields.get("labelsNode")
    if not isinstance(nodes, list) or not all(isinstance(node, dict) and "tag" in node for node in nodes):
        raise InputError("labelsNode must be a list of labels with tags")
    roots = platform.store.get("ontology", call.params["id"]).json()["roots"]
    for node in nodes:
        place = _place(roots, str(node["tag"]).split("."), upsert=bool(call.fields.get("upsert")))
        # The tag was the way to it, `parent.child`; the label itself has the last part only.
        place["value"] |= {**node, "tag": place["value"]["tag"]}
    return Answer(
        platform.view(platform.merge("ontology", call.params["id"], {"roots": roots}, user=call.user))
    )


def change_attributes(platform: Platform, call: Call) -> Answer:
    """Add attributes to an ontology, or change those that have the same key."""
    items = call.fields.get("items")
    if not isinstance(items, list) or not all(isinstance(row, dict) and "key" in row for row in items):
        raise InputError("items must be a list of attributes with keys")
    by_key = {str(row["key"]): row for row in _attributes(platform, call)}
    by_key |= {str(row["key"]): by_key.get(str(row["key"]), {}) | row for row in items}
    return _with_attributes(platform, call, list(by_key.values()))


def remove_attributes(platform: Platform, call: Call) -> Answer:
    """Take attributes out of an ontology by their keys; those that are not there are gone."""
    keys = call.fields.get("keys")
    if not isinstance(keys, list):
        raise InputError("keys must be a list")
    remaining = [row for row in _attributes(platform, call) if row["key"] not in keys]
    return _with_attributes(platform, call, remaining)


def _attributes(platform: Platform, call: Call) -> list[dict[str, Any]]:
    # Within the metadata lie those that have keys and scopes; the field beside it has names only.
    metadata = platform.store.get("ontology", call.params["id"]).json().get("metadata") or {}
    return list(metadata.get("attributes") or [])


def _with_attributes(platform: Platform, call: Call, rows: list[dict[str, Any]]) -> Answer:
    diff = {"metadata": {"attributes": rows}}
    return Answer(platform.view(platform.merge("ontology", call.params["id"], diff, user=call.user)))


def _place(roots: list[dict[str, Any]], tags: list[str], *, upsert: bool) -> dict[str, Any]:
    label = next((root for root in roots if root["value"]["tag"] == tags[0]), None)
    if label is None:
        if not upsert:
            raise NotFound(f"label not found: {tags[0]}")
        label = label_root(tags[0], len(roots))
        roots.append(label)
    return _place(label["children"], tags[1:], upsert=upsert) if tags[1:] else label


def _defaults(kind: str) -> dict[str, object]:
    return {"ontologyIds": []} if kind == "recipe" else {"roots": [], "attributes": []}


ROUTES = (
    Route("GET", "/recipes", listing("recipe")),
    Route("POST", "/recipes", create("recipe")),
    Route("GET", "/recipes/{id}", get_one("recipe")),
    Route("PATCH", "/recipes/{id}", change_one("recipe")),
    Route("DELETE", "/recipes/{id}", remove_one("recipe")),
    Route("GET", "/ontologies", listing("ontology")),
    Route("POST", "/ontologies", create("ontology")),
    Route("GET", "/ontologies/{id}", get_one("ontology")),
    Route("PUT", "/ontologies/{id}", change_one("ontology")),
    Route("DELETE", "/ontologies/{id}", remove_one("ontology")),
    Route("PATCH", "/ontologies/{id}/labels", change_labels),
    Route("PATCH", "/ontologies/{id}/attributes", change_attributes),
    Route("DELETE", "/ontologies/{id}/attributes", remove_attributes),
)
