"""Which annotations are taken: people's or models', whose, of what QA status; in place and to a folder."""

import json
from pathlib import Path
from typing import Any

import pytest

import polymask
from polymask import InputError
from polymask.dataloop.emulator import Emulator
from polymask.dataloop.jobs import run
from polymask.dataloop.jobs.download import annotations_of
from polymask.dataloop.jobs.item import convert_item
from polymask.formats import Annotations, ReadOptions, open_annotations
from polymask.formats.reading.annotation_choice import Choice, Origin, origin_of
from polymask.in_place.job import ProvenOptions
from polymask.results import Report
from tests.conftest import SAMPLE
from tests.dataloop.test_download import exported
from tests.dataloop.world import ACROSS, URL, Json, World, expected, ring, same_masks, segment

ANN, BOB = "ann@example.org", "bob@example.org"
PEOPLE = segment("cat", ring(1, 1, 6, 6))
CONSENSUS = segment("cat", ring(2, 1, 7, 6))
FLAGGED = segment("cat", ring(8, 1, 12, 6), status="issue")
APPROVED = segment("cat", ring(13, 1, 16, 6), status="approved")


def predicted(confidence: float | None, left: int, *, where: str = "user") -> Json:
    row = segment("cat", ring(left, 8, left + 3, 12), automated=True)
    row["metadata"] = {**row["metadata"]}
    row["metadata"][where] = {**row["metadata"][where], "model": {"name": "yolo", "confidence": confidence}}
    return row


SURE, UNSURE, UNTOLD = predicted(0.9, 1), predicted(0.4, 5), predicted(None, 9, where="system")


def taken(world: World, tmp_path: Path, **choice: Any) -> tuple[set[str], dict[str, str]]:
    """The ids that are taken, and why the others are not; the same from the dataset and from its export."""
    options = ReadOptions(choice=Choice(**choice))
    with world.connected():
        live = annotations_of(run.open_dataset(URL), options)
    file = open_annotations(exported(world, tmp_path / "export.json"), options=options)
    assert told(live) == told(file)
    return told(live)


def told(annotations: Annotations) -> tuple[set[str], dict[str, str]]:
    ids = {str(instance.id) for record in annotations for instance in record.instances}
    reasons = (one.reason.removeprefix("annotation ").split(": ", 1) for one in annotations.unchosen)
    return ids, dict(reasons)


@pytest.fixture
def ids(world: World) -> dict[str, str]:
    """One item with an annotation of each kind, by name; their ids."""
    item = world.add_item("/a.png")
    rows = {
        "people": PEOPLE,
        "consensus": {**CONSENSUS, "creator": BOB},
        "flagged": FLAGGED,
        "approved": APPROVED,
        "sure": SURE,
        "unsure": UNSURE,
        "untold": UNTOLD,
    }
    made = {name: world.add(item, row) for name, row in rows.items()}
    for name, key in made.items():
        by(world.emulator, key, BOB if name == "consensus" else ANN)
    return made


def by(emulator: Emulator, annotation_id: str, creator: str) -> None:
    """Have an annotation made by somebody."""
    store, platform = emulator._store, emulator._platform
    row = store.get("annotation", annotation_id).json() | {"creator": creator}
    with store.lock, platform.write():
        store.put("annotation", json.dumps(row).encode())


HUMAN = {"people", "consensus", "flagged", "approved"}
EVERYTHING = HUMAN | {"sure", "unsure", "untold"}


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ({}, HUMAN),
        ({"predictions": "keep"}, EVERYTHING),
        ({"predictions": "only"}, {"sure", "unsure", "untold"}),
        ({"predictions": "keep", "min_confidence": 0.5}, HUMAN | {"sure"}),
        ({"predictions": "only", "min_confidence": 0.4}, {"sure", "unsure"}),
        ({"creator": BOB.upper()}, {"consensus"}),
        ({"creator": [ANN, BOB]}, HUMAN),
        ({"status": "approved"}, {"approved"}),
        ({"status": ["none", "Approved"]}, {"people", "consensus", "approved"}),
        ({"status": "any"}, HUMAN),
        ({"status": "none", "creator": ANN}, {"people"}),
    ],
)
def test_what_is_asked_for_is_taken_and_the_rest_is_listed(
    world: World, tmp_path: Path, ids: dict[str, str], choice: dict[str, Any], names: set[str]
) -> None:
    """People's annotations of any status, unless told otherwise; whatever is left out has its reason."""
    wanted = {ids[name] for name in names}
    found, reasons = taken(world, tmp_path, **choice)
    assert (found, set(reasons)) == (wanted, set(ids.values()) - wanted)
    assert all(reasons.values())


