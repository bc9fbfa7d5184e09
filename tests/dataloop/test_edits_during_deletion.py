"""Somebody edits while a run deletes: what was edited stays, and no polygon goes for a mask that went.

All acts at all moments are in `python -m tests.dataloop.edit_campaign`; here some, most at the deletion.
"""

import json
import random
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import pytest

from polymask.dataloop.emulator import Fault
from polymask.dataloop.service import bulk_deletion as deletion
from polymask.dataloop.service.client import Client
from polymask.errors import ProofError, SourceChanged
from polymask.in_place.journal import Journal
from tests.dataloop import edit_campaign as campaign
from tests.dataloop.world import (
    ACROSS,
    BESIDE,
    RING_WITH_HOLE,
    World,
    expected,
    ring,
    same_masks,
    segment,
    stopped_before,
)

ALL = [RING_WITH_HOLE, BESIDE, ACROSS]
MOVED = [ring(2, 12, 8, 16)]


@pytest.mark.parametrize("act", ["moved", "mask taken away"])
def test_at_every_moment_of_the_deletion(dtlpy: ModuleType, no_noise: None, act: str) -> None:
    """From the last reading on, before each call and in each wait, nothing is lost."""
    for case in campaign.cases(act, mode="deleted by filter"):
        if case[2] > proven():
            assert campaign.disturbed(case) == [], case


@cache
def proven() -> int:
    """The number of the call after which the masks are proven."""
    calls = campaign.undisturbed("deleted by filter")
    return max(call.number for call in calls if call.path.endswith("/annotations")) + 1


@pytest.mark.parametrize("act", campaign.ACTS)
def test_at_some_moments_of_a_run(dtlpy: ModuleType, no_noise: None, act: str) -> None:
    """Whatever somebody does, where the service takes no condition: a moment of the deletion, and any."""
    rng = random.Random(act)
    for mode in ("filter refused", "filter not heeded"):
        every = list(campaign.cases(act, mode=mode))
        for case in (rng.choice([one for one in every if one[2] > proven()]), rng.choice(every)):
            assert campaign.disturbed(case) == [], case


@pytest.mark.parametrize("act", campaign.ACTS)
def test_at_some_moments_of_a_run_without_a_folder(dtlpy: ModuleType, no_noise: None, act: str) -> None:
    """The app, whose backup is among the project's artifacts."""
    every = list(campaign.cases(act, mode=campaign.APP))
    for case in random.Random(act).sample(every, 3):
        assert campaign.disturbed(case) == [], case


@pytest.fixture
def item(world: World) -> str:
    return world.add_item("/0.png", *ALL)


def deletions(world: World) -> list[set[str]]:
    """What each call deleted, by id."""
    return [
        {key for verb, _, key in entry.changes if verb == "delete"}
        for entry in world.emulator.audit
        if any(change[0] == "delete" for change in entry.changes)
    ]


def test_all_polygons_of_an_item_go_in_one_call(world: World, item: str, journal: Path) -> None:
    """By their ids and their item, on the condition that they are as they were read; by nothing else."""
    world.add(item, {"type": "box", "label": "cat", "coordinates": [{"x": 1, "y": 1}, {"x": 4, "y": 5}]})
    assert world.convert(journal).deleted == 3
    assert deletions(world) == [set(world.originals)]
    (call,) = [entry.body for entry in world.emulator.audit if entry.raw and b'"delete"' in entry.raw]
    latest = max(row["updatedAt"] for row in world.originals.values())
    ids, which, when = call["filter"]["$and"]
    assert (sorted(ids["annotationId"]["$in"]), which) == (sorted(world.originals), {"itemId": item})
    assert when == {"updatedAt": {"$lte": latest}}


def test_the_filter_is_tried_once_a_run(world: World, journal: Path) -> None:
    """Two listings show that the service heeds it; the other items take one call each."""
    for number in range(3):
        world.add_item(f"/{number}.png", *ALL)
    world.convert(journal)
    tried = [entry for entry in world.emulator.audit if entry.raw and b"updatedAt" in entry.raw]
    assert [bool(entry.changes) for entry in tried] == [False, False, True, True, True]


@pytest.mark.parametrize("kind", ["status", "ignore-clause"])
def test_one_by_one_where_the_service_takes_no_condition(
    world: World, item: str, journal: Path, kind: str
) -> None:
    """Each polygon is looked at before it goes by its id; nothing is deleted by a filter."""
    world.emulator.faults.add(Fault("POST", "**/query", kind, status=400, clause="updatedAt", times=None))
    assert world.convert(journal).deleted == 3
    assert deletions(world) == [{key} for key in world.originals]
    methods = [entry.method for entry in world.emulator.audit]
    first = methods.index("DELETE")
    assert methods[first - 1 : first + 5] == ["POST", "DELETE"] * 3


def test_a_polygon_without_a_date_goes_by_its_id(world: World, item: str, journal: Path) -> None:
    """Where nothing tells when it was changed, no condition can be sent."""
    first = next(iter(world.originals))
    emulator = world.emulator
    with emulator._store.lock, emulator._platform.write():  # it dates everything: taken away by hand
        row = emulator._store.get("annotation", first).json()
        del row["updatedAt"]
        emulator._store.put("annotation", json.dumps(row).encode())
    assert world.convert(journal).deleted == 3
    assert len(deletions(world)) == 3


def test_edited_in_the_wait_for_a_busy_service(world: World, item: str, journal: Path) -> None:
    """A service asks for two minutes between two deletions; what is edited in them stays."""
    world.emulator.faults.add(
        Fault("POST", "**/query", "status", status=400, clause="updatedAt", times=None),
        Fault("DELETE", "**", "status", status=429, headers={"Retry-After": "120"}, skip=1),
    )
    last = list(world.originals)[1]
    world.sleep = lambda _seconds: world.emulator.edit_annotation(last, coordinates=MOVED)
    report = world.convert(journal)
    assert (report.exit_code, report.deleted) == (SourceChanged.exit_code, 1)
    assert "changed meanwhile" in report.failures[0].reason
    assert [row["coordinates"] for row in world.of_type("segment")] == [MOVED, ACROSS["coordinates"]]


