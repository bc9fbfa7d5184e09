"""Runs that stop half-way, and what others do to a dataset between two runs and during one."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from polymask.dataloop.emulator import Fault
from polymask.dataloop.reading.claims import claim_of
from polymask.errors import ProofError
from polymask.layouts.dataloop import PREFIX
from tests.dataloop.world import (
    ACROSS,
    BESIDE,
    HEIGHT,
    RING_WITH_HOLE,
    WIDTH,
    Watch,
    World,
    brushed,
    expected,
    faults_of_order,
    ring,
    same_masks,
    segment,
    stopped_before,
)

LATE = segment("cat", ring(15, 10, 22, 15))
CALLS = 15  # of a run over one item with three polygons of two labels


@pytest.fixture
def item(world: World) -> str:
    return world.add_item("/0.png", RING_WITH_HOLE, BESIDE, ACROSS)


ALL = [RING_WITH_HOLE, BESIDE, ACROSS]


def refused(world: World) -> Fault:
    """A service that takes no condition on when a polygon was changed."""
    fault = Fault("POST", "**/query", "status", status=400, clause="updatedAt", times=None)
    world.emulator.faults.add(fault)
    return fault


def test_stopped_between_two_deletions(world: World, item: str, journal: Path) -> None:
    """A run that stops with one of two polygons deleted is finished by the next, without an upload."""
    refused(world)
    with stopped_before("DELETE", 2):
        world.convert(journal)
    assert len(world.of_type("segment")) == 2
    calls = len(world.emulator.audit)
    assert world.convert(journal).deleted == 2
    assert {entry.method for entry in world.writes(calls)} == {"DELETE"}
    assert same_masks(world.masks(item), expected(ALL))


@pytest.mark.parametrize("nth", range(1, CALLS + 1))
def test_stopped_before_any_call(world: World, item: str, journal: Path, nth: int) -> None:
    """Wherever a run stops, no polygon is lost and the next one finishes."""
    watch = Watch(world, journal)
    with stopped_before("*", nth):
        world.convert(journal)
    report = world.convert(journal)
    watch.look()
    assert (report.failures, watch.lost, faults_of_order(world)) == ([], [], [])
    assert world.of_type("segment") == []
    assert same_masks(world.masks(item), expected(ALL))


@pytest.mark.parametrize("delete_first", [False, True])
@pytest.mark.parametrize("delete_then", [False, True])
def test_a_polygon_drawn_after_a_conversion(
    world: World, item: str, journal: Path, delete_first: bool, delete_then: bool
) -> None:
    """It joins its label's one mask; the other labels' masks stay as they are."""
    world.convert(journal, delete_source=delete_first)
    dog = [row["id"] for row in world.of_type("binary") if row["label"] == "dog"]
    world.add(item, LATE)
    assert world.convert(journal, delete_source=delete_then).failures == []
    assert same_masks(world.masks(item), expected([*ALL, LATE]))
    kept = [row["id"] for row in world.of_type("binary") if row["label"] == "dog"] == dog
    assert kept == (delete_first or not delete_then)  # a run that deletes needs a mask that says so
    left = [] if delete_then else [LATE] if delete_first else [*ALL, LATE]
    assert len(world.of_type("segment")) == len(left)
    calls = len(world.emulator.audit)
    world.convert(journal, delete_source=delete_then)
    assert world.writes(calls) == []


@pytest.mark.parametrize("delete_then", [False, True])
def test_a_polygon_edited_after_a_conversion(
    world: World, item: str, journal: Path, delete_then: bool
) -> None:
    """Its label gets one new mask, of the polygon as it is now; the one before goes."""
    world.convert(delete_source=False)
    edited = next(key for key, row in world.originals.items() if row["label"] == "dog")
    moved = [ring(2, 12, 8, 16)]
    world.emulator.edit_annotation(edited, coordinates=moved)
    assert world.convert(journal, delete_source=delete_then).failures == []
    now = segment("dog", *moved)
    assert same_masks(world.masks(item), expected([RING_WITH_HOLE, BESIDE, now]))
    calls = len(world.emulator.audit)
    world.convert(journal, delete_source=delete_then)
    assert world.writes(calls) == []


@pytest.mark.parametrize("queries_before", range(2, 7))
def test_a_polygon_edited_during_a_run(world: World, item: str, journal: Path, queries_before: int) -> None:
    """Edited at any reading of a run, it is never lost: it is kept, or converted as it is now."""
    edited = next(key for key, row in world.originals.items() if row["label"] == "dog")
    moved = [ring(2, 12, 8, 16)]

    def edit() -> None:
        if any(row["id"] == edited for row in world.emulator.annotations()):
            world.emulator.edit_annotation(edited, coordinates=moved)
            done.append(True)

    done: list[bool] = []
    world.before("POST", f"/datasets/{world.dataset['id']}/query", queries_before, edit)
    report = world.convert(journal)
    now = segment("dog", *moved) if done else ACROSS
    if done and report.failures:
        assert report.exit_code == 4
        assert [row["coordinates"] for row in world.of_type("segment") if row["id"] == edited] == [moved]
    assert world.convert(journal).failures == []
    assert world.of_type("segment") == []
    assert same_masks(world.masks(item), expected([RING_WITH_HOLE, BESIDE, now]))


def test_edited_between_reading_and_deleting(world: World, item: str, journal: Path) -> None:
    """A polygon that changes after its mask was proven stays; the run says so with exit code 4."""
    edited = next(iter(world.originals))
    world.before(
        "POST", "/query", 6, lambda: world.emulator.edit_annotation(edited, coordinates=[ring(0, 0, 3, 3)])
    )
    report = world.convert(journal)
    assert (report.exit_code, report.deleted) == (4, 0)
    assert "changed meanwhile" in report.failures[0].reason
    assert len(world.of_type("segment")) == 3


def test_edited_before_an_old_mask_is_taken_away(world: World, item: str, journal: Path) -> None:
    """No mask goes for polygons that changed since they were read: it may be another run's."""
    world.convert(journal)
    late = world.add(item, LATE)
    world.before(
        "POST", "/query", 6, lambda: world.emulator.edit_annotation(late, coordinates=[ring(0, 0, 3, 3)])
    )
    calls = len(world.emulator.audit)
    assert world.convert(journal).failures
    assert [entry for entry in world.emulator.audit[calls:] if entry.method == "DELETE"] == []
    assert world.convert(journal).failures == []
    # Nothing of what it looked like before the edit, though that was in one mask with polygons that are gone.
    assert same_masks(world.masks(item), expected([*ALL, segment("cat", ring(0, 0, 3, 3))]))


