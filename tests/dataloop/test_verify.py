"""The masks of a dataset, proven again: what is counted, and what is told where one is wrong."""

from pathlib import Path
from typing import Any

import pytest

from polymask import proving, undo
from polymask.dataloop.jobs import verification
from polymask.dataloop.jobs.undoing import restoration
from polymask.errors import InputError, LimitError, NotFound
from polymask.limits import Limits
from polymask.results import Report
from tests.dataloop.world import ACROSS, HEIGHT, RING_WITH_HOLE, URL, WIDTH, World, expected, same_masks


def examined(
    world: World, url: str = URL, limits: Limits | None = None, journal: Path | None = None
) -> Report:
    with world.connected():
        return verification.verify_dataset(url, limits=limits, journal=journal)


@pytest.fixture
def items(world: World) -> list[str]:
    """An item with two masks, one below a folder with one, and one without any."""
    made = [
        world.add_item("/a.png", RING_WITH_HOLE, ACROSS),
        world.add_item("/sub/b.png", ACROSS),
        world.add_item("/c.png"),
    ]
    world.convert(delete_source=False)
    return made


def test_items_and_masks_are_counted(world: World, items: list[str]) -> None:
    """Also where the polygons are gone; items without a mask are none, and a folder has its own."""
    for row in world.of_type("segment"):
        world.emulator.remove_annotation(row["id"])
    whole, below = examined(world), examined(world, f"{URL}/sub")
    assert (whole.images, whole.unchanged) == (2, 3)
    assert (below.images, below.unchanged) == (1, 1)


def test_every_mask_that_is_wrong_is_named(world: World, items: list[str]) -> None:
    """One that is not what was stored, with its id, and labels that have several."""
    first, second = world.of_type("binary", items[0])
    (other,) = world.of_type("binary", items[1])
    world.emulator.edit_annotation(first["id"], coordinates=second["coordinates"])
    world.add(items[1], other)
    report = examined(world)
    assert [(one.name, one.reason) for one in report.failures] == [
        ("a.png", f"'{first['label']}' ({first['id']}): not what was stored"),
        ("sub/b.png", "'dog' has 2 masks"),
    ]
    assert (report.images, report.unchanged) == (2, 3)


def test_a_frame_above_the_limit_is_told(world: World, items: list[str]) -> None:
    """Its mask is not decoded, so nobody can say that it is right."""
    assert examined(world, limits=Limits(max_pixels=WIDTH * HEIGHT)).unchanged == 3
    with pytest.raises(LimitError, match=r"a\.png: '(cat|dog)': 16 × 24 px are more"):
        examined(world, limits=Limits(max_pixels=WIDTH * HEIGHT - 1))


def test_a_relabeled_mask_is_told_with_ways_out_that_work(world: World, journal: Path) -> None:
    """Its first label back in the studio; or the new one for its polygons, which come back before."""
    item = world.add_item("/a.png", RING_WITH_HOLE)
    world.convert(journal)
    (mask,) = world.of_type("binary")
    world.emulator.edit_annotation(mask["id"], label="dog")
    report = examined(world, journal=journal)
    assert [one.reason for one in report.failures] == [
        f"'dog' ({mask['id']}): stored as 'cat', and relabeled"
    ]
    assert report.unchanged == 0
    assert report.notes == [
        verification.RELABELED.format(url=URL, restore=f"polymask restore {URL} --journal {journal}")
    ]
    world.emulator.edit_annotation(mask["id"], label="cat")
    assert examined(world, journal=journal).failures == []

    world.emulator.edit_annotation(mask["id"], label="dog")
    assert world.restore(journal).written == 1
    world.emulator.remove_annotation(mask["id"])
    (polygon,) = world.of_type("segment")
    world.emulator.edit_annotation(polygon["id"], label="dog")
    assert world.convert(journal).deleted == 1
    assert examined(world, journal=journal).failures == []
    assert same_masks(world.masks(item), {"dog": expected([RING_WITH_HOLE])["cat"]})


