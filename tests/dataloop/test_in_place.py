"""A dataset converted in place: one mask a label, polygons gone, everything else untouched."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from polymask.dataloop.emulator import Fault
from polymask.dataloop.jobs.item import convert_item
from polymask.dataloop.service import client as client_module
from polymask.raster import KERNEL
from tests.dataloop.conftest import png
from tests.dataloop.world import (
    ACROSS,
    BESIDE,
    HEIGHT,
    RING_WITH_HOLE,
    WIDTH,
    World,
    box,
    expected,
    ring,
    same_masks,
    segment,
    strip,
)


@pytest.fixture
def pages_of_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "PAGE", 10)


FOREIGN = [
    box(),
    {"type": "note", "label": "note", "coordinates": {"x": 1, "y": 1}},
    {"type": "class", "label": "cat", "coordinates": None},
    {"type": "binary", "label": "cat", "coordinates": "data:image/png;base64,aGVsbG8="},
    {"type": "binary", "label": "cat", "coordinates": "", "metadata": {"user": {"polymask": "a hobby"}}},
]


def test_a_dataset_of_25_items(world: World, journal: Path, pages_of_ten: None) -> None:
    """Every label of every item gets the converter's own mask, the polygons go, and all else stays."""
    many = [segment("cat", ring(n % 20, 1, n % 20 + 3.5, 5)) for n in range(11)]  # more than a page of them
    wanted: dict[str, Any] = {}
    for number in range(22):
        rows = many if number == 3 else [RING_WITH_HOLE, BESIDE, ACROSS][: 1 + number % 3]
        item = world.add_item(f"/deep/{number}.png", *rows, *FOREIGN)
        wanted |= {f"{item} {label}": mask for label, mask in expected(rows).items()}
    turned = world.add_item("/turned.jpg", RING_WITH_HOLE, exif_orientation=6)
    shown_upright = expected([RING_WITH_HOLE], (WIDTH, HEIGHT))
    wanted |= {f"{turned} {label}": mask for label, mask in shown_upright.items()}
    world.add_item("/empty.png")
    video = world.add_item("/video.mp4", ACROSS, mimetype="video/mp4")
    others = [row for row in world.emulator.annotations() if row["type"] != "segment"]
    videos = world.of_type("segment", video)

    report = world.convert(journal)

    assert (report.failures, report.deleted, report.written) == ([], len(world.originals) - 1, 23)
    assert [one.name for one in report.unsupported] == ["video.mp4"]
    assert report.notes[-2] == f"journal and backup: {journal}"
    undo = f"`polymask restore dataloop://boats/harbor --journal {journal}`"
    assert report.notes[-1] == f"{report.deleted} polygons deleted; {undo} undoes it"
    assert (report.kernel, report.dry_run) == (KERNEL, False)
    assert world.of_type("segment") == videos
    ours = [row for row in world.of_type("binary") if isinstance(claim(row), dict)]
    assert [
        row for row in world.emulator.annotations() if row["type"] != "segment" and row not in ours
    ] == others
    for row in others:
        if row["type"] == "binary":
            world.emulator.remove_annotation(row["id"])  # `masks` is to see ours only
    assert same_masks(world.masks(), wanted)


def claim(row: dict[str, Any]) -> Any:
    return row["metadata"].get("user", {}).get("polymask")


def test_a_second_run_does_nothing(world: World, journal: Path) -> None:
    """What is converted stays as it is: not one call of a second run changes anything."""
    world.add_item("/0.png", RING_WITH_HOLE, ACROSS)
    world.convert(journal)
    before, calls = world.state(), len(world.emulator.audit)
    report = world.convert(journal)
    assert (report.written, report.deleted) == (0, 0)
    assert (world.state(), world.writes(calls)) == (before, [])


def test_without_deletion_masks_join_the_polygons(world: World) -> None:
    """Unless told to, a run deletes no polygon; a second run does nothing."""
    item = world.add_item("/0.png", RING_WITH_HOLE, ACROSS)
    polygons = world.of_type("segment")
    assert world.convert(delete_source=False).written == 1
    assert world.of_type("segment") == polygons
    assert same_masks(world.masks(item), expected([RING_WITH_HOLE, ACROSS]))
    calls = len(world.emulator.audit)
    assert world.convert(delete_source=False).unchanged == 1
    assert world.writes(calls) == []