def test_deleted_by_somebody_else_meanwhile(world: World, item: str, journal: Path) -> None:
    """A polygon that somebody deletes between our deletions is no failure."""
    last = list(world.originals)[-1]
    refused(world)
    world.before("DELETE", "", 2, lambda: world.emulator.remove_annotation(last))
    report = world.convert(journal)
    assert report.failures == []
    assert world.of_type("segment") == []
    assert same_masks(world.masks(item), expected(ALL))


def test_an_item_that_vanishes_during_a_run_fails_alone(world: World, journal: Path) -> None:
    """The other items are done."""
    gone = world.add_item("/0.png", ACROSS)
    other = world.add_item("/1.png", ACROSS)
    world.before("POST", f"/items/{gone}/annotations", 1, lambda: world.emulator.remove_item(gone))
    report = world.convert(journal)
    assert [one.name for one in report.failures] == ["0.png"]
    assert same_masks(world.masks(other), expected([ACROSS]))


def test_a_mask_deleted_by_hand(world: World, item: str, journal: Path) -> None:
    """While its polygons are there it is made again; no polygon goes for a mask that went."""
    world.convert(delete_source=False)
    (mask,) = [row["id"] for row in world.of_type("binary") if row["label"] == "dog"]
    world.emulator.remove_annotation(mask)
    watch = Watch(world, journal)
    assert world.convert(journal).failures == []
    watch.look()
    assert watch.lost == []
    assert same_masks(world.masks(item), expected(ALL))


def test_a_mask_deleted_by_hand_and_still_seen_once(world: World, item: str, journal: Path) -> None:
    """One outdated answer that still shows the mask is not enough to delete its polygons."""
    refused(world)
    with stopped_before("DELETE", 1):
        world.convert(journal)
    world.emulator.faults.clear()
    (mask,) = [row["id"] for row in world.of_type("binary") if row["label"] == "dog"]
    world.emulator.remove_annotation(mask)
    # Two looks for what the stopped run deleted, one at the polygons and one at the masks.
    world.emulator.faults.add(Fault("POST", "**/query", "stale", clause="itemId", times=4))
    watch = Watch(world, journal)
    assert world.convert(journal).exit_code == ProofError.exit_code
    assert len(world.of_type("segment")) == 3
    assert world.convert(journal).failures == []
    watch.look()
    assert watch.lost == []
    assert same_masks(world.masks(item), expected(ALL))


def tamper(world: World, label: str) -> None:
    """Paint over a mask of ours, as an annotator with a brush would."""
    (row,) = [row for row in world.of_type("binary") if row["label"] == label]
    world.emulator.edit_annotation(row["id"], coordinates=PREFIX + brushed(np.ones((HEIGHT, WIDTH), bool)))


