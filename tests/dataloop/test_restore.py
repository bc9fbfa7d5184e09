"""Putting back what was deleted: ring by ring, once, however often and after whatever was asked."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from polymask.dataloop.emulator import Fault
from polymask.dataloop.jobs.verification import verify_dataset
from polymask.errors import ConflictError, ProofError
from polymask.formats.reading.annotation_choice import original_id
from polymask.in_place.journal import BACKUP, EVENTS, Journal
from tests.dataloop.world import ACROSS, BESIDE, URL, World, box, expected, ring, same_masks, segment, strip

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
    """It is named once, with the number of its polygons; those of other items are put back."""
    gone = world.add_item("/1.png", ACROSS, BESIDE)
    world.add_item("/2.png", BESIDE)
    world.convert(journal)
    world.emulator.remove_item(gone)
    report = world.restore(journal)
    (failure,) = report.failures
    assert (failure.name, f"the item ({gone}) is gone" in failure.reason) == ("1.png", True)
    assert "2 polygons of it cannot be put back; the backup keeps them" in failure.reason
    assert (report.written, report.exit_code) == (4, ConflictError.exit_code)


def test_what_was_put_back_into_an_item_that_is_gone_is_no_failure(world: World, journal: Path) -> None:
    """Nothing of it is left to be done."""
    item = world.add_item("/0.png", *ALL)
    world.convert(journal)
    world.restore(journal)
    world.emulator.remove_item(item)
    assert world.restore(journal).failures == []


def erase(world: World, label: str) -> None:
    """Somebody erases a polygon, and the mask of its label with it."""
    for row in world.emulator.annotations():
        if row["label"] == label:
            world.emulator.remove_annotation(row["id"])


@pytest.mark.parametrize("dry_run", [True, False])
def test_what_was_erased_since_it_was_put_back_stays_erased(
    world: World, item: str, journal: Path, dry_run: bool
) -> None:
    """Restoring again does not resurrect it, and tells; deleted again by a run, it comes back."""
    world.convert(journal)
    world.restore(journal)
    erase(world, "dog")
    report = world.restore(journal, dry_run=dry_run)
    assert (report.written, report.unchanged, report.exit_code) == (0, 2, 0)
    assert "was erased since it was put back" in report.skipped[0].reason
    assert [row["label"] for row in world.of_type("segment")] == ["cat", "cat"]
    world.convert(journal)
    assert world.restore(journal, dry_run=dry_run).written == 2


def test_what_a_mask_says_was_deleted_comes_back_again(world: World, item: str, journal: Path) -> None:
    """Also where a journal that saw it put back did not see it deleted again."""
    world.convert(journal)
    world.restore(journal)
    world.convert(journal.parent / "another")
    assert world.restore(journal).written == 3


def test_a_restoration_that_was_stopped_before_its_note_is_noted_by_the_next(
    world: World, item: str, journal: Path
) -> None:
    """So that what is erased after that stays erased too."""
    world.convert(journal)
    before = {file: (journal / file).read_bytes() for file in (EVENTS, BACKUP)}
    world.restore(journal)
    for file, data in before.items():
        (journal / file).write_bytes(data)
    assert world.restore(journal).unchanged == 3
    erase(world, "dog")
    assert world.restore(journal).written == 0


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


def clone(world: World, item: str, path: str) -> str:
    """An item copied with all that is on it, as the platform clones one: new ids, the old metadata."""
    rows = [
        {name: row[name] for name in ("type", "label", "coordinates", "metadata", "attributes")}
        for row in world.emulator.annotations(item)
    ]
    return world.add_item(path, *rows)


@pytest.mark.parametrize("rounds", [1, 2])
def test_a_clone_gets_its_own_polygons_back(world: World, journal: Path, rounds: int) -> None:
    """A clone of an item whose polygons were restored has the same marks: both items get theirs."""
    item = world.add_item("/0.png", ACROSS)
    world.convert(journal)
    world.restore(journal)
    copies = [clone(world, item, f"/copy {number}.png") for number in range(2)]
    for _ in range(rounds):
        assert (world.convert(journal).failures, world.of_type("segment")) == ([], [])
        report = world.restore(journal)
        assert (report.written, report.failures) == (3, [])
        for each in (item, *copies):
            (row,) = world.of_type("segment", each)
            assert row["coordinates"] == ACROSS["coordinates"]
    assert world.restore(journal).written == 0


def test_a_clone_with_the_marks_of_an_earlier_build_gets_its_own_back(world: World, journal: Path) -> None:
    """Those named no item, so that a clone's polygons are known by the same id: both items get theirs."""
    item = world.add_item("/0.png", ACROSS)
    world.convert(journal)
    world.restore(journal)
    (row,) = world.of_type("segment")
    world.emulator.edit_annotation(row["id"], metadata={"user": {"polymask": {"item": None}}})
    copy = clone(world, item, "/copy.png")
    assert world.convert(journal).failures == []
    assert world.restore(journal).written == 2
    assert [len(world.of_type("segment", each)) for each in (item, copy)] == [1, 1]


