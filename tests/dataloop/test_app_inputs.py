"""What an app's functions are given, and when its executions fail."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import polymask
from polymask import InputError, PolymaskError
from polymask.dataloop.jobs.inputs import as_flag, read_inputs
from polymask.dataloop.jobs.item import convert_item
from polymask.in_place.job import ProvenOptions
from tests.dataloop.conftest import Harbor, polygon
from tests.dataloop.test_artifact_journal import item, state
from tests.dataloop.world import World, box, ring, segment

__all__ = ["item", "state"]


@pytest.fixture
def runner(sdk: ModuleType) -> Any:
    from polymask.dataloop.app import ServiceRunner

    return ServiceRunner()


def kinds(harbor: Harbor) -> list[str]:
    return sorted(annotation["type"] for annotation in harbor.emulator.annotations())


@pytest.mark.parametrize("text", ["false", "False", "no", "0", 0, "", None])
def test_text_that_says_no_deletes_nothing(runner: Any, sdk: ModuleType, harbor: Harbor, text: Any) -> None:
    """Triggers hand text over; of an item and of a dataset."""
    harbor.add_polygons(1)
    runner.convert_item(sdk.items.get(item_id=harbor.item_id), delete_source=text)
    runner.convert_dataset(sdk.datasets.get(dataset_id=harbor.dataset_id), delete_source=text)
    assert kinds(harbor) == ["binary", "segment"]


@pytest.mark.parametrize("text", ["true", "True", "yes", "1", 1])
def test_text_that_says_yes_deletes(runner: Any, sdk: ModuleType, harbor: Harbor, text: Any) -> None:
    """As `True` does."""
    harbor.add_polygons(1)
    runner.convert_item(sdk.items.get(item_id=harbor.item_id), delete_source=text)
    assert kinds(harbor) == ["binary"]


def test_text_that_says_neither_is_refused(runner: Any, sdk: ModuleType, harbor: Harbor) -> None:
    """Before anything is written."""
    harbor.add_polygons(1)
    with pytest.raises(InputError, match="delete_source: 'maybe' is neither true nor false"):
        runner.convert_item(sdk.items.get(item_id=harbor.item_id), delete_source="maybe")
    with pytest.raises(InputError, match="delete_source"):
        runner.convert_dataset(sdk.datasets.get(dataset_id=harbor.dataset_id), delete_source="maybe")
    assert kinds(harbor) == ["segment"]


def test_every_boolean_option_is_read() -> None:
    """Not only that which deletes; an empty input is as if it were not given."""
    options = read_inputs({"dry_run": "false", "check_images": "no", "add_labels": "yes", "pixel_rule": ""})
    assert (options.dry_run, options.check_images, options.add_labels) == (False, False, True)
    assert options.pixel_rule == "center"
    assert as_flag("x", " YES ")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("max_delete", " 100 ", 100),
        ("max_delete", "", None),
        ("only", "cat", frozenset({"cat"})),
        ("only", '["cat", "dog"]', frozenset({"cat", "dog"})),
        ("workers", "4", 4),
    ],
)
def test_text_is_read_as_the_number_or_list_that_it_says(name: str, text: str, value: Any) -> None:
    """The platform's inputs are text."""
    assert getattr(read_inputs({name: text}), name) == value


def test_a_confidence_may_be_text() -> None:
    """It chooses among predictions."""
    assert read_inputs({"predictions": "keep", "min_confidence": "0.5"}).choice.min_confidence == 0.5


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("max_delete", "many"),
        ("max_delete", "-1"),
        ("max_delete", "1.5"),
        ("max_delete", "true"),
        ("workers", "0"),
        ("pixel_rule", "middle"),
        ("predictions", "all"),
    ],
)
def test_text_that_says_no_such_value_is_refused(
    runner: Any, sdk: ModuleType, harbor: Harbor, name: str, text: str
) -> None:
    """Of an item and of a dataset, with the input's name, before anything is written."""
    harbor.add_polygons(1)
    inputs = {"delete_source": "true", name: text}
    with pytest.raises(InputError, match=name.replace("_", "[_ ]")):
        runner.convert_item(sdk.items.get(item_id=harbor.item_id), **inputs)
    with pytest.raises(InputError, match=name.replace("_", "[_ ]")):
        runner.convert_dataset(sdk.datasets.get(dataset_id=harbor.dataset_id), **inputs)
    assert kinds(harbor) == ["segment"]


def test_a_dataset_s_limit_of_deletions_may_be_text(runner: Any, sdk: ModuleType, harbor: Harbor) -> None:
    """What it does not allow stays, and the execution fails."""
    harbor.add_polygons(2)
    dataset = sdk.datasets.get(dataset_id=harbor.dataset_id)
    with pytest.raises(PolymaskError, match="--max-delete 1 allows"):
        runner.convert_dataset(dataset, delete_source="true", max_delete="1")
    assert kinds(harbor).count("segment") == 2
    runner.convert_dataset(dataset, delete_source="true", max_delete="2")
    assert kinds(harbor).count("segment") == 0


