"""Calls about items and their annotations."""

import re
from typing import Any

import msgspec

from polymask.dataloop.emulator.call import Answer, Call, Route, answer
from polymask.dataloop.emulator.http.projects import change_one, get_one, listed, remove_one
from polymask.dataloop.emulator.platform import Platform, clean, mimetype_of
from polymask.errors import InputError


def upload(platform: Platform, call: Call) -> Answer:
    """Store a file; `mode=skip` keeps what is at its path, `mode=overwrite` replaces the bytes."""
    if call.upload is None:
        raise InputError("an item is uploaded as a multipart form")
    path = clean(call.upload.fields.get("path", ""))
    # As on the platform, paths are unique and an upload says what to do about it.
    present = platform.store.at_path(call.params["id"], path)
    if present is None:
        return _created(platform, call, path)
    return _present(platform, call, present)


def stream(platform: Platform, call: Call) -> Answer:
    """Return an item's bytes, or the part that a Range header asks for."""
    item = platform.store.get("item", call.params["id"])
    data = platform.pictures.load(item.id, item.json().get("metadata", {}).get("system", {}))
    byte_range = re.fullmatch(r"bytes=(\d+)-(\d*)", call.headers.get("Range", ""))
    if byte_range is None:
        return Answer(data, content_type=mimetype_of(item))
    return _part(data, int(byte_range[1]), int(byte_range[2] or len(data) - 1), mimetype_of(item))


def create_annotations(platform: Platform, call: Call) -> Answer:
    """Store an annotation, or a list of them as a whole."""
    body = call.body
    batch = body if isinstance(body, list) else [body]
    # One write for the batch: all of it or nothing.
    created = platform.add_annotations(call.params["id"], batch, user=call.user)
    return listed(platform, created) if isinstance(body, list) else Answer(platform.view(created[0]))


def list_annotations(platform: Platform, call: Call) -> Answer:
    """Return all annotations of an item."""
    store = platform.store
    keys = store.children("annotation", store.get("item", call.params["id"]).id)
    return listed(platform, [store.get("annotation", key) for key in keys])


def _created(platform: Platform, call: Call, path: str) -> Answer:
    assert call.upload is not None
    fields = call.upload.fields
    options: dict[str, Any] = {"user": call.user, "metadata": _metadata(fields.get("metadata"))}
    if "description" in fields:
        options["description"] = fields["description"]
    # The SDK makes folders through the same path, as a form without a file.
    if fields.get("type") == "dir":
        return Answer(platform.view(platform.add_item(call.params["id"], path, {}, type="dir", **options)))
    # The header is how the SDK learns whether annotations may be uploaded too.
    item = platform.upload(call.params["id"], path, call.upload.data, **options)
    return Answer(platform.view(item), headers={"x-item-op": "created"})


def _present(platform: Platform, call: Call, item_id: str) -> Answer:
    assert call.upload is not None
    item = platform.store.get("item", item_id)
    if call.query.get("mode") != "overwrite":
        return Answer(platform.view(item), headers={"x-item-op": "exist"})
    changed = platform.overwrite(item, call.upload.data, user=call.user)
    return Answer(platform.view(changed), headers={"x-item-op": "overwrite"})


def _metadata(text: str | None) -> dict[str, Any]:
    try:
        metadata = msgspec.json.decode(text or "{}")
    except msgspec.DecodeError as error:
        raise InputError(f"metadata is no JSON: {error}") from error
    if not isinstance(metadata, dict):
        raise InputError("metadata must be a JSON object")
    return metadata


def _part(data: bytes, start: int, end: int, mimetype: str) -> Answer:
    if start >= len(data):
        return answer({"message": "range not satisfiable", "statusCode": 416}, 416)
    part = data[start : end + 1]
    place = f"bytes {start}-{start + len(part) - 1}/{len(data)}"
    return Answer(part, 206, mimetype, {"Content-Range": place, "Accept-Ranges": "bytes"})


ROUTES = (
    Route("POST", "/datasets/{id}/items", upload),
    Route("GET", "/items/{id}", get_one("item")),
    Route("PATCH", "/items/{id}", change_one("item")),
    Route("PUT", "/items/{id}", change_one("item")),
    Route("DELETE", "/items/{id}", remove_one("item")),
    Route("GET", "/items/{id}/stream", stream),
    Route("GET", "/items/{id}/annotations", list_annotations),
    Route("POST", "/items/{id}/annotations", create_annotations),
    Route("GET", "/annotations/{id}", get_one("annotation")),
    Route("PUT", "/annotations/{id}", change_one("annotation")),
    Route("DELETE", "/annotations/{id}", remove_one("annotation")),
)
