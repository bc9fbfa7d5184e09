"""A document that is missing among an item's artifacts stops its deletions, and little of its restoration."""

from pathlib import Path

import pytest

from polymask import proving
from polymask.dataloop.jobs import run, verification
from polymask.dataloop.jobs.journals import on_platform
from polymask.errors import ProofError
from polymask.in_place.job import ProvenOptions
from polymask.results import Report
from tests.dataloop import edit_campaign as campaign
from tests.dataloop.test_artifact_journal import ALL, Stored, failure, item, state, store
from tests.dataloop.world import URL, World, expected, ring, same_masks, segment, stopped_before

__all__ = ["item", "state", "store"]

BIRD = segment("bird", ring(18.5, 10, 22, 14))


@pytest.mark.parametrize("kind", ["backup", "deleting"])
def test_nothing_more_goes_where_a_document_is_missing(
    world: World, item: str, store: Stored, kind: str
) -> None:
    """The app names it and exits 5; once it is back, it goes on."""
    world.convert_items()
    whole, path = world.documents(), store.remove(kind)
    world.add(item, BIRD)
    (report,) = world.convert_items()
    assert (report.exit_code, report.deleted) == (5, 0)
    assert "the document before it is gone" in failure(report)
    assert path.rpartition("-")[2] in failure(report)  # its digest, and so its name
    assert [row["label"] for row in world.of_type("segment")] == ["bird"]
    assert same_masks(world.masks(item), expected(ALL))
    store.write(path, whole[path])
    (report,) = world.convert_items()
    assert (report.failures, report.deleted) == ([], 1)
    assert world.restore().written == 4


def test_a_missing_document_stops_no_other_item(world: World, item: str, store: Stored) -> None:
    """What is proven of the others goes."""
    world.convert_items()
    store.remove("backup")
    world.add(item, BIRD)
    other = world.add_item("/1.png", *ALL)
    reports = world.convert_items(item, other)
    assert [report.deleted for report in reports] == [0, 3]


def test_a_document_that_is_listed_late_is_not_missing(
    world: World, item: str, store: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listing that shows a document before the one before it is asked again."""
    world.convert_items()
    world.add(item, BIRD)
    whole, path = world.documents(), store.remove("backup")
    monkeypatch.setattr(world, "sleep", lambda _seconds: store.write(path, whole[path]))
    (report,) = world.convert_items()
    assert (report.failures, report.deleted) == ([], 1)


def test_what_whole_documents_have_comes_back(world: World, item: str, store: Stored, tmp_path: Path) -> None:
    """Of an item whose first backup is missing, the later one's; the rest is told."""
    world.convert_items()
    first = store.file("backup")
    world.add(item, BIRD)
    world.convert_items()
    world.emulator.remove_item(first["id"])
    report = world.restore()
    assert (report.exit_code, report.written) == (5, 1)
    assert [row["label"] for row in world.of_type("segment")] == ["bird"]
    assert "3 polygons were deleted that no journal" in failure(report)
    assert "the document before it is gone" in failure(report)


def test_an_old_version_is_not_taken_for_the_last(world: World, item: str, store: Stored) -> None:
    """Put back, edited, deleted again: where the later backup is missing, the first does not stand for it."""
    world.convert_items()
    world.restore()
    for row in world.of_type("segment"):
        world.emulator.edit_annotation(row["id"], metadata=row["metadata"] | {"system": {"edited": 1}})
    world.convert_items()
    store.remove("backup")
    report = world.restore()
    assert (report.exit_code, report.written) == (5, 0)
    assert world.of_type("segment") == []


def test_verifying_does_not_advise_to_convert_over_it(world: World, item: str, store: Stored) -> None:
    """A damaged document is put back; what the masks hold is not made anew."""
    world.convert_items()
    store.change("deleting")
    with world.connected():
        with pytest.raises(ProofError) as raised:
            proving.verify(URL)
        assert verification.DAMAGED in proving.examine(URL).notes
    assert "--overwrite" not in f"{raised.value} {raised.value.advice}"


@pytest.mark.parametrize("drawn", [False, True])
def test_an_unfinished_item_that_is_damaged_fails_alone(
    world: World, item: str, store: Stored, *, drawn: bool
) -> None:
    """Its run was stopped before it looked at the masks: it is named, exit 5, and the others are done."""
    calls = campaign.undisturbed(campaign.APP)
    with stopped_before("*", len(calls)):
        world.convert_items(item)
    assert world.of_type("segment") == []
    whole, path = world.documents(), store.remove("backup")
    other = world.add_item("/1.png", *ALL)
    if drawn:
        world.add(item, BIRD)
    report = converted_by_the_app(world)
    assert (report.exit_code, report.failed, report.deleted) == (5, 1, 3)
    assert "lacks" in failure(report) or "no backup has" in failure(report) or "is gone" in failure(report)
    assert report.failures[0].name == ("0.png" if drawn else f"item {item}")
    assert world.of_type("segment", other) == []
    assert len(world.of_type("segment", item)) == drawn
    store.write(path, whole[path])
    assert converted_by_the_app(world).failures == []


def converted_by_the_app(world: World) -> Report:
    """The dataset, its backup among the project's artifacts."""
    with world.connected():
        dataset = run.open_dataset(URL)
        kept = on_platform(dataset.client, dataset.raw)
        return run.convert_connected(dataset, ProvenOptions(delete_source=True), journal=kept)
