"""Backups that are gone: how many polygons the masks name is told, and where the backups were looked for."""

from pathlib import Path

import pytest

from polymask.dataloop.emulator import Emulator
from polymask.dataloop.jobs.undoing import restoration
from polymask.dataloop.jobs.verification import verify_dataset
from polymask.errors import InputError, NotFound, ProofError
from polymask.results import Report
from tests.dataloop.conftest import Api
from tests.dataloop.test_artifact_journal import ALL, Stored, failure, item, state, store
from tests.dataloop.world import URL, World

__all__ = ["item", "state", "store"]


COPY = "dataloop://boats/copy"


def verified(world: World, url: str = URL, journal: Path | None = None) -> Report:
    with world.connected():
        return verify_dataset(url, journal=journal)


def restored(world: World, url: str, *, dry_run: bool = False) -> Report:
    with world.connected():
        return restoration.restore_dataset(url, dry_run=dry_run)


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


def test_a_backup_without_its_notes_is_restored(world: World, item: str) -> None:
    """Where the notes of what was deleted are gone, the masks tell; that nobody noted it is told."""
    world.convert_items()
    forget(world, kinds=("-deleting-", "-deleted-"))
    assert verified(world).failures == []
    report = world.restore()
    assert (report.written, report.exit_code, len(report.notes)) == (3, 0, 3)
    assert all("may have been erased by somebody" in note for note in report.notes)


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


def test_restoring_where_nothing_was_deleted_is_done(world: World, item: str) -> None:
    """Masks beside their polygons say nothing of a deletion; but a journal that is named must be there."""
    world.convert(None, delete_source=False)
    report = world.restore()
    assert (report.written, report.failures, report.exit_code) == (0, [], 0)
    assert report.notes == ["nothing was deleted, as far as a journal or a mask shows"]
    with pytest.raises(NotFound, match="leave --journal out for the usual one") as raised:
        world.restore(Path("nowhere"))
    assert raised.value.exit_code == 2


def test_the_clone_of_a_dataset_tells_that_its_polygons_are_nowhere(world: World, item: str) -> None:
    """Its masks name them, and nothing is kept for it, nor for the dataset that it was cloned from."""
    world.convert_items()
    clone_dataset(world.emulator, world.dataset["id"], "copy")
    forget(world)
    with pytest.raises(ProofError, match="3 polygons were deleted that no journal"):
        restored(world, COPY)
    assert "3 polygons" in failure(verified(world, COPY))


def test_the_clone_of_a_dataset_gets_its_polygons_from_the_first_ones_backup(world: World, item: str) -> None:
    """Its masks name the first item: the journal of that one's dataset is looked for, which is left alone."""
    world.convert_items()
    clone_dataset(world.emulator, world.dataset["id"], "copy")
    assert verified(world, COPY).failures == []
    for written in (3, 0):
        report = restored(world, COPY)
        assert (report.written, report.unchanged, report.failures) == (written, 3 - written, [])
        assert world.of_type("segment", item) == []
        assert sorted(row["label"] for row in world.of_type("segment")) == ["cat", "cat", "dog"]


def test_a_journal_of_another_dataset_puts_nothing_into_that(world: World, item: str, journal: Path) -> None:
    """Named for a clone of the dataset, only the clone gets its polygons; what is left alone is told."""
    world.convert(journal)
    clone_dataset(world.emulator, world.dataset["id"], "copy")
    with world.connected():
        report = restoration.restore_dataset(COPY, journal=journal)
    assert (report.written, report.failures) == (3, [])
    assert report.notes == ["3 polygons of another dataset's items left alone"]
    assert world.of_type("segment", item) == []
    assert len(world.of_type("segment")) == 3


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


def test_a_copy_made_after_the_deletion_gets_its_polygons_too(world: World, item: str, store: Stored) -> None:
    """From the backup of the item that it was copied from, whose masks it has; once in every round."""
    world.convert_items()
    body = {
        "targetDatasetId": world.dataset["id"],
        "remoteFileName": "/copy.png",
        "cloneDatasetParams": {"withItemsAnnotations": True},
    }
    (copy,) = store.api("POST", f"/items/{item}/clone", body).json()["spec"]["returnedModelId"]
    assert verified(world).failures == []
    for _ in range(2):
        report = world.restore()
        assert (report.exit_code, report.written, report.unchanged) == (0, 6, 0)
        assert [len(world.of_type("segment", each)) for each in (item, copy)] == [3, 3]
        assert world.restore().unchanged == 6
        assert [report.deleted for report in world.convert_items()] == [3, 3]
