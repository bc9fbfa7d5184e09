"""The places, and dtlpy in a home of its own."""

from pathlib import Path

import pytest

from tests.contract.backends import DataloopPlace, FolderPlace, MemoryPlace, Place
from tests.dataloop.conftest import (  # noqa: F401
    allow_third_party,
    dataloop_emulator,
    dtlpy,
    no_noise,
    sdk,
    world,
)

SEAMS = ("memory", "dataloop")
PLACES = (*SEAMS, "folder of index masks", "folder of label masks")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    allow_third_party(items, Path(__file__).parent)


def _place(name: str, request: pytest.FixtureRequest, folder: Path) -> Place:
    if name == "memory":
        return MemoryPlace(folder)
    if name == "dataloop":
        request.getfixturevalue("no_noise")
        return DataloopPlace(request.getfixturevalue("world"), folder)
    return FolderPlace(folder, "index" if "index" in name else "binary")


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return _place(request.param, request, tmp_path)


@pytest.fixture(params=SEAMS)
def seamed(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return _place(request.param, request, tmp_path)
