"""The undo of a dataset: masks of ours go, everybody else's stay, and polygons come back before that."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import polymask
from polymask.dataloop.emulator import Fault
from polymask.dataloop.sink import png_of
from polymask.errors import PolymaskError
from polymask.limits import Limits
from polymask.results import Report
from tests.conftest import SAMPLE
from tests.dataloop.test_download import blob, brush
from tests.dataloop.world import (
    ACROSS,
    BESIDE,
    NEVER_EQUAL,
    RING_WITH_HOLE,
    URL,
    Json,
    World,
    box,
    brushed,
    ring,
    segment,
    stopped_before,
)

DELETION = 6  # after those of the dataset, its items and annotations, and two that try the filter


def undo(world: World, journal: Path, **options: Any) -> Report:
    with world.connected():
        return polymask.remove_masks(URL, journal=journal, **options)


def put_back(world: World, journal: Path) -> Report:
    with world.connected():
        return polymask.restore(URL, journal=journal)


def plain(row: Json) -> Json:
    """An annotation without what the platform gives it, and without our mark of one that was put back."""
    row = {name: value for name, value in row.items() if name not in NEVER_EQUAL}
    user = {name: value for name, value in (row["metadata"].get("user") or {}).items() if name != "polymask"}
    return row | {"metadata": row["metadata"] | {"user": user}}


def everything(world: World) -> list[str]:
    """All items and annotations, in an order that ids do not tell."""
    rows = [
        json.dumps([item["filename"], plain(row)], sort_keys=True)
        for item in world.emulator.items()
        for row in world.emulator.annotations(item["id"])
    ]
    return sorted(rows)


def masks(world: World) -> list[Json]:
    rows = (row for row in world.emulator.annotations() if row["type"] == "binary")
    return [row for row in rows if "polymask" in (row["metadata"].get("user") or {})]


@pytest.fixture
def mixed(world: World) -> World:
    """Polygons, a box, and a mask that somebody brushed, on two items."""
    world.add_item(
        "/a.png", RING_WITH_HOLE, BESIDE, ACROSS, box(), brush("cat", blob(1, 1, 5, 5), metadata={})
    )
    world.add_item("/b.png", BESIDE)
    return world


def test_masks_beside_polygons_go_and_nothing_else(mixed: World, journal: Path) -> None:
    """Of a run that deleted nothing, all that is left is what was there; a second removal finds nothing."""
    before = mixed.emulator.annotations()
    mixed.convert(delete_source=False)
    done = undo(mixed, journal)
    assert (done.images, done.retracted, done.failures, done.exit_code) == (2, 3, [], 0)
    assert mixed.emulator.annotations() == before
    again = undo(mixed, journal)
    assert (again.images, again.retracted, again.exit_code) == (0, 0, 0)


def test_a_dry_run_removes_nothing_and_counts(mixed: World, journal: Path) -> None:
    """It makes no journal either."""
    mixed.convert(delete_source=False)
    before = mixed.emulator.annotations()
    done = undo(mixed, journal, dry_run=True)
    assert (done.retracted, mixed.emulator.annotations(), journal.exists()) == (3, before, False)


def test_what_was_removed_is_in_the_journal_before_it_goes(mixed: World, journal: Path) -> None:
    """Each item with its masks' ids, labels and keys."""
    mixed.convert(delete_source=False)
    ids = {row["id"] for row in masks(mixed)}
    seen: list[set[str]] = []

    def noted() -> set[str]:
        lines = map(json.loads, (journal / "journal.jsonl").read_text().splitlines())
        return {mask["id"] for line in lines if line["event"] == "removing" for mask in line["masks"]}

    mixed.before("POST", "/query", DELETION, lambda: seen.append(noted()))
    undo(mixed, journal)
    assert len(seen[0]) == 2  # those of the first item
    assert noted() == ids


def test_masks_that_polygons_were_deleted_for_stay_until_these_are_back(mixed: World, journal: Path) -> None:
    """Refused with the way out; followed, the dataset is what it was."""
    before = everything(mixed)
    mixed.convert(journal)
    converted = mixed.emulator.annotations()
    refused = undo(mixed, journal)
    assert (refused.retracted, refused.exit_code, mixed.emulator.annotations()) == (0, 2, converted)
    assert "`polymask restore dataloop://boats/harbor --journal" in refused.failures[0].reason
    put_back(mixed, journal)
    assert undo(mixed, journal).retracted == 3
    assert everything(mixed) == before


