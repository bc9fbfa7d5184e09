"""Two runs at once on one dataset."""

import threading
from pathlib import Path
from typing import Any

import pytest

from polymask.dataloop.emulator import Fault
from polymask.dataloop.jobs import run
from polymask.dataloop.jobs.undoing.restoration import restore_dataset
from polymask.dataloop.jobs.verification import verify_dataset
from polymask.in_place.job import ProvenOptions
from tests.dataloop.test_interruptions import ALL, everything
from tests.dataloop.world import ACROSS, BESIDE, URL, Watch, World, expected, same_masks, strip


def test_two_runs_at_once(world: World, journal: Path) -> None:
    """Two runs on one dataset, call by call in turn, lose nothing; a third leaves one mask a label."""
    for number in range(3):
        world.add_item(f"/{number}.png", *ALL)
    watch = Watch(world, journal)
    barrier = threading.Barrier(2)

    def in_turn(_method: str, _path: str) -> None:
        try:
            barrier.wait(0.2)  # both have a call on the way, or one has ended or waits
        except threading.BrokenBarrierError:
            barrier.reset()

    world.before_calls(in_turn)
    with world.connected():
        threads = [threading.Thread(target=one_run, args=(journal,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    world._looking.remove(in_turn)
    assert world.convert(journal, query=everything(journal)).failures == []
    watch.look()
    assert watch.lost == []
    assert world.of_type("segment") == []
    for item in world.emulator.items():
        assert same_masks(world.masks(item["id"]), expected(ALL))


def one_run(journal: Path) -> Any:
    return run.convert_in_place(URL, ProvenOptions(delete_source=True), journal=journal)


def overtaken_at(world: World, method: str, end: str, journal: Path) -> None:
    """Run a deleting conversion to its end just before the first such call of another."""
    entered = []

    def overtake() -> None:
        if not entered:
            entered.append(True)
            one_run(journal)

    world.before(method, end, 1, overtake)


def doubles(world: World) -> list[str]:
    places = [(row["itemId"], row["label"]) for row in world.of_type("binary")]
    return sorted({label for item, label in places if places.count((item, label)) > 1})


@pytest.mark.parametrize("end", ["/annotations", "/query"])
def test_a_run_that_writes_last_retracts_its_double(world: World, tmp_path: Path, end: str) -> None:
    """Where another run, with another journal, wrote the same masks and deleted all polygons meanwhile."""
    item = world.add_item("/0.png", *ALL)
    overtaken_at(world, "POST", end, tmp_path / "other")
    world.convert(tmp_path / "journal")
    assert world.of_type("segment") == []
    assert same_masks(world.masks(item), expected(ALL))


def doubled(world: World, tmp_path: Path, *, drawn: bool = False) -> str:
    """An item without polygons whose masks are doubled; the copies lack what was drawn since."""
    item = world.add_item("/0.png", *ALL)
    world.convert(tmp_path / "first")
    copies = [strip(row) for row in world.of_type("binary")]
    if drawn:
        world.add(item, BESIDE)
        world.convert(tmp_path / "first")
    for row in copies:
        world.emulator.add_annotation(
            item, {key: row[key] for key in ("type", "label", "coordinates", "metadata")}
        )
    assert "cat" in doubles(world)
    return item


@pytest.mark.parametrize(
    "options", [{}, {"delete_source": False}, {"update": True}, {"delete_source": False, "update": True}]
)
@pytest.mark.parametrize("drawn", [False, True])
def test_the_next_run_makes_doubles_one(
    world: World, tmp_path: Path, options: dict[str, Any], drawn: bool
) -> None:
    """As the advice of `verify` says: also where all polygons are deleted, and where one mask has more."""
    item = doubled(world, tmp_path, drawn=drawn)
    with world.connected():
        failures = verify_dataset(URL, journal=tmp_path / "first").failures
    assert any(failure.reason.endswith("has 2 masks") for failure in failures)
    report = world.convert(tmp_path / "second", **options)
    assert (report.images, report.failures) == (1, [])
    assert same_masks(world.masks(item), expected([*ALL, *([BESIDE] if drawn else [])]))
    with world.connected():
        assert verify_dataset(URL, journal=tmp_path / "first").failures == []
    assert world.convert(tmp_path / "second", **options).images == 0


def test_doubles_are_seen_where_a_service_takes_no_filter_on_claims(world: World, tmp_path: Path) -> None:
    """All masks are listed then."""
    item = doubled(world, tmp_path)
    refused = Fault(
        "POST", "**/query", "status", status=400, clause="metadata.user.polymask.deletes", times=None
    )
    world.emulator.faults.add(refused)
    assert world.convert(delete_source=False).retracted == 2
    assert same_masks(world.masks(item), expected(ALL))


def test_finished_items_cost_a_call_for_a_thousand_masks(world: World, tmp_path: Path) -> None:
    """None of their own; masks of a label from several sources are no doubles."""
    for number in range(5):
        world.add_item(f"/{number}.png", ACROSS)
    world.convert(tmp_path / "journal")
    calls = len(world.emulator.audit)
    assert world.convert(delete_source=False).images == 0
    asked = [entry for entry in world.emulator.audit[calls:] if entry.path.endswith("/query")]
    assert len([entry for entry in asked if entry.body.get("resource") == "annotations"]) == 1


@pytest.mark.parametrize("calls", [1, 2, 3])
def test_two_restorations_at_once_put_each_polygon_back_once(world: World, journal: Path, calls: int) -> None:
    """Whoever ends last takes back what both have put back; so does the next, of an earlier build's."""
    item = world.add_item("/0.png", *ALL)
    world.convert(journal)
    entered = []

    def overtake() -> None:
        if not entered:
            entered.append(True)
            restore_dataset(URL, journal=journal)

    world.before("POST", "/annotations", calls, overtake)
    with world.connected():
        assert restore_dataset(URL, journal=journal).failures == []
    assert entered
    assert len(world.of_type("segment")) == len(ALL)
    copy = strip(world.of_type("segment")[0])
    world.emulator.add_annotation(
        item, {key: copy[key] for key in ("type", "label", "coordinates", "metadata")}
    )
    with world.connected():
        report = restore_dataset(URL, journal=journal)
    assert any(
        "1 polygon that another restoration put back too was taken back" in note for note in report.notes
    )
    assert len(world.of_type("segment")) == len(ALL)
