"""Calls about recipes and ontologies: which labels a dataset knows."""

from polymask.dataloop.emulator.call import Answer, Call, Handler, Route
from polymask.dataloop.emulator.platform import Platform
from polymask.dataloop.emulator.projects import change_one, get_one, page, remove_one
from polymask.dataloop.emulator.query import Query


def listing(kind: str) -> Handler:
    """Return a handler that lists a kind by `projects` and `ids`, comma-separated."""

    def handler(platform: Platform, call: Call) -> Answer:
        projects, ids = (
            set(filter(None, call.query.get(name, "").split(","))) for name in ("projects", "ids")
        )
        found = [
            one
            for one in platform.store.all(kind)
            if (not ids or one.id in ids)
            and (not projects or projects & set(one.json().get("projectIds") or ()))
        ]
        query = Query(
            page=int(call.query.get("pageOffset", 0)), page_size=int(call.query.get("pageSize", 1000))
        )
        return page(platform, found, query)

    return handler


def create(kind: str) -> Handler:
    """Return a handler that stores what is posted."""
    return lambda platform, call: Answer(
        platform.view(platform.add(kind, _defaults(kind) | call.fields, call.user)), 201
    )


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
)
