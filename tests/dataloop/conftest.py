"""The real dtlpy, kept in a home of its own and off the network, and a project to use it on."""

import io
import logging
import socket
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import requests
from PIL import Image

from polymask.dataloop.emulator import Emulator, dataloop_emulator, fake_token, point_sdk_at
from tests.dataloop.world import World

__all__ = ["dataloop_emulator"]

# Third-party habits that are not ours to mend, each named as narrowly as it can be.
THIRD_PARTY = (
    "ignore:verify_ssl is deprecated:DeprecationWarning",  # dtlpy's item upload, told by aiohttp
    "ignore:Inheritance class .* from ClientSession:DeprecationWarning",  # dtlpy's retrying client
    "ignore:unclosed .*socket.* raddr=.'127.0.0.1':ResourceWarning",  # dtlpy's session is never closed
)

TRIANGLE = [{"x": 2.5, "y": 2.5}, {"x": 20.5, "y": 2.5}, {"x": 20.5, "y": 18.5}]
HOLE = [{"x": 12, "y": 4}, {"x": 18, "y": 4}, {"x": 18, "y": 9}]


def allow_third_party(items: list[pytest.Item], folder: Path) -> None:
    """Let the warnings of others pass in the tests below a folder."""
    for item in items:
        if folder in item.path.parents:
            for rule in THIRD_PARTY:
                item.add_marker(pytest.mark.filterwarnings(rule))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    allow_third_party(items, Path(__file__).parent)


def polygon(label: str = "cat", *rings: list[dict[str, float]]) -> dict[str, Any]:
    return {"type": "segment", "label": label, "coordinates": list(rings) or [TRIANGLE]}


def png(width: int = 40, height: int = 30, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "navy").save(buffer, "PNG", **options)
    return buffer.getvalue()


def named(data: bytes, name: str) -> io.BytesIO:
    buffer = io.BytesIO(data)
    buffer.name = name
    return buffer


class Api:
    """Plain HTTP to an emulator, for what the SDK would hide."""

    def __init__(self, emulator: Emulator) -> None:
        self.base = emulator.url
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {fake_token('ann@example.org')}"

    def __call__(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        return self.session.request(method, self.base + path, json=body, timeout=20, **options)

    def query(self, dataset_id: str, *clauses: dict[str, Any], **fields: Any) -> dict[str, Any]:
        body = {"resource": "items", "filter": {"$and": list(clauses)}, "page": 0, "pageSize": 1000} | fields
        answer = self("POST", f"/datasets/{dataset_id}/query", body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


class Harbor:
    """A project `boats` with a dataset `harbor` and one item, straight in the emulator."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.project = emulator.add_project("boats")
        self.dataset = emulator.add_dataset(self.project["id"], "harbor")
        self.dataset_id = str(self.dataset["id"])
        self.item = self.add_item("/a.png")
        self.item_id = str(self.item["id"])

    def add_item(self, path: str) -> dict[str, Any]:
        return self.emulator.add_item(self.dataset_id, path, data=png())

    def add_polygons(self, count: int, item_id: str | None = None) -> list[str]:
        target = item_id or self.item_id
        return [str(self.emulator.add_annotation(target, polygon())["id"]) for _ in range(count)]


@pytest.fixture
def harbor(dataloop_emulator: Emulator) -> Harbor:
    return Harbor(dataloop_emulator)


@pytest.fixture
def api(dataloop_emulator: Emulator) -> Iterator[Api]:
    api = Api(dataloop_emulator)
    yield api
    api.session.close()


@pytest.fixture(scope="session")
def dtlpy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The unmodified SDK, imported into an empty home, unable to reach beyond this machine."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setenv("DATALOOP_PATH", str(home / ".dataloop"))
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        patch.setattr(socket.socket, "connect", _loopback_only(socket.socket.connect))
        with warnings.catch_warnings():
            # On import it sets filters for the whole process.
            import dtlpy

        dtlpy.verbose.disable_progress_bar = True
        yield dtlpy


@pytest.fixture
def sdk(
    dtlpy: ModuleType, dataloop_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    """The SDK pointed at this test's emulator, in a folder without leftovers."""
    monkeypatch.chdir(tmp_path)
    point_sdk_at(dataloop_emulator.url, token=fake_token("ann@example.org"))
    dtlpy.client_api.session = None  # polymask may have given it one without retries
    return dtlpy


@pytest.fixture
def world(sdk: ModuleType, dataloop_emulator: Emulator) -> World:
    """An empty dataset, and the real SDK to convert it with."""
    return World(dataloop_emulator)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def no_noise(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where clients are killed and calls cut off, nobody reads what aiohttp has to say about it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logging.getLogger("aiohttp.server"), "disabled", True)


@pytest.fixture
def no_backoff(dtlpy: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the waiting out of the SDK's retries, not the retries."""
    monkeypatch.setattr("urllib3.util.retry.Retry.get_backoff_time", lambda _retry: 0)
    hurried = SimpleNamespace(**vars(time) | {"sleep": lambda _seconds: None})
    for module in ("datasets", "uploader"):
        monkeypatch.setattr(sys.modules[f"dtlpy.repositories.{module}"], "time", hurried)


def _loopback_only(connect: Any) -> Any:
    def guarded(self: socket.socket, address: Any) -> Any:
        host = address[0] if isinstance(address, tuple) else "localhost"  # a path: this machine's own
        assert host in ("127.0.0.1", "localhost", "::1"), f"a test tried to reach {host}"
        return connect(self, address)

    return guarded