def test_a_polygon_that_is_not_back_keeps_its_mask_alone(mixed: World, journal: Path) -> None:
    """The masks of other labels and items go; the one that still holds it stays."""
    mixed.convert(journal)
    put_back(mixed, journal)
    (dog,) = (
        row for row in mixed.emulator.annotations() if (row["type"], row["label"]) == ("segment", "dog")
    )
    mixed.emulator.remove_annotation(dog["id"])
    done = undo(mixed, journal)
    assert (done.retracted, done.exit_code) == (2, 2)
    assert [row["label"] for row in masks(mixed)] == ["dog"]


@pytest.mark.parametrize("change", ["brushed", "relabeled", "damaged"])
def test_a_mask_that_somebody_changed_is_told_and_stays(mixed: World, journal: Path, change: str) -> None:
    """Exit 4; the others go."""
    mixed.convert(delete_source=False)
    dog = next(row for row in masks(mixed) if row["label"] == "dog")
    picture = f"data:image/png;base64,{brushed(blob(0, 0, 3, 3))}"
    changes = {
        "brushed": {"coordinates": picture},
        "relabeled": {"label": "wolf"},
        "damaged": {"coordinates": "data:image/png;base64,AAAA"},
    }
    mixed.emulator.edit_annotation(dog["id"], **changes[change])
    done = undo(mixed, journal)
    assert (done.retracted, done.exit_code) == (2, 4)
    assert [row["id"] for row in masks(mixed)] == [dog["id"]]
    assert dog["id"] in done.failures[0].reason


def test_a_mask_that_is_changed_just_before_it_goes_stays(mixed: World, journal: Path) -> None:
    """It goes on the condition that nobody changed it since it was read."""
    mixed.convert(delete_source=False)
    dog = next(row for row in masks(mixed) if row["label"] == "dog")
    picture = f"data:image/png;base64,{brushed(blob(0, 0, 3, 3))}"

    def brush_it() -> None:
        mixed.emulator.edit_annotation(dog["id"], coordinates=picture)

    mixed.before("POST", "/query", DELETION, brush_it)
    done = undo(mixed, journal)
    assert (done.retracted, done.exit_code) == (2, 4)
    assert "changed meanwhile" in done.failures[0].reason
    assert undo(mixed, journal).exit_code == 4
    (stays,) = masks(mixed)
    assert (stays["id"], png_of(stays) != png_of(dog)) == (dog["id"], True)


def test_a_polygon_that_an_outdated_answer_shows_does_not_cost_its_mask(world: World, journal: Path) -> None:
    """The item of a mask that polygons may have been deleted for is read twice."""
    world.add_item("/a.png", ACROSS)
    world.convert(journal)
    put_back(world, journal)
    (polygon,) = (row for row in world.emulator.annotations() if row["type"] == "segment")
    world.emulator.remove_annotation(polygon["id"])
    world.emulator.faults.add(Fault("POST", "/datasets/*/query", "stale", resource="annotations"))
    done = undo(world, journal)
    assert (done.retracted, done.exit_code, len(masks(world))) == (0, 2, 1)


@pytest.mark.parametrize("nth", range(1, 14))
def test_a_removal_that_is_stopped_goes_on(mixed: World, journal: Path, nth: int) -> None:
    """Before any call; run again, all masks are gone, and nothing else."""
    before = mixed.emulator.annotations()
    mixed.convert(delete_source=False)
    with stopped_before("*", nth):
        undo(mixed, journal)
    undo(mixed, journal)
    assert mixed.emulator.annotations() == before


