"""Putting back what was deleted: ring by ring, once, however often and after whatever was asked."""

import json
from pathlib import Path

import pytest

from polymask.dataloop.emulator import Fault
from polymask.errors import NotFound
from polymask.journal import EVENTS

from .world import ACROSS, BESIDE, World, expected, ring, same_masks, segment, strip

RICH = segment(
    "cat",
    ring(1.25, 1, 9, 9),
    ring(3, 3, 6, 6),
    ring(12, 1, 15, 4),
    objectId="5",
    automated=True,
    parentId=None,
    isOpen=False,
) | {"attributes": ["a", "b"], "source": "ui"}
ALL = [RICH, BESIDE, ACROSS]


def unmarked(world: World) -> list[dict[str, object]]:
    """The polygons without ids, dates and the mark that they were restored."""
    rows = [strip(row) for row in world.of_type("segment")]
    for row in rows:
        user = row["metadata"]["user"]
        row["metadata"] = row["metadata"] | {"user": {k: v for k, v in user.items() if k != "polymask"}}
    return sorted(rows, key=str)


@pytest.fixture
def item(world: World) -> str:
    return world.add_item("/0.png", *ALL)


def test_everything_comes_back_as_it_was(world: World, item: str, journal: Path) -> None:
    """Every ring, attribute and piece of metadata, apart from ids, dates and our mark."""
    before = unmarked(world)
    world.convert(journal)
    report = world.restore(journal)
    assert (report.images, report.written, report.failures) == (3, 3, [])
    assert unmarked(world) == before


def test_the_journal_tells_what_was_put_back(world: World, item: str, journal: Path) -> None:
    """Each polygon once, by the id that it had; what was there already is not noted."""
    world.convert(journal)
    for _ in range(2):
        world.restore(journal)
        events = [json.loads(line) for line in (journal / EVENTS).read_text().splitlines()]
        told = [key for event in events if event["event"] == "restored" for key in event["ids"]]
        assert sorted(told) == sorted(world.originals)


def test_restoring_twice_is_restoring_once(world: World, item: str, journal: Path) -> None:
    """What is there stays as it is."""
    world.convert(journal)
    world.restore(journal)
    before, calls = world.state(), len(world.emulator.audit)
    report = world.restore(journal)
    assert (report.written, report.unchanged) == (0, 3)
    assert (world.state(), world.writes(calls)) == (before, [])


def test_polygons_that_were_not_deleted_are_not_restored(world: World, item: str, journal: Path) -> None:
    """A run that stopped before its deletions leaves nothing to put back."""
    world.convert(journal, max_delete=0)
    assert world.restore(journal).written == 0
    assert len(world.of_type("segment")) == 3


@pytest.mark.parametrize(
    "kind", ["drop-after", "drop-before", "status-after", "status", "truncate", "invalid-json", "partial"]
)
@pytest.mark.parametrize("stale", [0, 1, 2])
def test_a_lost_reply_restores_nothing_twice(
    world: World, item: str, journal: Path, kind: str, stale: int
) -> None:
    """Whether a polygon arrived is looked up, not guessed, even where the first look is outdated."""
    before = unmarked(world)
    world.convert(journal)
    world.emulator.faults.add(Fault("POST", "/items/*/annotations", kind, status=503))
    if stale:
        world.before("POST", "/annotations", 1, lambda: stale_looks(world, stale))
    report = world.restore(journal)
    assert [one.reason for one in report.failures] == []
    assert unmarked(world) == before
    assert world.restore(journal).written == 0
    assert unmarked(world) == before


def stale_looks(world: World, count: int) -> None:
    world.emulator.faults.add(Fault("POST", "**/query", "stale", resource="annotations", times=count))


def test_converting_again_gives_no_doubles(world: World, item: str, journal: Path) -> None:
    """Restored polygons are those that their masks already hold: nothing is uploaded."""
    world.convert(journal)
    masks = [row["id"] for row in world.of_type("binary")]
    world.restore(journal)
    report = world.convert(journal)
    assert (report.deleted, report.failures) == (3, [])
    assert [row["id"] for row in world.of_type("binary")] == masks
    assert same_masks(world.masks(item), expected(ALL))


def test_round_after_round(world: World, item: str, journal: Path) -> None:
    """However often converted and restored, every polygon comes back once."""
    before = unmarked(world)
    for _ in range(3):
        world.convert(journal)
        world.restore(journal)
        assert unmarked(world) == before
        assert len(world.masks(item)) == 2


def test_a_polygon_edited_after_it_was_restored_comes_back_as_edited(
    world: World, item: str, journal: Path
) -> None:
    """The last version that was deleted is the one that is put back."""
    world.convert(journal)
    world.restore(journal)
    moved = [ring(0, 0, 5, 5)]
    dog = next(row["id"] for row in world.of_type("segment") if row["label"] == "dog")
    world.emulator.edit_annotation(dog, coordinates=moved)
    world.convert(journal)
    world.restore(journal)
    assert sorted(len(row["coordinates"]) for row in world.of_type("segment")) == [1, 1, 3]
    assert [row["coordinates"] for row in world.of_type("segment") if row["label"] == "dog"] == [moved]


def test_an_item_that_is_gone_does_not_hold_up_the_others(world: World, item: str, journal: Path) -> None:
    """Its polygons are reported as failed; the others are put back."""
    gone = world.add_item("/1.png", ACROSS)
    world.add_item("/2.png", BESIDE)
    world.convert(journal)
    world.emulator.remove_item(gone)
    report = world.restore(journal)
    assert [one.name for one in report.failures] == ["1.png"]
    assert (report.written, report.exit_code) == (4, NotFound.exit_code)


def test_a_stopped_run_is_restored_as_well(world: World, item: str, journal: Path) -> None:
    """Polygons that a run deleted before it stopped come back beside those it had not deleted yet."""
    before = unmarked(world)
    world.emulator.faults.add(
        Fault("POST", "**/query", "status", status=400, clause="updatedAt", times=None),
        Fault("DELETE", "**", "status", status=403, skip=1, times=None),
    )
    assert world.convert(journal).failures
    world.emulator.faults.clear()
    assert world.restore(journal).written == 1
    assert unmarked(world) == before


def test_restored_polygons_keep_their_name(world: World, item: str, journal: Path) -> None:
    """The mark says which polygon it was, through any number of rounds."""
    world.convert(journal)
    world.restore(journal)
    world.convert(journal)
    world.restore(journal)
    marks = {row["metadata"]["user"]["polymask"]["restored"] for row in world.of_type("segment")}
    assert marks == set(world.originals)
