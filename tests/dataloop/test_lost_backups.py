"""Backups that are gone: how many polygons the masks name is told, and where the backups were looked for."""

from pathlib import Path

import pytest

from polymask.dataloop.emulator import Emulator
from polymask.dataloop.jobs import run
from polymask.dataloop.jobs.verification import verify_dataset
from polymask.errors import InputError, NotFound, ProofError
from polymask.results import Report
from tests.dataloop.conftest import Api
from tests.dataloop.test_artifact_journal import ALL, Stored, failure, item, state, store
from tests.dataloop.world import URL, World

__all__ = ["item", "state", "store"]


def verified(world: World, url: str = URL, journal: Path | None = None) -> Report:
    with world.connected():
        return verify_dataset(url, journal=journal)


def restored(world: World, url: str, *, dry_run: bool = False) -> Report:
    with world.connected():
        return run.restore_dataset(url, dry_run=dry_run)


def forget(world: World, *, item: str = "", kinds: tuple[str, ...] = ("",)) -> None:
    """Remove documents of an item, or of all."""
    for file in world.emulator.artifacts(world.project["id"]):
        if f"/{item}" in file["filename"] and any(kind in file["filename"] for kind in kinds):
            world.emulator.remove_item(file["id"])


def test_verifying_tells_of_an_item_without_documents(world: World, item: str) -> None:
    """The other item's are there; its own masks say that polygons were deleted."""
    world.convert_items(item, world.add_item("/1.png", *ALL))
    assert verified(world).failures == []
    forget(world, item=item)
    report = verified(world)
    assert [failed.name for failed in report.failures] == ["0.png"]
    assert "3 polygons were deleted that no journal in" in failure(report)
    assert report.notes


def test_verifying_tells_where_nothing_is_kept_any_more(world: World, item: str, state: Path) -> None:
    """It names both places that it looked in."""
    world.convert_items()
    forget(world)
    told = failure(verified(world))
    assert "3 polygons were deleted that no journal in" in told
    assert str(state) in told
    assert f"/artifacts/polymask/{world.dataset['id']}" in told


def test_verifying_tells_of_a_backup_without_its_notes(world: World, item: str) -> None:
    """What was deleted is told by the notes alone; where these are gone, the masks tell."""
    world.convert_items()
    forget(world, kinds=("-deleting-", "-deleted-"))
    assert "3 polygons were deleted" in failure(verified(world))


def test_verifying_is_content_with_polygons_that_are_back(world: World, item: str) -> None:
    """Then nothing is needed of the backup."""
    world.convert_items()
    world.restore()
    forget(world)
    assert verified(world).failures == []


def test_verifying_knows_the_journal_that_is_named(world: World, item: str, journal: Path) -> None:
    """A folder has the backup: nothing is lost."""
    world.convert(journal)
    assert verified(world, journal=journal).failures == []
    assert "3 polygons were deleted that no journal" in failure(verified(world))


def test_restoring_from_nothing_is_a_missing_proof(world: World, item: str, state: Path) -> None:
    """Exit 5, with the places that were looked in, and how many polygons the masks name."""
    world.convert_items()
    forget(world)
    with pytest.raises(ProofError, match="3 polygons were deleted that no journal in") as raised:
        world.restore()
    assert str(state) in str(raised.value)
    assert f"/artifacts/polymask/{world.dataset['id']}" in str(raised.value)


def test_restoring_where_nothing_was_deleted_is_no_missing_proof(world: World, item: str) -> None:
    """Masks beside their polygons say nothing of a deletion."""
    world.convert(None, delete_source=False)
    with pytest.raises(NotFound):
        world.restore()


def test_the_clone_of_a_dataset_tells_that_its_polygons_are_nowhere(world: World, item: str) -> None:
    """Its masks name them, and nothing is kept for it."""
    world.convert_items()
    clone_dataset(world.emulator, world.dataset["id"], "copy")
    with pytest.raises(ProofError, match="3 polygons were deleted that no journal"):
        restored(world, "dataloop://boats/copy")
    assert "3 polygons" in failure(verified(world, "dataloop://boats/copy"))


def clone_dataset(emulator: Emulator, dataset_id: str, name: str) -> None:
    api = Api(emulator)
    body = {"name": name, "cloneDatasetParams": {"withItemsAnnotations": True, "withMetadata": True}}
    assert api("POST", f"/datasets/{dataset_id}/clone", body).ok
    api.session.close()


def test_only_the_folder_that_is_named_is_restored(world: World, item: str) -> None:
    """Items elsewhere stay as they are."""
    below = world.add_item("/sub/1.png", *ALL)
    world.convert_items()
    assert restored(world, f"{URL}/sub", dry_run=True).written == 3
    report = restored(world, f"{URL}/sub")
    assert (report.written, report.failures) == (3, [])
    assert {row["itemId"] for row in world.of_type("segment")} == {below}


def test_a_folder_that_is_not_there_is_refused(world: World, item: str) -> None:
    """With the nearest that there is."""
    world.add_item("/sub/1.png", *ALL)
    world.convert_items()
    with pytest.raises(InputError, match="did you mean 'sub'"):
        restored(world, f"{URL}/subs")
    assert world.of_type("segment") == []


def test_a_copy_made_after_the_deletion_is_named(world: World, item: str, store: Stored) -> None:
    """Its polygons go to the item that it was copied from; copied anew, it has them."""
    world.convert_items()
    body = {
        "targetDatasetId": world.dataset["id"],
        "remoteFileName": "/copy.png",
        "cloneDatasetParams": {"withItemsAnnotations": True},
    }
    (copy,) = store.api("POST", f"/items/{item}/clone", body).json()["spec"]["returnedModelId"]
    report = world.restore()
    assert (report.exit_code, report.written) == (5, 3)
    assert [failed.name for failed in report.failures] == ["copy.png"]
    assert "3 of its polygons" in failure(report)
    world.emulator.remove_item(copy)
    store.api("POST", f"/items/{item}/clone", body)
    report = world.restore()
    assert (report.exit_code, report.failures) == (0, [])
    assert len(world.of_type("segment")) == 6