def test_clones_keep_their_masks_until_their_polygons_are_back(world: World, journal: Path) -> None:
    """A clone's masks hold what was deleted from its original; once that is put back into both, they go."""
    item = world.add_item("/a.png", ACROSS)
    world.convert(journal)
    clone = world.add_item("/clone.png")
    (mask,) = world.emulator.annotations(item)
    world.emulator.add_annotation(
        clone, {name: mask[name] for name in ("type", "label", "coordinates", "metadata")}
    )
    done = undo(world, journal)
    assert (done.retracted, done.exit_code) == (0, 2)
    assert put_back(world, journal).written == 2
    done = undo(world, journal)
    assert (done.retracted, done.exit_code) == (2, 0)
    assert [row["itemId"] for row in world.emulator.annotations()] == [item, clone]


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_mask_whose_polygons_no_journal_holds_is_all_that_is_left(
    world: World, journal: Path, dry_run: bool
) -> None:
    """Restoring is no way out then: the folder of the right journal is, or the studio."""
    item = world.add_item("/a.png", ACROSS)
    world.convert(journal)
    refused = undo(world, journal.parent / "another", dry_run=dry_run)
    (failure,) = refused.failures
    assert (refused.retracted, refused.exit_code, len(world.masks(item))) == (0, 2, 1)
    assert "1 polygon was deleted for the mask of 'dog'" in failure.reason
    assert f"no journal in {journal.parent / 'another'} holds: it is all that is left" in failure.reason
    assert "name it with --journal" in failure.reason
    assert "polymask restore" not in failure.reason
    assert "polymask restore" in undo(world, journal, dry_run=dry_run).failures[0].reason


def test_masks_of_local_polygons_go_too(world: World, journal: Path) -> None:
    """Whatever they were made of, they are ours."""
    world.add_item("/harbor.png", width=160, height=120)
    with world.connected():
        polymask.convert(SAMPLE, URL)
    assert masks(world)
    undo(world, journal)
    assert world.emulator.annotations() == []


def test_masks_above_the_limits_stay_until_these_are_raised(world: World, journal: Path) -> None:
    """They are not taken for changed ones."""
    world.add_item("/a.png", ACROSS)
    world.convert(delete_source=False)
    done = undo(world, journal, limits=Limits(max_pixels=100))
    assert (done.retracted, done.exit_code) == (0, 2)
    assert "--max-pixels" in done.failures[0].reason
    assert undo(world, journal).retracted == 1


def test_a_folder_of_the_url_is_undone_alone(world: World, journal: Path) -> None:
    """Masks of items elsewhere stay."""
    world.add_item("/a.png", ACROSS)
    world.add_item("/val/b.png", segment("cat", ring(1, 1, 5, 5)))
    world.convert(delete_source=False)
    with world.connected():
        assert polymask.remove_masks(f"{URL}/val", journal=journal).retracted == 1
    assert [row["label"] for row in masks(world)] == ["dog"]


def test_a_journal_of_removals_does_not_hide_that_another_is_missing(mixed: World, journal: Path) -> None:
    """A run that deletes tells of polygons without a backup where its journal is new: so it is still."""
    mixed.convert(journal)
    for row in [row for row in mixed.emulator.annotations() if row["type"] == "segment"]:
        mixed.emulator.remove_annotation(row["id"])
    other = journal.parent / "other"
    item = mixed.add_item("/c.png", BESIDE)
    mixed.convert(delete_source=False)
    undo(mixed, other)
    assert (other / "journal.jsonl").exists()
    assert item
    report = mixed.convert(other)
    assert any("were deleted that no journal in" in note for note in report.notes)


KINDS = (
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}},
    {"kind": "status", "status": 400},
    {"kind": "status", "status": 403},
    {"kind": "drop-before"},
    {"kind": "drop-after"},
    {"kind": "status-after", "status": 502},
    {"kind": "truncate"},
    {"kind": "invalid-json"},
    {"kind": "partial"},
    {"kind": "short-page"},
    {"kind": "wrong-total"},
    {"kind": "stale"},
    {"kind": "ignore-clause", "clause": "updatedAt"},
)


@pytest.mark.parametrize("fault", KINDS, ids=lambda fault: "-".join(map(str, fault.values()))[:24])
def test_whatever_goes_wrong_a_removal_ends_as_one_that_nothing_happened_to(
    mixed: World, tmp_path: Path, fault: dict[str, Any]
) -> None:
    """At each call of it, then run again: our masks are gone, and nothing else."""
    before = everything(mixed)
    mixed.convert(tmp_path / "deletions")
    put_back(mixed, tmp_path / "deletions")
    for call in range(1, 13):
        mixed.emulator.faults.add(Fault("*", "**", call=mixed.emulator.calls + call, **fault))
        with suppress(PolymaskError):
            undo(mixed, tmp_path / "deletions")
        mixed.emulator.faults.clear()
        polygons = [row for row in everything(mixed) if '"segment"' in row]
        assert polygons == [row for row in before if '"segment"' in row]
        assert undo(mixed, tmp_path / "deletions").failures == []
        assert everything(mixed) == before
        mixed.convert(delete_source=False)
