"""Deleting without a folder: the backup is among the project's artifacts, and restoring finds it there."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from polymask.dataloop.emulator import Fault
from polymask.dataloop.jobs.verification import verify_dataset
from polymask.errors import Denied, NotFound, ProofError
from polymask.provenance.chain import START, sealed, unsealed
from polymask.results import Report
from tests.dataloop.conftest import Api
from tests.dataloop.world import (
    ACROSS,
    BESIDE,
    RING_WITH_HOLE,
    URL,
    World,
    expected,
    ring,
    same_masks,
    segment,
    strip,
)

ALL = [RING_WITH_HOLE, BESIDE, ACROSS]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder in which nothing is, and nothing may come."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def item(world: World) -> str:
    return world.add_item("/0.png", *ALL)


@pytest.fixture
def store(world: World) -> Iterator["Stored"]:
    client = Api(world.emulator)
    yield Stored(world, client)
    client.session.close()


class Stored:
    """The documents, to change them as somebody on the platform could."""

    def __init__(self, world: World, api: Api) -> None:
        self.world, self.api = world, api

    def file(self, kind: str) -> dict[str, str]:
        """The last document of a kind."""
        files = self.world.emulator.artifacts(self.world.project["id"])
        return [file for file in files if f"-{kind}-" in file["filename"]][-1]

    def write(self, path: str, data: bytes) -> None:
        dataset = self.world.emulator.artifacts(self.world.project["id"])[0]["datasetId"]
        form = {"type": "file", "path": path}
        url = f"{self.api.base}/datasets/{dataset}/items?mode=overwrite"
        assert self.api.session.post(url, data=form, files={"file": ("x", data)}, timeout=5).ok

    def change(self, kind: str) -> str:
        """Change a byte of a label in a document; its path."""
        path = self.file(kind)["filename"]
        self.write(
            path, self.world.documents()[path].replace(b"cat", b"cap").replace(b"deleting", b"deletinG")
        )
        return path

    def remove(self, kind: str) -> str:
        file = self.file(kind)
        self.world.emulator.remove_item(file["id"])
        return file["filename"]


def polygons(world: World) -> list[str]:
    """The polygons without ids, dates and the mark that they were restored."""
    rows = [strip(row) | {"itemId": None} for row in world.of_type("segment")]
    for row in rows:
        user = row["metadata"]["user"]
        row["metadata"] = row["metadata"] | {"user": {k: v for k, v in user.items() if k != "polymask"}}
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


def failure(report: Report) -> str:
    return "; ".join(failed.reason for failed in report.failures)


def test_polygons_go_and_come_back_without_a_folder(world: World, item: str, state: Path) -> None:
    """Nothing is written on this machine, nothing beside the masks into the dataset."""
    before = polygons(world)
    (report,) = world.convert_items()
    assert (report.failures, report.deleted) == ([], 3)
    assert same_masks(world.masks(item), expected(ALL))
    assert [row["filename"] for row in world.emulator.items()] == ["/0.png"]
    assert not (state / "polymask" / "journals").exists()
    restored = world.restore()
    assert (restored.images, restored.written, restored.failures) == (3, 3, [])
    assert polygons(world) == before


def test_the_report_says_where_the_backup_is(world: World, item: str) -> None:
    """And what undoes it; the command is the one that finds it."""
    (report,) = world.convert_items()
    place, undo = report.notes[-2:]
    assert f"/artifacts/polymask/{world.dataset['id']} (the project's artifacts)" in place
    assert f"polymask restore dataloop://{world.project['id']}/harbor" in undo


def test_documents_are_read_back_before_anything_goes(world: World, item: str) -> None:
    """The backup, and the note of what is about to go: created, found by name, read; then the deletion."""
    world.convert_items()
    steps = []
    for entry in world.emulator.audit:
        made = [key for verb, kind, key in entry.changes if (verb, kind) == ("create", "item")]
        steps += [("made", key) for key in made]
        steps += [("read", entry.path.split("/")[2])] if entry.path.endswith("/stream") else []
        steps += [("gone", "")] if any(verb == "delete" for verb, *_ in entry.changes) else []
    (backup, note, done) = [key for step, key in steps if step == "made"]
    gone = steps.index(("gone", ""))
    assert steps[:gone] == [("made", backup), ("read", backup), ("made", note), ("read", note)]
    assert steps[gone + 1 :] == [("made", done)]


def test_every_document_carries_its_digest(world: World, item: str) -> None:
    """In its name, and as the line of a chain: each names the one before it."""
    world.convert_items()
    tip = "0" * 64
    kinds: list[str] = []
    for path, data in world.documents().items():
        name, kind, digest = path.rpartition("/")[2].removesuffix(".json").split("-")
        opened = unsealed(tip, data)
        assert opened is not None
        assert (name, opened[0], json.loads(data)["after"]) == (item, digest, tip)
        tip, kinds = digest, [*kinds, kind]
    assert kinds == ["backup", "deleting", "deleted"]


def test_a_second_run_adds_no_document(world: World, item: str) -> None:
    """Delivered again, an item is left as it is, and so is its backup."""
    world.convert_items()
    before, state = world.documents(), world.state()
    world.convert_items()
    assert (world.documents(), world.state()) == (before, state)


def test_what_stays_is_not_backed_up_again_and_again(world: World, item: str) -> None:
    """A run that may not delete keeps one backup, however often it comes."""
    for _ in range(3):
        (report,) = world.convert_items(max_delete=1)
        assert "--max-delete" in failure(report)
    assert ["-backup-" in path for path in world.documents()] == [True]


def test_an_edit_is_backed_up_anew(world: World, item: str) -> None:
    """What comes back is the version that was deleted."""
    world.convert_items(max_delete=1)
    (key, *_) = world.originals
    world.emulator.edit_annotation(key, metadata={"user": {"batch": 8}})
    before = polygons(world)
    world.convert_items()
    world.restore()
    assert polygons(world) == before


def test_each_run_restores_what_it_read(world: World, item: str) -> None:
    """A backup that somebody else's slower run made later, of an earlier version, is not taken for it."""
    world.convert_items(max_delete=1)
    early = world.documents()
    (key, *_) = world.originals
    world.emulator.edit_annotation(key, metadata={"user": {"batch": 8}})
    before = polygons(world)
    world.convert_items()
    (path, data), *_ = early.items()
    store = Stored(world, Api(world.emulator))
    file = next(row for row in world.emulator.artifacts(world.project["id"]) if row["filename"] == path)
    world.emulator.remove_item(file["id"])
    store.write(path, data)
    store.api.session.close()
    world.restore()
    assert polygons(world) == before


