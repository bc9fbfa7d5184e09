"""Advice for what happens in a moment: somebody edits a file or a dataset, a worker or a service fails.

A hook makes the moment; then the command is run as it is told.
"""

import json
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any
from unittest.mock import patch

import fsspec
import pytest
from fsspec import AbstractFileSystem

import polymask as package
from polymask import PolymaskError
from polymask.codecs import zip as zips
from polymask.conversion import delete_source
from polymask.conversion.dest.check import DestCheck
from polymask.conversion.planning import rehearsal
from polymask.dataloop.emulator import Fault, fake_token
from polymask.dataloop.service.client import Client
from polymask.storage.roots.object_store import ObjectRoot
from tests.advice.sites import Case, Done, follows, polymask
from tests.conftest import SAMPLE, coco, square
from tests.conversion.test_late_edits import edited_when
from tests.conversion.test_restore import _earlier
from tests.dataloop.conftest import THIRD_PARTY
from tests.dataloop.test_edits_during_deletion import take_at_the_deletion
from tests.dataloop.test_interruptions import refused
from tests.dataloop.world import URL, World, ring, segment, stopped_before
from tests.formats.test_coco_index import by_parts

__all__ = ["by_parts"]
pytestmark = [pytest.mark.filterwarnings(rule) for rule in THIRD_PARTY]


def deleting(case: Case) -> list[object]:
    """The command that deletes in place, with a journal of its own."""
    return ["convert", URL, "--delete-source", "--journal", case.folder / "journal"]


def once_failed(done: Done, case: Case, *again: object) -> None:
    """The command failed, and run again it is done."""
    assert done.code, done.told
    case.works(*again)


@follows("conversion/delete_source: run again", "conversion/delete_source: nothing was deleted, run again")
def test_a_file_that_is_edited_while_it_is_deleted_from(case: Case) -> None:
    """Run again, the edit is seen."""
    cat = coco()["annotations"][0] | {"id": 9, "segmentation": [square(0, 0, 2)]}
    for moment in ("_clear_stale", "_replace"):
        source, out = case.write(f"{moment}/a.json", coco()), case.out
        with pytest.MonkeyPatch.context() as once:
            edited_when(once, moment, source, lambda rows: rows.append(cat))
            case.fails("convert", source, out, "--delete-source", code=4)
        case.works("convert", source, out, "--delete-source")
        assert json.loads(source.read_text())["annotations"] == []


