"""A dataset to convert, conversions that wait for nothing, and what must be true of them at any moment."""

import base64
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np

from polymask import rasterize
from polymask.codecs.png import decode_rgba, encode_rgba
from polymask.dataloop.emulator import Emulator, fake_token, point_sdk_at
from polymask.dataloop.jobs import run
from polymask.dataloop.jobs.item import convert_item
from polymask.dataloop.jobs.undoing import restoration
from polymask.dataloop.service import client as client_module
from polymask.dataloop.service.client import Client, connect
from polymask.dataloop.sink import png_of
from polymask.in_place.job import ProvenOptions
from polymask.model import BoolMask, Frame, Polygon
from polymask.results import Report

Json = dict[str, Any]
URL = "dataloop://boats/harbor"
WIDTH, HEIGHT = 24, 16
NEVER_EQUAL = {"id", "url", "item", "dataset", "createdAt", "updatedAt", "creator", "updatedBy", "hash"}


def ring(left: float, top: float, right: float, bottom: float) -> list[dict[str, float]]:
    return [{"x": x, "y": y} for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))]


def segment(label: str, *rings: Any, **system: Any) -> Json:
    return {
        "type": "segment",
        "label": label,
        "coordinates": list(rings),
        "metadata": {"system": {"attributes": {"wet": True}, **system}, "user": {"batch": 7}},
    }


def box(label: str = "cat") -> Json:
    return {"type": "box", "label": label, "coordinates": [{"x": 1, "y": 1}, {"x": 4, "y": 5}]}


RING_WITH_HOLE = segment("cat", ring(1.5, 1.5, 9, 9), ring(3, 3, 6, 6), objectId="1")
BESIDE = segment("cat", ring(10, 2, 14.2, 8))
ACROSS = segment("dog", ring(4, 4, 18, 12.5))


class World:
    """A project `boats` with a dataset `harbor`, straight in an emulator."""

    def __init__(self, emulator: Emulator, *, items: int = 0) -> None:
        self.emulator = emulator
        self.project = emulator.add_project("boats")
        self.dataset = emulator.add_dataset(self.project["id"], "harbor")
        self.waits: list[float] = []
        self.sleep: Callable[[float], None] = self.waits.append
        self.originals: dict[str, Json] = {}
        self._looking: list[Callable[[str, str], None]] = []
        emulator.on_request = lambda _number, method, path: [look(method, path) for look in self._looking]
        for number in range(items):
            self.add_item(f"/{number}.png", RING_WITH_HOLE, BESIDE, ACROSS, box())

    def add_item(self, path: str, *annotations: Json, **options: Any) -> str:
        size = {"width": WIDTH, "height": HEIGHT} if "data" not in options else {}
        item = self.emulator.add_item(self.dataset["id"], path, **size | options)
        for one in annotations:
            self.add(item["id"], one)
        return str(item["id"])

    def before_calls(self, look: Callable[[str, str], None]) -> None:
        """Have every call's method and path told before it is handled."""
        self._looking.append(look)

    def before(self, method: str, end: str, nth: int, act: Callable[[], Any]) -> None:
        """Do something just before the nth call of a method whose path ends so."""
        seen = 0

        def look(called: str, path: str) -> None:
            nonlocal seen
            seen += called == method and path.endswith(end)
            if seen == nth and called == method and path.endswith(end):
                act()

        self.before_calls(look)

    def add(self, item_id: str, annotation: Json) -> str:
        made = self.emulator.add_annotation(item_id, annotation)
        if made["type"] == "segment":
            self.originals[made["id"]] = made
        return str(made["id"])

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Runs in this block talk to the emulator, and write down how long they would wait."""

        def quick(*, workers: int = 1) -> Client:
            client = connect(workers=workers)
            client.sleep = self.sleep
            sessions.append(client._api.session)
            return client

        sessions: list[Any] = []
        point_sdk_at(self.emulator.url, token=fake_token("ann@example.org"))
        with patch.object(run, "connect", quick):
            try:
                yield
            finally:
                for session in sessions:
                    session.close()

    def convert(self, journal: Path | None = None, *, delete_source: bool = True, **options: Any) -> Report:
        where = {name: options.pop(name) for name in ("query", "where") if name in options}
        with self.connected():
            chosen = ProvenOptions(delete_source=delete_source, **options)
            return run.convert_in_place(URL, chosen, journal=journal, **where)

    def convert_items(self, *items: str, **options: Any) -> list[Report]:
        """Convert items as the app does, each by a call of its own, without a folder for the journal."""
        with self.connected():
            return self.convert_connected_items(*items, **options)

    def convert_connected_items(self, *items: str, **options: Any) -> list[Report]:
        """The same, in a block that is connected: runs at once share it."""
        chosen = items or tuple(str(item["id"]) for item in self.emulator.items(self.dataset["id"]))
        settings = {"delete_source": True, **options}
        rows = (SimpleNamespace(id=key, dataset_id=self.dataset["id"]) for key in chosen)
        return [convert_item(row, **settings) for row in rows]

    def documents(self) -> dict[str, bytes]:
        """The files among the project's artifacts that tell of deletions, by path, oldest first."""
        files = self.emulator.artifacts(self.project["id"])
        chosen = [file for file in files if file["filename"].startswith("/artifacts/polymask/")]
        return {str(file["filename"]): self.emulator.picture(file["id"]) for file in chosen}

    def restore(self, journal: Path | None = None, *, dry_run: bool = False) -> Report:
        with self.connected():
            return restoration.restore_dataset(URL, journal=journal, dry_run=dry_run)

    def of_type(self, kind: str, item_id: str | None = None) -> list[Json]:
        return [one for one in self.emulator.annotations(item_id) if one["type"] == kind]

    def masks(self, item_id: str | None = None) -> dict[str, BoolMask]:
        """The masks by label (and item, unless one is given); fails where a label has two."""
        found: dict[str, BoolMask] = {}
        for row in self.of_type("binary", item_id):
            name = row["label"] if item_id else f"{row['itemId']} {row['label']}"
            assert name not in found, f"{name} has two masks"
            found[name] = decode_rgba(png_of(row))
        return found

    def writes(self, since: int = 0) -> list[Any]:
        """The calls that changed anything."""
        return [entry for entry in self.emulator.audit[since:] if entry.changes]

    def state(self) -> list[str]:
        """All annotations, apart from what no two runs have in common."""
        rows = [strip(row) for row in self.emulator.annotations()]
        return sorted(json.dumps(row, sort_keys=True) for row in rows)