def test_a_clone_from_before_a_restoration_gets_its_own_back(world: World, journal: Path) -> None:
    """Also one that was cloned with its polygons never deleted."""
    item = world.add_item("/0.png", ACROSS)
    copy = clone(world, item, "/copy.png")
    world.convert(journal)
    assert world.restore(journal).written == 2
    assert [len(world.of_type("segment", each)) for each in (item, copy)] == [1, 1]


@pytest.mark.parametrize("rounds", [1, 2])
def test_a_copy_within_an_item_comes_back_too(world: World, journal: Path, rounds: int) -> None:
    """Somebody copies a restored polygon, mark and all, and moves the copy: it is one of its own."""
    item = world.add_item("/0.png", ACROSS)
    world.convert(journal)
    world.restore(journal)
    (row,) = world.of_type("segment")
    moved = {name: row[name] for name in ("type", "label", "metadata")} | {"coordinates": [ring(0, 0, 3, 3)]}
    world.emulator.add_annotation(item, moved)
    for _ in range(rounds):
        assert world.convert(journal).failures == []
        assert world.restore(journal).written == 2
        found = sorted(str(one["coordinates"]) for one in world.of_type("segment"))
        assert found == sorted(str(one["coordinates"]) for one in (ACROSS, moved))
    assert world.restore(journal).written == 0


def with_parent(row: dict[str, object], parent: str) -> dict[str, object]:
    metadata = row["metadata"]
    assert isinstance(metadata, dict)
    return row | {"metadata": metadata | {"system": metadata["system"] | {"parentId": parent}}}


@pytest.mark.parametrize("rounds", [1, 3])
def test_children_are_linked_to_their_parents_new_ids(world: World, journal: Path, rounds: int) -> None:
    """Over three generations, the child listed before its parent; a link to what was kept stays."""
    item = world.add_item("/0.png", box())
    (kept,) = world.emulator.annotations(item)
    child, parent, eldest = (world.add(item, row) for row in (BESIDE, ACROSS, with_parent(RICH, kept["id"])))
    for below, above in ((child, parent), (parent, eldest)):
        world.emulator.edit_annotation(below, metadata={"system": {"parentId": above}})
    for _ in range(rounds):
        world.convert(journal)
        assert world.restore(journal).notes == []
    by_label = {str(row["coordinates"]): row for row in world.of_type("segment")}
    child_row, parent_row, eldest_row = (by_label[str(row["coordinates"])] for row in (BESIDE, ACROSS, RICH))
    links = [row["metadata"]["system"]["parentId"] for row in (child_row, parent_row, eldest_row)]
    assert links == [parent_row["id"], eldest_row["id"], kept["id"]]


def test_a_child_that_was_put_back_is_the_same_as_before(world: World, journal: Path) -> None:
    """Its parent has another id now, and its creator is who put it back: no mask is uploaded anew."""
    item = world.add_item("/0.png")
    child, parent = (world.add(item, row) for row in (BESIDE, ACROSS))
    world.emulator.edit_annotation(child, metadata={"system": {"parentId": parent}})
    with world.emulator._store.lock, world.emulator._platform.write():
        row = world.emulator._store.get("annotation", child).json() | {"creator": "bob@example.org"}
        world.emulator._store.put("annotation", json.dumps(row).encode())
    world.convert(journal)
    masks = world.of_type("binary")
    world.restore(journal)
    assert world.convert(journal).deleted == 2
    assert world.of_type("binary") == masks


