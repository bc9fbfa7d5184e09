"""A few stories of clones; more are told by `python -m tests.dataloop.clone_stories`."""

from collections.abc import Iterator

import pytest

from tests.dataloop.clone_stories import Clones, tell

pytestmark = pytest.mark.usefixtures("sdk", "no_noise")


def test_clones_lose_nothing() -> None:
    """Items and datasets cloned in whatever state, converted, restored, edited."""
    tell(8, 8)


@pytest.fixture
def story() -> Iterator[Clones]:
    machine = Clones()
    yield machine
    machine.teardown()


def test_a_journal_of_two_datasets_keeps_them_apart(story: Clones) -> None:
    """What a stopped run deleted from one of them is not looked for, and not put back, in the other."""
    story.clone_dataset()
    story.die(at=0, nth=16, by_id=False)
    first = story.items()[0]
    assert story.world.of_type("segment", first) == []
    story.convert(at=1, deletes=True)
    assert story.world.of_type("segment") == []
    story.nothing_is_lost()
