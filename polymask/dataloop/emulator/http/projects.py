"""Calls about projects and datasets."""

import posixpath
from typing import Any

import msgspec

from polymask.dataloop.emulator.call import Answer, Call, Handler, Route, answer
from polymask.dataloop.emulator.database.document import Document
from polymask.dataloop.emulator.database.query import Query, filtered, page_of
from polymask.dataloop.emulator.platform import Platform
from polymask.errors import ConflictError, InputError, NotFound


def list_projects(platform: Platform, _call: Call) -> Answer:
    """Return every project."""
    return listed(platform, platform.store.all("project"))


def create_project(platform: Platform, call: Call) -> Answer:
    """Create a project; names are unique."""
    name = _name(call.fields.get("name"))
    if any(record.name == name for record in platform.store.all("project")):
        raise ConflictError(f"project already exists: {name}")
    return Answer(platform.view(platform.add_project(name, call.user)), 201)


def projects_by_name(platform: Platform, call: Call) -> Answer:
    """Return the projects of a name, which is a list of a single project, or a refusal."""
    projects = [record for record in platform.store.all("project") if record.name == call.params["name"]]
    if not projects:
        raise NotFound(f"project not found: {call.params['name']}")
    return listed(platform, projects)


def query_datasets(platform: Platform, call: Call) -> Answer:
    """Return the datasets that match; those of the system only if `systemSpace` is asked for."""
    query = convert_query(call.fields)
    projects = (call.fields.get("context") or {}).get("projects")
    # The dataset for code and exports must not turn up among people's datasets.
    system = bool(call.fields.get("systemSpace"))
    datasets = [
        record
        for record in filtered(platform.store, "dataset", query.filter)
        if record.hidden <= system and (not projects or set(projects) & set(record.json()["projects"]))
    ]
    return page(platform, datasets, query)


def create_dataset(platform: Platform, call: Call) -> Answer:
    """Create a dataset in the first of the projects named."""
    fields = call.fields
    projects = fields.get("projects")
    if not isinstance(projects, list) or not projects:
        raise InputError("a dataset is made in a project: projects is missing")
    _name(fields.get("name"))
    platform.store.get("project", str(projects[0]))
    return Answer(platform.view(platform.add_dataset(projects[0], fields, user=call.user)), 201)


def directory_tree(platform: Platform, call: Call) -> Answer:
    """Return the folders of a dataset, nested."""
    store = platform.store
    store.get("dataset", call.params["id"])
    folders = {
        posixpath.dirname(store.get("item", key).name) for key in store.children("item", call.params["id"])
    }
    return answer(_tree("/", sorted(folders)))


def get_one(kind: str) -> Handler:
    """Return a handler that shows a document of a kind."""
    return lambda platform, call: Answer(platform.view(platform.store.get(kind, call.params["id"])))


def change_one(kind: str) -> Handler:
    """Return a handler that merges the body into a document of a kind."""
    return lambda platform, call: Answer(
        platform.view(platform.merge(kind, call.params["id"], call.fields, user=call.user))
    )


def remove_one(kind: str) -> Handler:
    """Return a handler that deletes a document of a kind, and what hangs on it."""

    def handler(platform: Platform, call: Call) -> Answer:
        platform.remove(kind, call.params["id"])
        return answer({"id": call.params["id"], "deleted": True})

    return handler


def listed(platform: Platform, documents: list[Document]) -> Answer:
    """Return a JSON list of documents."""
    return Answer(b"[" + b",".join(map(platform.view, documents)) + b"]")


def page(platform: Platform, documents: list[Document], query: Query) -> Answer:
    """Return a page of documents."""
    by_id = {record.id: record for record in documents}
    cut = page_of(list(by_id), query)
    rows = [msgspec.Raw(platform.view(by_id[key])) for key in cut.ids]
    return answer(
        {"items": rows, "totalItemsCount": cut.total, "totalPagesCount": cut.pages, "hasNextPage": cut.more}
    )


def convert_query(body: dict[str, Any]) -> Query:
    """Return a query from a decoded body.

    Raises
    ------
    InputError
        A field has the wrong type.
    """
    try:
        return msgspec.convert(body, Query)
    except msgspec.ValidationError as error:
        raise InputError(f"malformed query: {error}") from error


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise InputError("name is missing")
    return name


def _tree(path: str, folders: list[str]) -> dict[str, Any]:
    # Folders exist only through what lies in them.
    below = [folder for folder in folders if folder.startswith(path.rstrip("/") + "/") and folder != path]
    start = len(path.rstrip("/")) + 1
    names = sorted({folder[start:].split("/")[0] for folder in below})
    children = [_tree(posixpath.join(path, name), below) for name in names]
    value = {
        "filename": path,
        "name": posixpath.basename(path),
        "dir": posixpath.dirname(path),
        "metadata": {},
    }
    return {"value": value, "children": children}


ROUTES = (
    Route("GET", "/projects", list_projects),
    Route("POST", "/projects", create_project),
    Route("GET", "/projects/{name}/name", projects_by_name),
    Route("GET", "/projects/{id}", get_one("project")),
    Route("PATCH", "/projects/{id}", change_one("project")),
    Route("DELETE", "/projects/{id}", remove_one("project")),
    Route("POST", "/datasets/query", query_datasets),
    Route("POST", "/datasets", create_dataset),
    Route("GET", "/datasets/{id}", get_one("dataset")),
    Route("PATCH", "/datasets/{id}", change_one("dataset")),
    Route("DELETE", "/datasets/{id}", remove_one("dataset")),
    Route("GET", "/datasets/{id}/directoryTree", directory_tree),
)
