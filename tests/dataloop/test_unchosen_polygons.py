"""Polygons that a run does not choose: they are there, so the masks that hold them stay as they are."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import polymask
from polymask.formats.reading.annotation_choice import Choice
from polymask.results import Report
from tests.dataloop.test_download import exported
from tests.dataloop.test_restore import clone
from tests.dataloop.world import URL, Json, World, brushed, expected, ring, same_masks, segment

BOB = "bob@example.org"
OPEN = segment("cat", ring(8, 1, 12, 6), status="issue")
PLAIN = segment("cat", ring(1, 1, 6, 6))
BESIDE = segment("cat", ring(14, 1, 18, 6))
DOG = segment("dog", ring(1, 8, 6, 14), status="approved")


def plain(world: World, **options: Any) -> Report:
    choice = Choice(**options.pop("choice", {}))
    return world.convert(delete_source=False, choice=choice, **options)


def deleting(world: World, journal: Path, **choice: Any) -> Report:
    return world.convert(journal, choice=Choice(**choice))


def masks_now(world: World) -> dict[str, Json]:
    return {str(row["id"]): row for row in world.of_type("binary")}


@pytest.mark.parametrize(
    "choice",
    [
        {"status": "review"},
        {"creator": "nobody"},
        {"predictions": "only"},
        {"status": "approved"},
        {"creator": BOB, "status": "issue"},
    ],
)
@pytest.mark.parametrize("update", [False, True])
def test_masks_of_polygons_that_are_not_chosen_stay(
    world: World, choice: dict[str, Any], update: bool
) -> None:
    """Another choice than that of the run before retracts and writes nothing, and a note tells."""
    world.add_item("/a.png", PLAIN, OPEN, DOG)
    plain(world)
    before = masks_now(world)
    report = plain(world, choice=choice, update=update)
    assert (report.retracted, report.written, masks_now(world)) == (0, 0, before)
    assert any(
        "not taken by this run, and kept in the masks of earlier runs" in note for note in report.notes
    )


def test_a_deleting_run_leaves_the_mask_of_an_open_issue(world: World, journal: Path) -> None:
    """The next runs, of either kind, find nothing to do: no mask comes and goes."""
    item = world.add_item("/a.png", OPEN)
    plain(world)
    before = masks_now(world)
    for deletes in (True, False) * 2:
        report = deleting(world, journal) if deletes else plain(world)
        assert (report.retracted, report.written, masks_now(world)) == (0, 0, before)
    assert same_masks(world.masks(item), expected([OPEN]))


def test_what_stays_keeps_its_place_beside_what_is_deleted(world: World, journal: Path) -> None:
    """The mask holds both; the polygon with the open issue is there, and the same command changes nothing."""
    item = world.add_item("/a.png", PLAIN, OPEN)
    plain(world)
    report = deleting(world, journal)
    assert (report.deleted, len(world.of_type("segment"))) == (1, 1)
    assert same_masks(world.masks(item), expected([PLAIN, OPEN]))
    before = masks_now(world)
    for deletes in (True, False):
        report = deleting(world, journal) if deletes else plain(world)
        assert (report.written, report.retracted, masks_now(world)) == (0, 0, before)


def test_what_stays_and_is_erased_leaves_the_mask(world: World, journal: Path) -> None:
    """It was not deleted on the mask's account, unlike its neighbor: the mask follows, with the latter."""
    item = world.add_item("/a.png", PLAIN)
    flagged = world.add(item, OPEN)
    plain(world)
    deleting(world, journal)
    world.emulator.remove_annotation(flagged)
    assert plain(world).failed == 0
    assert same_masks(world.masks(item), expected([PLAIN]))


def test_what_stays_can_be_deleted_later(world: World, journal: Path) -> None:
    """Chosen at last, it goes once a mask says so, and is in the mask of both; both can be put back."""
    item = world.add_item("/a.png", PLAIN, OPEN)
    plain(world)
    deleting(world, journal)
    assert deleting(world, journal, status="any").deleted == 1
    assert world.of_type("segment") == []
    assert same_masks(world.masks(item), expected([PLAIN, OPEN]))
    plain(world)
    assert same_masks(world.masks(item), expected([PLAIN, OPEN]))
    world.restore(journal)
    assert len(world.of_type("segment")) == 2


def test_a_new_polygon_joins_what_stays(world: World) -> None:
    """A mask that is written for a chosen polygon holds those of its label that were in the one before."""
    item = world.add_item("/a.png", PLAIN, OPEN)
    plain(world)
    world.add(item, BESIDE)
    report = plain(world, choice={"status": "none"})
    assert (report.written, report.retracted) == (1, 1)
    assert same_masks(world.masks(item), expected([PLAIN, OPEN, BESIDE]))
    assert plain(world, choice={"status": "none"}).written == 0


def test_what_was_never_in_a_mask_does_not_join_it(world: World) -> None:
    """A run paints what it chooses, and keeps what earlier runs chose."""
    item = world.add_item("/a.png", PLAIN, OPEN)
    plain(world, choice={"status": "none"})
    assert same_masks(world.masks(item), expected([PLAIN]))


