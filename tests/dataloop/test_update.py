"""`--update` on a dataset: the result of a plain run, without a call for each item that is up to date."""

from pathlib import Path
from typing import Any

import pytest

import polymask
from polymask import InputError
from polymask.dataloop import update
from polymask.dataloop.emulator import Fault
from tests.conftest import SAMPLE
from tests.dataloop.test_download import blob
from tests.dataloop.world import (
    ACROSS,
    BESIDE,
    RING_WITH_HOLE,
    URL,
    World,
    brushed,
    expected,
    ring,
    same_masks,
    segment,
    stopped_before,
)


def calls_of(world: World, **options: Any) -> tuple[int, Any]:
    """How many calls a run takes, and its report."""
    before = len(world.emulator.audit)
    report = world.convert(**options)
    return len(world.emulator.audit) - before, report


@pytest.fixture
def many(world: World) -> World:
    """A dozen items with masks of ours."""
    for number in range(12):
        world.add_item(f"/{number:02}.png", RING_WITH_HOLE, BESIDE, ACROSS)
    world.convert(delete_source=False)
    return world


def test_what_is_up_to_date_costs_no_call_of_its_own(many: World) -> None:
    """Their annotations are listed together; the report is that of a plain run."""
    plain_calls, plain = calls_of(many, delete_source=False)
    calls, report = calls_of(many, delete_source=False, update=True)
    assert plain_calls > 24
    assert calls < 10
    ours, theirs = report.to_dict(), plain.to_dict()
    assert {**ours, "seconds": 0} == {**theirs, "seconds": 0}
    assert report.unchanged == 12


def test_only_changed_items_are_read_and_written(many: World) -> None:
    """A polygon drawn, one moved, one erased: each on an item of its own."""
    items = [item["id"] for item in many.emulator.items()]
    drawn = segment("bird", ring(1, 1, 6, 6))
    many.add(items[3], drawn)
    moved = many.emulator.annotations(items[7])[0]
    many.emulator.edit_annotation(moved["id"], coordinates=[ring(0, 0, 5, 5)])
    many.emulator.remove_annotation(many.emulator.annotations(items[11])[2]["id"])
    start = len(many.emulator.audit)
    report = many.convert(delete_source=False, update=True)
    assert (report.written, report.retracted, report.unchanged, report.failures) == (3, 2, 9, [])
    posted = [entry.path for entry in many.emulator.audit[start:] if entry.path.endswith("/annotations")]
    assert sorted(posted) == sorted(f"/items/{items[n]}/annotations" for n in (3, 7))
    assert same_masks(many.masks(items[3]), expected([RING_WITH_HOLE, BESIDE, ACROSS, drawn]))
    assert set(many.masks(items[11])) == {"cat"}
    assert many.convert(delete_source=False, update=True).unchanged == 12


def test_a_mask_that_somebody_brushed_is_told(many: World) -> None:
    """As by a plain run: exit 4, and it stays."""
    mask = next(row for row in many.emulator.annotations() if row["type"] == "binary")
    picture = f"data:image/png;base64,{brushed(blob(0, 0, 3, 3))}"
    many.emulator.edit_annotation(mask["id"], coordinates=picture)
    report = many.convert(delete_source=False, update=True)
    assert (report.failed, report.exit_code) == (1, 4)
    assert picture in [row["coordinates"] for row in many.emulator.annotations()]


def test_new_items_join_and_their_polygons_go(many: World, journal: Path) -> None:
    """With --delete-source too; items that are finished are not even listed then."""
    assert many.convert(journal, update=True).deleted == 36
    calls, report = calls_of(many, journal=journal, update=True)
    assert (report.images, calls < 10) == (0, True)
    many.add_item("/new.png", ACROSS)
    report = many.convert(journal, update=True)
    assert (report.images, report.deleted, report.failures) == (1, 1, [])
    assert not many.of_type("segment")


def test_workers_share_the_listings(many: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any number of them, and of items in a listing."""
    monkeypatch.setattr(update, "ITEMS_A_CALL", 5)
    many.emulator.remove_annotation(many.emulator.annotations()[0]["id"])
    report = many.convert(delete_source=False, update=True, workers=4)
    assert (report.written, report.unchanged) == (1, 11)


def test_items_whose_listing_fails_are_read_one_by_one(many: World) -> None:
    """It is asked for once, and not for each of them."""
    mask = next(row for row in many.emulator.annotations() if row["type"] == "binary")
    many.emulator.remove_annotation(mask["id"])
    refused = Fault("POST", "/datasets/*/query", "status", status=400, clause="itemId")
    many.emulator.faults.add(refused)
    calls, report = calls_of(many, delete_source=False, update=True)
    assert (report.written, report.unchanged, report.failures) == (1, 11, [])
    assert calls > 24


def test_a_dry_run_tells_what_would_be_done(many: World) -> None:
    """And does nothing."""
    many.emulator.remove_annotation(many.emulator.annotations()[0]["id"])
    before = many.emulator.annotations()
    report = many.convert(delete_source=False, update=True, dry_run=True)
    assert (report.written, report.unchanged, many.emulator.annotations()) == (1, 11, before)


@pytest.mark.parametrize("nth", range(1, 12))
def test_an_update_that_is_stopped_goes_on(world: World, journal: Path, nth: int) -> None:
    """Before any call; the next one ends as if nothing had happened."""
    first = world.add_item("/a.png", RING_WITH_HOLE, BESIDE)
    second = world.add_item("/b.png", ACROSS)
    with stopped_before("*", nth):
        world.convert(journal, update=True)
    world.convert(journal, update=True)
    assert not world.of_type("segment")
    assert same_masks(world.masks(first), expected([RING_WITH_HOLE, BESIDE]))
    assert same_masks(world.masks(second), expected([ACROSS]))


def test_an_upload_refuses_it(world: World) -> None:
    """What is uploaded from a file has no date that a listing could tell."""
    with world.connected(), pytest.raises(InputError, match="and datasets in place; leave --update out"):
        polymask.convert(SAMPLE, URL, update=True)
