"""What can be done on the platform, whoever asks: a request, a seed or a test."""

import colorsys
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from polymask.dataloop.emulator.database.document import Document
from polymask.dataloop.emulator.database.store import Change, Store
from polymask.dataloop.emulator.pictures import Pictures, describe, guess_mimetype
from polymask.dataloop.emulator.view import DERIVED, view
from polymask.errors import ConflictError, InputError

USER = "you@emulator.local"
"""Who did it, where no token says so."""

_KEPT = {"id", "itemId", "datasetId", "createdAt", "creator"}


class Platform:
    """Projects, datasets, recipes, items and annotations, and the rules between them.

    Examples:
        >>> platform = Platform(Store(), Pictures())
        >>> with platform.write():
        ...     project = platform.add_project("boats")
        >>> project.name
        'boats'
    """

    def __init__(self, store: Store, pictures: Pictures) -> None:
        self.store = store
        self.pictures = pictures
        self.url = ""
        self._latest = ""

    @contextmanager
    def write(self) -> Iterator[list[Change]]:
        """Group changes; see `Store.write`. Bytes of deleted items go once that is on record."""
        with self.store.write() as changes:
            yield changes
        for verb, kind, key in changes:
            if (verb, kind) == ("delete", "item"):
                self.pictures.remove(key)

    def view(self, record: Document) -> bytes:
        """Return a document's JSON as the API shows it."""
        return view(self.store, self.url, record)

    def add(self, kind: str, fields: dict[str, Any], user: str = USER) -> Document:
        """Create a document: the fields, an id, and who made it when."""
        # The SDK posts back links of where a document was read from.
        stored_fields = {name: value for name, value in fields.items() if name not in DERIVED[kind]}
        return self.store.put(
            kind, _encode(stored_fields | {"id": self.store.new_id()} | self._made_by(user))
        )

    def add_project(self, name: str, user: str = USER) -> Document:
        """Create a project, and the hidden dataset that its code and exports go to."""
        project = self.add("project", {"name": name, "contributors": [user], "role": "owner"}, user)
        binaries = {"name": "Binaries", "systemSpace": True, "createDefaultRecipe": False}
        self.add_dataset(project.id, binaries, user=user)
        return project

    def add_dataset(self, project_id: str, fields: dict[str, Any], *, user: str = USER) -> Document:
        """Create a dataset, with a recipe and an empty ontology unless `createDefaultRecipe` is false.

        Raises
        ------
        ConflictError
            The project has a dataset of this name.
        """
        name = str(fields.get("name"))
        if any(record.name == name for record in self.datasets(project_id)):
            raise ConflictError(f"dataset already exists: {name}")
        recipes = (
            [self.add_recipe(project_id, name, user=user).id]
            if fields.get("createDefaultRecipe", True)
            else []
        )
        metadata = {"system": {"recipes": recipes}}
        return self.add("dataset", {**fields, "projects": [project_id], "metadata": metadata}, user)

    def add_recipe(
        self, project_id: str, name: str, *, roots: Sequence[Any] = (), user: str = USER
    ) -> Document:
        """Create a recipe with an ontology of these roots."""
        projects = {"projectIds": [project_id], "metadata": {"system": {"projectIds": [project_id]}}}
        ontology = self.add("ontology", {"title": name, "roots": roots, "attributes": [], **projects}, user)
        title = f"{name} Default Recipe"
        return self.add("recipe", {"title": title, "ontologyIds": [ontology.id], **projects}, user)

    def datasets(self, project_id: str) -> list[Document]:
        """Return the datasets of a project."""
        return [record for record in self.store.all("dataset") if project_id in record.json()["projects"]]

    def binaries(self, project_id: str) -> Document:
        """Return the project's hidden dataset for code and exports."""
        return next(record for record in self.datasets(project_id) if record.hidden)

    def add_item(self, dataset_id: str, path: str, system: dict[str, Any], **fields: Any) -> Document:
        """Create an item; `system` is its `metadata.system`.

        Raises
        ------
        ConflictError
            There is an item at this path.
        """
        self.store.get("dataset", dataset_id)
        path = clean(path)
        if self.store.at_path(dataset_id, path):
            raise ConflictError(f"item already exists: {path}")
        user = fields.pop("user", USER)
        metadata = {"user": {}, **(fields.pop("metadata", None) or {})}
        # What was measured wins over what an upload claims.
        metadata["system"] = {**(metadata.get("system") or {}), **system}
        defaults = {
            "datasetId": dataset_id,
            "filename": path,
            "type": "file",
            "hidden": False,
            "metadata": metadata,
        }
        return self.add("item", defaults | fields, user)

    def upload(self, dataset_id: str, path: str, data: bytes, **fields: Any) -> Document:
        """Create an item with these bytes."""
        # Measured, not believed: the SDK deletes an item whose size is not what it sent.
        system = describe(posixpath.basename(path), data)
        # A test may want a video without having any.
        if fields.get("mimetype"):
            system["mimetype"] = fields["mimetype"]
        fields.pop("mimetype", None)
        item = self.add_item(dataset_id, path, system, **fields)
        self.pictures.save(item.id, data)
        return item

    def link(self, dataset_id: str, path: str, file: Path) -> Document:
        """Create an item whose bytes are those of a file that stays where it is."""
        item = self.add_item(dataset_id, path, describe(file.name, file.read_bytes()))
        self.pictures.link(item.id, file)
        return item

    def overwrite(self, item: Document, data: bytes, *, user: str = USER) -> Document:
        """Put other bytes into an item; id and annotations stay."""
        self.pictures.save(item.id, data)
        system = describe(posixpath.basename(item.name), data)
        return self.merge("item", item.id, {"metadata": {"system": system}}, user=user)

    def add_annotations(
        self, item_id: str, annotations: Iterable[dict[str, Any]], *, user: str = USER
    ) -> list[Document]:
        """Create annotations as posted: every field stays, identity and authorship are filled in.

        Raises
        ------
        InputError
            One of them is no object or has no type; none is stored.
        """
        item = self.store.get("item", item_id)
        return [self._add_annotation(item, posted, user) for posted in annotations]

    def merge(self, kind: str, key: str, diff: Any, *, user: str = USER) -> Document:
        """Change a document by a diff: objects merge, all else replaces, null within metadata removes.

        Raises
        ------
        InputError
            The diff is no object.
        """
        if not isinstance(diff, dict):
            raise InputError(f"a change is an object, not {type(diff).__name__}")
        old = self.store.get(kind, key).json()
        # The SDK sends what differs from what it read, which may include links and ids.
        changed = {name: value for name, value in diff.items() if name not in _KEPT | DERIVED[kind]}
        new = {name: _merged(old.get(name), value) for name, value in changed.items()}
        if kind == "item" and "filename" in new:
            self._check_move(key, old["datasetId"], new["filename"])
        return self.store.put(
            kind, _encode(old | new | {"updatedBy": user, "updatedAt": self._now(later=True)})
        )

    def remove(self, kind: str, key: str) -> None:
        """Delete a document and all that hangs on it: datasets, their items, their annotations."""
        self.store.get(kind, key)
        # Children first, so that what hangs on a document is never without it.
        for child_kind, child in self._below(kind, key):
            self.remove(child_kind, child)
        self.store.drop(kind, key)

    def _below(self, kind: str, key: str) -> list[tuple[str, str]]:
        if kind == "project":
            return [("dataset", record.id) for record in self.datasets(key)]
        child = {"dataset": "item", "item": "annotation"}.get(kind)
        # A copy: the index shrinks while it is walked.
        return [(child, below) for below in self.store.children(child, key)] if child else []

    def _add_annotation(self, item: Document, posted: Any, user: str) -> Document:
        if not isinstance(posted, dict) or not isinstance(posted.get("type"), str):
            raise InputError("an annotation is an object with a type")
        # Without these fields the SDK drops an annotation from its listings.
        fields = {"attributes": [], "source": "sdk", **posted}
        fields["metadata"] = {"system": {}, "user": {}, **(posted.get("metadata") or {})}
        identity = (
            item.parent,
            item.id,
            posted.get("label"),
            user,
            fields["metadata"]["system"].get("objectId"),
        )
        fields |= {"itemId": item.id, "hash": "_".join(map(str, identity))}
        return self.add("annotation", fields, user)

    def _made_by(self, user: str) -> dict[str, str]:
        now = self._now()
        return {"creator": user, "createdAt": now, "updatedBy": user, "updatedAt": now}

    def _now(self, *, later: bool = False) -> str:
        """The time as it is written; `later` than all that was written before, as an edit must be."""
        now = max(_stamp(datetime.now(UTC)), self._latest)
        if later and now == self._latest:
            now = _stamp(datetime.fromisoformat(now) + timedelta(milliseconds=1))
        self._latest = now
        return now

    def _check_move(self, key: str, dataset_id: str, path: Any) -> None:
        if not isinstance(path, str) or self.store.at_path(dataset_id, path) not in (None, key):
            raise ConflictError(f"item already exists: {path}")


