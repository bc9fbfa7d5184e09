"""What annotators do to a dataset between two runs, with the real SDK: the masks follow."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polymask.dataloop.emulator import Fault
from polymask.dataloop.reading.claims import claim_of
from tests.contract.memory import rewritten
from tests.dataloop.world import (
    ACROSS,
    BESIDE,
    RING_WITH_HOLE,
    World,
    box,
    expected,
    ring,
    same_masks,
    segment,
)

Json = dict[str, Any]
Edit = Callable[[World, str], list[Json]]  # of the dog's polygon; the polygons that there are then

MOVED = ring(2, 12, 8, 16)


def nothing(world: World, dog: str) -> list[Json]:
    return [RING_WITH_HOLE, BESIDE, ACROSS]


def move(world: World, dog: str) -> list[Json]:
    world.emulator.edit_annotation(dog, coordinates=[MOVED])
    return [RING_WITH_HOLE, BESIDE, segment("dog", MOVED)]


def relabel(world: World, dog: str) -> list[Json]:
    world.emulator.edit_annotation(dog, label="cat")
    return [RING_WITH_HOLE, BESIDE, ACROSS | {"label": "cat"}]


def erase(world: World, dog: str) -> list[Json]:
    world.emulator.remove_annotation(dog)
    return [RING_WITH_HOLE, BESIDE]


def erase_all(world: World, dog: str) -> list[Json]:
    for row in world.of_type("segment"):
        world.emulator.remove_annotation(row["id"])
    return []


def spoil(world: World, dog: str) -> list[Json]:
    """Nothing that can be painted is left of it, but it is there."""
    world.emulator.edit_annotation(dog, coordinates=[MOVED[:2]])
    return [RING_WITH_HOLE, BESIDE]


@pytest.mark.parametrize("delete_source", [False, True])
@pytest.mark.parametrize("edit", [nothing, move, relabel, erase, erase_all, spoil])
def test_masks_follow_an_edit_between_two_runs(
    world: World, journal: Path, edit: Edit, delete_source: bool
) -> None:
    """After a plain run, in the next plain or deleting one; and a third run does nothing."""
    item = world.add_item("/0.png", RING_WITH_HOLE, BESIDE, ACROSS, box())
    world.convert(delete_source=False)
    dog = next(row["id"] for row in world.of_type("segment") if row["label"] == "dog")
    polygons = edit(world, dog)
    spoilt = world.of_type("segment") if edit is spoil else []
    report = world.convert(journal, delete_source=delete_source)
    assert report.failures == []
    assert same_masks(world.masks(item), expected(polygons))
    assert len(world.of_type("box")) == 1
    if delete_source:
        assert report.deleted == len(polygons)
        assert world.of_type("segment") == [row for row in spoilt if row["id"] == dog]
    calls = len(world.emulator.audit)
    assert world.convert(journal, delete_source=delete_source).failures == []
    assert world.writes(calls) == []


@pytest.mark.parametrize("place", ["metadata.system.attributes", "metadata.system.objectId", "description"])
@pytest.mark.parametrize("delete_source", [False, True])
def test_what_a_mask_says_of_a_polygon_follows_it(
    world: World, journal: Path, place: str, delete_source: bool
) -> None:
    """An attribute, an object's id, a description: as it is when the polygon goes."""
    item = world.add_item("/0.png", RING_WITH_HOLE)
    world.convert(delete_source=False)
    (row,) = world.of_type("segment")
    *outer, name = place.split(".")
    value: Any = {"wet": False} if name == "attributes" else "9"
    edited = {name: value}
    for part in reversed(outer):
        edited = {part: edited}
    world.emulator.edit_annotation(row["id"], **edited)
    assert world.convert(journal, delete_source=delete_source).failures == []
    (mask,) = world.of_type("binary", item)
    (source,) = (claim_of(mask) or {})["sources"]
    assert source[name] == value
    assert source["user"] == {"batch": 7}


@pytest.mark.parametrize("delete_source", [False, True])
def test_a_server_that_rewrites_makes_no_masks_pile_up(
    world: World, journal: Path, delete_source: bool
) -> None:
    """1 as 1.0, keys in another order, labels in another case: run after run, one mask a label."""
    item = world.add_item("/0.png", RING_WITH_HOLE, BESIDE, ACROSS)
    rewrite_masks(world)
    for _ in range(3):
        assert world.convert(journal, delete_source=False).failures == []
        assert sorted(world.masks(item)) == [" CAT", " DOG"]
    late = world.add(item, segment("cat", ring(15, 10, 22, 15)))
    assert world.convert(journal, delete_source=delete_source).failures == []
    assert late in ours(world, " CAT")
    calls = len(world.emulator.audit)
    assert world.convert(journal, delete_source=delete_source).failures == []
    assert world.writes(calls) == []
    wanted = expected([RING_WITH_HOLE, BESIDE, ACROSS, segment("cat", ring(15, 10, 22, 15))])
    assert same_masks(world.masks(item), {f" {label.upper()}": mask for label, mask in wanted.items()})


def ours(world: World, label: str) -> set[str]:
    (row,) = [row for row in world.of_type("binary") if row["label"] == label]
    return {source["id"] for source in (claim_of(row) or {})["sources"]}


def rewrite_masks(world: World) -> None:
    """Have every new mask kept in the server's own words."""
    done: set[str] = set()

    def rewrite(_method: str, _path: str) -> None:
        for row in world.of_type("binary"):
            if row["id"] not in done:
                done.add(row["id"])
                world.emulator.edit_annotation(
                    row["id"], label=f" {row['label'].upper()}", metadata=rewritten(row["metadata"])
                )

    world.before_calls(rewrite)


def test_a_service_without_such_filters_lists_more(world: World, journal: Path) -> None:
    """Where the listing of masks by what they say is refused, every item with a mask is looked at."""
    item = world.add_item("/0.png", RING_WITH_HOLE)
    world.convert(delete_source=False)
    erase_all(world, "")
    world.emulator.faults.add(Fault("POST", "**/query", "status", resource="items", status=400))
    assert world.convert(journal).failures == []
    assert world.masks(item) == {}


def test_finished_items_are_not_looked_at(world: World, journal: Path) -> None:
    """A second deleting run lists the dataset and its masks, and asks for no item's annotations."""
    world.add_item("/0.png", RING_WITH_HOLE, ACROSS)
    world.convert(journal)
    calls = len(world.emulator.audit)
    assert world.convert(journal).images == 0
    asked = [entry.body for entry in world.emulator.audit[calls:] if entry.path.endswith("/query")]
    queries = [body for body in asked if isinstance(body, dict) and body.get("resource") == "annotations"]
    assert len(queries) == 1
    assert "itemId" not in str(queries)
