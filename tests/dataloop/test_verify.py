"""The masks of a dataset, proven again: what is counted, and what is told where one is wrong."""

import pytest

from polymask.dataloop import run
from polymask.errors import LimitError
from polymask.limits import Limits
from polymask.report_model import Report

from .world import ACROSS, HEIGHT, RING_WITH_HOLE, URL, WIDTH, World


def examined(world: World, url: str = URL, limits: Limits | None = None) -> Report:
    with world.connected():
        return run.examine(url, limits=limits)


@pytest.fixture
def items(world: World) -> list[str]:
    """An item with two masks, one below a folder with one, and one without any."""
    made = [
        world.add_item("/a.png", RING_WITH_HOLE, ACROSS),
        world.add_item("/sub/b.png", ACROSS),
        world.add_item("/c.png"),
    ]
    world.convert(delete_source=False)
    return made


def test_items_and_masks_are_counted(world: World, items: list[str]) -> None:
    """Also where the polygons are gone; items without a mask are none, and a folder has its own."""
    for row in world.of_type("segment"):
        world.emulator.remove_annotation(row["id"])
    whole, below = examined(world), examined(world, f"{URL}/sub")
    assert (whole.images, whole.unchanged) == (2, 3)
    assert (below.images, below.unchanged) == (1, 1)


def test_every_mask_that_is_wrong_is_named(world: World, items: list[str]) -> None:
    """One that is not what was stored, with its id, and labels that have several."""
    first, second = world.of_type("binary", items[0])
    (other,) = world.of_type("binary", items[1])
    world.emulator.edit_annotation(first["id"], coordinates=second["coordinates"])
    world.add(items[1], other)
    report = examined(world)
    assert [(one.name, one.reason) for one in report.failures] == [
        ("a.png", f"'{first['label']}' ({first['id']}): not what was stored"),
        ("sub/b.png", "'dog' has 2 masks"),
    ]
    assert (report.images, report.unchanged) == (2, 3)


def test_a_frame_above_the_limit_is_told(world: World, items: list[str]) -> None:
    """Its mask is not decoded, so nobody can say that it is right."""
    assert examined(world, limits=Limits(max_pixels=WIDTH * HEIGHT)).unchanged == 3
    with pytest.raises(LimitError, match=r"a\.png: '(cat|dog)': 16 × 24 px are more"):
        examined(world, limits=Limits(max_pixels=WIDTH * HEIGHT - 1))