@pytest.mark.parametrize("kind", ["backup", "deleting"])
def test_a_damaged_document_is_an_error(world: World, item: str, store: Stored, kind: str) -> None:
    """Its item's polygons stay away, the others come back, and the exit code is that of a missing proof."""
    other = world.add_item("/1.png", *ALL)
    world.convert_items(other, item)
    path = store.change(kind)
    report = world.restore()
    assert report.exit_code == ProofError.exit_code
    assert path in failure(report)
    assert {row["itemId"] for row in world.of_type("segment")} == {other}


@pytest.mark.parametrize("kind", ["backup", "deleting"])
def test_a_missing_document_is_an_error(world: World, item: str, store: Stored, kind: str) -> None:
    """The one after it names it."""
    world.convert_items()
    store.remove(kind)
    report = world.restore()
    assert (report.exit_code, world.of_type("segment")) == (5, [])
    assert "the document before it is gone" in failure(report)


def test_where_all_documents_of_an_item_are_gone_its_masks_tell(
    world: World, item: str, store: Stored
) -> None:
    """Never fewer polygons in silence: what masks hold and no document has is told."""
    world.convert_items()
    world.convert_items(world.add_item("/1.png", *ALL))
    for file in world.emulator.artifacts(world.project["id"]):
        if f"/{item}-" in file["filename"]:
            world.emulator.remove_item(file["id"])
    report = world.restore()
    assert (report.exit_code, report.written) == (5, 3)
    assert "3 polygons were deleted that no journal" in failure(report)


