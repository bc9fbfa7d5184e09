"""Projects, datasets and folders by name or id; where there is none of it, the nearest that there is."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from polymask.dataloop.service.client import PAGE, Client
from polymask.dataloop.service.responses import is_page, listed
from polymask.errors import BackendError, InputError, NotFound, Unavailable, nearest
from polymask.validation import Json

MOST_NAMES = 10  # told where a project, dataset or folder is not there


def project_named(client: Client, name: str) -> Json:
    """A project by name or id; raises `NotFound` with the nearest name that there is."""
    path = quote(name, safe="")
    try:
        rows = listed(client.call("GET", f"/projects/{path}/name", safe=True))
    except NotFound:
        rows = []
    if project := _only("project", name, [row for row in rows if isinstance(row, dict)]):
        return project

    def names() -> list[str]:
        return _names(listed(client.call("GET", "/projects", safe=True)))

    return _by_id(client, "project", name, names)


def dataset_named(client: Client, project: Json, name: str) -> Json:
    """A dataset of a project by name or id; raises `NotFound` with the nearest name that there is."""
    if dataset := _only("dataset", name, _datasets(client, project, {"name": name})):
        return dataset
    return _by_id(client, "dataset", name, lambda: _names(_datasets(client, project)))


def advice_of(name: str, known: list[str]) -> str:
    """The nearest of the names that there are, and the first of all.

    Examples:
        >>> advice_of("harbour", ["harbor", "bay"])
        "did you mean 'harbor'? There are: harbor, bay"
    """
    shown = ", ".join(known[:MOST_NAMES]) + (", …" if len(known) > MOST_NAMES else "")
    near = nearest(name, known)
    return f"{near} There are: {shown or 'none'}" if near else f"there are: {shown or 'none'}"


def refuse_missing_folder(folder: str, folders: Sequence[str]) -> None:
    """Raise `InputError` for a folder in which no item lies, naming the nearest in which some do."""
    if folder in folders:
        return
    message = f"no item lies in the folder '{folder}' of the dataset"
    advice = advice_of(folder, list(folders))
    if "." in folder.rpartition("/")[2]:
        raise InputError(
            message,
            advice=f"for one item, name the dataset alone and add --where '{folder}'; of folders, {advice}",
        )
    raise InputError(message, advice=advice_of(folder, list(folders)))


def _only(kind: str, name: str, rows: list[Json]) -> Json | None:
    if len(rows) > 1:
        raise InputError(f"{len(rows)} {kind}s are named '{name}'", advice="use the id")
    return dict(rows[0]) if rows else None


def _datasets(client: Client, project: Json, *clauses: Json) -> list[Json]:
    body = {
        "filter": {"$and": list(clauses)},
        "page": 0,
        "pageSize": PAGE,
        "resource": "datasets",
        "context": {"projects": [project["id"]]},
    }
    page = client.call("POST", "/datasets/query", body, safe=True)
    if not is_page(page):
        raise Unavailable("Dataloop: a listing of datasets was answered with no page of rows")
    return listed(page["items"])


def _by_id(client: Client, kind: str, name: str, names: Callable[[], list[str]]) -> Json:
    try:
        return dict(client.call("GET", f"/{kind}s/{quote(name, safe='')}", safe=True))
    except BackendError as error:
        if error.status not in (400, 404):  # what is no id at all is refused, not looked for
            raise
    advice = None
    with suppress(BackendError):  # who may not list them gets the plain answer
        advice = advice_of(name, names())
    raise NotFound(f"Dataloop: no {kind} has the name or id '{name}'", advice=advice, exit_code=2)


def _names(rows: list[Any]) -> list[str]:
    return [str(row["name"]) for row in rows if isinstance(row, dict) and row.get("name")]
