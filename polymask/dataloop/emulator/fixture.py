"""A pytest fixture that starts an emulator for a test."""

from collections.abc import Iterator

import pytest

from polymask.dataloop.emulator.emulator import Emulator


@pytest.fixture
def dataloop_emulator() -> Iterator[Emulator]:
    """Serve an empty emulator for the length of a test."""
    with Emulator() as emulator:
        yield emulator