def test_a_backup_that_only_a_note_names_is_missed(world: World, item: str, store: Stored) -> None:
    """A run at once, which did not see it, made the document that comes before the note."""
    other = world.add_item("/1.png", *ALL)
    world.convert_items(item, max_delete=1)
    backup = store.file("backup")
    rows = [{"event": "seen", "item": item, "ids": []}]
    facts = {"dataset": world.dataset["id"], "item": item, "after": START, "rows": rows}
    digest, data = sealed(START, facts)
    store.write(f"{backup['filename'].partition('-backup-')[0]}-seen-{digest}.json", data)
    world.convert_items(other, item)
    world.emulator.remove_item(backup["id"])
    report = world.restore()
    assert report.exit_code == 5
    assert "no backup has" in failure(report)
    assert {row["itemId"] for row in world.of_type("segment")} == {other}


def test_a_clone_is_an_item_of_its_own(world: World, item: str, store: Stored) -> None:
    """Cloned with its masks after a conversion: nothing of it changes, and the polygons go to both."""
    world.convert_items()
    body = {
        "targetDatasetId": world.dataset["id"],
        "remoteFileName": "/clone.png",
        "cloneDatasetParams": {"withItemsAnnotations": True},
    }
    (clone,) = store.api("POST", f"/items/{item}/clone", body).json()["spec"]["returnedModelId"]
    (report,) = world.convert_items(clone)
    assert (report.failures, report.deleted) == ([], 0)
    assert same_masks(world.masks(clone), expected(ALL))
    assert world.restore().written == 6
    assert [len(world.of_type("segment", each)) for each in (item, clone)] == [3, 3]


def test_a_document_under_another_items_name_is_an_error(world: World, item: str, store: Stored) -> None:
    """A backup is of the item that its name says, or of none."""
    other = world.add_item("/1.png", *ALL)
    world.convert_items(item)
    for path, data in world.documents().items():
        store.write(path.replace(item, other), data)
    report = world.restore()
    assert report.exit_code == 5
    assert "it is of something else than its name says" in failure(report)


def test_nothing_goes_where_the_backup_is_damaged(world: World, item: str, store: Stored) -> None:
    """One that is kept from a run before is read too, before it is relied on."""
    world.convert_items(max_delete=1)
    path = store.change("backup")
    (report,) = world.convert_items()
    assert (report.exit_code, report.deleted, len(world.of_type("segment"))) == (5, 0, 3)
    assert path in failure(report)


def test_nothing_goes_where_the_backup_cannot_be_read_back(world: World, item: str, store: Stored) -> None:
    """Stored under the right name, with other bytes."""

    def change() -> None:
        if files := world.emulator.artifacts(world.project["id"]):
            store.write(files[-1]["filename"], b"{}")

    world.before_calls(lambda _method, path: change() if path.endswith("/stream") else None)
    (report,) = world.convert_items()
    assert (report.exit_code, len(world.of_type("segment"))) == (5, 3)
    assert "cannot be read back" in failure(report)


def test_the_state_folder_and_the_artifacts_are_both_looked_in(world: World, item: str) -> None:
    """An item converted by the command and one by the app: one restoration brings all back."""
    before = polygons(world)
    world.convert(None)
    other = world.add_item("/1.png", *ALL)
    world.convert_items(other)
    report = world.restore()
    assert (report.written, report.failures) == (6, [])
    assert polygons(world) == sorted(before * 2)


def test_of_two_journals_the_last_deletion_counts(world: World, item: str) -> None:
    """Deleted by the command, put back, edited, deleted by the app: the edit comes back."""
    world.convert(None)
    world.restore()
    row = world.of_type("segment")[0]
    world.emulator.edit_annotation(row["id"], metadata={"user": {"batch": 8}})
    before = polygons(world)
    world.convert_items()
    world.convert(None)  # nothing is left to do, and the folder's journal is the younger
    world.restore()
    assert polygons(world) == before


def test_a_named_journal_is_the_only_one_that_is_read(world: World, item: str, journal: Path) -> None:
    """A folder stays supported, and is asked for by its name."""
    world.convert_items(journal=journal)
    assert world.documents() == {}
    assert world.restore(journal).written == 3
    with pytest.raises(NotFound):
        world.restore(journal / "elsewhere")


