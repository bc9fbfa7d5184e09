"""Calls that copy items and datasets: commands that are finished before they are asked for."""

import posixpath
from collections.abc import Iterable
from typing import Any

from polymask.dataloop.emulator.call import Answer, Call, Route
from polymask.dataloop.emulator.database.document import Document
from polymask.dataloop.emulator.database.query import select
from polymask.dataloop.emulator.http.projects import convert_query
from polymask.dataloop.emulator.platform import Platform
from polymask.errors import InputError

_OF_THE_ITEM = {"id", "datasetId", "filename", "creator", "createdAt", "updatedBy", "updatedAt"}
_OF_TASKS = ("status", "taskId", "assignmentId")
"""What an annotation's `metadata.system` says of tasks and their reviews."""


def clone_item(platform: Platform, call: Call) -> Answer:
    """Copy an item into a dataset, under another path if the call names one."""
    body = call.fields
    item = platform.store.get("item", call.params["id"])
    dataset_id, path = str(body.get("targetDatasetId")), body.get("remoteFileName") or item.name
    copy = _copy_item(platform, item, dataset_id, str(path), _parts(body), call.user)
    if body.get("metadata"):
        copy = platform.merge("item", copy.id, {"metadata": body["metadata"]}, user=call.user)
    return _done(platform, "CloneItem", [copy.id], call.user)


def clone_dataset(platform: Platform, call: Call) -> Answer:
    """Copy the items that a filter selects into a new dataset, or into one that is there."""
    body, parts = call.fields, _parts(call.fields)
    dataset = platform.store.get("dataset", call.params["id"])
    asked = body.get("filter") or {}
    keys = list(select(platform.store, dataset.id, convert_query({**asked, "sort": None})))
    target_id = str(parts.get("targetDatasetId") or _new_dataset(platform, dataset, body, call.user).id)
    platform.store.get("dataset", target_id)
    folder = str(parts.get("targetDirectory") or "")
    for item in (platform.store.get("item", key) for key in keys):
        path = posixpath.join("/", folder, item.name.lstrip("/"))
        _copy_item(platform, item, target_id, path, parts, call.user)
    return _done(platform, "CloneDataset", target_id, call.user)


def _parts(body: dict[str, Any]) -> dict[str, Any]:
    parts = body.get("cloneDatasetParams")
    if not isinstance(parts, dict):
        raise InputError("cloneDatasetParams must tell what is copied")
    return parts


def _new_dataset(platform: Platform, dataset: Document, body: dict[str, Any], user: str) -> Document:
    if not isinstance(body.get("name"), str):
        raise InputError("a clone needs a name, or a dataset to go to")
    # It shares the recipe, so that labels and colors are the same.
    fields = {"name": body["name"], "createDefaultRecipe": False}
    source = dataset.json()
    created = platform.add_dataset(source["projects"][0], fields, user=user)
    recipes = {"metadata": {"system": {"recipes": source["metadata"]["system"].get("recipes", [])}}}
    return platform.merge("dataset", created.id, recipes, user=user)


def _copy_item(
    platform: Platform, item: Document, dataset_id: str, path: str, parts: dict[str, Any], user: str
) -> Document:
    fields = {name: value for name, value in item.json().items() if name not in _OF_THE_ITEM}
    metadata = fields.pop("metadata")
    kept = metadata if parts.get("withMetadata", True) else {}
    # Tasks refer to an item by its id: they stay with the first.
    system = {name: value for name, value in metadata["system"].items() if name != "refs"}
    copy = platform.add_item(
        dataset_id, path, system, metadata=kept | {"system": {}}, user=user, **_as_options(fields)
    )
    platform.pictures.copy(item.id, copy.id)
    if parts.get("withItemsAnnotations", True):
        keys = platform.store.children("annotation", item.id)
        annotations = [platform.store.get("annotation", key).json() for key in list(keys)]
        with_status = bool(parts.get("withTaskAnnotationsStatus"))
        _copy_annotations(platform, copy, annotations, with_status=with_status)
    return copy


def _as_options(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name in ("type", "hidden", "description")}


def _copy_annotations(
    platform: Platform, item: Document, annotations: Iterable[dict[str, Any]], *, with_status: bool
) -> None:
    for annotation in annotations:
        if not with_status:
            system = annotation["metadata"]["system"]
            system_of_copy = {name: value for name, value in system.items() if name not in _OF_TASKS}
            annotation["metadata"] = annotation["metadata"] | {"system": system_of_copy}
        # Whoever drew it drew the copy: what is chosen by its creator is so in both.
        platform.add_annotations(item.id, [annotation], user=annotation["creator"])


def _done(platform: Platform, kind: str, model_id: Any, user: str) -> Answer:
    # Finished before it is asked for, since the SDK polls with growing pauses.
    fields = {"type": kind, "status": "success", "progress": 100, "spec": {"returnedModelId": model_id}}
    return Answer(platform.view(platform.add("command", fields, user)))


ROUTES = (
    Route("POST", "/items/{id}/clone", clone_item),
    Route("POST", "/datasets/{id}/clone", clone_dataset),
)