def test_a_circle_of_parents_comes_back(world: World, journal: Path) -> None:
    """Nobody draws one, but a service may hold it: all come back, and what cannot be linked is told."""
    item = world.add_item("/0.png")
    first, second = world.add(item, BESIDE), world.add(item, ACROSS)
    for below, above in ((first, second), (second, first)):
        world.emulator.edit_annotation(below, metadata={"system": {"parentId": above}})
    world.convert(journal)
    report = world.restore(journal)
    assert (report.written, len(report.notes)) == (2, 1)
    assert "linked to its parent's old id" in report.notes[0]


def test_a_dry_run_tells_what_would_be_put_back(world: World, item: str, journal: Path) -> None:
    """It changes neither the dataset nor the journal."""
    gone = world.add_item("/1.png", ACROSS)
    world.convert(journal)
    world.emulator.remove_item(gone)
    before, calls = (journal / EVENTS).read_bytes(), len(world.emulator.audit)
    report = world.restore(journal, dry_run=True)
    assert (report.written, report.unchanged, report.dry_run) == (3, 0, True)
    assert [one.name for one in report.failures] == ["1.png"]
    assert (world.writes(calls), (journal / EVENTS).read_bytes()) == ([], before)
    world.restore(journal)
    assert world.restore(journal, dry_run=True).unchanged == 3


def test_a_damaged_journal_restores_nothing_and_says_so(world: World, item: str, journal: Path) -> None:
    """One changed letter in what was deleted, or no such file: an error that names it, exit code 5."""
    world.convert(journal)
    data = (journal / EVENTS).read_bytes()
    (journal / EVENTS).write_bytes(data.replace(b"deleting", b"deletinG"))
    for _ in range(2):
        with pytest.raises(ProofError, match=r"journal\.jsonl: damaged") as raised:
            world.restore(journal)
        assert raised.value.exit_code == 5
        (journal / EVENTS).unlink(missing_ok=True)
    assert world.of_type("segment") == []
    (journal / EVENTS).write_bytes(data)
    assert world.restore(journal).written == 3


def test_many_polygons_cost_two_calls_each(world: World, journal: Path) -> None:
    """Items, masks and the item's polygons are listed, these at the end too; each is posted and read back."""
    world.add_item("/0.png", *(segment("cat", ring(n, n, n + 3, n + 3)) for n in range(8)))
    world.convert(journal)
    calls = len(world.emulator.audit)
    world.restore(journal)
    asked = [entry.path for entry in world.emulator.audit[calls:] if "/datasets/query" not in entry.path]
    assert len([path for path in asked if path.endswith(("/query", "/annotations"))]) == 4 + 2 * 8


def test_a_lost_journal_is_told(world: World, item: str, journal: Path) -> None:
    """By the next deleting run, and by `restore`, which puts back what it can and fails: exit code 5."""
    world.convert(journal)
    for file in (BACKUP, EVENTS):
        (journal / file).unlink()
    later = world.add(item, BESIDE)
    report = world.convert(journal)
    assert report.deleted == 1
    assert any("3 polygons were deleted that no journal" in note for note in report.notes)
    assert not any("no journal in" in note for note in world.convert(journal).notes)
    for written, dry_run in ((1, True), (1, False), (0, False)):
        report = world.restore(journal, dry_run=dry_run)
        assert (report.written, report.exit_code) == (written, 5)
        (failure,) = report.failures
        assert failure.reason.startswith(
            "the masks of 1 item say that 3 polygons were deleted that no journal in"
        )
    assert later in {original_id(row) for row in world.of_type("segment")}