@follows("usual: ConflictError")
def test_a_file_that_is_no_longer_one_to_delete_from(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same command is run again when the other is done."""
    from dataclasses import replace

    source, out, opened = case.write("a.json", coco()), case.out, delete_source.open_annotations
    with monkeypatch.context() as once:
        once.setattr(
            delete_source, "open_annotations", lambda *a, **o: replace(opened(*a, **o), without=None)
        )
        case.fails("convert", source, out, "--delete-source", code=4)
    case.works("convert", source, out, "--delete-source")


@follows("conversion/planning/rehearsal: split it first")
def test_a_file_that_is_too_large_to_be_deleted_from(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of it is not; the bound is lowered here."""
    whole = case.write("a.json", coco())
    monkeypatch.setattr(rehearsal, "MOST_BYTES", whole.stat().st_size - 1)
    case.fails("convert", whole, case.out, "--delete-source")
    part = case.write("b.json", coco(annotations=coco()["annotations"][:1]))
    case.works("convert", part, case.out, "--delete-source")


@follows("codecs/zip: use `--to index`")
def test_a_member_that_is_too_large_for_a_zip(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """The layout `index` has no zip; the bound is lowered here."""
    monkeypatch.setattr(zips, "MOST_BYTES", 10)
    done = polymask("convert", SAMPLE, case.out, "--to", "onehot")
    once_failed(done, case, "convert", SAMPLE, case.out, "--to", "index")


@follows("formats/dicom/series: store it as Explicit VR Little Endian")
def test_a_deflated_dicom_is_stored_otherwise(case: Case) -> None:
    """The same structures in the other transfer syntax."""
    pytest.importorskip("pydicom")
    from tests.formats.test_dicom import SETS, contour, ct, sets, stored

    case.write("ct.dcm", ct())
    source = case.write("rs.dcm", stored(SETS, "9", "1.2.840.10008.1.2.1.99"))
    case.fails("convert", source, case.out, "--from", "dicom")
    case.works("convert", case.write("rs.dcm", sets(contour())), case.out, "--from", "dicom")


@follows(
    "formats/coco/large/indexed: add those of its annotations as `images`",
    "formats/parsing/outline: as_utf_8",
)
def test_large_files_are_refused_as_small_ones(case: Case, by_parts: None) -> None:
    """Every file is large here."""
    case.fails("convert", case.write("a.json", coco(images=[])), case.out, "--from", "coco")
    case.works("convert", case.write("a.json", coco()), case.out, "--from", "coco")
    text = json.dumps(coco(info={"by": "bär"}), ensure_ascii=False)
    case.fails("convert", case.write("a.json", text.encode("latin-1")), case.out, "--from", "coco")
    case.works("convert", case.write("a.json", text.encode()), case.out, "--from", "coco")


@follows("formats/coco/large/indexed: run again", "formats/parsing/byte_ranges: run again")
def test_large_files_that_change_under_a_run(
    case: Case, by_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at all records and the first image: another image's rows, or fewer bytes."""
    look = DestCheck.first_look
    for changed in (lambda text: text.replace(b'"image_id": 1', b'"image_id":11'), lambda text: text[:200]):
        source, out = case.write("a.json", coco()), case.out
        text = source.read_bytes()

        def edited(check: DestCheck, source: Path = source, new: bytes = changed(text)) -> Any:
            source.write_bytes(new)
            return look(check)

        with monkeypatch.context() as once:
            once.setattr(DestCheck, "first_look", edited)
            done = polymask("convert", source, out)
        source.write_bytes(text)
        once_failed(done, case, "convert", source, out)


@follows("conversion/dest/deletion_journal: the files as they were are in {root.path / EARLIER_BACKUP}")
def test_an_earlier_builds_journal_is_moved_away(case: Case) -> None:
    """After the files were put back by hand, from the folder that is named."""
    source, out = case.write("a.json", coco()), case.out
    before = source.read_bytes()
    _earlier(out, source, json.dumps(coco(annotations=[])).encode())
    (out / "journal.jsonl").write_bytes(b"x\n")
    done = case.fails("restore", out, code=5)
    assert done.error
    folder = Path(done.error.advice.partition(" are in ")[2].partition(":")[0])
    (backup,) = folder.iterdir()
    source.write_bytes(backup.read_bytes())
    folder.rename(case.folder / "away")
    assert source.read_bytes() == before
    assert "damaged" not in polymask("restore", out).told


@follows(
    "conversion/executors: leave one out",
    "conversion/executors: leave the executor out, or name another place",
)
def test_places_to_work_that_do_not_go_together(case: Case) -> None:
    """Of Python: an executor and a scheduler, an executor and this process's memory."""
    with ThreadPoolExecutor(1) as executor:
        for dest, options in ((case.out, {"scheduler": "tcp://127.0.0.1:1"}), ("memory://advice/m", {})):
            with pytest.raises(PolymaskError):
                package.convert(SAMPLE, dest, executor=executor, **options)  # type: ignore[arg-type]
        package.convert(SAMPLE, case.out, executor=executor)
    package.convert(SAMPLE, "memory://advice/m")


@follows("conversion/executors: run the same command again to finish")
def test_workers_that_are_gone(case: Case) -> None:
    """The next run finishes."""

    class Broken(ThreadPoolExecutor):
        def submit(self, *_: Any, **__: Any) -> Any:
            future: Future[Any] = Future()
            future.set_exception(BrokenProcessPool("killed"))
            return future

    out = case.out
    with Broken(1) as executor, pytest.raises(PolymaskError):
        package.convert(SAMPLE, out, executor=executor)
    case.works("convert", SAMPLE, out)


@follows("dataloop/service/client: LOG_IN", "dataloop/service/responses: LOG_IN")
def test_who_is_not_logged_in_logs_in(case: Case, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the variable that is named, or because the token is no longer taken."""
    import dtlpy

    from polymask.dataloop.service import client

    with monkeypatch.context() as without:
        without.delenv(client.TOKEN, raising=False)
        without.setattr(type(dtlpy.client_api), "token", property(lambda _: None))
        done = case.fails("convert", URL, case.out, code=3)
    assert done.error
    assert client.TOKEN in done.error.advice
    world.emulator.faults.add(Fault("*", "**", "status", status=401))
    case.fails("convert", URL, case.out, code=3)
    monkeypatch.setenv(client.TOKEN, fake_token("ann@example.org"))
    case.works("convert", URL, case.out)


@follows("dataloop/service/client: try again", "usual: BackendError")
def test_a_service_that_fails_is_asked_again(case: Case, world: World) -> None:
    """A listing that does not add up, and an answer of 500."""
    for fault in (
        Fault("POST", "**/query", "short-page", keep=0, resource="annotations", times=None),
        Fault("POST", "**/query", "status", status=500, times=None),
    ):
        world.emulator.faults.add(fault)
        case.fails("convert", URL, case.out, code=3)
        world.emulator.faults.clear()
        case.works("convert", URL, case.out)


@follows("dataloop/source: try again")
def test_a_picture_that_is_cut_off_is_downloaded_again(
    case: Case, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a copy of the picture, a byte is missing once."""
    from tests.dataloop.conftest import png

    world.add_item("/b.png", segment("cat", ring(1, 1, 5, 5)), data=png())
    stream, out = Client.stream, case.out
    flags = ("--to", "voc", "--copy-images", "--where", "b.png")
    with monkeypatch.context() as once:
        once.setattr(Client, "stream", lambda client, item: stream(client, item)[:-1])
        done = polymask("convert", URL, out, *flags)
    once_failed(done, case, "convert", URL, out, *flags)


@follows("in_place/deletion: {len(lost)} polygons were put back, run again")
def test_a_mask_that_goes_during_the_deletion(case: Case, world: World) -> None:
    """Its polygons are put back, and the next run converts them."""
    take_at_the_deletion(world, "cat")
    once_failed(polymask(*deleting(case)), case, *deleting(case))
    assert world.of_type("segment") == []


@follows("in_place/deletion: run again")
def test_a_polygon_that_is_edited_at_its_deletion(case: Case, world: World) -> None:
    """It stays, and the next run converts it as it is now."""
    edited, once, edits = next(iter(world.originals)), Client._once, [[ring(0, 0, 3, 3)]]

    def late(client: Client, method: str, path: str, body: Any) -> Any:
        if edits and isinstance(body, dict) and body.get("delete"):
            world.emulator.edit_annotation(edited, coordinates=edits.pop())
        return once(client, method, path, body)

    with patch.object(Client, "_once", late):
        done = polymask(*deleting(case))
    once_failed(done, case, *deleting(case))
    assert world.of_type("segment") == []


@follows("dataloop/service/bulk_deletion: run again")
def test_a_polygon_that_is_edited_between_two_deletions(case: Case, world: World) -> None:
    """Of a service that deletes one by one."""
    refused(world)
    edited = list(world.originals)[-1]
    world.before(
        "DELETE", "", 1, lambda: world.emulator.edit_annotation(edited, coordinates=[ring(0, 0, 3, 3)])
    )
    once_failed(polymask(*deleting(case)), case, *deleting(case))


@follows("in_place/job: run again")
def test_a_polygon_that_is_edited_before_an_old_mask_goes(case: Case, world: World) -> None:
    """No mask goes for it; the next run's follows."""
    case.works(*deleting(case))
    (item,) = {row["itemId"] for row in world.emulator.annotations()}
    late = world.add(item, segment("cat", ring(15, 9, 20, 14)))
    world.before(
        "POST", "/query", 6, lambda: world.emulator.edit_annotation(late, coordinates=[ring(0, 0, 3, 3)])
    )
    once_failed(polymask(*deleting(case)), case, *deleting(case))


@follows("dataloop/source: run again")
def test_an_item_that_is_edited_between_reading_and_deleting(case: Case, world: World) -> None:
    """At whichever of the looks: nothing of it goes, and the next run sees the edit."""
    edited = next(iter(world.originals))
    world.before(
        "POST", "/query", 6, lambda: world.emulator.edit_annotation(edited, coordinates=[ring(0, 0, 3, 3)])
    )
    once_failed(polymask(*deleting(case)), case, *deleting(case))


@follows("in_place/job: nothing was deleted, run again", "in_place/job: advice")
def test_a_mask_that_an_outdated_answer_still_shows(case: Case, world: World) -> None:
    """One answer is not enough to delete its polygons; the next run makes the mask again."""
    refused(world)
    with stopped_before("DELETE", 1):
        polymask(*deleting(case))
    world.emulator.faults.clear()
    (mask,) = [row["id"] for row in world.of_type("binary") if row["label"] == "dog"]
    world.emulator.remove_annotation(mask)
    world.emulator.faults.add(Fault("POST", "**/query", "stale", clause="itemId", times=4))
    once_failed(polymask(*deleting(case)), case, *deleting(case))


@follows("dataloop/service/restoring: run again")
def test_a_polygon_that_does_not_arrive_is_put_back_again(case: Case, world: World) -> None:
    """When the service takes it."""
    journal = ("--journal", case.folder / "journal")
    case.works(*deleting(case))
    world.emulator.faults.add(Fault("POST", "/items/*/annotations", "partial", keep=0, times=None))
    done = polymask("restore", URL, *journal)
    world.emulator.faults.clear()
    once_failed(done, case, "restore", URL, *journal)
    assert len(world.of_type("segment")) == 3


def held_elsewhere(place: str) -> AbstractFileSystem:
    """Leave the note of another machine's run in this process's memory."""
    note = {"options": {}, "held": True, "process": 1, "host": "other", "machine": "other"}
    store: AbstractFileSystem = fsspec.filesystem("memory")
    store.pipe(f"{place}/.polymask/run-other.json", json.dumps(note).encode())
    return store


@follows(
    "storage/roots/object_store: wait for it, or stop it",
    "storage/roots/object_store: run again when it is done",
)
def test_a_store_that_another_machine_holds(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """When its run is done, its note is gone; and a run that slept too long finds that of another."""
    dest, source = "memory://advice-held/out", case.write("a.json", coco())
    store = held_elsewhere("/advice-held/out")
    case.fails("convert", source, dest, "--overwrite", code=4)
    store.rm("/advice-held/out", recursive=True)
    case.works("convert", source, dest)

    sync, dest = ObjectRoot.sync, "memory://advice-slept/out"

    def slept(root: ObjectRoot) -> None:
        root._forget([root._note])
        sync(root)

    with monkeypatch.context() as once:
        once.setattr(ObjectRoot, "sync", slept)
        case.fails("convert", source, dest, code=4)
    case.works("convert", source, dest, "--overwrite")  # the other run
    case.works("convert", source, dest)


class NoCredentialsError(OSError):
    """As the drivers of stores raise."""


@follows(
    "storage/remote/connections: check the credentials, and what they allow",
    "storage/remote/connections: log in to the store, or set its variables",
)
def test_a_store_that_says_no(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it lets them in, the same command is done."""
    store = fsspec.filesystem("memory")
    for number, error in enumerate((PermissionError("no"), NoCredentialsError("none"))):
        place = f"/advice-denied/{number}/a.json"
        store.pipe(place, json.dumps(coco()).encode())

        def denied(*_: Any, error: Exception = error, **__: Any) -> Any:
            raise error

        with monkeypatch.context() as once:
            for call in ("info", "cat_file", "ls", "_open", "find"):
                once.setattr(type(store), call, denied)
            case.fails("convert", f"memory:/{place}", case.out, code=3)
        case.works("convert", f"memory:/{place}", case.out)


@follows("storage/remote/urls: set it where the store's own tools look for it")
def test_a_url_holds_no_password(case: Case) -> None:
    """Without it, the store's own settings serve."""
    fsspec.filesystem("memory").pipe("/advice-url/a.json", json.dumps(coco()).encode())
    case.fails("convert", "memory://user:secret@advice-url/a.json", case.out)
    case.works("convert", "memory://advice-url/a.json", case.out)
