"""Clones: an item is copied with its polygons, marks and masks, which name the polygons of the original."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from polymask.dataloop.emulator import Fault
from polymask.dataloop.jobs.undoing.removal import remove_dataset_masks
from polymask.provenance.claims import key_of
from tests.dataloop.test_download import read
from tests.dataloop.test_restore import clone
from tests.dataloop.world import (
    ACROSS,
    BESIDE,
    RING_WITH_HOLE,
    URL,
    Json,
    World,
    expected,
    ring,
    same_masks,
    stopped_before,
)

ALL = [RING_WITH_HOLE, BESIDE, ACROSS]
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
    changes: dict[str, Json] = {"move": {"coordinates": MOVED}, "relabel": {"label": "a boat"}}
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


@pytest.mark.parametrize("deletes", [False, True])
def test_a_clone_of_masks_beside_polygons_shows_each_polygon_once(
    world: World, journal: Path, deletes: bool
) -> None:
    """Under its own ids: the masks, which name the original's, hold nothing else."""
    item = world.add_item("/0.png", *ALL)
    with stopped_before("*", 13) if deletes else nullcontext():  # just before it deletes
        world.convert(journal, delete_source=deletes)
    assert len(world.of_type("segment", item)) == 3
    assert [row["metadata"]["user"]["polymask"]["deletes"] for row in world.of_type("binary", item)] == [
        deletes,
        deletes,
    ]
    copy = clone(world, item, "/copy.png")
    records = {record.name: record for record in read(world)}
    assert sorted(str(instance.id) for instance in records["copy.png"].instances) == sorted(
        row["id"] for row in world.of_type("segment", copy)
    )


def test_what_a_clone_has_is_not_lost(world: World, journal: Path, tmp_path: Path, copy: str) -> None:
    """No journal holds what the masks of a clone list, but the clone has it."""
    assert world.convert(tmp_path / "other", where=["copy.png"]).failures == []
    report = world.restore(tmp_path / "other")
    assert (report.written, report.failures, report.exit_code) == (2, [], 0)
    assert len(world.of_type("segment", copy)) == 2


@pytest.fixture
def half(world: World, journal: Path) -> str:
    """An item of whose polygons one was deleted when its run was stopped; the masks speak of all three."""
    item = world.add_item("/0.png", *ALL)
    world.emulator.faults.add(
        Fault("POST", "**/query", "status", status=400, clause="updatedAt", times=None),
        Fault("DELETE", "**", "status", status=403, skip=1, times=None),
    )
    assert world.convert(journal).failures
    world.emulator.faults.clear()
    assert [row["coordinates"] for row in world.of_type("segment", item)] == [
        row["coordinates"] for row in (BESIDE, ACROSS)
    ]
    return item


@pytest.mark.parametrize("deletes", [False, True])
@pytest.mark.parametrize("change", ["erase", "move"])
def test_a_clone_of_a_half_deleted_item_is_its_own(
    world: World, journal: Path, half: str, change: str, deletes: bool
) -> None:
    """What is moved or erased in the clone leaves its masks; what was deleted before stays in them."""
    copy = clone(world, half, "/copy.png")
    row = world.of_type("segment", copy)[0]
    if change == "erase":
        world.emulator.remove_annotation(row["id"])
    else:
        world.emulator.edit_annotation(row["id"], coordinates=MOVED)
    wanted = expected([RING_WITH_HOLE, *world.of_type("segment", copy)])
    assert world.convert(journal, delete_source=deletes, where=["copy.png"]).failures == []
    assert same_masks(world.masks(copy), wanted)


def test_a_clone_of_a_half_deleted_item_gets_everything_back(world: World, journal: Path, half: str) -> None:
    """Its own polygons from its own backup, and what was deleted before from that of the first item."""
    copy = clone(world, half, "/copy.png")
    for written in (6, 6):
        assert world.convert(journal).failures == []
        assert [len(world.of_type("segment", item)) for item in (half, copy)] == [0, 0]
        report = world.restore(journal)
        assert (report.written, report.failures) == (written, [])
        for item in (half, copy):
            rings = [row["coordinates"] for row in world.of_type("segment", item)]
            assert sorted(map(str, rings)) == sorted(str(row["coordinates"]) for row in ALL)


def test_a_restoration_puts_no_second_polygon_beside_a_copy(world: World, journal: Path, half: str) -> None:
    """The clone has two of the three that its masks speak of, under ids of their own."""
    copy = clone(world, half, "/copy.png")
    report = world.restore(journal)
    assert (report.written, report.failures) == (2, [])
    assert [len(world.of_type("segment", item)) for item in (half, copy)] == [3, 3]


def test_what_cannot_be_told_from_a_deletion_stays_in_a_clone_s_mask(
    world: World, journal: Path, half: str
) -> None:
    """The first item was finished before anybody looked at the clone, where a polygon was erased."""
    copy = clone(world, half, "/copy.png")
    assert world.convert(journal, where=["0.png"]).failures == []
    world.emulator.remove_annotation(world.of_type("segment", copy)[0]["id"])
    assert world.convert(journal, where=["copy.png"]).failures == []
    assert same_masks(world.masks(copy), expected(ALL))


def test_claims_of_earlier_builds_name_no_item(world: World, journal: Path, half: str) -> None:
    """They are proven as ever, finished, and restored; a copy's polygons too."""
    for row in world.of_type("binary"):
        world.emulator.edit_annotation(row["id"], metadata={"user": {"polymask": earlier_claim(row)}})
    assert [world.masks(half)[label].any() for label in ("cat", "dog")] == [True, True]
    copy = clone(world, half, "/copy.png")
    assert world.convert(journal, where=["0.png"]).failures == []
    report = world.restore(journal)
    assert (report.written, report.failures) == (4, [])
    assert [len(world.of_type("segment", item)) for item in (half, copy)] == [3, 3]


def earlier_claim(row: Json) -> Json:
    """The claim as a build wrote it that did not name the item; the key follows from the rest."""
    claim = {name: value for name, value in row["metadata"]["user"]["polymask"].items() if name != "item"}
    return {"item": None, "key": key_of(claim)}


def test_the_masks_of_a_clone_that_has_their_polygons_can_be_removed(
    world: World, copy: str, journal: Path
) -> None:
    """Nothing was deleted on their account."""
    with world.connected():
        report = remove_dataset_masks(URL, journal=journal)
    assert report.failures == []
    assert world.of_type("binary") == []
    assert len(world.of_type("segment", copy)) == 2