def test_edited_just_before_the_deletion(world: World, item: str, journal: Path) -> None:
    """The condition goes with the call: the polygon does not match any more, and the others go."""
    edited, once = next(iter(world.originals)), Client._once

    def late(client: Client, method: str, path: str, body: Any) -> Any:
        if isinstance(body, dict) and body.get("delete"):
            world.emulator.edit_annotation(edited, coordinates=MOVED)
        return once(client, method, path, body)

    with patch.object(Client, "_once", late):
        report = world.convert(journal)
    assert deletions(world) == [set(world.originals) - {edited}]
    assert (report.exit_code, report.deleted) == (SourceChanged.exit_code, 2)
    assert [row["coordinates"] for row in world.of_type("segment")] == [MOVED]


def test_a_mask_that_goes_during_the_deletion(world: World, item: str, journal: Path) -> None:
    """Its polygons are put back from the backup; the run says so, and the next one converts them."""
    take_at_the_deletion(world, "cat")
    report = world.convert(journal)
    assert (report.exit_code, report.deleted) == (ProofError.exit_code, 1)
    assert "'cat' was taken away or changed" in report.failures[0].reason
    assert [row["label"] for row in world.of_type("segment")] == ["cat", "cat"]
    assert [line["event"] for line in events(journal)] == ["deleting", "restored", "restored"]
    assert world.convert(journal).deleted == 2
    assert same_masks(world.masks(item), expected(ALL))


def take_at_the_deletion(world: World, label: str) -> None:
    """Have a label's mask taken away once the first polygon is gone."""
    taken = []

    def look(_method: str, _path: str) -> None:
        ids = {row["id"] for row in world.emulator.annotations()}
        if not taken and not set(world.originals) <= ids:
            masks = [row for row in world.of_type("binary") if row["label"] == label]
            taken.extend(row["id"] for row in masks if origin(row) == "dataset")
            world.emulator.remove_annotation(taken[0])

    world.before_calls(look)


def origin(mask: Any) -> str:
    return str(mask["metadata"]["user"]["polymask"]["origin"])


def events(journal: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (journal / "journal.jsonl").read_text().splitlines()]


def test_a_local_files_mask_is_no_place_for_what_is_deleted(world: World, item: str, journal: Path) -> None:
    """Where the dataset's own mask goes meanwhile, polygons come back that a mask of another source holds."""
    world.convert(delete_source=False)
    for row in world.of_type("binary", item):
        claim = row["metadata"]["user"]["polymask"]
        row["metadata"]["user"]["polymask"] = claim | {"origin": "dataloop:export", "key": "another"}
        world.emulator.edit_annotation(row["id"], metadata=row["metadata"])

    take_at_the_deletion(world, "cat")
    report = world.convert(journal)
    assert (report.exit_code, report.deleted) == (ProofError.exit_code, 1)
    assert [row["label"] for row in world.of_type("segment", item)] == ["cat", "cat"]


def test_many_polygons_go_in_batches(world: World, journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each batch is looked at before it goes: what is edited after the first stays, with those behind it."""
    monkeypatch.setattr(deletion, "MOST", 3)
    world.add_item("/0.png", *(segment("cat", ring(n, n, n + 3, n + 3)) for n in range(8)))
    keys = list(world.originals)

    def look(_method: str, _path: str) -> None:
        there = world.of_type("segment")
        if len(there) == 5 and there[0]["coordinates"] != MOVED:
            world.emulator.edit_annotation(keys[3], coordinates=MOVED)

    world.before_calls(look)
    report = world.convert(journal)
    assert (report.exit_code, report.deleted) == (SourceChanged.exit_code, 3)
    assert [row["id"] for row in world.of_type("segment")] == keys[3:]
    assert world.restore(journal).written == 3
    assert len(Journal(journal).deleted()) == 8


@pytest.mark.parametrize("mode", campaign.MODES)
def test_a_mask_that_goes_after_a_run_was_killed(world: World, journal: Path, mode: str) -> None:
    """Killed at any call, then a mask is taken away, then the same command: all polygons end in masks."""
    # An undisturbed run has a new journal, and asks once more than these do: what masks say of lost ones.
    for nth in range(9, len(campaign.undisturbed(mode))):
        scene = campaign.Scene(world, world.add_item(f"/{nth}.png", *ALL), {})
        world.emulator.faults.clear()
        if campaign.MODES[mode]:
            world.emulator.faults.add(campaign.of_mode(mode))
        run = partial(campaign.converted, world, journal, app=mode == campaign.APP, items=[scene.item])
        with stopped_before("*", nth):
            run()
        scene.take_mask()
        assert [failure for report in run() for failure in report.failures] == []
        assert same_masks(world.masks(scene.item), expected(ALL)), nth
    assert world.of_type("segment") == []


def test_an_outdated_answer_that_shows_a_mask_that_went(world: World, item: str, journal: Path) -> None:
    """Of what a killed run deleted, one such answer is not enough: the polygons are put back."""
    calls = campaign.undisturbed("deleted by filter")
    with stopped_before("*", len(calls)):
        world.convert(journal)
    assert world.of_type("segment") == []
    scene = campaign.Scene(world, item, dict(world.originals))
    scene.take_mask()
    world.emulator.faults.add(Fault("POST", "**/query", "stale", resource="annotations"))
    assert world.convert(journal).failures == []
    assert scene.lost() == []