def test_what_was_erased_before_a_stopped_run_noted_any_deletion_is_in_its_backup(
    world: World, item: str, journal: Path
) -> None:
    """The mask says that it was deleted: nothing calls it lost, and `restore` puts it back and tells."""
    with patch.object(Journal, "note", side_effect=KeyboardInterrupt), suppress(KeyboardInterrupt):
        world.convert(journal)
    erased = world.of_type("segment")[0]["id"]
    world.emulator.remove_annotation(erased)
    with world.connected():
        verified = verify_dataset(URL, journal=journal)
    assert verified.failures == []
    report = world.restore(journal)
    assert (report.written, report.exit_code, len(world.of_type("segment"))) == (1, 0, 3)
    assert any(f"polygon {erased} may have been erased by somebody" in note for note in report.notes)
    assert world.restore(journal).written == 0


def test_what_was_erased_after_a_stopped_deletion_is_told_when_it_comes_back(
    world: World, item: str, journal: Path
) -> None:
    """Nobody can tell it from what the run deleted: it is put back, and said; what is confirmed is not."""
    world.emulator.faults.add(
        Fault("POST", "**/query", "status", status=400, clause="updatedAt", times=None),
        Fault("DELETE", "**", "status", status=403, times=None),
    )
    assert world.convert(journal).failures
    world.emulator.faults.clear()
    erased = world.of_type("segment")[0]["id"]
    world.emulator.remove_annotation(erased)
    (note,) = world.restore(journal).notes
    assert f"polygon {erased} may have been erased by somebody" in note
    world.convert(journal)
    assert not any("may have been erased" in note for note in world.restore(journal).notes)


def test_journals_of_two_machines_put_everything_back(world: World, item: str, tmp_path: Path) -> None:
    """Each tells what it lacks; after both, nothing is missing."""
    world.convert(tmp_path / "one")
    world.add(item, BESIDE)
    world.convert(tmp_path / "other")
    assert world.restore(tmp_path / "other").exit_code == 5
    assert world.restore(tmp_path / "one").exit_code == 0
    assert world.restore(tmp_path / "other").exit_code == 0
    assert len(world.of_type("segment")) == 4


@pytest.mark.parametrize(
    "change",
    [
        {"coordinates": [ring(0, 0, 5, 5)]},
        {"label": "a boat"},
        {"metadata": {"system": {"attributes": {"wet": False}}}},
        {"metadata": {"system": {"status": "approved"}}},
    ],
)
def test_an_outdated_version_is_not_put_back(
    world: World, item: str, tmp_path: Path, change: dict[str, Any]
) -> None:
    """A polygon that was restored, edited and deleted by another machine: only that has its last version."""
    world.convert(tmp_path / "one")
    world.restore(tmp_path / "one")
    row = next(row for row in world.of_type("segment") if row["label"] == "dog")
    row_id = original_id(row)
    last = world.emulator.edit_annotation(row["id"], **change)
    world.convert(tmp_path / "other")
    for written, dry_run in ((2, True), (2, False), (0, False)):
        report = world.restore(tmp_path / "one", dry_run=dry_run)
        assert (report.written, report.unchanged, report.exit_code) == (written, 2 - written, 5)
        (failure,) = report.failures
        assert "1 polygon was deleted that no journal in" in failure.reason
    report = world.restore(tmp_path / "other")
    assert (report.written, report.unchanged, report.exit_code) == (1, 2, 0)
    (restored,) = (row for row in world.of_type("segment") if original_id(row) == row_id)
    assert [restored[name] for name in ("label", "coordinates")] == [last["label"], last["coordinates"]]
    assert restored["metadata"]["system"] == last["metadata"]["system"]
    assert world.restore(tmp_path / "one").exit_code == 0


def test_what_was_edited_since_is_not_counted_as_there(world: World, item: str, journal: Path) -> None:
    """It stays as it is, and is listed; the others are there as they were deleted."""
    world.convert(journal)
    world.restore(journal)
    moved = [ring(0, 0, 5, 5)]
    dog = next(row["id"] for row in world.of_type("segment") if row["label"] == "dog")
    world.emulator.edit_annotation(dog, coordinates=moved)
    for dry_run in (True, False):
        report = world.restore(journal, dry_run=dry_run)
        assert (report.written, report.unchanged, len(report.skipped), report.exit_code) == (0, 2, 1, 0)
        assert "was edited since" in report.skipped[0].reason
    assert [row["coordinates"] for row in world.of_type("segment") if row["label"] == "dog"] == [moved]
