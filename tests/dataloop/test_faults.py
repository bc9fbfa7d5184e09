"""A fault at any call, then a rerun: nothing lost, nothing doubled, the same end.

Here a tenth of the cases, always the same; all of them are in `tests.dataloop.fault_campaign`.
"""

import random
from types import ModuleType

import pytest

from polymask.dataloop.emulator import KINDS
from polymask.dataloop.service.client import ALL_WAITS
from tests.dataloop.fault_campaign import FAULTS, applies, disturbed, undisturbed


def a_tenth(name: str, *, app: bool = False) -> list[int]:
    calls = [call.number for call in undisturbed(app=app)[0] if applies(FAULTS[name][0], call)]
    return sorted(random.Random(name).sample(calls, max(1, len(calls) // 10)))


def test_every_kind_of_fault_is_tried() -> None:
    """The campaign knows all that the emulator can do wrong."""
    assert {step["kind"] for steps in FAULTS.values() for step in steps} == set(KINDS)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_changes_nothing_in_the_end(dtlpy: ModuleType, no_noise: None, name: str) -> None:
    """No polygon is lost at any moment, no mask is doubled, and a rerun ends where no fault would."""
    for number in a_tenth(name):
        outcome = disturbed(name, number)
        assert outcome.clean, f"{name} at call {number}: {outcome}"
        assert outcome.waited <= ALL_WAITS


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_changes_nothing_without_a_folder(dtlpy: ModuleType, no_noise: None, name: str) -> None:
    """The same for the app, whose backup is on the platform too, and may go wrong with the rest."""
    for number in a_tenth(name, app=True):
        outcome = disturbed(name, number, app=True)
        assert outcome.clean, f"{name} at call {number}: {outcome}"