def converted(world: World, journal: Path, *, delete_source: bool = True, **choice: Any) -> Report:
    return world.convert(journal, delete_source=delete_source, choice=Choice(**choice))


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ({}, {"people", "consensus", "approved"}),
        ({"status": "any"}, HUMAN),
        ({"status": "issue"}, {"flagged"}),
        ({"predictions": "only", "min_confidence": 0.5}, {"sure"}),
        ({"creator": ANN}, {"people", "approved"}),
    ],
)
def test_what_is_not_chosen_is_neither_painted_nor_deleted(
    world: World, journal: Path, ids: dict[str, str], choice: dict[str, Any], names: set[str]
) -> None:
    """In place: it stays as it is and is listed; what QA has an issue with stays unless it is asked for."""
    before = {row["id"]: row for row in world.of_type("segment")}
    gone = {ids[name] for name in names}
    report = converted(world, journal, **choice)
    after = {row["id"]: row for row in world.of_type("segment")}
    assert after == {key: row for key, row in before.items() if key not in gone}
    assert {one.reason.split()[1].rstrip(":") for one in report.skipped} == set(after)
    assert (report.deleted, report.exit_code, report.unsupported) == (len(names), 0, [])
    assert same_masks(world.masks(report_item(world)), expected([before[key] for key in gone]))


def report_item(world: World) -> str:
    return str(world.emulator.items()[0]["id"])


def test_a_plain_run_paints_what_qa_has_an_issue_with(
    world: World, journal: Path, ids: dict[str, str]
) -> None:
    """Nothing is deleted then, so nothing can be lost."""
    report = converted(world, journal, delete_source=False)
    painted = [row for row in world.of_type("segment") if row["id"] in {ids[name] for name in HUMAN}]
    assert same_masks(world.masks(report_item(world)), expected(painted))
    assert len(report.skipped) == 3


def test_a_mask_is_taken_if_all_it_was_made_of_is(
    world: World, tmp_path: Path, journal: Path, ids: dict[str, str]
) -> None:
    """After a deletion the mask remembers whose the annotations were, and that models predicted them."""
    converted(world, journal, predictions="only")
    (mask,) = world.of_type("binary")
    assert taken(world, tmp_path)[0] == {ids[name] for name in HUMAN}
    assert taken(world, tmp_path, predictions="only")[0] == {mask["id"]}
    assert taken(world, tmp_path, predictions="only", creator=ANN)[0] == {mask["id"]}
    assert taken(world, tmp_path, predictions="only", creator=BOB)[0] == set()
    assert taken(world, tmp_path, predictions="only", min_confidence=0.5)[0] == set()


def test_a_mask_keeps_what_was_said_of_its_sources(world: World, journal: Path) -> None:
    """Status, description, user metadata and creator of each, in its claim."""
    item = world.add_item("/a.png", {**APPROVED, "description": "the red one"})
    converted(world, journal)
    (mask,) = world.of_type("binary", item)
    (source,) = mask["metadata"]["user"]["polymask"]["sources"]
    assert source["status"] == "approved"
    assert source["description"] == "the red one"
    assert source["user"] == {"batch": 7}
    assert source["creator"]


def test_an_open_issue_that_is_painted_is_noted(world: World, tmp_path: Path, ids: dict[str, str]) -> None:
    """In a folder they are painted like the others, and the report says how many, and how to choose."""
    note = "1 annotations have an open QA issue and are painted; choose with --status"
    with world.connected():
        assert note in polymask.convert(URL, tmp_path / "all").notes
        chosen = polymask.convert(URL, tmp_path / "some", status=["none", "approved"])
    assert chosen.notes == []
    assert len(chosen.skipped) == 4


def test_choices_that_choose_nothing_are_refused(world: World, tmp_path: Path) -> None:
    """A confidence without predictions; a choice for other formats; values that are none."""
    with pytest.raises(InputError, match="add --predictions keep"):
        Choice(min_confidence=0.5)
    with pytest.raises(InputError, match=r"from 0 to 1, not 1\.5"):
        Choice(predictions="keep", min_confidence=1.5)
    with pytest.raises(InputError, match="did you mean 'skip'"):
        Choice(predictions="skipp")
    with pytest.raises(InputError, match="--predictions and --creator choose among Dataloop's"):
        polymask.convert(SAMPLE, tmp_path / "out", predictions="keep", creator="ann")
    with world.connected():
        with pytest.raises(InputError, match="leave --annotated-only out"):
            polymask.convert(URL, annotated_only=True)
        with pytest.raises(InputError, match="--add-labels is for masks that go to a dataset"):
            polymask.convert(URL, tmp_path / "out", add_labels=True)
    with pytest.raises(InputError, match=r"--add-labels is for datasets"):
        polymask.convert(SAMPLE, tmp_path / "out", add_labels=True)