@pytest.mark.parametrize("deleted", [False, True])
def test_a_changed_mask_is_told_with_a_way_out_that_works(world: World, journal: Path, deleted: bool) -> None:
    """Polygons back where they are gone, the mask deleted, converted again."""
    item = world.add_item("/a.png", RING_WITH_HOLE)
    other = world.add_item("/b.png", ACROSS)
    world.convert(journal, delete_source=deleted)
    (mask,) = world.of_type("binary", item)
    (foreign,) = world.of_type("binary", other)
    world.emulator.edit_annotation(mask["id"], coordinates=foreign["coordinates"])
    named = journal if deleted else None
    restore = f"polymask restore {URL} --journal {journal}" if deleted else f"polymask restore {URL}"
    assert examined(world, journal=named).notes == [verification.CHANGED.format(url=URL, restore=restore)]
    if deleted:
        world.restore(journal)
    world.emulator.remove_annotation(mask["id"])
    assert world.convert(journal, delete_source=deleted).failures == []
    assert examined(world, journal=named).failures == []
    assert same_masks(world.masks(item), expected([RING_WITH_HOLE]))


def test_a_doubled_mask_is_told_with_a_way_out_that_works(world: World, items: list[str]) -> None:
    """Converted again, one is left."""
    (mask,) = world.of_type("binary", items[1])
    world.add(items[1], mask)
    assert examined(world).notes == [verification.DOUBLED.format(url=URL, restore=f"polymask restore {URL}")]
    world.convert(delete_source=False)
    assert examined(world).failures == []


def test_a_server_may_change_the_case_of_a_label(world: World, items: list[str]) -> None:
    """That makes it no other label."""
    (mask,) = world.of_type("binary", items[1])
    world.emulator.edit_annotation(mask["id"], label="Dog")
    assert examined(world).failures == []


def test_a_mask_that_is_gone_with_its_polygons_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where the journal in its usual place knows of them; `restore` is the way out, and works."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    item = world.add_item("/a.png", RING_WITH_HOLE, ACROSS)
    world.convert()
    assert examined(world).failures == []
    cat = next(row for row in world.of_type("binary", item) if row["label"] == "cat")
    world.emulator.remove_annotation(cat["id"])
    report = examined(world)
    assert [one.reason for one in report.failures] == ["the mask of 1 polygon that was deleted is gone"]
    assert report.notes == [
        f"Polygons whose mask is gone: `polymask restore {URL}` puts them back, from the journal."
    ]
    with world.connected():
        restoration.restore_dataset(URL)
    assert examined(world).failures == []
    world.convert(delete_source=False)
    assert examined(world).failures == []


def test_a_journal_elsewhere_tells_too(world: World, journal: Path, tmp_path: Path) -> None:
    """With `journal`, as of `convert` and `restore`; the way out names it, and none there is an error."""
    item = world.add_item("/a.png", RING_WITH_HOLE)
    world.convert(journal)
    (mask,) = world.of_type("binary", item)
    world.emulator.remove_annotation(mask["id"])
    assert examined(world).failures == []  # nobody here knows of the deletion
    with world.connected():
        report = proving.examine(URL, journal=journal)
    assert [failure.reason for failure in report.failures] == [
        "the mask of 1 polygon that was deleted is gone"
    ]
    assert f"`polymask restore {URL} --journal {journal}`" in report.notes[0]
    with pytest.raises(NotFound, match="no journal with a backup"):
        examined(world, journal=tmp_path / "nowhere")
    world.restore(journal)
    assert examined(world, journal=journal).failures == []


@pytest.mark.parametrize("command", [proving.verify, undo.restore])
def test_a_folder_takes_no_journal(command: Any, tmp_path: Path) -> None:
    """Its journal lies in it, so that one from elsewhere would be passed over in silence."""
    with pytest.raises(InputError, match="leave --journal out"):
        command(tmp_path, journal=tmp_path / "journal")