def test_a_run_that_deletes_finishes_one_that_did_not(world: World, journal: Path) -> None:
    """Its masks say that they delete, and take the place of the earlier run's, before a polygon goes."""
    item = world.add_item("/0.png", RING_WITH_HOLE, ACROSS)
    world.convert(delete_source=False)
    calls = len(world.emulator.audit)
    assert world.convert(journal).deleted == 2
    changes = [change for entry in world.writes(calls) for change in entry.changes]
    assert [verb for verb, _, _ in changes] == ["create"] * 2 + ["delete"] * 4
    assert {key for _, _, key in changes[4:]} == world.originals.keys()
    assert [claim(row)["deletes"] for row in world.of_type("binary")] == [True, True]
    assert same_masks(world.masks(item), expected([RING_WITH_HOLE, ACROSS]))


@pytest.mark.parametrize("delete_source", [False, True])
def test_a_dry_run_writes_nothing(world: World, journal: Path, delete_source: bool) -> None:
    """A dry run tells what would happen, changes nothing, and leaves no journal."""
    world.add_item("/0.png", RING_WITH_HOLE, BESIDE, ACROSS)
    report = world.convert(journal, delete_source=delete_source, dry_run=True)
    assert (report.written, report.deleted) == (1, 3 if delete_source else 0)
    assert report.to_dict()["dry_run"] is True
    assert world.writes() == []
    assert not journal.exists()


def test_max_delete_stops_the_deleting(world: World, journal: Path) -> None:
    """The first item fits in the limit; those above it keep their polygons, beside their masks."""
    first, *others = [world.add_item(f"/{n}.png", RING_WITH_HOLE, BESIDE) for n in range(3)]
    report = world.convert(journal, max_delete=3)
    assert (report.deleted, [one.name for one in report.failures]) == (2, ["1.png", "2.png"])
    assert [len(world.of_type("segment", item)) for item in (first, *others)] == [0, 2, 2]
    assert len(world.masks()) == 3
    assert [claim(row)["deletes"] for row in world.of_type("binary")] == [True, False, False]
    assert world.convert(journal).deleted == 4


@pytest.mark.parametrize("delete_source", [False, True])
def test_eight_workers_do_what_one_does(world: World, journal: Path, delete_source: bool) -> None:
    """The number of workers changes no result."""
    for number in range(12):
        world.add_item(f"/{number}.png", *[RING_WITH_HOLE, BESIDE, ACROSS][: 1 + number % 3])
    left = {} if delete_source else expected([RING_WITH_HOLE])
    report = world.convert(journal, workers=8, delete_source=delete_source)
    assert (report.failures, report.written) == ([], 12)
    assert report.deleted == (len(world.originals) if delete_source else 0)
    for number, item in enumerate(world.emulator.items()):
        rows = [RING_WITH_HOLE, BESIDE, ACROSS][: 1 + number % 3]
        assert same_masks(world.masks(item["id"]), expected(rows))
    assert bool(world.of_type("segment")) == bool(left)


def test_one_item_is_converted_as_in_an_app(world: World) -> None:
    """Unless told to, it deletes no polygon; failures that pass are waited for."""
    item = world.add_item("/0.png", ACROSS)
    for path in ("/datasets/*", "/items/*"):
        world.emulator.faults.add(Fault("GET", path, "status", status=503))
    with world.connected():
        report = convert_item(SimpleNamespace(id=item, dataset_id=world.dataset["id"]))
    assert (report.written, report.failures, len(world.waits)) == (1, [], 2)
    assert len(world.of_type("segment")) == 1


def test_one_item_has_a_journal_where_its_polygons_go(world: World, journal: Path) -> None:
    """Neither a run that keeps them nor a dry one makes it."""
    item = SimpleNamespace(id=world.add_item("/0.png", ACROSS), dataset_id=world.dataset["id"])
    with world.connected():
        for options in ({}, {"delete_source": True, "dry_run": True}):
            convert_item(item, journal=journal, **options)
            assert not journal.exists()
        report = convert_item(item, journal=journal, delete_source=True)
    assert (report.deleted, report.failures, journal.exists()) == (1, [], True)


def test_only_some_labels(world: World, journal: Path) -> None:
    """With `only`, polygons of other labels are neither converted nor deleted."""
    item = world.add_item("/0.png", RING_WITH_HOLE, ACROSS)
    assert world.convert(journal, only=frozenset({"dog"})).deleted == 1
    assert [row["label"] for row in world.of_type("segment")] == ["cat"]
    assert same_masks(world.masks(item), expected([ACROSS]))