def strip(row: Json) -> Json:
    return {name: value for name, value in row.items() if name not in NEVER_EQUAL}


def polygon_of(row: Json) -> Polygon:
    first, *holes = [[(point["x"], point["y"]) for point in one] for one in row["coordinates"]]
    return Polygon(first, holes)


def masks_of_rows(rows: Sequence[Json]) -> dict[str, BoolMask]:
    """One item's masks by label; fails where a label has two."""
    masks = {str(row["label"]): decode_rgba(png_of(row)) for row in rows}
    assert len(masks) == len(rows), f"a label of {sorted(masks)} has several masks"
    return masks


def expected(rows: Sequence[Json], frame: Frame = (HEIGHT, WIDTH)) -> dict[str, BoolMask]:
    """One mask a label, drawn by the converter itself."""
    by_label: dict[str, list[Polygon]] = {}
    for row in rows:
        by_label.setdefault(row["label"], []).append(polygon_of(row))
    return {label: rasterize(polygons, frame) for label, polygons in by_label.items()}


def same_masks(found: dict[str, BoolMask], wanted: dict[str, BoolMask]) -> bool:
    return found.keys() == wanted.keys() and all(np.array_equal(found[n], wanted[n]) for n in wanted)


class Watch:
    """Looks at the dataset before every call: no polygon may be anywhere but in it or proven and kept."""

    def __init__(self, world: World, journal: Path | None = None) -> None:
        self.world, self.journal = world, journal  # without a folder, it is among the artifacts
        self.lost: list[str] = []
        self._drawn = {
            key: rasterize(polygon_of(row), (HEIGHT, WIDTH)) for key, row in world.originals.items()
        }
        self._decoded: dict[str, BoolMask] = {}
        world.before_calls(lambda _method, _path: self.look())

    def look(self) -> None:
        rows = self.world.emulator.annotations()
        gone = self.world.originals.keys() - {row["id"] for row in rows}
        if not gone:
            return
        covered = {key for row in rows for key in self._covered_by(row, gone)}
        kept = backed_up(self.journal) if self.journal else backed_up_as_artifacts(self.world)
        for key in gone:
            if key not in covered or kept.get(key) != self.world.originals[key]:
                self.lost.append(key)

    def _covered_by(self, row: Json, gone: set[str]) -> set[str]:
        claim = (row["metadata"].get("user") or {}).get("polymask") or {}
        if row["type"] != "binary" or not claim:
            return set()
        if row["id"] not in self._decoded:
            self._decoded[row["id"]] = decode_rgba(png_of(row))
        mask = self._decoded[row["id"]]
        listed = {source["id"] for source in claim["sources"]} & gone
        return {key for key in listed if mask[self._drawn[key]].all()}