def clean(path: str) -> str:
    """Return an item's path: absolute, without doubled slashes.

    Examples:
        >>> clean("a//b.png")
        '/a/b.png'
    """
    return "/" + "/".join(part for part in path.split("/") if part)


def mimetype_of(item: Document) -> str:
    """Return the mimetype of an item's bytes."""
    system = item.json().get("metadata", {}).get("system", {})
    return str(system.get("mimetype") or guess_mimetype(item.name))


def label_root(label: str, number: int) -> dict[str, Any]:
    """Return an ontology's entry for a label, with a color that differs from the others.

    Examples:
        >>> label_root("cat", 0)["value"]["color"]
        '#e63737'
    """
    # The golden ratio spreads any number of hues without knowing how many will come.
    red, green, blue = colorsys.hsv_to_rgb(number * 0.618034 % 1, 0.76, 0.9)
    color = f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
    return {"value": {"tag": label, "color": color, "attributes": [], "displayLabel": label}, "children": []}


def _merged(old: Any, new: Any) -> Any:
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    result = old | {name: _merged(old.get(name), value) for name, value in new.items()}
    # The SDK writes null for what was removed.
    return {name: value for name, value in result.items() if value is not None or name not in new}


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _encode(fields: dict[str, Any]) -> bytes:
    return msgspec.json.encode(fields)