def test_a_command_sees_what_the_app_keeps(world: World, item: str) -> None:
    """A deleting command with a new journal does not take the app's polygons for lost."""
    world.convert_items()
    world.add_item("/1.png", *ALL)
    report = world.convert(None)
    assert not any("no journal" in note for note in report.notes)


def test_a_project_without_the_place_is_refused(world: World, item: str) -> None:
    """Before anything is written; a folder is the way out."""
    world.emulator.faults.add(Fault("POST", "/datasets/query", "short-page", keep=0, times=None))
    with pytest.raises(NotFound, match="'Binaries'"):
        world.convert_items()
    assert len(world.of_type("segment")) == 3


def test_a_folder_restores_where_artifacts_may_not_be_seen(world: World, item: str) -> None:
    """What the folder has comes back; where there is none, the refusal is told."""
    world.convert(None)
    world.emulator.faults.add(
        Fault("POST", "/datasets/query", "status", status=403, clause="name", skip=1, times=None)
    )
    assert world.restore().written == 3
    world.emulator.faults.clear()


def test_who_may_not_see_the_artifacts_is_told_so(world: World, item: str) -> None:
    """Not that there is no journal."""
    world.convert_items()
    world.emulator.faults.add(
        Fault("POST", "/datasets/query", "status", status=403, clause="name", skip=1, times=None)
    )
    with pytest.raises(Denied):
        world.restore()


def test_a_dry_run_makes_no_document(world: World, item: str) -> None:
    """Nothing is backed up of what does not go."""
    (report,) = world.convert_items(dry_run=True)
    assert (report.deleted, world.documents()) == (3, {})


def test_a_mask_that_goes_after_a_kill_is_seen_by_the_next_run(
    world: World, item: str, store: Stored
) -> None:
    """The note that all went well is missing: polygons whose mask is gone are put back."""
    world.convert_items()
    store.remove("deleted")
    mask = next(row for row in world.of_type("binary", item) if row["label"] == "dog")
    world.emulator.remove_annotation(mask["id"])
    (report,) = world.convert_items()
    assert any("1 polygon put back" in note for note in report.notes)
    assert same_masks(world.masks(item), expected(ALL))


def test_verifying_tells_of_masks_that_are_gone_with_their_polygons(world: World, item: str) -> None:
    """The artifacts know of these; restoring brings them back."""
    world.convert_items()
    mask = next(row for row in world.of_type("binary", item) if row["label"] == "dog")
    world.emulator.remove_annotation(mask["id"])
    with world.connected():
        report = verify_dataset(URL)
    assert failure(report) == "the mask of 1 polygon that was deleted is gone"
    world.restore()
    with world.connected():
        assert verify_dataset(URL).failures == []


def test_verifying_tells_of_damage(world: World, item: str, store: Stored) -> None:
    """What cannot be restored is told before it is needed."""
    world.convert_items()
    path = store.change("backup")
    with world.connected():
        report = verify_dataset(URL)
    assert report.exit_code == 5
    assert path in failure(report)


def test_names_hold_whatever_an_item_is_called(world: World) -> None:
    """The item's id is in the name; a hostile path of the item is not."""
    hostile = world.add_item("/../*/a-backup-b.png", *ALL)
    world.convert_items(hostile)
    assert all(path.count("/") == 4 for path in world.documents())
    assert world.restore().written == 3


def test_a_polygon_without_pixels_is_no_reason_for_a_document(world: World) -> None:
    """What no mask holds stays, and needs no backup."""
    world.add_item("/0.png", segment("cat", ring(100, 100, 101, 101)))
    world.convert_items()
    assert world.documents() == {}


def test_an_error_names_the_document(world: World, item: str, store: Stored) -> None:
    """The file, what is wrong, and a way out."""
    world.convert_items()
    path = store.change("deleting")
    store.remove("deleted")
    (report,) = world.convert_items()
    assert report.exit_code == 5
    assert path in failure(report)
    assert "put back a copy" in failure(report)