def test_in_a_clone_what_is_not_chosen_stays_too(world: World, journal: Path) -> None:
    """The clone's masks name the polygons of the original, and hold those of the clone all the same."""
    item = world.add_item("/a.png", PLAIN, OPEN)
    plain(world)
    clone(world, item, "/b.png")
    before = masks_now(world)
    report = plain(world, choice={"status": "review"})
    assert (report.retracted, report.written, masks_now(world)) == (0, 0, before)


def test_what_is_not_chosen_of_a_local_file_stays_too(world: World, tmp_path: Path) -> None:
    """It is in the file, so its masks are left alone."""
    world.add_item("/a.png", PLAIN, DOG)
    file = exported(world, tmp_path / "export.json")
    with world.connected():
        assert polymask.convert(file, URL).written == 1
        before = masks_now(world)
        report = polymask.convert(file, URL, status="approved")
        assert (report.retracted, report.written, masks_now(world)) == (0, 0, before)
        assert polymask.convert(file, URL, status="review").retracted == 0
    assert masks_now(world) == before


@pytest.mark.parametrize("status", ["aproved", "bogus", ""])
def test_an_unknown_status_is_refused(status: str) -> None:
    """Whatever takes a choice; those that there are are named."""
    with pytest.raises(Exception, match=r"no status '.*approved"):
        Choice(status=status)


ODD = segment("cat", ring(1.4, 1.4, 6.6, 6.6))


@pytest.mark.parametrize("deletes", [False, True])
def test_masks_follow_the_pixel_rule(world: World, journal: Path, deletes: bool) -> None:
    """The report counts what is stored, by the rule that is asked for; the same again does nothing."""
    item = world.add_item("/a.png", ODD, DOG)
    plain(world)
    plain_pixels = {label: int(mask.sum()) for label, mask in world.masks(item).items()}
    report = world.convert(journal, delete_source=deletes, pixel_rule="cv2-round")
    pixels = {label: int(mask.sum()) for label, mask in world.masks(item).items()}
    assert pixels != plain_pixels
    assert {label: counts["pixels"] for label, counts in report.labels.items()} == pixels
    assert (report.exit_code, report.deleted, len(world.of_type("segment"))) == (
        (0, 2, 0) if deletes else (0, 0, 2)
    )
    assert any("painted anew" in note and "(center)" in note for note in report.notes)
    again = world.convert(journal, delete_source=deletes, pixel_rule="cv2-round")
    assert (again.written, again.retracted) == (0, 0)


def test_masks_of_deleted_polygons_keep_their_pixel_rule_and_it_is_told(world: World, journal: Path) -> None:
    """They cannot be painted again: the other polygon of the mask is counted by the mask's rule too."""
    world.add_item("/a.png", PLAIN, ODD | {"metadata": {"system": {"status": "issue"}}})
    plain(world)
    deleting(world, journal)
    before = masks_now(world)
    report = plain(world, pixel_rule="cv2-round")
    assert (report.written, masks_now(world)) == (0, before)
    assert [note for note in report.notes if "1 mask left under another pixel rule (center)" in note]
    (cat,) = expected([ODD]).values()
    assert report.labels == {"cat": {"instances": 1, "pixels": int(cat.sum())}}


@pytest.mark.parametrize("options", [{}, {"update": True}, {"delete_source": True}])
@pytest.mark.parametrize("edit", ["brushed", "relabeled"])
def test_a_dry_run_foretells_what_fails(world: World, journal: Path, edit: str, options: Any) -> None:
    """A mask that somebody edited fails its item in a rehearsal as in a run, and nothing is written."""
    item = world.add_item("/a.png", PLAIN)
    plain(world)
    (mask,) = world.of_type("binary", item)
    picture = f"data:image/png;base64,{brushed(np.eye(16, 24) > 0)}"
    changes = {"label": "bird"} if edit == "relabeled" else {"coordinates": picture}
    world.emulator.edit_annotation(mask["id"], **changes)
    before = world.state()
    chosen = {"delete_source": False} | options
    foretold = world.convert(journal, dry_run=True, **chosen)
    assert world.state() == before
    done = world.convert(journal, **chosen)
    assert foretold.failures == done.failures != []
    assert foretold.exit_code == done.exit_code == 4


def test_polygons_join_deleted_ones_by_the_pixel_rule_of_these(world: World, journal: Path) -> None:
    """It is told; once the deleted ones are restored, the mask is painted by the rule that is asked for."""
    item = world.add_item("/a.png", ODD)
    world.convert(journal, pixel_rule="cv2-round")
    world.add(item, segment("cat", ring(10.4, 1.4, 14.6, 5.6)))
    report = plain(world)
    assert [note for note in report.notes if "1 mask left under another pixel rule (cv2-round)" in note]
    (claim,) = (mask["metadata"]["user"]["polymask"] for mask in world.of_type("binary"))
    assert claim["pixel_rule"] == "cv2-round"
    world.restore(journal)
    assert any("painted anew" in note for note in plain(world).notes)
    (claim,) = (mask["metadata"]["user"]["polymask"] for mask in world.of_type("binary"))
    assert claim["pixel_rule"] == "center"