def relabel(world: World, label: str) -> None:
    """Give a mask of ours another label, as in the studio."""
    (row,) = [row for row in world.of_type("binary") if row["label"] == label]
    world.emulator.edit_annotation(row["id"], label="boat")


@pytest.mark.parametrize("change", [tamper, relabel])
def test_a_mask_that_somebody_changed_while_its_polygons_are_there(
    world: World, item: str, journal: Path, change: Callable[[World, str], None]
) -> None:
    """It is told with exit code 4, and neither it nor its label's polygons go; what is advised mends it."""
    world.convert(delete_source=False)
    change(world, "dog")
    (theirs,) = [row for row in world.of_type("binary") if (claim_of(row) or {}).get("label") == "dog"]
    report = world.convert(journal)
    assert (report.exit_code, report.deleted) == (4, 2)
    assert "delete the mask and run again" in report.failures[0].reason
    assert theirs in world.of_type("binary")
    assert [row["label"] for row in world.of_type("segment")] == ["dog"]
    world.emulator.remove_annotation(theirs["id"])
    watch = Watch(world, journal)
    assert world.convert(journal).deleted == 1
    watch.look()
    assert watch.lost == []
    assert same_masks(world.masks(item), expected(ALL))


def test_a_mask_tampered_with_after_its_polygons_went(world: World, item: str, journal: Path) -> None:
    """The item fails with exit code 4, and nothing of it is touched; what is advised mends it."""
    world.convert(journal)
    tamper(world, "cat")
    world.add(item, LATE)
    before, calls = world.state(), len(world.emulator.audit)
    report = world.convert(journal)
    assert report.exit_code == 4
    assert "restore its polygons, delete the mask and run again" in report.failures[0].reason
    assert (world.state(), world.writes(calls)) == (before, [])
    world.restore(journal)
    (mask,) = [row["id"] for row in world.of_type("binary") if row["label"] == "cat"]
    world.emulator.remove_annotation(mask)
    assert world.convert(journal).failures == []
    assert same_masks(world.masks(item), expected([*ALL, LATE]))


@pytest.mark.parametrize("with_polygons", [False, True])
def test_a_double_is_retracted(world: World, item: str, journal: Path, with_polygons: bool) -> None:
    """Of two masks with the same sources and pixels, as a lost reply leaves them, the later goes."""
    world.convert(journal, delete_source=not with_polygons)
    first = {row["label"]: row for row in world.of_type("binary")}
    world.emulator.add_annotation(
        item, {name: first["cat"][name] for name in ("type", "label", "coordinates", "metadata")}
    )
    world.convert(journal, delete_source=False, query=everything(journal))
    assert {row["label"]: row["id"] for row in world.of_type("binary")} == {
        label: row["id"] for label, row in first.items()
    }
    assert same_masks(world.masks(item), expected(ALL))


def everything(journal: Path) -> Path:
    """A query file for all items, also those without polygons."""
    path = journal.parent / "all.json"
    path.write_text(json.dumps({"filter": {"$and": [{"hidden": False}, {"type": "file"}]}}))
    return path


def test_an_item_without_polygons_is_left_as_it_is(world: World, item: str, journal: Path) -> None:
    """A query may name finished items: their masks are proven as they are, nothing fails."""
    world.convert(journal)
    calls = len(world.emulator.audit)
    report = world.convert(journal, query=everything(journal))
    assert (report.failures, report.unchanged) == ([], 1)
    assert world.writes(calls) == []


def test_a_superseded_mask_left_by_a_crash_is_retracted(world: World, item: str, journal: Path) -> None:
    """A run that stops before it takes the old mask away leaves two; the next leaves one."""
    world.convert(journal)
    world.add(item, LATE)
    with stopped_before("DELETE", 1):
        world.convert(journal)
    assert len([row for row in world.of_type("binary") if row["label"] == "cat"]) == 2
    assert world.convert(journal).failures == []
    assert same_masks(world.masks(item), expected([*ALL, LATE]))
    assert world.of_type("segment") == []


def test_no_polygon_goes_for_a_mask_by_another_pixel_rule(world: World, item: str, journal: Path) -> None:
    """What another pixel rule drew is painted anew first, by the rule that is asked for."""
    world.convert(delete_source=False, pixel_rule="cv2-trunc")
    polygons = world.of_type("segment", item)
    report = world.convert(journal)
    assert (report.failures, report.deleted) == ([], 3)
    assert same_masks(world.masks(item), expected(polygons))