def test_an_unknown_option_is_refused_with_the_nearest(world: World, item: str) -> None:
    """As `convert` does, before anything is written."""
    with pytest.raises(InputError, match="no option 'max_deletes'; did you mean 'max_delete'"):
        world.convert_items(max_deletes=1)
    assert world.of_type("binary") == []


def test_what_is_not_supported_fails_the_execution(runner: Any, sdk: ModuleType, harbor: Harbor) -> None:
    """A polygon on a video, as an item and in a dataset: a command line exits 1."""
    harbor.add_polygons(1)
    video = harbor.emulator.add_item(harbor.dataset_id, "/v.mp4", data=b"x", mimetype="video/mp4")
    harbor.emulator.add_annotation(video["id"], polygon())
    with pytest.raises(PolymaskError, match="not supported") as raised:
        runner.convert_item(sdk.items.get(item_id=video["id"]))
    assert raised.value.exit_code == 1
    with pytest.raises(PolymaskError, match="not supported"):
        runner.convert_dataset(sdk.datasets.get(dataset_id=harbor.dataset_id))


@pytest.mark.parametrize("kind", ["outside", "box", "nothing"])
def test_an_item_with_nothing_to_paint_fails_no_execution(
    runner: Any, sdk: ModuleType, harbor: Harbor, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    """Trying again would paint nothing either: it is logged; of a whole dataset the execution fails."""
    far = [{"x": 400.0, "y": 400.0}, {"x": 410.0, "y": 400.0}, {"x": 410.0, "y": 410.0}]
    row = polygon("cat", far) if kind == "outside" else box()
    if kind != "nothing":
        harbor.emulator.add_annotation(harbor.item_id, row)
    with caplog.at_level("INFO"):
        runner.convert_item(sdk.items.get(item_id=harbor.item_id))
    assert ("nothing was painted" in caplog.text) == (kind != "nothing")
    report = convert_item(sdk.items.get(item_id=harbor.item_id))
    assert (report.exit_code, bool(report.nothing_painted)) == (int(kind != "nothing"), kind != "nothing")
    if kind == "outside":
        with pytest.raises(PolymaskError, match="nothing was painted"):
            runner.convert_dataset(sdk.datasets.get(dataset_id=harbor.dataset_id))


def test_an_id_in_place_of_an_entity_is_refused(runner: Any, harbor: Harbor) -> None:
    """The message tells how to get the entity."""
    with pytest.raises(InputError, match=r"expected a dl\.Item, not .*dl\.items\.get"):
        convert_item(harbor.item_id)
    with pytest.raises(InputError, match=r"expected a dl\.Dataset"):
        runner.convert_dataset(harbor.dataset_id)


@pytest.mark.parametrize("only", ["boat", '["boat"]', ["boat"], frozenset({"boat"})])
def test_a_label_is_no_part_of_another(sdk: ModuleType, harbor: Harbor, only: Any) -> None:
    """A single text is one label: others whose names are in it keep their polygons."""
    for label in ("boat", "bo", "b"):
        harbor.emulator.add_annotation(harbor.item_id, polygon(label))
    report = convert_item(sdk.items.get(item_id=harbor.item_id), only=only, delete_source=True)
    kept = sorted(row["label"] for row in harbor.emulator.annotations() if row["type"] == "segment")
    assert (report.deleted, kept) == (1, ["b", "bo"])
    assert ProvenOptions(only="boat").only == {"boat"}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [{"pixel_rule": "centre"}, {"status": "aproved"}, {"workers": "two"}, {"only": [1]}, {"max_delete": -1}],
)
def test_a_value_that_does_not_exist_is_refused_before_a_call(harbor: Harbor, options: Any) -> None:
    """Of an item and of a dataset, also of one without items."""
    calls = len(harbor.emulator.audit)
    with pytest.raises(InputError):
        convert_item(object(), **options)
    with pytest.raises(InputError):
        polymask.convert("dataloop://P/D", **options)
    assert len(harbor.emulator.audit) == calls


def test_a_new_backup_notes_what_older_masks_say_was_deleted(world: World, item: str, tmp_path: Path) -> None:
    """All documents of the item are gone: a deleting run goes on, and says what nobody holds."""
    world.convert_items()
    for file in world.emulator.artifacts(world.project["id"]):
        world.emulator.remove_item(file["id"])
    world.add(item, segment("bird", ring(18.5, 10, 22, 14)))
    (report,) = world.convert_items()
    assert report.deleted == 1
    assert any("3 polygons were deleted that no journal in" in note for note in report.notes)
    (report,) = world.convert_items(world.add_item("/1.png", segment("cat", ring(1, 1, 9, 9))))
    assert not any("no journal" in note for note in report.notes)


def test_a_new_folder_does_not_take_the_artifacts_for_lost(world: World, item: str, tmp_path: Path) -> None:
    """What the platform keeps is somewhere."""
    world.convert_items()
    world.add(item, segment("bird", ring(18.5, 10, 22, 14)))
    (report,) = world.convert_items(journal=tmp_path / "journal")
    assert not any("no journal" in note for note in report.notes)