def backed_up(journal: Path) -> dict[str, Json]:
    path = journal / "backup.jsonl"
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    rows = [json.loads(line) for line in lines if line]
    return {row["instance"]["id"]: row["instance"] for row in rows if "instance" in row}


def backed_up_as_artifacts(world: World) -> dict[str, Json]:
    documents = (json.loads(data) for path, data in world.documents().items() if "-backup-" in path)
    return {row["instance"]["id"]: row["instance"] for document in documents for row in document["rows"]}


def faults_of_order(world: World) -> list[str]:
    """What the audit log shows that must not be: a blind second POST, a deletion before its proof."""
    wrong: list[str] = []
    posted: set[tuple[str, str]] = set()
    unread: dict[str, set[str]] = {}  # masks by item that nobody has read back yet
    proven: dict[str, set[str]] = {}  # polygons by mask that lists them, once read back
    sources: dict[str, set[str]] = {}
    for entry in world.emulator.audit:
        body = entry.body if entry.raw else None
        parts = entry.path.split("/")
        if entry.method == "POST" and parts[-1] == "annotations" and isinstance(body, list):
            item = parts[2]
            for row in body:
                key = row.get("metadata", {}).get("user", {}).get("polymask", {}).get("key")
                if key and (item, key) in posted:
                    wrong.append(f"call {entry.number}: {key[:8]} posted again without a look")
                posted.add((item, key))
            made = [one for verb, _, one in entry.changes if verb == "create"]
            for mask, row in zip(made, body, strict=False):
                claim = row.get("metadata", {}).get("user", {}).get("polymask", {})
                sources[mask] = {source["id"] for source in claim.get("sources", ())}
                unread.setdefault(item, set()).add(mask)
        elif isinstance(body, dict) and _shows_all(body) and entry.status == 200:
            item = next((clause["itemId"] for clause in body["filter"]["$and"] if "itemId" in clause), "")
            posted = {one for one in posted if one[0] != item}
            for mask in unread.pop(item, set()) if entry.fault in ("", "slow", "wrong-total") else ():
                proven[mask] = sources[mask]
        for verb, _, key in entry.changes:
            if verb == "delete" and key in world.originals:
                if not any(key in listed for listed in proven.values()):
                    wrong.append(f"call {entry.number}: polygon {key} deleted without a proof")
            elif verb == "delete":
                proven.pop(key, None)
    return wrong


def _shows_all(body: Json) -> bool:
    """Whether a query lists all annotations of an item, its masks among them."""
    if body.get("resource") != "annotations" or body.get("delete"):
        return False
    return {name for clause in body["filter"]["$and"] for name in clause} <= {"itemId", "id"}


def brushed(mask: BoolMask) -> str:
    """A mask's PNG in base64, as somebody with a brush leaves it."""
    return base64.b64encode(encode_rgba(mask, (9, 9, 9))).decode()


class Stopped(BaseException):
    """What stops a run at once, as a signal would."""


@contextmanager
def stopped_before(method: str, nth: int) -> Iterator[None]:
    """A run in this block stops just before its nth call of a method (`*`: of any)."""
    with _stopped(method, nth, unheard=False):
        yield


@contextmanager
def stopped_unheard(nth: int) -> Iterator[None]:
    """A run in this block stops when its nth call is carried out, and nobody is left to hear of it."""
    with _stopped("*", nth, unheard=True):
        yield


@contextmanager
def _stopped(method: str, nth: int, *, unheard: bool) -> Iterator[None]:
    """Only the thread that entered the block stops."""
    once, seen, thread = Client._once, 0, threading.get_ident()

    def counted(client: Client, called: str, path: str, body: Any) -> Any:
        nonlocal seen
        is_counted = threading.get_ident() == thread and method in ("*", called)
        seen += is_counted
        if is_counted and seen == nth and unheard:
            once(client, called, path, body)
        if is_counted and seen == nth:
            raise Stopped
        return once(client, called, path, body)

    with patch.object(Client, "_once", counted), suppress(Stopped):
        yield


@contextmanager
def short_patience(seconds: float) -> Iterator[None]:
    """Let clients give up on a slow answer sooner."""
    with patch.object(client_module, "TIMEOUT", (5, seconds)):
        yield
