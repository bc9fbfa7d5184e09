"""The fixtures of the tests that follow advice."""

from collections.abc import Iterator

import pytest

from polymask.dataloop.emulator import Emulator
from tests.advice.sites import case
from tests.dataloop.world import World

__all__ = ["case", "world"]


@pytest.fixture
def world() -> Iterator[World]:
    """A dataset of one item, which the commands of the test talk to."""
    with Emulator() as emulator:
        world = World(emulator, items=1)
        with world.connected():
            yield world
