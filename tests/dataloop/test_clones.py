"""Clones: an item is copied with its polygons, marks and masks, which name the polygons of the original."""

from pathlib import Path

import pytest

from polymask.dataloop.jobs.removal import remove_dataset_masks
from tests.dataloop.test_download import read
from tests.dataloop.test_restore import clone
from tests.dataloop.world import ACROSS, RING_WITH_HOLE, URL, World, expected, ring, same_masks

MOVED = [ring(0, 0, 3, 3)]


@pytest.fixture
def copy(world: World, journal: Path) -> str:
    """The clone of an item whose polygons were deleted and put back."""
    item = world.add_item("/0.png", RING_WITH_HOLE, ACROSS)
    world.convert(journal)
    world.restore(journal)
    return clone(world, item, "/copy.png")


def edit(world: World, item: str, change: str) -> None:
    """Somebody changes a polygon of an item."""
    row = world.of_type("segment", item)[0]
    changes = {"move": {"coordinates": MOVED}, "relabel": {"label": "a boat"}}
    world.emulator.edit_annotation(row["id"], **changes[change])


@pytest.mark.parametrize("deletes", [False, True])
@pytest.mark.parametrize("change", ["move", "relabel"])
def test_the_masks_of_a_clone_follow_its_polygons(
    world: World, journal: Path, copy: str, change: str, deletes: bool
) -> None:
    """A clone's polygon that was put back is the one that its masks list: no polygon is painted twice."""
    edit(world, copy, change)
    rows = world.of_type("segment", copy)
    assert world.convert(journal, delete_source=deletes).failures == []
    assert same_masks(world.masks(copy), expected(rows))
    claims = [row["metadata"]["user"]["polymask"] for row in world.of_type("binary", copy)]
    assert sorted(source["id"] for claim in claims for source in claim["sources"]) == sorted(
        row["id"] for row in rows
    )


def test_a_clone_in_a_folder_shows_each_polygon_once(world: World, copy: str) -> None:
    """Its masks are left out, for all their polygons are there."""
    edit(world, copy, "move")
    records = {record.name: record for record in read(world)}
    shown = records["copy.png"].instances
    assert sorted(str(instance.id) for instance in shown) == sorted(
        row["id"] for row in world.of_type("segment", copy)
    )


def test_what_a_clone_has_is_not_lost(world: World, journal: Path, tmp_path: Path, copy: str) -> None:
    """No journal holds what the masks of a clone list, but the clone has it."""
    assert world.convert(tmp_path / "other", where=["copy.png"]).failures == []
    report = world.restore(tmp_path / "other")
    assert (report.written, report.failures, report.exit_code) == (2, [], 0)
    assert len(world.of_type("segment", copy)) == 2


def test_the_masks_of_a_clone_that_has_their_polygons_can_be_removed(
    world: World, copy: str, journal: Path
) -> None:
    """Nothing was deleted on their account."""
    with world.connected():
        report = remove_dataset_masks(URL, journal=journal)
    assert report.failures == []
    assert world.of_type("binary") == []
    assert len(world.of_type("segment", copy)) == 2