def test_masks_have_the_recipes_colors(world: World) -> None:
    """A mask is drawn in its label's color; a label without one is white."""
    world.add_item("/0.png", RING_WITH_HOLE)
    world.convert(delete_source=False)
    (row,) = world.of_type("binary")
    assert row["metadata"]["system"]["attributes"] == {"wet": True}
    assert row["metadata"]["system"]["automated"] is False


def test_every_picture_is_compared_when_asked(world: World, journal: Path) -> None:
    """With `check_images` every picture with polygons is downloaded, and one that differs fails."""
    right = world.add_item("/right.png", ACROSS, data=png(WIDTH, HEIGHT))
    wrong = world.add_item("/wrong.png", ACROSS, data=png(WIDTH, HEIGHT))
    system = world.emulator.items()[1]["metadata"]["system"]
    world.emulator.edit_item(wrong, metadata={"system": {**system, "width": WIDTH + 1}})
    report = world.convert(journal, check_images=True)
    assert [one.name for one in report.failures] == ["wrong.png"]
    assert f"{HEIGHT} × {WIDTH} px" in report.failures[0].reason
    streamed = [entry.path for entry in world.emulator.audit if entry.path.endswith("/stream")]
    assert set(streamed) == {f"/items/{right}/stream", f"/items/{wrong}/stream"}
    assert [row["itemId"] for row in world.of_type("segment")] == [wrong]
    assert list(world.masks()) == [f"{right} dog"]


def test_a_cut_off_picture_fails_its_item(world: World, journal: Path) -> None:
    """A download of another length than the metadata tell is no picture to compare with."""
    item = world.add_item("/0.png", ACROSS, data=png(WIDTH, HEIGHT))
    world.emulator.edit_item(item, metadata={"system": {"size": 5}})
    report = world.convert(journal, check_images=True)
    assert "of 5" in report.failures[0].reason
    assert len(world.of_type("segment")) == 1


MALFORMED = [
    segment("cat", [{"x": 1, "y": 1}, {"x": 2, "y": 2}]),
    segment("cat", [{"x": 1}]),
    segment("cat"),
    segment("", ring(1, 1, 5, 5)),
    {**segment("cat"), "coordinates": "none"},
    {**segment("cat"), "coordinates": None},
    segment("cat", [{"x": "one", "y": 1}] * 3),
    segment("cat", [{"x": None, "y": 1}] * 3),
    segment("cat", [*ring(1, 1, 5, 5)], [{"x": 2, "y": 2}]),
    {"type": "segment", "coordinates": [ring(1, 1, 5, 5)]},
]


def test_what_cannot_be_painted_is_left_alone(world: World, journal: Path) -> None:
    """Malformed polygons and those without a label stay, and are reported one by one."""
    item = world.add_item("/0.png", RING_WITH_HOLE, *MALFORMED)
    before = [strip(row) for row in world.of_type("segment")[1:]]
    report = world.convert(journal)
    assert (report.deleted, len(report.unsupported), report.failures) == (1, len(MALFORMED), [])
    assert [strip(row) for row in world.of_type("segment")] == before
    assert same_masks(world.masks(item), expected([RING_WITH_HOLE]))


def test_a_mask_holds_what_its_polygons_said(world: World, journal: Path) -> None:
    """A mask lists each polygon's id and digest, its attributes and its object."""
    item = world.add_item("/0.png", RING_WITH_HOLE)
    (key,) = world.originals
    world.convert(journal)
    (row,) = world.of_type("binary", item)
    (source,) = claim(row)["sources"]
    assert (source["id"], source["objectId"], source["attributes"]) == (key, "1", {"wet": True})
    assert claim(row)["frame"] == [HEIGHT, WIDTH]
    assert np.array_equal(world.masks(item)["cat"], expected([RING_WITH_HOLE])["cat"])


def test_a_late_mask_is_waited_for(world: World, journal: Path) -> None:
    """A mask that is not to be seen at once is looked for again, with pauses, and not uploaded twice."""
    world.add_item("/0.png", RING_WITH_HOLE)
    world.before("POST", "/annotations", 1, lambda: late_answers(world, 3))
    assert world.convert(journal).failures == []
    assert sum(entry.path.endswith("/annotations") for entry in world.emulator.audit) == 1
    assert world.waits == [0.2, 0.4, 0.8]


def late_answers(world: World, count: int) -> None:
    world.emulator.faults.add(Fault("POST", "**/query", "stale", resource="annotations", times=count))
