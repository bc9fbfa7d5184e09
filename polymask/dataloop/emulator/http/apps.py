"""Calls about published apps."""

from polymask.dataloop.emulator.call import Answer, Call, Route
from polymask.dataloop.emulator.database.query import filtered
from polymask.dataloop.emulator.http.projects import change_one, convert_query, get_one, page, remove_one
from polymask.dataloop.emulator.platform import Platform
from polymask.errors import InputError


def publish(platform: Platform, call: Call) -> Answer:
    """Store an app's manifest as it is."""
    fields = call.fields
    if not isinstance(fields.get("name"), str):
        raise InputError("an app needs a name")
    # Stored unchecked: what the platform makes of a wrong manifest is not known.
    return Answer(platform.view(platform.add("app", fields, call.user)), 201)


def query_apps(platform: Platform, call: Call) -> Answer:
    """Return the apps that match a filter."""
    query = convert_query(call.fields)
    return page(platform, filtered(platform.store, "app", query.filter), query)


ROUTES = (
    Route("POST", "/app-registry", publish),
    Route("POST", "/app-registry/query", query_apps),
    Route("GET", "/app-registry/{id}", get_one("app")),
    Route("PATCH", "/app-registry/{id}", change_one("app")),
    Route("DELETE", "/app-registry/{id}", remove_one("app")),
)
