"""Advice about datasets, followed on a local one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.advice.sites import Case, follows
from tests.conftest import SAMPLE
from tests.dataloop.conftest import THIRD_PARTY
from tests.dataloop.world import URL, World, ring, segment

pytestmark = [pytest.mark.filterwarnings(rule) for rule in THIRD_PARTY]


@follows(
    "api: boxes of a dataset are never painted: leave --boxes out",
    "dataloop/jobs/options: leave --to out",
    "api: leave --annotated-only out",
    "api: leave it out, or add --delete-source",
    "dataloop/jobs/options: leave it out; a mask that somebody changed is made anew once it is deleted",
)
def test_flags_that_a_dataset_does_not_take_are_left_out(case: Case, world: World) -> None:
    """Each by itself; without it the run is done."""
    journal = ("--journal", case.folder / "journal")
    for flags in (["--boxes"], ["--to", "voc"], ["--annotated-only"], ["--max-delete", "9"], ["--overwrite"]):
        case.fails("convert", URL, *journal, *flags)
        case.works("convert", URL, *journal)
    assert world.masks()


@follows("api: leave DEST out", "api: leave it out", "api: leave it out here")
def test_flags_of_runs_in_place_are_left_out_of_downloads(case: Case, world: World) -> None:
    """Or DEST is, where polygons are to be deleted."""
    case.fails("convert", URL, case.out, "--add-labels")
    case.works("convert", URL, case.out)
    case.fails("convert", URL, case.out, "--preview", case.folder / "page.html", "--dry-run")
    case.works("convert", URL, case.out, "--dry-run")
    case.fails("convert", URL, case.out, "--delete-source")
    case.works("convert", URL, "--delete-source", "--journal", case.folder / "journal")
    assert not world.of_type("segment")


@follows("api: leave --update out")
def test_an_update_is_of_a_dataset_in_place(case: Case, world: World) -> None:
    """Elsewhere the flag is left out."""
    case.fails("convert", SAMPLE, URL, "--update")
    case.works("convert", URL, case.out, "--update")
    case.works("convert", URL, "--update")


@follows("proving: leave --source out")
def test_masks_of_a_dataset_are_verified_without_a_source(case: Case, world: World) -> None:
    """They record what they were painted from."""
    case.works("convert", URL, "--journal", case.folder / "journal")
    case.fails("verify", URL, "--source", SAMPLE)
    case.works("verify", URL)


@follows("dataloop/service/lookup: use the id")
def test_of_datasets_of_one_name_the_id_is_used(case: Case, world: World) -> None:
    """In the URL, where the name stood."""
    twin = world.emulator.add_project("boats")
    world.emulator.add_dataset(twin["id"], "harbor")
    case.fails("convert", URL, case.out)
    case.works("convert", f"dataloop://{world.project['id']}/harbor", case.out)


@follows("dataloop/service/lookup: advice_of(folder, list(folders))")
def test_a_folder_that_is_not_there_is_replaced_by_one_that_is_named(case: Case, world: World) -> None:
    """The nearest."""
    world.add_item("/north/a.png", segment("cat", ring(1, 1, 5, 5)))
    done = case.fails("convert", f"{URL}/nort", case.out)
    assert done.error
    case.works("convert", f"{URL}/{done.error.advice.split(chr(39))[1].strip('/')}", case.out)


@follows("dataloop/service/lookup: for one item, name the dataset alone and add --where")
def test_an_item_in_place_of_a_folder_is_named_by_where(case: Case, world: World) -> None:
    """A URL names folders only."""
    world.add_item("/lone.png", segment("cat", ring(1, 1, 5, 5)))
    case.fails("convert", f"{URL}/lone.png", case.out)
    case.works("convert", URL, case.out, "--where", "lone.png")


@follows("dataloop/service/lookup: advice")
def test_a_dataset_that_is_not_there_is_replaced_by_one_that_is_named(case: Case, world: World) -> None:
    """The nearest, of projects too."""
    for url in ("dataloop://boats/harbour", "dataloop://boots/harbor"):
        done = case.fails("stats", url)
        assert done.error
        near = done.error.advice.split(chr(39))[1]
        case.works("stats", url.replace("harbour", near).replace("boots", near))


@follows("formats/platforms: leave --from out", "formats/platforms: leave {spelled(name)} out")
def test_flags_of_files_are_left_out_for_datasets(case: Case, world: World) -> None:
    """Where nothing but datasets is read."""
    case.fails("check", URL, "--from", "coco")
    case.fails("check", URL, "--images", case.folder)
    case.works("check", URL)


@follows("storage/remote/connections: name a file or folder here")
def test_where_a_dataset_cannot_stand_a_file_is_named(case: Case) -> None:
    """As a label file, say."""
    case.fails("convert", SAMPLE, case.out, "--labels", URL)
    labels = case.write("labels.txt", "sea\nboat\ntree\nhouse\nsun\nflock\n")
    case.works("convert", SAMPLE, case.out, "--labels", labels)


@follows("formats/platforms: choose images with --where")
def test_images_of_files_are_chosen_by_their_names(case: Case) -> None:
    """A query is for a dataset."""
    case.fails("stats", SAMPLE, "--filter", "query.json")
    case.works("stats", SAMPLE, "--where", "harbor*")


@follows("in_place/journal: name the folder that the deleting run named")
def test_a_journal_is_found_by_its_folder(case: Case, world: World) -> None:
    """The deleting run had it elsewhere."""
    case.works("convert", URL, "--delete-source", "--journal", case.folder / "journal")
    (case.folder / "empty").mkdir()
    for command in ("restore", "verify"):
        case.fails(command, URL, "--journal", case.folder / "empty", code=2)
    case.works("restore", URL, "--journal", case.folder / "journal")
    assert world.of_type("segment")


@follows("provenance/chain: put back a copy of it, or name another folder with --journal")
def test_a_damaged_journal_is_put_back_from_a_copy(case: Case, world: World) -> None:
    """Or another folder is named."""
    journal = case.folder / "journal"
    case.works("convert", URL, "--delete-source", "--journal", journal)
    backup: Path = next(journal.rglob("backup.jsonl"))
    copy = backup.read_bytes()
    backup.write_bytes(copy.replace(b"cat", b"cow", 1))
    case.fails("restore", URL, "--journal", journal, code=5)
    backup.write_bytes(copy)
    case.works("restore", URL, "--journal", journal)


@follows("dataloop/service/recipe: give it one on the platform, or leave --add-labels out")
def test_labels_are_added_to_a_recipe_that_is_there(
    case: Case, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dataset without one is converted without --add-labels."""
    from polymask.dataloop.service.client import Client

    journal = ("--journal", case.folder / "journal")
    with monkeypatch.context() as without:
        without.setattr(Client, "ontologies", lambda *_: [])
        case.fails("convert", URL, "--add-labels", *journal)
        case.works("convert", URL, *journal)
    case.works("convert", URL, "--add-labels", *journal)


@follows("dataloop/jobs/download: rename one on the platform")
def test_of_items_of_one_name_one_is_renamed(
    case: Case, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listing that has two; when it has not, it is downloaded."""
    from polymask.dataloop.source import DataloopSource

    items = DataloopSource.items

    def doubled(source: DataloopSource) -> Iterator[object]:
        from dataclasses import replace

        for item in items(source):
            yield from (item, replace(item))

    with monkeypatch.context() as twice:
        twice.setattr(DataloopSource, "items", doubled)
        case.fails("convert", URL, case.out)
    case.works("convert", URL, case.out)
