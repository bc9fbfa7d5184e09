"""The emulator itself: a platform, its server, and a way in for tests."""

import copy
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from polymask.dataloop.emulator.audit import Audit, AuditEntry
from polymask.dataloop.emulator.database.changelog import ChangeLog
from polymask.dataloop.emulator.database.document import Document
from polymask.dataloop.emulator.database.store import Store
from polymask.dataloop.emulator.faults.plan import Faults
from polymask.dataloop.emulator.http.server import PREFIX, Hook, Server
from polymask.dataloop.emulator.pictures import Pictures, describe_blank
from polymask.dataloop.emulator.platform import Platform
from polymask.dataloop.emulator.sdk import instructions
from polymask.dataloop.emulator.seeding.dataset import Seeded
from polymask.dataloop.emulator.seeding.seed import seed_platform
from polymask.dataloop.target import url_of

PathLike = str | Path


class Emulator:
    """A Dataloop platform on loopback, for dtlpy as it is.

    Use it as a context manager; the server runs in a thread until the block ends.

    Parameters
    ----------
    seed
        A COCO file or a folder to begin with; see `polymask.dataloop.emulator.seeding.seed`. Left out
        where `store` holds something already.
    images
        The folder of the pictures that a COCO file names; those that are not there are blank.
    store
        A folder to keep everything in: changes, pictures, and the audit as JSON lines.
    port
        0 takes a free port.
    latency
        Seconds that every call waits before it is handled.
    project
        The name of the project that is made for the seed.
    audit_bodies
        Whether `audit` keeps in memory what was sent; turn it off for very long runs. The audit
        of a store has it in any case.

    Raises
    ------
    InputError
        The seed cannot be read.
    Locked
        Another emulator has the store open.
    Unavailable
        The port is taken.

    Examples:
        >>> with Emulator() as emulator:
        ...     project = emulator.add_project("boats")
        ...     dataset = emulator.add_dataset(project["id"], "harbor")
        ...     item = emulator.add_item(dataset["id"], "/a.png", width=8, height=6)
        ...     [item["filename"] for item in emulator.items()]
        ['/a.png']
    """

    def __init__(
        self,
        *,
        seed: PathLike | None = None,
        images: PathLike | None = None,
        store: PathLike | None = None,
        port: int = 0,
        latency: float = 0.0,
        project: str = "emulator",
        audit_bodies: bool = True,
    ) -> None:
        self.seeded = Seeded()
        # Whatever fails half-way, files and sockets opened so far are closed again.
        with ExitStack() as stack:
            folder = Path(store) if store else None
            self._open(stack, folder)
            self._audit = Audit(folder / "audit.jsonl" if folder else None, bodies=audit_bodies)
            stack.callback(self._audit.close)
            self._server = Server(self._platform, self._audit, port=port, latency=latency)
            stack.callback(self._server.stop)
            self._platform.url = self.url
            # A store that holds something was seeded, or was meant to be as it is.
            if seed is not None and not self._store.all("project"):
                self.seeded = seed_platform(self._platform, Path(seed), images=images, project=project)
            self._stack = stack.pop_all()

    @property
    def url(self) -> str:
        """The base URL, ending in /api/v1."""
        return self._server.address + PREFIX

    @property
    def gate_url(self) -> str:
        """The URL that logins go to."""
        return self._server.address

    @property
    def audit(self) -> list[AuditEntry]:
        """Every call so far, oldest answered first. It only grows: slice it, never change it."""
        return self._audit.entries

    @property
    def faults(self) -> Faults:
        """What goes wrong; add to it."""
        return self._server.faults

    @property
    def calls(self) -> int:
        """How many calls have come in."""
        return self._server.calls

    @property
    def on_request(self) -> Hook | None:
        """Called with number, method and path just before each call is handled."""
        return self._server.hooks.on_request

    @on_request.setter
    def on_request(self, hook: Hook | None) -> None:
        self._server.hooks.on_request = hook

    def at_call(self, number: int, callback: Callable[[], None]) -> None:
        """Run `callback` just before the call of this number, counted from 1, is handled.

        It runs in a separate thread and may change the emulator or send requests to it. What
        hooks raise is raised again when the emulator's block ends.
        """
        self._server.hooks.at.setdefault(number, []).append(callback)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        # A failing test must show the error of the test first.
        if error is None and self._server.hooks.errors:
            raise self._server.hooks.errors[0]

    def close(self) -> None:
        """Stop the server and close the store."""
        self._stack.close()

    def __repr__(self) -> str:
        return f"Emulator({self.url!r})"

    def projects(self) -> list[dict[str, Any]]:
        """Return every project."""
        return self._read(lambda: self._store.all("project"))

    def datasets(self) -> list[dict[str, Any]]:
        """Return every dataset but the system's."""
        return self._read(lambda: [dataset for dataset in self._store.all("dataset") if not dataset.hidden])

    def dataset_urls(self) -> list[str]:
        """Return what names each dataset on a command line."""
        projects = {project["id"]: project["name"] for project in self.projects()}
        return [
            url_of(projects[project_id], dataset["name"])
            for dataset in self.datasets()
            for project_id in dataset["projects"]
        ]

    def items(self, dataset_id: str | None = None) -> list[dict[str, Any]]:
        """Return the items of a dataset, or of every dataset but the system's."""
        keys = [dataset_id] if dataset_id else [dataset["id"] for dataset in self.datasets()]
        store = self._store
        return self._read(
            lambda: [store.get("item", child) for key in keys for child in store.children("item", key)]
        )

    def artifacts(self, project_id: str) -> list[dict[str, Any]]:
        """Return the files that a project keeps for programs: artifacts, code and exports."""
        store = self._store
        return self._read(
            lambda: [
                store.get("item", key)
                for key in store.children("item", self._platform.binaries(project_id).id)
            ]
        )

    def annotations(self, item_id: str | None = None) -> list[dict[str, Any]]:
        """Return the annotations of an item, or all there are, ascending by id."""
        store = self._store
        if item_id is None:
            return self._read(lambda: store.all("annotation"))
        return self._read(
            lambda: [store.get("annotation", key) for key in store.children("annotation", item_id)]
        )

    def picture(self, item_id: str) -> bytes:
        """Return the bytes of an item."""
        with self._store.lock:
            system = self._store.get("item", item_id).json()["metadata"]["system"]
            return self._platform.pictures.load(item_id, system)

    def add_project(self, name: str) -> dict[str, Any]:
        """Create a project."""
        return self._change(lambda: self._platform.add_project(name))

    def add_dataset(self, project_id: str, name: str) -> dict[str, Any]:
        """Create a dataset with a recipe and an empty ontology."""
        return self._change(lambda: self._platform.add_dataset(project_id, {"name": name}))

    def add_item(
        self,
        dataset_id: str,
        path: str,
        *,
        data: bytes | None = None,
        width: int = 64,
        height: int = 48,
        mimetype: str | None = None,
        exif_orientation: int | None = None,
    ) -> dict[str, Any]:
        """Create an item with these bytes, or else a blank picture; width and height are in stored pixels."""
        if data is not None:
            return self._change(lambda: self._platform.upload(dataset_id, path, data, mimetype=mimetype))
        name = path.rpartition("/")[2]
        system = describe_blank(name, (width, height), mimetype=mimetype, orientation=exif_orientation)
        return self._change(lambda: self._platform.add_item(dataset_id, path, system))

    def add_annotation(self, item_id: str, json_dict: dict[str, Any]) -> dict[str, Any]:
        """Create an annotation as if it had been posted."""
        return self._change(lambda: self._platform.add_annotations(item_id, [copy.deepcopy(json_dict)])[0])

    def edit_annotation(self, annotation_id: str, **changes: Any) -> dict[str, Any]:
        """Change fields of an annotation, as another user's edit would."""
        return self._change(lambda: self._platform.merge("annotation", annotation_id, changes))

    def edit_item(self, item_id: str, **changes: Any) -> dict[str, Any]:
        """Change fields of an item, as another user's edit would."""
        return self._change(lambda: self._platform.merge("item", item_id, changes))

    def remove_annotation(self, annotation_id: str) -> None:
        """Delete an annotation, as another user would."""
        self._remove("annotation", annotation_id)

    def remove_item(self, item_id: str) -> None:
        """Delete an item and its annotations, as another user would."""
        self._remove("item", item_id)

    def _open(self, stack: ExitStack, folder: Path | None) -> None:
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
        log = ChangeLog(folder / "changes.jsonl") if folder else None
        if log:
            stack.callback(log.close)
        self._store = Store(log)
        self._platform = Platform(self._store, Pictures(folder / "pictures" if folder else None))

    def _read(self, find: Callable[[], list[Document]]) -> list[dict[str, Any]]:
        with self._store.lock:
            return [self._shown(record) for record in find()]

    def _change(self, make: Callable[[], Document]) -> dict[str, Any]:
        with self._store.lock, self._platform.write():
            return self._shown(make())

    def _remove(self, kind: str, key: str) -> None:
        with self._store.lock, self._platform.write():
            self._platform.remove(kind, key)

    def _shown(self, record: Document) -> dict[str, Any]:
        return dict(msgspec.json.decode(self._platform.view(record)))


def serve(
    port: int = 0,
    seed: PathLike | None = None,
    *,
    images: PathLike | None = None,
    store: PathLike | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Run an emulator until interrupted; `ready` is handed the text that says how to use it."""
    with Emulator(seed=seed, images=images, store=store, port=port) as emulator:
        if ready:
            text = instructions(emulator.url, emulator.dataset_urls())
            ready("\n".join(filter(None, (text, emulator.seeded.summary()))))
        # For ever; an interrupt ends it.
        threading.Event().wait()
