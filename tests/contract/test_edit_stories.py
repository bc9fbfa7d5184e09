"""Stories of edits and runs that the state machine found, told once more."""

from collections.abc import Iterator

import numpy as np
import pytest

from polymask import rasterize
from polymask.model import Polygon
from tests.contract.test_edits import BOXES, FRAME, Edits, rings


@pytest.fixture
def story() -> Iterator[Edits]:
    machine = Edits()
    yield machine
    machine.teardown()


def test_a_polygon_erased_before_a_run_saw_it_restored_counts_as_deleted(story: Edits) -> None:
    """Its mask calls it deleted still, so that nobody can tell who deleted it: its pixels stay."""
    story.draw("cat", BOXES[0], {})
    story.run(deletes=True, only=None, limit=None)
    story.draw("cat", BOXES[1], {})
    story.run(deletes=False, only=None, limit=None)
    story.restore()
    story.erase(1)
    story.run(deletes=False, only=None, limit=None)
    (mask,) = story.masks()
    assert np.array_equal(mask["mask"], rasterize([Polygon(rings(box)[0]) for box in BOXES[:2]], FRAME))


def test_a_spoilt_mask_of_an_erased_polygon_is_made_anew(story: Edits) -> None:
    """Nothing was deleted on its account: a deleting run writes it anew from the polygon that is there."""
    for box in BOXES[:2]:
        story.draw("cat", box, {})
    story.run(deletes=False, only=None, limit=None)
    story.spoil(0)
    story.erase(0)
    story.run(deletes=True, only=None, limit=None)
    (mask,) = story.masks()
    assert np.array_equal(mask["mask"], rasterize(Polygon(rings(BOXES[1])[0]), FRAME))
