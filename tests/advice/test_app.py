"""Advice about deleting without a folder, followed as the app and the command would."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from polymask.dataloop.emulator import Emulator, Fault
from polymask.dataloop.jobs.item import convert_item
from polymask.errors import InputError, NotFound, ProofError
from tests.advice.sites import Case, follows
from tests.dataloop.conftest import THIRD_PARTY, Api
from tests.dataloop.test_artifact_journal import Stored, failure
from tests.dataloop.world import URL, World

pytestmark = [pytest.mark.filterwarnings(rule) for rule in THIRD_PARTY]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    """A dataset of one item, and a state folder in which nothing is."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with Emulator() as emulator:
        world = World(emulator, items=1)
        with world.connected():
            yield world


@pytest.fixture
def store(world: World) -> Iterator[Stored]:
    client = Api(world.emulator)
    yield Stored(world, client)
    client.session.close()


@follows("dataloop/artifact_journal: put back a copy of it, or name a folder with --journal")
def test_a_damaged_document_is_put_back_from_a_copy(case: Case, world: World, store: Stored) -> None:
    """Or the conversion keeps its backup in a folder."""
    world.convert_connected_items(max_delete=1)
    whole = world.documents()
    path = store.change("backup")
    (report,) = world.convert_connected_items()
    assert path in failure(report)
    (report,) = world.convert_connected_items(journal=case.folder / "journal")
    assert (report.failures, report.deleted) == ([], 3)
    case.works("restore", URL, "--journal", case.folder / "journal")
    store.write(path, whole[path])
    world.convert_connected_items()
    path, whole = store.change("deleting"), world.documents()
    store.write(path, whole[path].replace(b"deletinG", b"deleting"))
    case.works("restore", URL)


@follows("dataloop/artifact_journal: run again")
def test_a_backup_that_does_not_arrive_is_made_again(world: World, store: Stored) -> None:
    """When the platform keeps it."""

    def spoil(_method: str, path: str) -> None:
        if path.endswith("/stream"):
            store.write(world.emulator.artifacts(world.project["id"])[-1]["filename"], b"{}")

    world.before_calls(spoil)
    (report,) = world.convert_connected_items()
    assert "cannot be read back" in failure(report)
    world._looking.remove(spoil)
    store.remove("backup")
    (report,) = world.convert_connected_items()
    assert (report.failures, report.deleted) == ([], 3)


@follows("dataloop/artifacts: name a folder for the journal that outlives this process")
def test_a_project_without_artifacts_needs_a_folder(case: Case, world: World) -> None:
    """And with one, it is converted."""
    world.emulator.faults.add(Fault("POST", "/datasets/query", "short-page", keep=0, times=None))
    with pytest.raises(NotFound):
        world.convert_connected_items()
    (report,) = world.convert_connected_items(journal=case.folder / "journal")
    assert (report.failures, report.deleted) == ([], 3)


@follows("dataloop/jobs/undoing/restoration: name its folder with --journal")
def test_a_journal_elsewhere_restores_what_none_here_holds(case: Case, world: World) -> None:
    """The usual places have nothing; the folder that is named has all."""
    world.convert(case.folder / "journal")
    with pytest.raises(ProofError, match="that no journal in"):
        world.restore()
    case.works("restore", URL, "--journal", case.folder / "journal")
    assert len(world.of_type("segment")) == 3


@follows("dataloop/jobs/inputs: give true or false")
def test_a_flag_is_given_as_true_or_false(world: World) -> None:
    """Also as text."""
    with pytest.raises(InputError, match="neither true nor false"):
        world.convert_connected_items(delete_source="perhaps")
    (report,) = world.convert_connected_items(delete_source="false")
    assert (report.failures, report.deleted) == ([], 0)
    (report,) = world.convert_connected_items(delete_source="true")
    assert (report.failures, report.deleted) == ([], 3)


@follows("dataloop/jobs/item: get it with dl.{kind}s.get({kind}_id=…)")
def test_an_id_in_place_of_an_item_is_looked_up(world: World) -> None:
    """The function takes what dtlpy gets for the id."""
    import dtlpy

    key = str(world.emulator.items()[0]["id"])
    with pytest.raises(InputError):
        convert_item(key)
    assert convert_item(dtlpy.items.get(item_id=key)).written == 1
