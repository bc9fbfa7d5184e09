"""In place, every annotation that a dataset declares is painted, or left out with a reason."""

from pathlib import Path

import pytest

from polymask.dataloop.emulator import Fault
from polymask.dataloop.jobs.upload import upload
from polymask.errors import PolymaskError
from polymask.formats import open_annotations
from polymask.in_place.conservation import declare
from polymask.in_place.job import ProvenOptions
from polymask.in_place.protocols import Reading
from polymask.ledger import NO_PIXEL
from polymask.model import ImageRecord
from polymask.results import Outcome, Report
from tests.dataloop.test_choosing_annotations import FLAGGED, SURE
from tests.dataloop.test_download import exported
from tests.dataloop.world import ACROSS, BESIDE, RING_WITH_HOLE, URL, Json, World, box, ring, segment

OUTSIDE = segment("cat", ring(400, 400, 420, 420))
UNDRAWN = segment("cat", []) | {"coordinates": [[{"x": "a", "y": 1}]]}


def assert_nothing_is_lost(report: Report) -> None:
    assert report.declared == report.painted + report.joined + report.left_out.total()


def kinds(report: Report) -> dict[str, int]:
    counts: dict[str, int] = {}
    for reason, count in report.left_out.items():
        counts[reason.kind] = counts.get(reason.kind, 0) + count
    return counts


def test_every_kind_of_annotation(world: World, journal: Path) -> None:
    """Polygons are painted; boxes, predictions, open issues and what has no pixel are left out and listed."""
    world.add_item("/0.png", RING_WITH_HOLE, BESIDE, ACROSS, OUTSIDE, SURE, FLAGGED, box())
    world.add_item("/1.png", ACROSS)
    report = world.convert(journal, only=frozenset({"cat"}))
    assert_nothing_is_lost(report)
    assert (report.declared, report.painted) == (8, 2)
    assert kinds(report) == {"only": 2, "empty": 1, "choice": 2, "unsupported": 1}


def test_masks_of_ours_are_no_annotations(world: World, journal: Path) -> None:
    """They are what was made of them: a second run declares what is still there, and is done."""
    world.add_item("/0.png", RING_WITH_HOLE, SURE)
    for painted in (1, 0):
        report = world.convert(journal)
        assert_nothing_is_lost(report)
        assert (report.declared, report.painted, report.exit_code) == (1 + painted, painted, 0)


def test_an_item_that_fails_paints_nothing(world: World, journal: Path) -> None:
    """Its annotations are left out as those of a failure."""
    world.add_item("/0.png", RING_WITH_HOLE, box())
    world.emulator.faults.add(Fault("POST", "/items/*/annotations", "status", status=400, times=None))
    report = world.convert(journal)
    assert_nothing_is_lost(report)
    assert (report.declared, report.painted, kinds(report)) == (2, 0, {"unsupported": 1, "failed": 1})


def test_a_run_that_paints_nothing_says_so(world: World, journal: Path) -> None:
    """With the way out, and exit code 1."""
    world.add_item("/0.png", SURE)
    report = world.convert(journal)
    assert report.exit_code == 1
    assert report.nothing_painted.startswith("nothing was painted of 1 annotation (1 × a prediction (yolo)")
    assert "--predictions" in report.nothing_painted


def test_local_annotations_of_a_dataset(world: World, tmp_path: Path) -> None:
    """Those of images that are not chosen, or have no item, are counted too."""
    for name in ("/0.png", "/1.png", "/2.png"):
        world.add_item(name, RING_WITH_HOLE, box())
    file = exported(world, tmp_path / "export.json")
    world.emulator.remove_item(world.emulator.items()[2]["id"])
    with world.connected():
        report = upload(open_annotations(file), URL, ProvenOptions(), where=["0.png"])
    assert_nothing_is_lost(report)
    assert (report.declared, report.painted) == (6, 1)
    assert kinds(report) == {"box": 2, "where": 2, "failed": 1}


def test_sums_that_do_not_add_up_are_refused() -> None:
    """Before anything is written."""
    record = ImageRecord("1", "a.png", (4, 4), ())
    with pytest.raises(PolymaskError, match="2 annotations are declared, but 1 are accounted for"):
        declare(Outcome("a.png"), Reading(record, {}, declared=2, left_out={NO_PIXEL: 1}))


TINY = segment("cat", ring(1.1, 1.1, 1.3, 1.3))  # between the centers of pixels


def ids_of(world: World) -> set[str]:
    return {row["id"] for row in world.of_type("segment")}


@pytest.mark.parametrize("empty", [OUTSIDE, TINY])
def test_a_polygon_without_a_pixel_is_held_by_no_mask(world: World, journal: Path, empty: Json) -> None:
    """It stays, is listed and counted, and no empty mask is uploaded; nothing was painted: exit code 1."""
    item = world.add_item("/0.png")
    key = world.add(item, empty)
    for _ in range(2):
        report = world.convert(journal)
        assert (report.deleted, report.written, report.exit_code) == (0, 0, 1)
        assert report.left_out == {NO_PIXEL: 1}
        assert [kept.name for kept in report.kept] == [f"0.png: annotation {key}"]
        assert any("1 polygon stays in dataloop://" in note for note in report.notes)
    assert (ids_of(world), world.masks()) == ({key}, {})


def test_polygons_without_a_pixel_stay_beside_painted_ones(world: World, journal: Path) -> None:
    """The label's mask speaks only of what it shows; a second run does nothing, also none with a limit."""
    item = world.add_item("/0.png", RING_WITH_HOLE)
    empty = {world.add(item, OUTSIDE), world.add(item, TINY)}
    report = world.convert(journal, max_delete=1)
    assert (report.deleted, report.painted, report.exit_code) == (1, 1, 0)
    assert ids_of(world) == empty
    (mask,) = world.of_type("binary")
    assert not empty & {source["id"] for source in mask["metadata"]["user"]["polymask"]["sources"]}
    before = len(world.emulator.audit)
    assert (world.convert(journal, max_delete=1).written, world.writes(before)) == (0, [])


def test_a_plain_run_stores_no_empty_mask(world: World) -> None:
    """Of a label that paints nothing, there is no mask; the others have theirs."""
    world.add_item("/0.png", OUTSIDE, ACROSS)
    assert world.convert(delete_source=False).exit_code == 0
    assert [row["label"] for row in world.of_type("binary")] == ["dog"]
