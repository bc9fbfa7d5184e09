"""Stories of edits and runs that the state machine found, told once more."""

import numpy as np

from polymask import rasterize
from polymask.model import Polygon
from tests.contract.test_edits import BOXES, FRAME, Edits, rings


def test_a_polygon_erased_before_a_run_saw_it_restored_counts_as_deleted() -> None:
    """Its mask calls it deleted still, so that nobody can tell who deleted it: its pixels stay."""
    story = Edits()
    story.draw("cat", BOXES[0], {})
    story.run(deletes=True, only=None, limit=None)
    story.draw("cat", BOXES[1], {})
    story.run(deletes=False, only=None, limit=None)
    story.restore()
    story.erase(1)
    story.run(deletes=False, only=None, limit=None)
    (mask,) = story.masks()
    assert np.array_equal(mask["mask"], rasterize([Polygon(rings(box)[0]) for box in BOXES[:2]], FRAME))