@pytest.mark.parametrize(
    ("metadata", "origin"),
    [
        (None, Origin("ann")),
        ({"system": {"automated": True}}, Origin("ann")),
        ({"user": {"model": {}}}, Origin("ann")),
        ({"user": {"model": "yolo"}, "system": 5}, Origin("ann")),
        ({"user": {"model": {"confidence": 0}}}, Origin("ann", model={"confidence": 0})),
        ({"system": {"model": {"name": "yolo"}}}, Origin("ann", model={"name": "yolo"})),
        ({"system": {"status": "Issue"}}, Origin("ann", "issue")),
        ({"system": {"status": "clear"}}, Origin("ann")),
    ],
)
def test_a_prediction_is_told_by_its_model(metadata: Any, origin: Origin) -> None:
    """By name, id or confidence of one; that a script uploaded it is no sign."""
    assert origin_of("ann", metadata) == origin


def test_the_sdks_own_predictions_are_known(sdk: Any, world: World, tmp_path: Path) -> None:
    """What dtlpy uploads with model_info is a prediction; what it uploads without is not."""
    world.add_item("/a.png")
    item = sdk.projects.get("boats").datasets.get("harbor").items.get("/a.png")
    builder = item.annotations.builder()
    square = [(1, 1), (9, 1), (9, 9)]
    builder.add(annotation_definition=sdk.Polygon(geo=square, label="cat"))
    builder.add(
        annotation_definition=sdk.Polygon(geo=square, label="dog"),
        model_info={"name": "m", "confidence": 0.5},
    )
    item.annotations.upload(builder)
    by_label = {row["label"]: row["id"] for row in world.of_type("segment")}
    assert taken(world, tmp_path) == (
        {by_label["cat"]},
        {by_label["dog"]: "a prediction (m); take it with --predictions keep"},
    )


def test_an_item_converts_with_a_choice(sdk: Any, world: World, journal: Path) -> None:
    """`convert_item`, as an app's node calls it, takes the same options object."""
    world.add_item("/a.png", ACROSS, SURE)
    item = sdk.projects.get("boats").datasets.get("harbor").items.get("/a.png")
    with world.connected():
        report = convert_item(item, delete_source=True, journal=journal)
        assert (report.deleted, len(report.skipped)) == (1, 1)
        again = convert_item(item, delete_source=True, journal=journal, predictions="keep")
    assert (again.deleted, world.of_type("segment")) == (1, [])
    assert same_masks(world.masks(item.id), expected([ACROSS, SURE]))


def test_a_choice_that_changes_makes_the_mask_follow(world: World, ids: dict[str, str]) -> None:
    """What a run does not take is there all the same: its id is told to whoever decides about masks."""
    with world.connected():
        source = run.open_dataset(URL).source(choice=run.choice_of(ProvenOptions(delete_source=True)))
        (item,) = source.items()
        reading = source.read(item)
    assert reading.unpainted_ids == {ids[name] for name in ("flagged", "sure", "unsure", "untold")}


def test_of_several_peoples_drawings_one_persons_is_taken(
    world: World, tmp_path: Path, ids: dict[str, str]
) -> None:
    """An item that one person drew is theirs, whoever is asked for; predictions are chosen among as ever."""
    alone = world.add(world.add_item("/b.png"), PEOPLE)
    by(world.emulator, alone, ANN)
    assert taken(world, tmp_path, annotator=BOB)[0] == {ids["consensus"], alone}
    people = {ids["people"], ids["flagged"], ids["approved"], alone}
    assert taken(world, tmp_path, annotator=ANN.upper())[0] == people
    both = taken(world, tmp_path, annotator=BOB, predictions="keep", min_confidence=0.5)[0]
    assert both == {ids["consensus"], ids["sure"], alone}
    assert "--annotator" in taken(world, tmp_path, annotator=BOB)[1][ids["people"]]


def test_the_others_drawings_stay_and_the_masks_tell_whose_they_hold(
    world: World, tmp_path: Path, journal: Path, ids: dict[str, str]
) -> None:
    """Deleted is what was taken; after that the choice is made among what the mask says of its sources."""
    report = world.convert(journal, choice=Choice(annotator=BOB))
    assert report.deleted == 1
    (mask,) = (row for row in world.emulator.annotations() if row["type"] == "binary")
    assert [source["creator"] for source in mask["metadata"]["user"]["polymask"]["sources"]] == [BOB]
    assert {row["id"] for row in world.emulator.annotations()} == set(ids.values()) - {ids["consensus"]} | {
        mask["id"]
    }
    assert taken(world, tmp_path, annotator=BOB)[0] == {mask["id"]}
